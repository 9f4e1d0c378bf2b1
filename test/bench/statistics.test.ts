import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFigure, type Bar } from '../../bench/figures.js';
import { countBars, tableHeader, tableRow } from '../../bench/report.js';
import { quantile, quotients, summarize } from '../../bench/statistics.js';

const SPEC = { suite: 'get', name: 'a case', keys: 'dense', variables: 1000 } as const;

test('the median is the middle value, or halfway between the two middle ones', () => {
  assert.equal(summarize([5, 1, 3]).median, 3);
  assert.equal(summarize([4, 1, 3, 2]).median, 2.5);
});

test('a summary keeps the rounds in the order in which they ran', () => {
  const { min, max, lowerQuartile, upperQuartile, rounds } = summarize([5, 1, 4, 2, 3]);
  assert.deepEqual({ min, max, lowerQuartile, upperQuartile }, { min: 1, max: 5, lowerQuartile: 2, upperQuartile: 4 });
  assert.deepEqual(rounds, [5, 1, 4, 2, 3]);
});

test('nothing has no quantile', () => {
  assert.throws(() => quantile([], 0.5), RangeError);
});

test('sides with different numbers of rounds cannot be compared', () => {
  assert.throws(() => quotients([1, 2], [1]), RangeError);
});

test('a ratio compares throughput: half the nanoseconds, twice the ratio', () => {
  const figure = createFigure(SPEC, 'ns/op', { label: 'ours', rounds: [10, 20] }, { label: 'reference', rounds: [20, 40] }, null);
  assert.deepEqual(figure.ratio?.rounds, [2, 2]);
  assert.equal(figure.pass, null);
});

test('a ratio of rates has ours on top', () => {
  const figure = createFigure(SPEC, 'Mops/s', { label: '2 workers', rounds: [18] }, { label: '1 worker', rounds: [10] }, null);
  assert.equal(figure.ratio?.median, 1.8);
});

test('a bar decides by the median ratio or by our own figure, and its value itself is good enough', () => {
  const verdict = (bar: Bar, ours: number): boolean | null =>
    createFigure(SPEC, 'bytes/variable', { label: 'ours', rounds: [ours] }, { label: 'reference', rounds: [100] }, bar).pass;
  assert.equal(verdict({ on: 'ours', relation: '≤', value: 64 }, 64), true);
  assert.equal(verdict({ on: 'ours', relation: '≤', value: 64 }, 65), false);
  assert.equal(verdict({ on: 'ratio', relation: '≥', value: 0.5 }, 50), true);
  assert.equal(verdict({ on: 'ratio', relation: '≥', value: 0.5 }, 49), false);
});

test('a row with a bar shows the bar and the verdict in its columns', () => {
  const bar: Bar = { on: 'ratio', relation: '≥', value: 1.5 };
  const figures = [8, 20].map((ours) =>
    createFigure(SPEC, 'ns/op', { label: 'find', rounds: [ours] }, { label: 'Map.get', rounds: [16] }, bar),
  );
  const [passed, failed] = figures.map(tableRow);
  assert.match(passed!, /^a case .* dense .* 1,000 .* find 8\.00 .* Map\.get 16\.0 .* 2\.00 .* ≥ 1\.5 {2}pass$/);
  assert.match(failed!, /≥ 1\.5 {2}FAIL$/);
  assert.equal(passed!.indexOf('≥ 1.5') + 5, tableHeader().split('\n')[0]!.indexOf('bar') + 3);
  assert.deepEqual(countBars(figures), { met: 1, missed: 1 });
});
