/**
 * Owns the words that recorder, specification and timeline share: what was done to a variable, and what came of it. Imports nothing.
 *
 * Every operation has a *number*, the reading of the shared clock at its call, which no other operation of the history has. It is also what the
 * operation writes: a variable that it creates is the *instance* of that number, and a value that it sets is that number. So whoever reads a variable
 * reads who made it and who wrote it last.
 */

/** What was done. A const enum, like the layout: these are the words of a log. */
export const enum Kind {
  GET = 1,
  ALLOC = 2,
  GET_OR_ALLOC = 3,
  // Four ways to change a value and learn what was there before.
  ADD = 4, // adds the number, as int32
  EXCHANGE = 5,
  UPDATE = 6,
  WITH_LOCK = 7,
  FREE = 8,
  // Of a whole group of keys, those of one type: at each of its keys an operation of its own, somewhere within the call.
  FREE_ALL = 9,
  UNREGISTER = 10, // the registration of the type ends: collection
  REGISTER = 11,
  /** No operation: a note behind FREE_ALL that it has freed this instance at this key. */
  FREED = 12,
}

export const KIND_NAMES: readonly string[] = [
  '',
  'get',
  'alloc',
  'getOrAlloc',
  'add',
  'exchange',
  'update',
  'withLock',
  'free',
  'freeAll',
  'unregister',
  'register',
];

/** What came of it. */
export const enum Outcome {
  /** The call did not return: it may have happened, at any time since, or not. */
  NONE = 0,
  /** There was no variable: get and the four changes found none, free had nothing to free. */
  ABSENT = 1,
  /** The variable was there: as get and getOrAlloc saw it, as it was before a change. */
  FOUND = 2,
  CREATED = 3,
  /** alloc refused: ERR_SHADOW_EXISTS. */
  EXISTS = 4,
  /** free and, at one key, freeAll: this instance was freed. */
  REMOVED = 5,
  /** The constructor threw. */
  REFUSED = 6,
  /** ERR_SHADOW_UNREGISTERED */
  UNREGISTERED = 7,
  /** ERR_SHADOW_EXHAUSTED */
  EXHAUSTED = 8,
  DONE = 9,
  /** What was read is no variable of this key: another's, torn or unconstructed. No history with it is right. */
  FOREIGN = 10,
}

/** One operation at one key. One class for all of them keeps the checker's inner loops monomorphic. */
export class Operation {
  kind: Kind = Kind.GET;
  outcome: Outcome = Outcome.NONE;
  number = 0;
  /** The instance that was found, created or removed; 0 where none was told of. */
  instance = 0;
  /** The value that was found. */
  value = 0;
  /** Constructor runs during the call. */
  constructed = 0;
  /** Which log it stands in: the thread. */
  thread = 0;
  /** Readings of the shared clock; `returned` is Infinity for a call that did not return. */
  call = 0;
  returned = Infinity;
  /** Where the history has it. */
  index = 0;

  static of(fields: Partial<Operation>): Operation {
    return Object.assign(new Operation(), fields);
  }

  get isPending(): boolean {
    return this.outcome === Outcome.NONE;
  }
}

/** Whether an operation is at all keys of a group at once. */
export function isOfGroup(kind: number): boolean {
  return kind === Kind.FREE_ALL || kind === Kind.UNREGISTER || kind === Kind.REGISTER;
}
