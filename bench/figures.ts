/**
 * What a benchmark hands back: figures beside their reference, bars, and the description of a case. Plain data, so that it travels
 * from the child process that measured to the parent that reports.
 */
import type { TraceColumns } from '../src/cli/trace.js';
import type { PeerName } from './peers/catalog.js';
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
  /** Suites with peers: which one, and where it answers if it is a server. */
  readonly peer?: { readonly name: PeerName; readonly address: string | undefined };
  /** Suite `traces`: requests of each worker in each round, and recorded input, if there is any. */
  readonly requests?: number;
  readonly trace?: TraceSource | undefined;
}

/** A CSV file with a header and the columns to take from it. */
export interface TraceSource {
  readonly file: string;
  readonly columns: TraceColumns;
}

export interface Bar {
  /** What is held against the bar: the median ratio, our own median, or the median of ours − reference, round by round. */
  readonly on: 'ratio' | 'ours' | 'difference';
  readonly relation: '≥' | '≤';
  readonly value: number;
}

interface Side {
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
  /** How many of the rounds each run of the case, in a process of its own, has given; they stand one run after the other. */
  readonly runs: readonly number[];
}

/** What a case hands back instead of figures when it cannot be measured here: a peer that is not installed, too little memory. */
export interface LeftOut {
  /** Why, as a person should read it after the name of the case. */
  readonly leftOut: string;
}

export interface Measured {
  readonly label: string;
  readonly rounds: readonly number[];
}

/**
 * Puts ours beside its reference, if there is one, round by round, and holds the result against the bar.
 * @throws RangeError where a round has measured nothing: its ratio is no number, and would be null when the figure has come to the parent
 */
export function createFigure(
  spec: Pick<Figure, 'suite' | 'name' | 'keys' | 'variables'>,
  unit: Unit,
  ours: Measured,
  reference: Measured | null,
  bar: Bar | null,
): Figure {
  const summary = summarize(ours.rounds);
  const ratio = reference === null ? null : summarize(compare(unit, ours, reference));
  const round = (ratio ?? summary).rounds.findIndex((value) => !Number.isFinite(value));
  if (round !== -1) {
    const against = reference === null ? '' : ` against ${reference.rounds[round]} ${reference.label}`;
    throw new RangeError(
      `${spec.suite} ${spec.name}: round ${round + 1} measured ${ours.rounds[round]} ${unit} ${ours.label}${against}, which makes no figure; run it again on a machine with less to do`,
    );
  }
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
    pass: bar === null ? null : meets(bar, quantity(bar.on, ours, reference, ratio).median),
    runs: [ours.rounds.length],
  };
}

/** Tells a figure from every other of the same report, and finds it in another one. */
export function figureKey({ suite, name, keys, variables, unit }: Figure): string {
  return [suite, name, keys, variables, unit].join(' | ');
}

/** The figures of several runs of the same cases as one: all rounds together, held against the bar anew. */
export function mergeRuns(runs: readonly (readonly Figure[])[]): Figure[] {
  const merged = new Map<string, Figure>();
  for (const figure of runs.flat()) {
    const key = figureKey(figure);
    const before = merged.get(key);
    merged.set(key, before === undefined ? figure : appendRun(before, figure));
  }
  return [...merged.values()];
}

function appendRun(before: Figure, figure: Figure): Figure {
  const reference = before.reference === null || figure.reference === null ? null : joinSides(before.reference, figure.reference);
  const joined = createFigure(before, before.unit, joinSides(before.ours, figure.ours), reference, before.bar);
  return { ...joined, runs: [...before.runs, ...figure.runs] };
}

function joinSides(before: Side, after: Side): Measured {
  return { label: before.label, rounds: [...before.summary.rounds, ...after.summary.rounds] };
}

/** Fewer nanoseconds are more throughput; everything else is compared as it is. */
function compare(unit: Unit, ours: Measured, reference: Measured): number[] {
  return unit === 'ns/op' ? quotients(reference.rounds, ours.rounds) : quotients(ours.rounds, reference.rounds);
}

/** What is held against the figure's bar, round by round. */
export function heldAgainst(bar: Bar, { ours, reference, ratio }: Figure): Summary {
  const measured = (side: Side): Measured => ({ label: side.label, rounds: side.summary.rounds });
  return quantity(bar.on, measured(ours), reference === null ? null : measured(reference), ratio);
}

function quantity(on: Bar['on'], ours: Measured, reference: Measured | null, ratio: Summary | null): Summary {
  if (on === 'ours') return summarize(ours.rounds);
  if (reference === null || ratio === null) throw new TypeError(`a bar on the ${on} needs a reference`);
  if (on === 'ratio') return ratio;
  return summarize(ours.rounds.map((round, index) => round - reference.rounds[index]!));
}

function meets(bar: Bar, value: number): boolean {
  return bar.relation === '≥' ? value >= bar.value : value <= bar.value;
}
