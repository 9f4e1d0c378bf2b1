/**
 * Threads under load while versions come and go in all modes, reversed at random: every task is on one version, and a thread that a
 * coordinator sees as switched runs nothing else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import type { PatchReference, SwitchMode } from '../../src/livepatch/manifest.js';
import { Layout } from '../../src/memory/layout.js';
import { Random, seedOf, SOAK } from '../concurrency/random.js';
import { Conductor, script } from './fixtures/conductor.js';
import { until } from './fixtures/setup.js';

const THREADS = 2;
const ROUNDS = 60 * SOAK;

interface Version {
  readonly version: number;
  readonly stack: readonly PatchReference[];
}

test('every task is on one version, whatever comes and goes', async (t) => {
  const random = new Random(seedOf(t));
  const conductor = new Conductor((done) => {
    t.after(done);
  });
  const words = new Int32Array(new SharedArrayBuffer(16));
  Atomics.store(words, 1, -1);
  const complaints: unknown[] = [];
  for (let thread = 0; thread < THREADS; thread++) {
    const workerData = { words, umbra: conductor.store.handle, together: 1 + thread * 4 };
    const worker = new Worker(new URL('./fixtures/storm-worker.js', import.meta.url), { workerData });
    worker.on('message', (message) => complaints.push(message)).on('error', (error) => complaints.push(error));
    t.after(() => worker.terminate());
  }
  const slots = Array.from({ length: THREADS }, (_, index) => index + 1);
  await until('the threads', () => slots.every((slot) => conductor.word(Layout.THREAD_TASK_SERIAL, slot) > 10));
  /** What a coordinator looks at, in the order in which it does. */
  const switched = (version: number): boolean =>
    slots.every(
      (slot) => conductor.word(Layout.THREAD_FLIPPING, slot) === 0 && conductor.word(Layout.THREAD_PATCH_VERSION, slot) === version,
    );
  const drained = (epoch: number): boolean => slots.every((slot) => conductor.word(Layout.THREAD_PATCH_EPOCH, slot) === epoch);

  const make = (version: number): Version => {
    const functions = {
      name: `() => 'v${version}'`,
      later: `async (turns) => { for (let i = 0; i < turns; i++) await 0; return 'v${version}'; }`,
    };
    const steps = { steps: `function* () { yield 'v${version}'; yield 'v${version}'; }` };
    return { version, stack: [script(`p${version}`, random.below(2) === 0 ? functions : { ...functions, ...steps })] };
  };
  let current: Version = { version: 0, stack: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    Atomics.store(words, 1, -1);
    let [from, to]: [Version, Version] = [current, random.below(4) === 0 ? { version: round, stack: [] } : make(round)];
    const mode: SwitchMode = random.below(2) === 0 ? 'gate' : 'pin';
    if (random.below(2) === 0) conductor.publish({ ...from, standby: to.stack, candidate: to.stack[0]?.serial ?? null });
    if (random.below(4) === 0) {
      const { epoch } = conductor.publish({ ...to, standby: from.stack, mode: 'hold' });
      await until('the threads to be drained', () => drained(epoch));
    }
    conductor.publish({ ...to, standby: from.stack, mode });
    for (let reversals = random.below(4); reversals > 0; reversals--) {
      for (let turns = random.below(4); turns > 0; turns--) await nextTurn();
      [from, to] = [to, from];
      conductor.publish({ ...to, standby: from.stack, mode: random.below(3) === 0 ? 'gate' : mode });
    }
    await until(`version ${to.version} in round ${round}`, () => switched(to.version));
    Atomics.store(words, 1, to.version);
    for (let turns = random.below(6); turns > 0; turns--) await nextTurn();
    assert.ok(switched(to.version));
    current = to;
    assert.equal(Atomics.load(words, 3), 0, `round ${round}: ${String(complaints[0])}`);
  }
  Atomics.store(words, 0, 1);
  assert.deepEqual(complaints, []);
  t.diagnostic(`${Atomics.load(words, 2)} tasks`);
});
