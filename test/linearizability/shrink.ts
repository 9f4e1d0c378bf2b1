/**
 * Owns the shrinking of a history that is not linearizable to the few operations that show why. Imports checker, operations.
 *
 * Operations cannot simply be left out: a read of a value that nobody writes any more would be a failure of its own. So an operation is left out only if
 * what remains cannot be explained *either way*: with it, exactly as it was recorded, or as if it had never happened. Therefore what is left out never repairs what is
 * kept, and each operation that is kept is needed: with it optional, too, there would be an explanation. A long history is also cut at a moment at which no
 * operation was open, where the states that the key may have been in say all that came before.
 */
import { firstUnexplained, lastQuiescent } from './checker.js';
import type { State } from './key-checker.js';
import type { Operation } from './operations.js';

/** Operations before the failing return that are looked at one by one: shrinking takes time by the square of them, at least. */
const LOOKED_AT = 300;

export interface Shrunk {
  /** What is kept, in the order of the calls. No order of these is right, whatever became of the others. */
  readonly kept: readonly Operation[];
  /** Of those left out, the ones that made what the kept ones tell of: instances and values. They are there to be read, and prove nothing. */
  readonly made: readonly Operation[];
  /** How many operations at the key were called before the failure. */
  readonly of: number;
  /** What the key may have been before all this; undefined if the history begins with nothing at the key. */
  readonly from: readonly State[] | undefined;
}

/** Shrinks the operations at one key. They must not be linearizable. */
export function shrink(operations: readonly Operation[]): Shrunk {
  const unexplained = firstUnexplained({ operations });
  if (unexplained === undefined) throw new RangeError('these operations are linearizable; there is nothing to shrink');
  // What was called later has no part in it.
  const all = operations.filter(({ call }) => call < unexplained.returned).sort((a, b) => a.call - b.call);
  const cut = all.length > LOOKED_AT ? lastQuiescent(all, all.length - LOOKED_AT) : undefined;
  const window = all.slice(cut?.operations ?? 0);
  const kept = reduce(window, cut?.states, unexplained.returned);
  const told = new Set(kept.flatMap(({ instance, value }) => [instance, value]));
  const made = window.filter((operation) => told.has(operation.number) && !kept.includes(operation));
  return { kept, made, of: all.length, from: cut?.states };
}

/**
 * Leaves out all but the last few, if that will do, and then ever smaller pieces, until every operation that is left is needed. Whatever had not returned by
 * `end` is needed for nothing.
 */
function reduce(window: readonly Operation[], from: readonly State[] | undefined, end: number): readonly Operation[] {
  const optional = new Set(window.filter(({ returned }) => returned > end));
  const fails = (): boolean => firstUnexplained({ operations: window, from, optional }) !== undefined;
  let kept = window.filter((operation) => !optional.has(operation));
  for (let last = 2; last < kept.length; last *= 2) {
    const others = kept.slice(0, -last);
    for (const operation of others) optional.add(operation);
    if (fails()) {
      kept = kept.slice(-last);
      break;
    }
    for (const operation of others) optional.delete(operation);
  }
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    const before = kept.length;
    for (let start = 0; start < kept.length;) {
      const piece = kept.slice(start, start + size);
      for (const operation of piece) optional.add(operation);
      if (fails()) {
        kept = kept.filter((operation) => !optional.has(operation));
      } else {
        for (const operation of piece) optional.delete(operation);
        start += size;
      }
    }
    if (size === 1 && kept.length === before) return kept;
  }
}
