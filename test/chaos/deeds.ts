/**
 * Owns the record of what an actor did: one entry per operation, written before it begins and completed when it has returned, in memory that outlives the
 * actor. An entry without a return stamp is an operation that was not acknowledged.
 */
export const enum Deed {
  // What it was.
  GET = 1, // result: serial, 0 = there is none
  ALLOC = 2, // serial: of the life it would begin; result: that, or EXISTS
  GET_OR_ALLOC = 3, // the same; result: serial of the variable it got
  ADD = 4, // serial: whose n is raised by one; result: what was there before
  UPDATE = 5, // serial: whose u is raised by one
  FREE = 6, // result: 1 = it was there, 0 = there was none
  FREE_ALL = 7, // key: of the first parent, for the type
  FREE_OBJECT = 8, // key: of the first type, for the parent
  CREATE_OWN = 9, // a variable of a JS object of this actor; serial
  FREE_OWN = 10,
  BALLAST = 11, // serial: the number it stands on
  PASSING = 12, // serial; result: that, EXISTS or GONE
  FREE_ALL_AGAIN = 13, // never recorded: see oracle.ts
  // Results that are no serial numbers.
  EXISTS = -1,
  GONE = -2, // the type is not registered at that moment
  EXHAUSTED = -3,

  // An entry.
  KIND = 0,
  KEY = 1,
  SERIAL = 2,
  RESULT = 3,
  CALLED = 4, // stamps of the clock that all actors share
  RETURNED = 5, // 0 = not acknowledged
  WORDS = 6,
}

export const NAMES = [
  '',
  'get',
  'alloc',
  'getOrAlloc',
  'add',
  'update',
  'free',
  'freeAll',
  'freeObject',
  'alloc (object)',
  'free (object)',
  'ballast',
  'alloc (passing)',
];

/** One operation, read back. */
export interface Entry {
  readonly actor: number;
  readonly kind: number;
  readonly key: number;
  readonly serial: number;
  readonly result: number;
  readonly called: number;
  /** Infinity if it was not acknowledged. */
  readonly returned: number;
}

/** Whether there is room for the entries of one more action in the words from `first` on. */
export function hasRoom(words: Int32Array, count: number, first: number): boolean {
  return first + (words[count]! + 2) * Deed.WORDS <= words.length;
}

/** The actor's side: the clock is word 0 of an array that all share. */
export class Recorder {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #first: number;
  readonly #clock: Int32Array;
  readonly #clockWord: number;

  /** The record takes the words of `words` from `first` on; the number of entries stands in word `count`. */
  constructor(words: Int32Array, count: number, first: number, clock: Int32Array, clockWord: number) {
    this.#words = words;
    this.#count = count;
    this.#first = first;
    this.#clock = clock;
    this.#clockWord = clockWord;
  }

  /** Whether there is no room for the entries of one more action. */
  get full(): boolean {
    return !hasRoom(this.#words, this.#count, this.#first);
  }

  /** To be called before the operation; the address of its entry. */
  begin(kind: number, key: number, serial: number): number {
    const words = this.#words;
    const count = words[this.#count]!;
    const entry = this.#first + count * Deed.WORDS;
    words[entry + Deed.KIND] = kind;
    words[entry + Deed.KEY] = key;
    words[entry + Deed.SERIAL] = serial;
    words[entry + Deed.RETURNED] = 0;
    words[entry + Deed.CALLED] = Atomics.add(this.#clock, this.#clockWord, 1);
    Atomics.store(words, this.#count, count + 1);
    return entry;
  }

  /** To be called with what it returned. */
  end(entry: number, result: number): void {
    this.#words[entry + Deed.RESULT] = result;
    Atomics.store(this.#words, entry + Deed.RETURNED, Atomics.add(this.#clock, this.#clockWord, 1));
  }
}

/** The other side: all entries of an actor that is at rest or dead; the record is empty afterwards. */
export function drain(words: Int32Array, count: number, first: number, actor: number): Entry[] {
  const entries: Entry[] = [];
  const end = first + Atomics.load(words, count) * Deed.WORDS;
  for (let at = first; at < end; at += Deed.WORDS) {
    const returned = words[at + Deed.RETURNED]!;
    entries.push({
      actor,
      kind: words[at + Deed.KIND]!,
      key: words[at + Deed.KEY]!,
      serial: words[at + Deed.SERIAL]!,
      result: words[at + Deed.RESULT]!,
      called: words[at + Deed.CALLED]!,
      returned: returned === 0 ? Infinity : returned,
    });
  }
  Atomics.store(words, count, 0);
  return entries;
}

export function tell({ actor, kind, key, serial, result, called, returned }: Entry): string {
  const end = returned === Infinity ? 'not acknowledged' : `${called}–${returned} → ${result}`;
  return `thread ${actor}: ${NAMES[kind]} key ${key} serial ${serial}, ${returned === Infinity ? `${called}– ` : ''}${end}`;
}
