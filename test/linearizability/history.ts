/**
 * Owns reading: the logs of a run as one history, its calls and returns in the order of the clock, and all that happened at one key. The threads have
 * ended, or are dead. Imports log, operations.
 */
import { LOG_COUNT, LOG_HEADER_WORDS, RECORD_WORDS, Word } from './log.js';
import { isOfGroup, Kind, Operation, Outcome } from './operations.js';

/** The keys of one type, `first` and those that follow it: what a group operation is at. */
export interface Group {
  readonly first: number;
  readonly keys: number;
}

/** Nothing happened at this reading of the clock: its thread was killed before it wrote its record. */
export const NO_EVENT = 0;

export class History {
  readonly groups: readonly Group[];
  /** Number of keys over all groups. */
  readonly keys: number;
  /** How many operations were called, those of groups counted once. */
  readonly operations: number;
  /** How many of each kind. */
  readonly counts: readonly number[];
  /** How many came to each outcome. */
  readonly outcomes: readonly number[];
  /** The records of all logs, one log after another. */
  readonly #records: Int32Array;
  /** Where each log begins among them, and where the last one ends. */
  readonly #starts: readonly number[];
  /** By the reading of the clock: record + 1 for a call, −(record + 1) for a return. */
  readonly #events: Int32Array;

  constructor(records: Int32Array, starts: readonly number[], groups: readonly Group[]) {
    this.groups = groups;
    this.keys = groups.reduce((most, { first, keys }) => Math.max(most, first + keys), 0);
    this.#records = records;
    this.#starts = starts;
    const counts = new Array<number>(Kind.FREED + 1).fill(0);
    const outcomes = new Array<number>(Outcome.FOREIGN + 1).fill(0);
    const total = starts.at(-1)!;
    let last = 0;
    for (let index = 0; index < total; index++) {
      const at = index * RECORD_WORDS;
      const kind = records[at + Word.KIND]!;
      counts[kind]!++;
      outcomes[kind === Kind.FREED ? Outcome.REMOVED : records[at + Word.RETURNED] === 0 ? Outcome.NONE : records[at + Word.OUTCOME]!]!++;
      if (kind !== Kind.FREED) last = Math.max(last, records[at + Word.CALL]!, records[at + Word.RETURNED]!);
    }
    const events = new Int32Array(last + 1);
    for (let index = 0; index < total; index++) {
      const at = index * RECORD_WORDS;
      if (records[at + Word.KIND] === Kind.FREED) continue;
      events[records[at + Word.CALL]!] = index + 1;
      const returned = records[at + Word.RETURNED]!;
      if (returned !== 0) events[returned] = -(index + 1);
    }
    this.#events = events;
    this.counts = counts;
    this.outcomes = outcomes;
    this.operations = total - counts[Kind.FREED]!;
  }

  /** One more than the last reading of the clock. */
  get end(): number {
    return this.#events.length;
  }

  /** What happened at a reading of the clock: NO_EVENT, index + 1 of the record that was called, or −(index + 1) of the one that returned. */
  event(stamp: number): number {
    return this.#events[stamp]!;
  }

  kind(index: number): Kind {
    return this.#records[index * RECORD_WORDS + Word.KIND]!;
  }

  /** The key of a record, or the group. */
  key(index: number): number {
    return this.#records[index * RECORD_WORDS + Word.KEY]!;
  }

  /** Copies a record into an operation. One of a group is as at a key at which it has done nothing that it told of. */
  read(index: number, into: Operation): void {
    const records = this.#records;
    const at = index * RECORD_WORDS;
    const returned = records[at + Word.RETURNED]!;
    into.index = index;
    into.kind = records[at + Word.KIND]!;
    into.number = records[at + Word.CALL]!;
    into.call = into.number;
    into.returned = returned === 0 ? Infinity : returned;
    into.outcome = returned === 0 ? Outcome.NONE : records[at + Word.OUTCOME]!;
    into.instance = records[at + Word.INSTANCE]!;
    into.value = records[at + Word.VALUE]!;
    into.constructed = records[at + Word.CONSTRUCTED]!;
  }

  /** What a freeAll has noted: each instance that it freed, with its key. A key may come twice, if it was created anew meanwhile. */
  notes(index: number, visit: (key: number, instance: number) => void): void {
    const records = this.#records;
    const end = this.#starts[this.#threadOf(index) + 1]!;
    for (let note = index + 1; note < end && records[note * RECORD_WORDS + Word.KIND] === Kind.FREED; note++) {
      visit(records[note * RECORD_WORDS + Word.KEY]!, records[note * RECORD_WORDS + Word.INSTANCE]!);
    }
  }

  /** All operations at one key that were called before a reading of the clock, in the order of their calls. */
  operationsAt(key: number, until = Infinity): Operation[] {
    const operations: Operation[] = [];
    for (let stamp = 0; stamp < Math.min(this.end, until); stamp++) {
      const index = this.event(stamp) - 1;
      if (index < 0) continue;
      const group = isOfGroup(this.kind(index)) ? this.groups[this.key(index)]! : undefined;
      if (group === undefined ? this.key(index) !== key : key < group.first || key >= group.first + group.keys) continue;
      const operation = new Operation();
      this.read(index, operation);
      operation.thread = this.#threadOf(index);
      if (operation.kind === Kind.FREE_ALL) operations.push(...this.#atKey(operation, key));
      else operations.push(operation);
    }
    return operations;
  }

  /** What a freeAll is at one key: a removal for each instance that it freed there; else one that removed nothing, or of which nothing is known. */
  #atKey(freeAll: Operation, key: number): Operation[] {
    const removals: Operation[] = [];
    this.notes(freeAll.index, (noted, instance) => {
      if (noted === key) removals.push(Object.assign(Operation.of(freeAll), { outcome: Outcome.REMOVED, instance }));
    });
    return removals.length === 0 || freeAll.isPending ? [...removals, freeAll] : removals;
  }

  #threadOf(index: number): number {
    let thread = 0;
    while (index >= this.#starts[thread + 1]!) thread++;
    return thread;
  }
}

/** The history that these logs hold. */
export function readHistory(buffers: readonly SharedArrayBuffer[], groups: readonly Group[]): History {
  const logs = buffers.map((buffer) => new Int32Array(buffer));
  const starts = [0];
  for (const log of logs) starts.push(starts.at(-1)! + Atomics.load(log, LOG_COUNT));
  const records = new Int32Array(starts.at(-1)! * RECORD_WORDS);
  logs.forEach((log, thread) => {
    const words = (starts[thread + 1]! - starts[thread]!) * RECORD_WORDS;
    records.set(log.subarray(LOG_HEADER_WORDS, LOG_HEADER_WORDS + words), starts[thread]! * RECORD_WORDS);
  });
  return new History(records, starts, groups);
}
