/**
 * Owns what a run says in the end, and on the way. Imports operations, run.
 */
import { Kind, KIND_NAMES, Outcome } from './operations.js';
import type { RunResult } from './run.js';

export const grouped = (number: number): string => number.toLocaleString('en-US');
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;

/** The outcomes that tell most about how hard the threads were at each other. */
const TELLING: readonly (readonly [Outcome, string])[] = [
  [Outcome.CREATED, 'created'],
  [Outcome.REMOVED, 'freed'],
  [Outcome.EXISTS, 'refused for an existing variable'],
  [Outcome.REFUSED, 'constructors that threw'],
  [Outcome.UNREGISTERED, 'refused without a registration'],
  [Outcome.EXHAUSTED, 'refused for lack of memory'],
];

export function progressLine(result: RunResult): string {
  const { operations, rounds, violations, recordMilliseconds, checkMilliseconds } = result;
  return `  ${grouped(operations)} operations in ${rounds} rounds, ${seconds(recordMilliseconds + checkMilliseconds)}, ${violations} violations`;
}

/** The lines of the summary; the last one is the verdict. */
export function summary(result: RunResult): string[] {
  const { operations, counts, outcomes, overlapping, profiles } = result;
  const kinds = [...KIND_NAMES.keys()].slice(Kind.GET).map((kind) => `${KIND_NAMES[kind]} ${grouped(counts[kind]!)}`);
  return [
    `operations: ${grouped(operations)} in ${result.rounds} rounds on ${grouped(result.keys)} keys`,
    `  ${kinds.join(', ')}`,
    `  ${TELLING.map(([outcome, name]) => `${name} ${grouped(outcomes[outcome]!)}`).join(', ')}`,
    `  ${[...profiles].map(([name, count]) => `${name} ${grouped(count)}`).join(', ')}`,
    `contention: ${grouped(overlapping)} operations (${percent(overlapping, operations)}) overlapped another at the same key; at most ${result.deepest} at once`,
    `deaths: ${grouped(result.kills)} workers killed, ${grouped(outcomes[Outcome.NONE]!)} of them in the middle of an operation`,
    `time: ${seconds(result.recordMilliseconds)} to record, ${seconds(result.checkMilliseconds)} to check`,
    ...result.findings.flatMap(({ lines }) => lines),
    ...result.damage.slice(0, 10).map((violation) => `check() of the store: ${violation}`),
    verdictOf(result),
  ];
}

export function isClean({ violations, damage }: RunResult): boolean {
  return violations === 0 && damage.length === 0;
}

function verdictOf({ violations, damage, operations }: RunResult): string {
  if (violations > 0) return `verdict: NOT linearizable at ${violations} keys`;
  if (damage.length > 0) return `verdict: linearizable, but the store is damaged in ${damage.length} places`;
  return `verdict: linearizable, all ${grouped(operations)} operations`;
}
