/**
 * Owns the judgement over one key: whether there is an order of the operations on it, each taking effect at one instant between its call and its
 * return, that leads from what was there before to what was found afterwards. An operation that was not acknowledged may have taken effect at any time after its
 * call, or never. Exact: the search is complete. Pure.
 */
import { Deed, type Entry } from './deeds.js';

/** Serial number of the variable of a key, 0 = none. */
type State = number;

const IMPOSSIBLE = -1;
/** How often one freeAll() may free a key again. */
const REPETITIONS = 3;

/** What the state is after the operation took effect, IMPOSSIBLE if it cannot have had its result then. */
function apply({ kind, serial, result, returned }: Entry, state: State): State {
  const acknowledged = returned !== Infinity;
  if (acknowledged && result === Deed.EXHAUSTED) return state;
  switch (kind) {
    case Deed.GET:
      return !acknowledged || result === state ? state : IMPOSSIBLE;
    case Deed.ALLOC:
      if (!acknowledged || result === serial) return state === 0 ? serial : IMPOSSIBLE;
      return state !== 0 ? state : IMPOSSIBLE;
    case Deed.GET_OR_ALLOC:
      if (!acknowledged || result === serial) return state === 0 ? serial : IMPOSSIBLE;
      return result === state ? state : IMPOSSIBLE;
    case Deed.FREE:
      if (acknowledged && (result === 1) !== (state !== 0)) return IMPOSSIBLE;
      return 0;
    case Deed.FREE_ALL:
    case Deed.FREE_OBJECT:
    case Deed.FREE_ALL_AGAIN:
      return 0;
    default:
      return state;
  }
}

/** Whether the key can have come from `before` to `after` by these operations. */
export function isExplained(before: State, after: State, entries: readonly Entry[]): boolean {
  const byCall = entries.flatMap(withRepetitions).sort((a, b) => a.called - b.called);
  const done = new Uint8Array(byCall.length);
  const seen = new Set<string>();

  /** `first`: the first operation by call that is not done. */
  const search = (first: number, state: State): boolean => {
    while (first < byCall.length && done[first] === 1) first++;
    if (first === byCall.length) return state === after;
    const key = fingerprint(done, first, state);
    if (seen.has(key)) return false;
    seen.add(key);
    // What was called before every open operation has returned may be next.
    let earliestReturn = Infinity;
    for (let i = first; i < byCall.length && byCall[i]!.called < earliestReturn; i++)
      if (done[i] === 0) earliestReturn = Math.min(earliestReturn, byCall[i]!.returned);
    for (let i = first; i < byCall.length && byCall[i]!.called < earliestReturn; i++) {
      if (done[i] === 1) continue;
      const next = apply(byCall[i]!, state);
      done[i] = 1;
      if (next !== IMPOSSIBLE && search(first, next)) return true;
      // One that was not acknowledged may never have happened.
      if (isOptional(byCall[i]!) && search(first, state)) return true;
      done[i] = 0;
    }
    return false;
  };
  return search(0, before);
}

/**
 * freeAll() walks over a table in which others create and split: what is created meanwhile may be freed as well, also what stands where something was freed
 * before. Only what was there all the time is gone for certain.
 */
function withRepetitions(entry: Entry): readonly Entry[] {
  return entry.kind === Deed.FREE_ALL ? [entry, ...Array<Entry>(REPETITIONS).fill({ ...entry, kind: Deed.FREE_ALL_AGAIN })] : [entry];
}

function isOptional({ kind, returned }: Entry): boolean {
  return returned === Infinity || kind === Deed.FREE_ALL_AGAIN;
}

/** Which operations are done, from the first open one on, and the state. */
function fingerprint(done: Uint8Array, first: number, state: State): string {
  let last = done.length - 1;
  while (last > first && done[last] === 0) last--;
  return `${first} ${done.subarray(first, last + 1).join('')} ${state}`;
}

/** How high a counter of a life must be: at least, and at most. Only operations that were not acknowledged make a difference. */
export function boundsOf(kind: number, serial: number, before: number, entries: readonly Entry[]): readonly [number, number] {
  let least = before;
  let most = before;
  for (const entry of entries) {
    if (entry.kind !== kind || entry.serial !== serial) continue;
    most++;
    if (entry.returned !== Infinity) least++;
  }
  return [least, most];
}
