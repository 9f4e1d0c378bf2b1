import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFigure, mergeRuns, type Bar } from '../../bench/figures.js';
import { barLines, countBars, tableHeader, tableRow } from '../../bench/report.js';
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

test('a round in which nothing was measured makes no figure', () => {
  const figure = (ours: number[], reference: number[] | null): unknown =>
    createFigure(SPEC, 'tasks/s', { label: 'patching', rounds: ours }, reference && { label: 'alone', rounds: reference }, null);
  assert.throws(() => figure([5, 5], [5, 0]), /get a case: round 2 measured 5 tasks\/s patching against 0 alone/);
  assert.throws(() => figure([5, 0], [5, 0]), /round 2 measured 0 tasks/);
  assert.throws(() => figure([NaN], null), /round 1 measured NaN tasks\/s patching,/);
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

test('the bars at the end name every case that has one, with what it came to, the missed ones last', () => {
  const ours = { label: 'find', rounds: [8, 20, 9] };
  const reference = { label: 'Map.get', rounds: [16, 16, 16] };
  const of = (name: string, bar: Bar | null) => createFigure({ ...SPEC, name }, 'ns/op', ours, reference, bar);
  assert.deepEqual(
    barLines([
      of('first', { on: 'ratio', relation: '≥', value: 2 }),
      of('second', null),
      of('third', { on: 'difference', relation: '≤', value: -6.5 }),
      of('fourth', { on: 'ours', relation: '≤', value: 9 }),
    ]),
    [
      'met     get third dense 1,000: difference -7.00 ns/op, asked for ≤ -6.5',
      'met     get fourth dense 1,000: ours 9.00 ns/op, asked for ≤ 9',
      'MISSED  get first dense 1,000: ratio 1.78, asked for ≥ 2',
    ],
  );
});

test('runs of one figure become one, which is held against the bar anew; others stay apart', () => {
  const bar: Bar = { on: 'ratio', relation: '≥', value: 1.5 };
  const of = (name: string, ours: number[]) =>
    createFigure(
      { ...SPEC, name },
      'ns/op',
      { label: 'find', rounds: ours },
      { label: 'Map.get', rounds: ours.map((_, index) => 10 + index) },
      bar,
    );
  const [first, second] = mergeRuns([[of('a', [20, 20]), of('b', [5])], [of('a', [5, 5, 5])]]);
  assert.deepEqual([first!.name, second!.name], ['a', 'b']);
  assert.deepEqual(first!.runs, [2, 3]);
  assert.deepEqual(first!.ours.summary.rounds, [20, 20, 5, 5, 5]);
  assert.deepEqual(first!.reference?.summary.rounds, [10, 11, 10, 11, 12]);
  assert.deepEqual(first!.ratio?.rounds, [0.5, 0.55, 2, 2.2, 2.4]);
  assert.equal(of('a', [20, 20]).pass, false);
  assert.equal(first!.pass, true);
  assert.deepEqual(second, of('b', [5]));
});
