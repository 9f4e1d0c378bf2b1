import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jainIndex, leastToMost } from '../../bench/statistics.js';
import { quickReport } from './quick.js';

test('a quick run tells throughput, collapse and fairness of every load, the last between 0 and 1', () => {
  const { figures } = quickReport('oversubscribed');
  const names = (load: string, sides: readonly string[]): string[] => [
    ...[2, 32].map((count) => `${load}, ${count} workers`),
    ...sides.map((side) => `${load}, ${side}: 32 ÷ 2`),
    ...['least/most', 'Jain'].flatMap((fairness) => [2, 32].map((count) => `${load}, ${count}: ${fairness}`)),
  ];
  assert.deepEqual(
    figures.map(({ name }) => name),
    [...names('zipf 50/50', ['store', 'Maps']), ...names('one key update', ['store']), ...names('one key add', ['store'])],
  );
  for (const { name, unit, ours, reference } of figures) {
    for (const side of [ours, reference]) {
      if (side === null) continue;
      for (const value of side.summary.rounds) assert.ok(value > 0 && (unit !== 'share' || value <= 1), `${name}: ${value}`);
    }
  }
  for (const { ours, ratio } of figures.filter(({ name }) => name.endsWith('32 ÷ 2'))) {
    assert.equal(ours.summary.rounds.length, 2);
    assert.equal(ratio?.rounds.length, 2);
  }
});

test('shares are fair when they are equal, and as unfair as can be when one has all', () => {
  assert.equal(leastToMost([3, 3, 3]), 1);
  assert.equal(jainIndex([3, 3, 3]), 1);
  assert.equal(leastToMost([0, 5, 0, 0]), 0);
  assert.equal(jainIndex([0, 5, 0, 0]), 0.25);
  assert.equal(leastToMost([1, 2]), 0.5);
  assert.equal(jainIndex([1, 2]), 0.9);
});
