/** The main job's own patches, under the main job's own worker and its books. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { it } from 'node:test';

import { account } from '../../src/cli/application.js';
import { type Input, sharedFloat64, sharedUint32, sharedUint8 } from '../../src/cli/input.js';
import type { Job, Report, WorkerSetup } from '../../src/cli/job.js';
import { Ledger, openLedger } from '../../src/cli/ledger.js';
import type { CollectingEvent } from '../../src/livepatch/collector.js';
import { formatRehearsal, rehearse } from '../../src/testing/index.js';
import { Random, seedOf } from '../concurrency/random.js';

const TASKS = 12;
const REQUESTS = 400;
const OBJECTS = 100;

/** Reads and writes of random objects. */
function makeInput(random: Random): Input {
  const input: Input = {
    objects: sharedFloat64(OBJECTS),
    indexes: sharedUint32(TASKS * REQUESTS),
    operations: sharedUint8(TASKS * REQUESTS),
    sizes: sharedUint32(TASKS * REQUESTS),
    spans: undefined,
    description: 'random',
  };
  input.objects.forEach((_, index, objects) => (objects[index] = 1000 + index * 7));
  input.indexes.forEach((_, request) => {
    input.indexes[request] = random.below(OBJECTS);
    input.operations[request] = random.below(2);
    input.sizes[request] = random.below(4096);
  });
  return input;
}

function check({ segments, versions, findings, failure }: Report): string | undefined {
  if (failure !== undefined) return failure.message;
  if (segments.length !== 1) return `its requests were handled by ${segments.map(({ handledBy }) => handledBy).join(', then ')}`;
  if (versions[0] !== versions[1]) return 'its version changed';
  return findings.faults.length > 0 ? JSON.stringify(findings.faults[0]) : undefined;
}

it('the patches of the main job come and go in every order without a trace', async (t) => {
  const input = makeInput(new Random(seedOf(t)));
  // Each stage takes lanes of the books; a rehearsal that finds nothing has one.
  const ledger = openLedger(Ledger.create(input.objects, 16));
  const retire = (event: unknown): void => {
    ledger.retire((event as CollectingEvent).id);
  };
  subscribe('umbra:collecting', retire);
  const workerData: WorkerSetup = { input, ledger: ledger.handle, strayObject: 1 };
  const patches = ['hot-objects-1.js', 'hot-objects-2.js'].map((file) => new URL(`../../workers/patches/${file}`, import.meta.url));
  try {
    const rehearsal = await rehearse<Job, Report>(patches, {
      filename: new URL('../../workers/replay.js', import.meta.url),
      types: [account],
      tasks: TASKS,
      task: (n) => ({ from: n * REQUESTS, to: (n + 1) * REQUESTS, sabotage: undefined }),
      check,
      workerData,
    });
    assert.ok(rehearsal.ok, formatRehearsal(rehearsal));
    assert.ok(rehearsal.paths.every(({ outcome }) => outcome === 'done'));
    assert.deepEqual(
      rehearsal.types.map(({ id, settled }) => [id, settled]),
      [[account.id, true]],
    );
    assert.equal(ledger.faults.total, 0);
  } finally {
    unsubscribe('umbra:collecting', retire);
  }
});
