import assert from 'node:assert/strict';
import { test } from 'node:test';

import { seedOf } from '../concurrency/random.js';
import { makeBuild } from './build.js';
import type * as RandomKills from './random-kills.js';
import { killsOf, tellRun } from './report.js';

test('threads that are killed at random moments leave nothing behind', async (t) => {
  const seed = seedOf(t);
  const { killAtRandom } = await makeBuild({ steps: false }).load<typeof RandomKills>('test/chaos/random-kills.js');
  const results = await killAtRandom({ kills: 200, seconds: 120, workers: 4, seed, perRound: 40 });
  t.diagnostic(tellRun(results, 1).split('\n').slice(2).join('; '));
  assert.deepEqual(
    results.flatMap(({ violations }) => violations),
    [],
  );
  assert.ok(killsOf(results) > 0);
});
