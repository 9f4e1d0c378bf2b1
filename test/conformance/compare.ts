/**
 * Owns the comparison of a replayed scenario with the catalogue: exactly and in order, observations at their position. Imports events.
 */
import { type ConformanceEvent, type Entry, sameEvent } from './events.js';

export interface Difference {
  /** Position in the expected events, counted from 0. */
  readonly index: number;
  /** Undefined: something happened after all that was expected. */
  readonly expected: ConformanceEvent | undefined;
  /** Undefined: nothing more happened. */
  readonly got: ConformanceEvent | undefined;
  /** What was as expected just before, oldest first. */
  readonly before: readonly ConformanceEvent[];
}

const CONTEXT = 3;

/** Undefined if everything expected happened, in this order, and nothing else. */
export function firstDifference(expected: readonly ConformanceEvent[], log: readonly Entry[]): Difference | undefined {
  let position = 0;
  for (const { event, implied } of log) {
    const wanted = expected[position];
    if (wanted !== undefined && sameEvent(wanted, event)) position++;
    else if (!implied || sameSubject(wanted, event)) return difference(expected, position, event);
  }
  return position === expected.length ? undefined : difference(expected, position, undefined);
}

/** Two observations of one thing: then the catalogue has not left this one out, it contradicts it. */
function sameSubject(wanted: ConformanceEvent | undefined, event: ConformanceEvent): boolean {
  if (wanted?.[0] !== 'observe' || wanted[1] !== event[1]) return false;
  const length = event[1] === 'output-by' ? 4 : 3;
  return sameEvent(wanted.slice(0, length), event.slice(0, length));
}

function difference(expected: readonly ConformanceEvent[], index: number, got: ConformanceEvent | undefined): Difference {
  return { index, expected: expected[index], got, before: expected.slice(Math.max(0, index - CONTEXT), index) };
}

/** A few lines for a person. */
export function tellDifference({ index, expected, got, before }: Difference): string {
  const line = (event: ConformanceEvent | undefined): string => (event === undefined ? '(nothing)' : JSON.stringify(event));
  return [
    `first difference at event ${index}`,
    ...before.map((event) => `    after     ${line(event)}`),
    `    expected  ${line(expected)}`,
    `    got       ${line(got)}`,
  ].join('\n');
}
