/**
 * Which figures have changed since an earlier report, beyond noise.
 *
 * How that is decided. The rounds of one process resemble each other more than those of two (where things lie in memory, what was compiled
 * when), so the unit of observation is a run: the median of the rounds of one process. A figure is compared by its ratio to the reference
 * measured beside it, which mostly cancels the machine; one without a reference by itself, and only on the same machine. Student's
 * two-sided test over the logarithms of the run medians gives the probability of such a difference by chance. Its assumption, equal spread
 * on both sides, suits two versions of one program, and lets an earlier report be a single run: then the spread of the later runs alone says what
 * counts as noise, and only larger changes stand out. A run that something disturbed widens the spread and hides a change rather than
 * making one up, given MIN_RUNS later ones. All figures are asked at once, so the probabilities are adjusted after Holm: with
 * nothing changed, at most 5 % of all comparisons name any figure. A change is told when it is that certain and at least WORTH_TELLING.
 */
import { figureKey, type Bar, type Figure, type Unit } from './figures.js';
import type { Machine } from './machine.js';
import type { Report } from './report.js';
import { holmAdjust, studentTest } from './significance.js';
import { summarize } from './statistics.js';

/** Of the later report. */
export const MIN_RUNS = 3;
/** By chance at most, over all figures together. */
export const ERROR_RATE = 0.05;
/** A smaller change is not told, however certain. */
export const WORTH_TELLING = 0.05;

export interface Change {
  readonly figure: Figure;
  readonly compared: 'ratio' | 'ours';
  /** Geometric means of the run medians. */
  readonly before: number;
  readonly after: number;
  /** after ÷ before. */
  readonly factor: number;
  /** Adjusted for the number of figures. */
  readonly p: number;
  readonly verdict: 'better' | 'worse' | 'none';
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Figures of both reports that cannot be compared, and why. */
  readonly skipped: readonly { readonly figure: Figure; readonly reason: string }[];
  readonly onlyBefore: number;
  readonly onlyAfter: number;
}

const HIGHER_RATIO_IS_BETTER: Readonly<Record<Unit, boolean>> = {
  'ns/op': true,
  'Mops/s': true,
  'M/s': true,
  'tasks/s': true,
  share: true,
  ns: false,
  µs: false,
  ms: false,
  'bytes/variable': false,
};

type Pair = readonly [before: Figure, after: Figure];

export function compareReports(before: Pick<Report, 'figures' | 'machine'>, after: Pick<Report, 'figures' | 'machine'>): Comparison {
  const earlier = new Map(before.figures.map((figure) => [figureKey(figure), figure]));
  const pairs = after.figures.flatMap((figure): Pair[] => {
    const found = earlier.get(figureKey(figure));
    return found === undefined ? [] : [[found, figure]];
  });
  const sameMachine = isSameMachine(before.machine, after.machine);
  const skipped = pairs.flatMap((pair) => {
    const reason = whyNot(pair, sameMachine);
    return reason === null ? [] : [{ figure: pair[1], reason }];
  });
  const compared = pairs.filter((pair) => whyNot(pair, sameMachine) === null);
  return {
    changes: judge(compared),
    skipped,
    onlyBefore: before.figures.length - pairs.length,
    onlyAfter: after.figures.length - pairs.length,
  };
}

export function isSameMachine(one: Machine, other: Machine): boolean {
  return one.cpu === other.cpu && one.cores === other.cores && one.arch === other.arch && one.platform === other.platform;
}

function whyNot(pair: Pair, sameMachine: boolean): string | null {
  if (pair[1].runs.length < MIN_RUNS) return `fewer than ${MIN_RUNS} runs`;
  const quantity = quantityOf(pair);
  if (quantity === 'ours' && !sameMachine) return 'no reference, and another machine';
  if (pair.some((figure) => runMedians(figure, quantity).some((value) => !(value > 0 && value < Infinity))))
    return 'not all runs are above 0';
  return null;
}

function judge(pairs: readonly Pair[]): Change[] {
  const tests = pairs.map((pair) => {
    const [before, after] = pair.map((figure) => runMedians(figure, quantityOf(pair)).map(Math.log)) as [number[], number[]];
    return { before, after, ...studentTest(before, after) };
  });
  const adjusted = holmAdjust(tests.map((test) => test.p));
  return pairs.map((pair, index) => {
    const { before, after, difference } = tests[index]!;
    const compared = quantityOf(pair);
    const factor = Math.exp(difference);
    const p = adjusted[index]!;
    const told = p < ERROR_RATE && Math.abs(factor - 1) >= WORTH_TELLING;
    const better = factor > 1 === higherIsBetter(pair[1], compared);
    return {
      figure: pair[1],
      compared,
      before: geometricMean(before),
      after: geometricMean(after),
      factor,
      p,
      verdict: !told ? 'none' : better ? 'better' : 'worse',
    };
  });
}

function quantityOf([before, after]: Pair): Change['compared'] {
  return before.ratio === null || after.ratio === null ? 'ours' : 'ratio';
}

function runMedians(figure: Figure, quantity: Change['compared']): number[] {
  const { rounds } = quantity === 'ours' ? figure.ours.summary : figure.ratio!;
  let end = 0;
  return figure.runs.map((length) => summarize(rounds.slice(end, (end += length))).median);
}

/** As the bar says, if it is about that quantity; else as the unit has it: a ratio of times per operation is one of throughputs. */
function higherIsBetter({ bar, unit }: Figure, compared: Bar['on']): boolean {
  if (bar?.on === compared) return bar.relation === '≥';
  return compared === 'ours' && unit === 'ns/op' ? false : HIGHER_RATIO_IS_BETTER[unit];
}

function geometricMean(logarithms: readonly number[]): number {
  return Math.exp(logarithms.reduce((sum, value) => sum + value, 0) / logarithms.length);
}
