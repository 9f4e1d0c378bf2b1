/**
 * Owns the recorder: one log per thread, in shared memory that was reserved before the run, so that recording allocates nothing and what a thread wrote
 * survives it. A record is eight words; all threads take the stamps of their calls and returns from one shared clock. Imports operations.
 *
 * Order of writing, which history.ts relies on: the call's words, then the count; later the outcome's words, then the return stamp. So a thread that is
 * killed at any moment leaves whole records: a call that is not counted was never made, and one without a return stamp may have happened or not.
 */
import { Kind, type Outcome } from './operations.js';

/** Words of a record. */
export const enum Word {
  KIND = 0,
  KEY = 1, // of a group operation: the group
  CALL = 2, // clock at the call, which is the operation's number
  OUTCOME = 3,
  INSTANCE = 4,
  VALUE = 5,
  CONSTRUCTED = 6, // constructor runs
  RETURNED = 7, // clock at the return, 0 = none; the last word written
}
export const RECORD_WORDS = 8;
/** The first line of a log: how many records it has. */
export const LOG_COUNT = 0;
export const LOG_HEADER_WORDS = 16;

/** What a run of several threads records into; goes through `workerData` and `postMessage` as it is. */
export interface Logs {
  /** One word, the clock: 0 before the first stamp. */
  readonly clock: SharedArrayBuffer;
  readonly buffers: readonly SharedArrayBuffer[];
}

/** Logs for so many threads, each with room for so many records. */
export function createLogs(threads: number, capacity: number): Logs {
  const buffers = Array.from({ length: threads }, () => new SharedArrayBuffer((LOG_HEADER_WORDS + capacity * RECORD_WORDS) * 4));
  return { clock: new SharedArrayBuffer(64), buffers };
}

/** Makes logs that nobody writes to empty again. */
export function clearLogs({ clock, buffers }: Logs): void {
  new Int32Array(clock)[0] = 0;
  for (const buffer of buffers) new Int32Array(buffer)[LOG_COUNT] = 0;
}

/** One thread's log. A second thread may go on with the log of one that is gone. */
export class Log {
  readonly #clock: Int32Array;
  readonly #words: Int32Array;
  readonly #capacity: number;
  #count: number;
  /** Where the record of the open call is. */
  #at = 0;
  #kind = 0;

  constructor({ clock, buffers }: Logs, thread: number) {
    const buffer = buffers[thread];
    if (buffer === undefined) throw new RangeError(`there is no log ${thread} among ${buffers.length}`);
    this.#clock = new Int32Array(clock);
    this.#words = new Int32Array(buffer);
    this.#capacity = (this.#words.length - LOG_HEADER_WORDS) / RECORD_WORDS;
    this.#count = Atomics.load(this.#words, LOG_COUNT);
  }

  get count(): number {
    return this.#count;
  }

  /** Records the call of an operation that is made next; returns its number. */
  called(kind: Kind, key: number): number {
    const words = this.#words;
    const at = this.#next();
    const number = this.#stamp();
    this.#at = at;
    this.#kind = kind;
    words[at + Word.KIND] = kind;
    words[at + Word.KEY] = key;
    words[at + Word.CALL] = number;
    words[at + Word.OUTCOME] = 0;
    words[at + Word.RETURNED] = 0;
    Atomics.store(words, LOG_COUNT, ++this.#count);
    return number;
  }

  /** Records what the open call has come to. */
  returned(outcome: Outcome, instance = 0, value = 0, constructed = 0): void {
    const words = this.#words;
    const at = this.#at;
    words[at + Word.OUTCOME] = outcome;
    words[at + Word.INSTANCE] = instance;
    words[at + Word.VALUE] = value;
    words[at + Word.CONSTRUCTED] = constructed;
    Atomics.store(words, at + Word.RETURNED, this.#stamp());
    this.#kind = 0;
  }

  /** Notes that the open freeAll has freed an instance; without effect in any other call. */
  freed(key: number, instance: number): void {
    if (this.#kind !== Kind.FREE_ALL) return;
    const words = this.#words;
    const at = this.#next();
    words[at + Word.KIND] = Kind.FREED;
    words[at + Word.KEY] = key;
    words[at + Word.INSTANCE] = instance;
    Atomics.store(words, LOG_COUNT, ++this.#count);
  }

  #next(): number {
    if (this.#count === this.#capacity) throw new RangeError(`the log is full with ${this.#capacity} records`);
    return LOG_HEADER_WORDS + this.#count * RECORD_WORDS;
  }

  #stamp(): number {
    const stamp = (Atomics.add(this.#clock, 0, 1) + 1) | 0;
    if (stamp <= 0) throw new RangeError('the clock of a history has 2^31 − 1 stamps; clear the logs between histories');
    return stamp;
  }
}
