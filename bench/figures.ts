/**
 * What a benchmark hands back: figures beside their reference, bars, and the description of a case. Plain data, so that it travels
 * from the child process that measured to the parent that reports.
 */
import { quotients, summarize, type Summary } from './statistics.js';

/** Of 'ns/op' the ratio compares throughputs; of all others it is ours ÷ the reference's. */
export type Unit = 'ns/op' | 'ns' | 'µs' | 'ms' | 'Mops/s' | 'M/s' | 'tasks/s' | 'share' | 'bytes/variable';

/** How long and how often a case is measured. */
export interface Settings {
  /** Rounds that count; each measures both sides, and the side that goes first alternates. */
  readonly rounds: number;
  readonly warmupRounds: number;
  /** Length of one side of one round. */
  readonly milliseconds: number;
}

/** One case: measured in a process of its own. */
export interface CaseSpec {
  readonly suite: string;
  readonly name: string;
  /** `dense`: 0…n−1; `sparse`: distinct random integers below 2^40. */
  readonly keys: 'dense' | 'sparse';
  readonly variables: number;
  readonly settings: Settings;
  /** Suites with worker threads: the numbers of workers to compare. */
  readonly workers?: readonly number[];
}

export interface Bar {
  /** What is held against the bar: the median ratio, our own median, or the median of ours − reference, round by round. */
  readonly on: 'ratio' | 'ours' | 'difference';
  readonly relation: '≥' | '≤';
  readonly value: number;
}

export interface Side {
  readonly label: string;
  readonly summary: Summary;
}

export interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly keys: string;
  readonly variables: number;
  readonly unit: Unit;
  readonly ours: Side;
  /** null where nothing else does the like. */
  readonly reference: Side | null;
  /** Round by round: see Unit. */
  readonly ratio: Summary | null;
  readonly bar: Bar | null;
  /** Whether the bar is met; null without a bar. */
  readonly pass: boolean | null;
}

export interface Measured {
  readonly label: string;
  readonly rounds: readonly number[];
}

/** Puts ours beside its reference, if there is one, round by round, and holds the result against the bar. */
export function createFigure(
  spec: Pick<CaseSpec, 'suite' | 'name' | 'keys' | 'variables'>,
  unit: Unit,
  ours: Measured,
  reference: Measured | null,
  bar: Bar | null,
): Figure {
  const summary = summarize(ours.rounds);
  const ratio = reference === null ? null : summarize(compare(unit, ours, reference));
  return {
    suite: spec.suite,
    name: spec.name,
    keys: spec.keys,
    variables: spec.variables,
    unit,
    ours: { label: ours.label, summary },
    reference: reference === null ? null : { label: reference.label, summary: summarize(reference.rounds) },
    ratio,
    bar,
    pass: bar === null ? null : meets(bar, medianOf(bar.on, ours, reference, ratio)),
  };
}

/** Fewer nanoseconds are more throughput; everything else is compared as it is. */
function compare(unit: Unit, ours: Measured, reference: Measured): number[] {
  return unit === 'ns/op' ? quotients(reference.rounds, ours.rounds) : quotients(ours.rounds, reference.rounds);
}

function medianOf(on: Bar['on'], ours: Measured, reference: Measured | null, ratio: Summary | null): number {
  if (on === 'ours') return summarize(ours.rounds).median;
  if (reference === null || ratio === null) throw new TypeError(`a bar on the ${on} needs a reference`);
  if (on === 'ratio') return ratio.median;
  return summarize(ours.rounds.map((round, index) => round - reference.rounds[index]!)).median;
}

function meets(bar: Bar, value: number): boolean {
  return bar.relation === '≥' ? value >= bar.value : value <= bar.value;
}
