/**
 * Owns the past of words, for processors that satisfy loads early: a plain load may give any value that its word has had since the thread last waited for
 * memory, which an atomic load or read-modify-write makes it do, and an atomic store alone does not (ARM: ldar and stlr). A load is not older than the last
 * one of the same word, and one whose address comes from another load not older than what that has given: those orders every processor keeps. Stores are
 * seen by all at once. Imports nothing.
 */

/** How many stores back a load may look. */
const DEPTH = 3;
/** What counts as reached through a pointer: the words right behind it. A block's header and a line are no longer. */
const REACH = 16;
const LATEST: readonly number[] = [0];

/** Words from … to whose address is worked out from what the word `by` holds. */
export interface Indexed {
  readonly by: number;
  readonly from: number;
  readonly to: number;
}

interface Stored {
  readonly value: number;
  /** The step from which it stood. */
  readonly since: number;
}

export class StoreHistory {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #stores = new Map<number, Stored[]>();
  /** By thread: the step from which its loads may be satisfied. */
  readonly #window: number[];
  /** By thread and word: the step from which the value stood that was read last. */
  readonly #lastRead = new Map<number, number>();
  /** By thread: pointers that were loaded, and since when each had stood. */
  readonly #followed: { readonly from: number; readonly to: number; readonly since: number }[][];
  /** Words that are addressed by way of another: the buckets by their number. */
  readonly #indexed: readonly Indexed[];

  constructor(words: Int32Array, threads: number, indexed: readonly Indexed[]) {
    this.#indexed = indexed;
    this.#words = words;
    this.#count = words.length;
    this.#window = Array.from({ length: threads }, () => 0);
    this.#followed = Array.from({ length: threads }, () => []);
  }

  begin(): void {
    this.#stores.clear();
    this.#lastRead.clear();
    this.#window.fill(0);
    for (const followed of this.#followed) followed.length = 0;
  }

  /** The thread's loads from here on are satisfied from here on. */
  fence(thread: number, step: number): void {
    this.#window[thread] = step;
    this.#followed[thread]!.length = 0;
  }

  /** Somebody stores a value where `before` stood. */
  stored(word: number, value: number, before: number, step: number): void {
    let list = this.#stores.get(word);
    if (list === undefined) this.#stores.set(word, (list = [{ value: before, since: 0 }]));
    list.push({ value, since: step });
    if (list.length > DEPTH + 1) list.shift();
  }

  /** What a plain load of the word may give: how many stores back, the latest first. */
  candidates(thread: number, word: number): readonly number[] {
    const list = this.#stores.get(word);
    if (list === undefined) return LATEST;
    let earliest = Math.max(this.#window[thread]!, this.#lastRead.get(thread * this.#count + word) ?? 0);
    for (const { from, to, since } of this.#followed[thread]!) if (word >= from && word < to && since > earliest) earliest = since;
    const given: number[] = [];
    for (let i = list.length - 1; i >= 0; i--) {
      given.push(list.length - 1 - i);
      if (list[i]!.since <= earliest) break; // it stood then: anything older was overwritten before
    }
    return given;
  }

  /** The value so many stores back. */
  take(thread: number, word: number, back: number): number {
    const list = this.#stores.get(word);
    if (list === undefined) return this.#words[word]!;
    const { value, since } = list[list.length - 1 - back]!;
    this.#lastRead.set(thread * this.#count + word, since);
    const indexed = this.#indexed.find(({ by }) => by === word);
    if (indexed !== undefined) this.#followed[thread]!.push({ from: indexed.from, to: indexed.to, since });
    else if (value > 0) this.#followed[thread]!.push({ from: value, to: value + REACH, since });
    return value;
  }
}
