/**
 * What a benchmark hands back: figures beside their reference, bars, and the description of a case. Plain data, so that it travels
 * from the child process that measured to the parent that reports.
 */
import { quotients, summarize, type Summary } from './statistics.js';

export type Unit = 'ns/op' | 'ms' | 'Mops/s' | 'bytes/variable';

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
  readonly reference: Side;
  /** Throughput of ours ÷ throughput of the reference, round by round; for bytes and ms: ours ÷ the reference's. */
  readonly ratio: Summary;
  readonly bar: Bar | null;
  /** Whether the bar is met; null without a bar. */
  readonly pass: boolean | null;
}

export interface Measured {
  readonly label: string;
  readonly rounds: readonly number[];
}

/** Puts ours beside its reference, round by round, and holds the result against the bar. */
export function createFigure(
  spec: Pick<CaseSpec, 'suite' | 'name' | 'keys' | 'variables'>,
  unit: Unit,
  ours: Measured,
  reference: Measured,
  bar: Bar | null,
): Figure {
  // Fewer nanoseconds are more throughput; rates and bytes are compared as they are.
  const ratio = summarize(unit === 'ns/op' ? quotients(reference.rounds, ours.rounds) : quotients(ours.rounds, reference.rounds));
  const summary = summarize(ours.rounds);
  const difference = summarize(ours.rounds.map((round, index) => round - reference.rounds[index]!));
  const held = { ratio, ours: summary, difference };
  return {
    suite: spec.suite,
    name: spec.name,
    keys: spec.keys,
    variables: spec.variables,
    unit,
    ours: { label: ours.label, summary },
    reference: { label: reference.label, summary: summarize(reference.rounds) },
    ratio,
    bar,
    pass: bar === null ? null : meets(bar, held[bar.on].median),
  };
}

function meets(bar: Bar, value: number): boolean {
  return bar.relation === '≥' ? value >= bar.value : value <= bar.value;
}
