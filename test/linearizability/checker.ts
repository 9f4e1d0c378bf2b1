/**
 * Owns the verdict on histories: on a recorded one, in one pass over the clock with a search per key, and on a list of operations at one key. Imports history,
 * key-checker, operations.
 */
import type { History } from './history.js';
import { KeyChecker, type State } from './key-checker.js';
import { isOfGroup, Kind, Operation, Outcome } from './operations.js';

/** A key whose operations have no order that the specification allows. */
export interface Violation {
  readonly key: number;
  /** The reading of the clock at the return that could not be explained any more. */
  readonly at: number;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Operations at a key of their own that overlapped another such operation at the same key: the contention that the history bears witness to. */
  readonly overlapping: number;
  /** Most operations that were open at one key at once, those of groups included. */
  readonly deepest: number;
}

/** One key of a history while the clock runs over it. */
class Key {
  readonly checker = new KeyChecker();
  violated = false;
  /** Open operations of its own: how many, and for how many of them it is known that they overlap. */
  open = 0;
  overlapping = 0;
}

/** Checks a recorded history, key by key. */
export function checkHistory(history: History): Verdict {
  return new Pass(history).run();
}

class Pass {
  readonly #history: History;
  readonly #keys: readonly Key[];
  readonly #violations: Violation[] = [];
  /** Scratch: a record. */
  readonly #record = new Operation();
  /** Scratch: how many instances a freeAll has freed at each key. */
  readonly #removals: Int32Array;
  #overlapping = 0;

  constructor(history: History) {
    this.#history = history;
    this.#keys = Array.from({ length: history.keys }, () => new Key());
    this.#removals = new Int32Array(history.keys);
  }

  run(): Verdict {
    const history = this.#history;
    for (let stamp = 0; stamp < history.end; stamp++) {
      const event = history.event(stamp);
      if (event === 0) continue;
      const index = Math.abs(event) - 1;
      const key = history.key(index);
      if (event > 0) {
        history.read(index, this.#record);
        if (isOfGroup(this.#record.kind)) this.#callGroup(key);
        else this.#callOne(this.#keys[key]!);
      } else if (isOfGroup(history.kind(index))) {
        const { first, keys } = history.groups[key]!;
        for (let i = first; i < first + keys; i++) this.#return(i, index, stamp);
      } else {
        const at = this.#keys[key]!;
        at.open--;
        at.overlapping = Math.min(at.overlapping, at.open);
        this.#return(key, index, stamp);
      }
    }
    const deepest = this.#keys.reduce((most, { checker }) => Math.max(most, checker.width), 0);
    return { violations: this.#violations, overlapping: this.#overlapping, deepest };
  }

  #callOne(key: Key): void {
    this.#call(key);
    if (this.#record.isPending) return; // it stays open, but contends with nobody any more
    key.open++;
    if (key.open === 1) return;
    this.#overlapping += key.open - key.overlapping;
    key.overlapping = key.open;
  }

  #callGroup(group: number): void {
    const { first, keys } = this.#history.groups[group]!;
    const record = this.#record;
    const { outcome, index } = record;
    if (record.kind === Kind.FREE_ALL) {
      this.#history.notes(index, (key, instance) => {
        this.#removals[key]!++;
        record.outcome = Outcome.REMOVED;
        record.instance = instance;
        this.#call(this.#keys[key]!);
      });
      record.outcome = outcome;
      record.instance = 0;
    }
    for (let key = first; key < first + keys; key++) {
      if (this.#removals[key] === 0 || outcome === Outcome.NONE) this.#call(this.#keys[key]!);
      this.#removals[key] = 0;
    }
  }

  /** Opens the record's operation at one key. */
  #call(key: Key): void {
    if (key.violated) return;
    const operation = key.checker.open();
    const record = this.#record;
    operation.index = record.index;
    operation.kind = record.kind;
    operation.outcome = record.outcome;
    operation.number = record.number;
    operation.instance = record.instance;
    operation.value = record.value;
    operation.constructed = record.constructed;
    key.checker.called(operation);
  }

  #return(number: number, index: number, stamp: number): void {
    const key = this.#keys[number]!;
    if (key.violated || key.checker.returned(index)) return;
    key.violated = true;
    this.#violations.push({ key: number, at: stamp });
  }
}

/** What is asked of a list of operations at one key. */
export interface Question {
  /** In any order; `number`, `call` and `returned` tell them apart. */
  readonly operations: readonly Operation[];
  /** The states one of which the key is in at first. */
  readonly from?: readonly State[] | undefined;
  /** Operations that may as well never have happened, though they returned. */
  readonly optional?: ReadonlySet<Operation>;
}

/** The first return that nothing explains, undefined if the operations are linearizable. */
export function firstUnexplained({ operations, from, optional }: Question): Operation | undefined {
  let unexplained: Operation | undefined;
  replay(operations, new KeyChecker(from), (checker, operation, index) => {
    if (!checker.returned(index, optional?.has(operation))) unexplained = operation;
    return unexplained === undefined;
  });
  return unexplained;
}

/** A moment at which a key was quiescent. */
export interface Moment {
  readonly states: readonly State[];
  /** How many operations had been called, and had returned, by then. */
  readonly operations: number;
}

/** The last moment with no more than so many operations before it at which the key was quiescent. */
export function lastQuiescent(operations: readonly Operation[], most: number): Moment | undefined {
  let moment: Moment | undefined;
  replay(operations, new KeyChecker(), (checker, _operation, index, called) => {
    if (called > most || !checker.returned(index)) return false;
    if (checker.isQuiescent) moment = { states: checker.states, operations: called };
    return true;
  });
  return moment;
}

/** Lets the clock run over operations at one key, until `onReturn` gives false. Their index is their place in the order of the calls. */
function replay(
  operations: readonly Operation[],
  checker: KeyChecker,
  onReturn: (checker: KeyChecker, operation: Operation, index: number, called: number) => boolean,
): void {
  const calls = [...operations].sort((a, b) => a.call - b.call);
  const returns = [...calls.keys()].filter((index) => calls[index]!.returned !== Infinity);
  returns.sort((a, b) => calls[a]!.returned - calls[b]!.returned);
  let called = 0;
  for (const index of returns) {
    const operation = calls[index]!;
    for (; called < calls.length && calls[called]!.call < operation.returned; called++) {
      checker.called(Object.assign(checker.open(), calls[called]!, { index: called }));
    }
    if (!onReturn(checker, operation, index, called)) return;
  }
}
