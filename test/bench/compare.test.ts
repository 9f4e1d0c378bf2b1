import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareReports, type Comparison } from '../../bench/compare.js';
import { formatComparison } from '../../bench/comparison-table.js';
import { createFigure, mergeRuns, type Bar, type Figure, type Unit } from '../../bench/figures.js';
import { createRandom } from '../../bench/keys.js';
import { createReport, MACHINE } from './sample-report.js';

interface Shape {
  readonly name?: string;
  readonly unit?: Unit;
  readonly reference?: boolean;
  readonly bar?: Bar;
}

/** A figure of which every run has three rounds around the given nanoseconds (or whatever the unit is); the reference takes 20. */
function figureOf(runs: readonly number[], { name = 'a case', unit = 'ns/op', reference = true, bar }: Shape = {}): Figure {
  const spec = { suite: 'get', name, keys: 'dense', variables: 1000 };
  const side = (rounds: number[]) => ({ label: 'a side', rounds });
  return mergeRuns(
    runs.map((median) => [
      createFigure(spec, unit, side([median * 0.99, median, median * 1.01]), reference ? side([20, 20, 20]) : null, bar ?? null),
    ]),
  )[0]!;
}

function compare(before: Figure[], after: Figure[], machine = MACHINE): Comparison {
  return compareReports(createReport({ figures: before }), createReport({ figures: after, machine }));
}

const verdict = (before: Figure, after: Figure): string => compare([before], [after]).changes[0]!.verdict;

const STEADY = [10, 10.1, 9.9, 10.05, 9.95];
const SLOWER = STEADY.map((time) => time * 1.1);

test('a tenth more time per operation is worse, a tenth less is better, and the factor says by how much', () => {
  const [change] = compare([figureOf(STEADY)], [figureOf(SLOWER)]).changes;
  assert.equal(change!.verdict, 'worse');
  assert.equal(change!.compared, 'ratio');
  assert.ok(Math.abs(change!.factor - 1 / 1.1) < 1e-9 && Math.abs(change!.before - 2) < 0.01);
  assert.equal(verdict(figureOf(SLOWER), figureOf(STEADY)), 'better');
});

test('which way is worse depends on what is compared, and a bar decides where it has a say', () => {
  const bare = { reference: false } as const;
  for (const [shape, expected] of [
    [{ unit: 'ns/op', ...bare }, 'worse'],
    [{ unit: 'µs', ...bare }, 'worse'],
    [{ unit: 'ms' }, 'worse'],
    [{ unit: 'bytes/variable' }, 'worse'],
    [{ unit: 'Mops/s', ...bare }, 'better'],
    [{ unit: 'Mops/s' }, 'better'],
    [{ unit: 'share', ...bare }, 'better'],
    [{ unit: 'share', ...bare, bar: { on: 'ours', relation: '≤', value: 1 } }, 'worse'],
    [{ unit: 'ms', bar: { on: 'ratio', relation: '≥', value: 1 } }, 'better'],
  ] as const) {
    assert.equal(verdict(figureOf(STEADY, shape), figureOf(SLOWER, shape)), expected, JSON.stringify(shape));
  }
});

test('a change below the threshold is not told, however certain, nor is a large one within the noise', () => {
  assert.equal(verdict(figureOf([10, 10, 10]), figureOf([10.4, 10.4, 10.4])), 'none');
  assert.equal(verdict(figureOf([10, 14, 9, 12, 11]), figureOf([12, 16, 9, 14, 13])), 'none');
});

test('the runs decide, not the rounds: a run that spreads little within itself counts once', () => {
  const change = compare([figureOf([10, 11, 12])], [figureOf([11, 12, 13])]).changes[0]!;
  assert.ok(change.p > 0.2, `p ${change.p}`);
});

test('an earlier report of one run is enough for a large change, and not for a small one', () => {
  const later = (centre: number): Figure => figureOf([0.99, 1.01, 1, 0.995, 1.005].map((noise) => noise * centre));
  assert.equal(verdict(figureOf([10]), later(10.1)), 'none');
  assert.equal(verdict(figureOf([10]), later(12)), 'worse');
  assert.equal(verdict(figureOf([10]), later(8)), 'better');
});

test('figures that cannot be compared are skipped with the reason', () => {
  const reasonsOf = ({ changes, skipped }: Comparison): string[] => {
    assert.deepEqual(changes, []);
    return skipped.map(({ reason }) => reason);
  };
  const bare = figureOf(STEADY, { reference: false });
  assert.deepEqual(reasonsOf(compare([figureOf(STEADY)], [figureOf([10, 11])])), ['fewer than 3 runs']);
  assert.deepEqual(reasonsOf(compare([bare], [bare], { ...MACHINE, cores: 96 })), ['no reference, and another machine']);
  const withZero = figureOf([0, 1, 2], { reference: false });
  assert.deepEqual(reasonsOf(compare([bare], [withZero])), ['not all runs are above 0']);
  assert.equal(compare([figureOf(STEADY)], [figureOf(STEADY)], { ...MACHINE, cores: 96 }).changes.length, 1);
});

test('figures of one report only are counted, not compared', () => {
  const { changes, onlyBefore, onlyAfter } = compare(
    [figureOf(STEADY), figureOf(STEADY, { name: 'gone' })],
    [figureOf(STEADY), figureOf(STEADY, { name: 'new' }), figureOf(STEADY, { unit: 'µs' })],
  );
  assert.deepEqual([changes.length, onlyBefore, onlyAfter], [1, 1, 2]);
});

test('the text names what changed and states the rule', () => {
  const before = createReport({ figures: [figureOf(STEADY), figureOf(STEADY, { name: 'other' })], commit: 'abc', node: 'v20.1.0' });
  const after = createReport({
    figures: [figureOf(SLOWER), figureOf(STEADY, { name: 'other' })],
    node: 'v22.0.0',
    machine: { ...MACHINE, cores: 96 },
  });
  const text = formatComparison(compareReports(before, after), 'before.json', before, after);
  assert.match(text, /^Changes since before\.json \(commit abc, Node v20\.1\.0\)\nThe versions of Node differ.*\nThe machines differ/);
  assert.match(text, /get a case .* ratio .* 2\.00 .* 1\.82 .* −9\.1 % .* worse$/m);
  assert.doesNotMatch(text, /get other/);
  assert.match(text, /2 figures compared: 1 worse, 0 better, 1 not changed beyond noise \(Student's test .* 0\.05 after Holm, .* 5 %\)/);
});

/** Approximately normal with variance 1: the sum of 12 uniform numbers. */
function createNormal(seed: number): () => number {
  const random = createRandom(seed);
  return () => Array.from({ length: 12 }, () => random(2 ** 20) / 2 ** 20).reduce((sum, value) => sum + value, -6);
}

interface Simulation {
  readonly figures: number;
  readonly runs: readonly [before: number, after: number];
  readonly noise: number;
  /** One run in so many is a tenth slower, as if something else had run beside it. */
  readonly disturbedIn?: number;
  /** Factor on the times of the first figure. */
  readonly shift?: number;
}

const SIMULATIONS = 400;

/** The verdicts on the first figure, and in how many comparisons any other figure was named. */
function simulate(seed: number, { figures, runs, noise, disturbedIn = Infinity, shift = 1 }: Simulation): { found: number; wrong: number } {
  const normal = createNormal(seed);
  const random = createRandom(seed + 1);
  const draw = (count: number, factor: number): number[] =>
    Array.from({ length: count }, () => 10 * factor * Math.exp(noise * normal()) * (random(1e6) < 1e6 / disturbedIn ? 1.1 : 1));
  let [found, wrong] = [0, 0];
  for (let i = 0; i < SIMULATIONS; i++) {
    const names = Array.from({ length: figures }, (_, index) => `case ${index}`);
    const before = names.map((name) => figureOf(draw(runs[0], 1), { name }));
    const after = names.map((name, index) => figureOf(draw(runs[1], index === 0 ? shift : 1), { name }));
    const verdicts = compare(before, after).changes.map((change) => change.verdict);
    if (verdicts[0] === 'worse') found++;
    if (verdicts.slice(shift === 1 ? 0 : 1).some((each) => each !== 'none')) wrong++;
  }
  return { found, wrong };
}

const SEED = 20_261_126;

for (const [title, simulation] of [
  ['noise of 10 %', { figures: 20, runs: [5, 5], noise: 0.1 }],
  ['noise of 10 % and few runs', { figures: 20, runs: [3, 3], noise: 0.1 }],
  ['noise of 3 % and unequal runs', { figures: 20, runs: [3, 5], noise: 0.03 }],
  ['noise of 1 % and one run in twenty disturbed', { figures: 20, runs: [3, 5], noise: 0.01, disturbedIn: 20 }],
] as const satisfies readonly (readonly [string, Simulation])[]) {
  test(`without a change at most one comparison in twenty names any figure: ${title} (seed ${SEED})`, () => {
    const { wrong } = simulate(SEED, simulation);
    // 5 % of 400 are 20; above 33 a true share of 5 % comes with a probability of less than 0.3 %.
    assert.ok(wrong <= 33, `${wrong} of ${SIMULATIONS}`);
  });
}

test(`a shift of 10 % is found among 20 figures, by five runs with 1.5 % of noise (seed ${SEED})`, () => {
  const { found } = simulate(SEED, { figures: 20, runs: [5, 5], noise: 0.015, shift: 1.1 });
  assert.ok(found >= SIMULATIONS * 0.95, `${found} of ${SIMULATIONS}`);
});
