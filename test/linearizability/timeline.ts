/**
 * Owns how a history at one key is shown: a line per operation, in the order of the calls, with a bar from its call to its return. Time is the order of these
 * calls and returns; nothing else counts. Imports operations, shrink, specification.
 */
import { Kind, KIND_NAMES, type Operation, Outcome } from './operations.js';
import type { State } from './key-checker.js';
import type { Shrunk } from './shrink.js';
import { ABSENT, UNREGISTERED } from './specification.js';

/** Columns per call or return, so that bars can be told apart. */
const STEP = 2;

/** The lines of a shrunk history. `name` says which key it is at. */
export function timeline({ kept, made, of, from }: Shrunk, name: string): string[] {
  const lines = [`${name}: no order of these ${kept.length} operations is right (of ${of} there; the others repair nothing)`];
  if (from !== undefined) lines.push(`  before: ${from.map(stateText).join(', or ')}`);
  return [...lines, ...bars(kept), ...made.map((operation) => `  where from: #${operation.number} ${operationText(operation)}`)];
}

function bars(operations: readonly Operation[]): string[] {
  const stamps = operations.flatMap(({ call, returned }) => (returned === Infinity ? [call] : [call, returned])).sort((a, b) => a - b);
  const column = new Map([...new Set(stamps)].map((stamp, i) => [stamp, i * STEP]));
  const width = column.size * STEP;
  return [...operations]
    .sort((a, b) => a.call - b.call)
    .map((operation) => {
      const start = column.get(operation.call)!;
      const end = column.get(operation.returned) ?? width;
      const bar = `${' '.repeat(start)}├${'─'.repeat(end - start - 1)}${operation.returned === Infinity ? '┄' : '┤'}`;
      return `  thread ${operation.thread}  ${bar.padEnd(width)}  #${operation.number} ${operationText(operation)}`;
    });
}

/** What an operation did, in words. `#n` is the operation of number n, the variable it created and the value it wrote. */
function operationText(operation: Operation): string {
  const { kind, number, instance, value } = operation;
  const name = KIND_NAMES[kind]!;
  switch (operation.outcome) {
    case Outcome.NONE:
      return `${name}, which did not return`;
    case Outcome.ABSENT:
      return `${name} finds nothing`;
    case Outcome.FOUND:
      if (kind === Kind.GET || kind === Kind.GET_OR_ALLOC)
        return `${name} finds #${instance}, value ${value}${constructions(operation, 0)}`;
      return `${name} on #${instance}, value ${value} → ${kind === Kind.ADD ? (value + number) | 0 : number}${constructions(operation, 0)}`;
    case Outcome.CREATED:
      return `${name} creates #${number}, value ${number}${constructions(operation, 1)}`;
    case Outcome.EXISTS:
      return `${name} refuses: there is a variable${constructions(operation, 0)}`;
    case Outcome.REMOVED:
      return `${name} frees #${instance}`;
    case Outcome.REFUSED:
      return `${name}, whose constructor throws${constructions(operation, 1)}`;
    case Outcome.UNREGISTERED:
      return `${name} refuses: the type is not registered${constructions(operation, 0)}`;
    case Outcome.EXHAUSTED:
      return `${name} refuses: no memory${constructions(operation, 0)}`;
    case Outcome.FOREIGN:
      return `${name} sees what is no variable of this key: instance ${instance}, value ${value}`;
    case Outcome.DONE:
      return kind === Kind.FREE_ALL ? 'freeAll finds nothing here' : name;
  }
}

function constructions({ constructed }: Operation, right: number): string {
  return constructed === right ? '' : ` (${constructed} constructor runs)`;
}

function stateText({ instance, value }: State): string {
  if (instance === UNREGISTERED) return 'no registration';
  return instance === ABSENT ? 'no variable' : `#${instance}, value ${value}`;
}
