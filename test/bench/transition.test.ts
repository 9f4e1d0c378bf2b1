import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatchedPool } from '../../bench/patched-pool.js';
import { FULL_PLAN, QUICK_PLAN } from '../../bench/plan.js';
import { getTransitionCases } from '../../bench/suites/transition.js';
import { quickFigures } from './quick.js';

test('a quick run of transition patches pools of every size, idle and busy, by enabling and by replacing', () => {
  const figures = quickFigures('transition');
  const pools = QUICK_PLAN.transitionWorkers
    .map((workers) => `${workers} workers`)
    .flatMap((pool) => [
      ...['idle', 'compute', 'wait'].flatMap((load) => ['enable', 'replace'].map((kind) => `${kind}, ${pool}, ${load}`)),
      ...['compute', 'wait'].map((load) => `throughput, ${pool}, ${load}`),
    ]);
  assert.deepEqual([...figures.keys()], ['patched call', 'task entry + exit', ...pools]);
  for (const name of pools) {
    const { unit, ours, reference } = figures.get(name)!;
    assert.equal(unit, name.startsWith('throughput') ? 'tasks/s' : 'ms');
    assert.ok(ours.summary.min > 0 && reference!.summary.min > 0, `${name} has happened`);
  }
});

test('the full plan has pools of 2, 8 and 32 workers', () => {
  const sizes = getTransitionCases(FULL_PLAN).flatMap(({ workers }) => workers ?? []);
  assert.deepEqual([...new Set(sizes)], [2, 8, 32]);
});

test('a pool on stage tells each transition that it was asked for, and its workers end tasks meanwhile', async () => {
  const pool = await PatchedPool.start(2, 'compute');
  try {
    for (const durations of [await pool.comeAndGo(3), await pool.supersede(3), await pool.comeAndGo(1)]) {
      for (const duration of durations) assert.ok(duration >= 0);
    }
    assert.equal((await pool.supersede(2)).length, 4);
    while (pool.taskTimes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(pool.coordinator.patches, []);
  } finally {
    await pool.end();
  }
});
