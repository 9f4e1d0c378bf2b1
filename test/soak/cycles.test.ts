import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SOAK, seedOf } from '../concurrency/random.js';
import { soak } from './cycles.js';

test('enable, replace, reverse and disable under load leave nothing behind, cycle after cycle', async (t) => {
  const { mixed, leftovers, reversed, collected, tasks, heap } = await soak({ cycles: 40 * SOAK, workers: 4, tasks: 4, seed: seedOf(t) });
  assert.deepEqual(mixed, []);
  assert.deepEqual(leftovers, []);
  assert.ok(reversed > 0, 'no transition was caught half-way');
  assert.ok(collected > 0 && tasks > 0);
  // Node's own caches fill during the first cycles; afterwards a leak of one patch per cycle would be far more than this.
  const [early, late] = [heap[4]!, heap.at(-1)!];
  assert.ok(late.main - early.main < 2 ** 20, `the coordinator's heap grew: ${JSON.stringify(heap)}`);
  assert.ok(late.workers - early.workers < 4 * 2 ** 20, `the workers' heaps grew: ${JSON.stringify(heap)}`);
});
