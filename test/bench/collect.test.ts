import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectionStage } from '../../bench/collection.js';
import { createPopulation } from '../../bench/keys.js';
import { FULL_PLAN } from '../../bench/plan.js';
import { getCollectCases } from '../../bench/suites/collect.js';
import { quickFigures } from './quick.js';

test('a quick run of collect has a figure of every kind, those that something can be compared with beside it', () => {
  const figures = quickFigures('collect');
  assert.deepEqual(
    [...figures.values()].map(({ name, unit, reference }) => [name, unit, reference?.label ?? null]),
    [
      ['invisible', 'ms', null],
      ['swept', 'M/s', 'Map, walk + delete'],
      ['swept, destructor', 'M/s', null],
      ['readers of another id, p99', 'ns', 'without'],
      ['readers of another id, median', 'ns', 'without'],
    ],
  );
  for (const { ours, pass } of figures.values()) {
    assert.ok(ours.summary.min > 0);
    assert.equal(pass, null, 'bars are for full size');
  }
});

test('the full plan collects as many variables as the bars are for', () => {
  assert.deepEqual([...new Set(getCollectCases(FULL_PLAN).map(({ variables }) => variables))], [1_000_000]);
});

for (const destructor of [false, true]) {
  test(`every round collects all variables of the id ${destructor ? 'with their destructor ' : ''}and none of the other, watched from the release on`, async () => {
    const stage = new CollectionStage(createPopulation('sparse', 500), destructor);
    try {
      for (let round = 0; round < 2; round++) {
        await stage.fill();
        const { result } = await stage.begin('watch');
        const before = Number(process.hrtime.bigint());
        let released = false;
        const { releasedAt, variables, milliseconds } = await stage.collect(() => (released = true));
        const { goneAt, seen } = await result;
        assert.deepEqual({ variables, released }, { variables: 500, released: true });
        assert.ok(seen > 0 && milliseconds > 0);
        assert.ok(before <= releasedAt && releasedAt <= goneAt, 'nothing was missed before the release');
      }
    } finally {
      await stage.end();
    }
  });
}
