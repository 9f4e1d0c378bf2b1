import assert from 'node:assert/strict';
import { test } from 'node:test';

import { seedOf } from '../concurrency/random.js';
import { makeBuild } from './build.js';
import { SLOW_SYSTEM, UNHEARD } from './faults.js';
import type * as RandomKills from './random-kills.js';
import { killsOf, sumUp, tellRun } from './report.js';
import { killAtSteps } from './step-run.js';

/** Other tests run meanwhile. */
const PROCESSES = 2;

test('a thread that is killed at any protocol step leaves nothing behind', async (t) => {
  const seed = seedOf(t);
  const { pairs, kills, unreached, wrongs } = await killAtSteps({ complete: false, seed, processes: PROCESSES });
  t.diagnostic(`${kills} kills at ${pairs} pairs of operation and step`);
  assert.deepEqual(wrongs, []);
  assert.deepEqual(unreached, [], 'every step is reached by some operation');
});

test('an exit event is enough where the operating system still lists the dead thread', async (t) => {
  const options = { complete: true, seed: seedOf(t), processes: PROCESSES, only: 'claim.' } as const;
  const claims = await killAtSteps({ ...options, operations: ['attach'], faults: SLOW_SYSTEM });
  const settled = await killAtSteps({ ...options, only: 'settle.', operations: UNHEARD, faults: SLOW_SYSTEM });
  assert.deepEqual([...claims.wrongs, ...settled.wrongs], []);
  assert.ok(claims.kills > 0 && settled.kills > 0);
});

test('threads that are killed at random moments leave nothing behind', async (t) => {
  const seed = seedOf(t);
  const { killAtRandom } = await makeBuild({ steps: false }).load<typeof RandomKills>('test/chaos/random-kills.js');
  const results = await killAtRandom({ kills: 200, seconds: Infinity, workers: 4, seed, perRound: 34 });
  t.diagnostic(tellRun(sumUp(results, 1)).split('\n').slice(2).join('; '));
  assert.deepEqual(
    results.flatMap(({ violations }) => violations),
    [],
  );
  assert.ok(killsOf(results) >= 200);
});
