/**
 * Owns what is known of the order of the steps of one execution, on the words that threads contend for: which step happens before which (vector clocks),
 * which plain accesses race, and a fingerprint of the partial order, by which executions that differ only in the order of independent steps are told to
 * be one. Words are numbered; the last number is none of the memory but the sequence of calls and returns. Imports nothing.
 */

/** Two accesses of one word, one of them a write, one of them plain, and none before the other. */
export interface Race {
  readonly word: number;
  readonly earlierSite: number;
  readonly earlierWrites: boolean;
  readonly laterSite: number;
  readonly laterWrites: boolean;
}

export const enum AccessKind {
  PLAIN_READ = 0,
  PLAIN_WRITE = 1,
  ATOMIC_READ = 2,
  ATOMIC_WRITE = 3,
}

const KINDS = 4;
/** Which earlier kinds an access conflicts with. */
const CONFLICTS: readonly (readonly AccessKind[])[] = [
  [AccessKind.PLAIN_WRITE, AccessKind.ATOMIC_WRITE],
  [AccessKind.PLAIN_READ, AccessKind.PLAIN_WRITE, AccessKind.ATOMIC_READ, AccessKind.ATOMIC_WRITE],
  [AccessKind.PLAIN_WRITE],
  [AccessKind.PLAIN_READ, AccessKind.PLAIN_WRITE],
];

export class Order {
  readonly threads: number;
  /** The fingerprint: the sum over all steps so far, in two lanes. */
  high = 0;
  low = 0;
  onRace: (race: Race) => void = () => undefined;
  /** What each thread knows of each other: clocks[t × threads + u]. */
  readonly clocks: Int32Array;
  /** Steps of each thread on contended words. */
  readonly #steps: Int32Array;
  /** When each thread accessed a word last, by kind, and where. */
  readonly #seen: Int32Array;
  readonly #sites: Int32Array;
  /** What an atomic read of a word makes known. */
  readonly #released: Int32Array;
  /** Fingerprints of the last write of a word and, summed, of the reads since. */
  readonly #writeHigh: Int32Array;
  readonly #writeLow: Int32Array;
  readonly #readHigh: Int32Array;
  readonly #readLow: Int32Array;
  /** In which execution the entries of a word were last good. */
  readonly #fresh: Int32Array;
  /** Where the fingerprints of each thread's steps begin. */
  readonly #seedsHigh: Int32Array;
  readonly #seedsLow: Int32Array;
  #execution = 0;

  constructor(words: number, threads: number) {
    this.threads = threads;
    this.clocks = new Int32Array(threads * threads);
    this.#steps = new Int32Array(threads);
    this.#seedsHigh = Int32Array.from({ length: threads }, (_, thread) => mix(HIGH_SEED, thread));
    this.#seedsLow = Int32Array.from({ length: threads }, (_, thread) => mix(LOW_SEED, thread));
    this.#seen = new Int32Array(words * threads * KINDS);
    this.#sites = new Int32Array(words * threads * KINDS);
    this.#released = new Int32Array(words * threads);
    this.#writeHigh = new Int32Array(words);
    this.#writeLow = new Int32Array(words);
    this.#readHigh = new Int32Array(words);
    this.#readLow = new Int32Array(words);
    this.#fresh = new Int32Array(words);
  }

  /** Forgets the last execution. */
  begin(): void {
    this.#execution++;
    this.high = 0;
    this.low = 0;
    this.clocks.fill(0);
    this.#steps.fill(0);
  }

  /** A plain or atomic read. `acquires`: what happened before the write that it reads from is known from here on. */
  read(thread: number, word: number, isAtomic: boolean, acquires: boolean, site: number): void {
    this.#freshen(word);
    const kind = isAtomic ? AccessKind.ATOMIC_READ : AccessKind.PLAIN_READ;
    this.#note(thread, word, kind, site);
    if (acquires) this.#acquire(thread, word);
    const step = ++this.#steps[thread]!;
    const high = mix(mix(this.#seedsHigh[thread]!, step), this.#writeHigh[word]!);
    const low = mix(mix(this.#seedsLow[thread]!, step), this.#writeLow[word]!);
    this.#readHigh[word] = (this.#readHigh[word]! + high) | 0;
    this.#readLow[word] = (this.#readLow[word]! + low) | 0;
    this.high = (this.high + high) | 0;
    this.low = (this.low + low) | 0;
  }

  /** A plain write, an atomic one, or an atomic read and write in one (`acquires`). */
  write(thread: number, word: number, isAtomic: boolean, acquires: boolean, site: number): void {
    this.#freshen(word);
    this.#note(thread, word, isAtomic ? AccessKind.ATOMIC_WRITE : AccessKind.PLAIN_WRITE, site);
    if (acquires) this.#acquire(thread, word);
    const step = ++this.#steps[thread]!;
    const high = mix(mix(mix(this.#seedsHigh[thread]!, step), this.#writeHigh[word]!), this.#readHigh[word]!);
    const low = mix(mix(mix(this.#seedsLow[thread]!, step), this.#writeLow[word]!), this.#readLow[word]!);
    this.#writeHigh[word] = high;
    this.#writeLow[word] = low;
    this.#readHigh[word] = 0;
    this.#readLow[word] = 0;
    this.high = (this.high + high) | 0;
    this.low = (this.low + low) | 0;
    const { threads } = this;
    const released = word * threads;
    // What was read before a plain write synchronises nothing any more.
    for (let other = 0; other < threads; other++) this.#released[released + other] = isAtomic ? this.clocks[thread * threads + other]! : 0;
  }

  /** Something that happens to a thread without a word: its death, the end of a wait. */
  event(thread: number, what: number): void {
    const step = ++this.#steps[thread]!;
    this.high = (this.high + mix(mix(this.#seedsHigh[thread]!, step), what)) | 0;
    this.low = (this.low + mix(mix(this.#seedsLow[thread]!, step), what)) | 0;
  }

  /** A call comes after the returns so far; returns among themselves have no order that matters. */
  call(thread: number, word: number): void {
    this.#freshen(word);
    this.event(thread, this.#readHigh[word]! ^ this.#readLow[word]!);
  }

  return(thread: number, word: number): void {
    this.#freshen(word);
    const step = ++this.#steps[thread]!;
    const high = mix(this.#seedsHigh[thread]!, step);
    const low = mix(this.#seedsLow[thread]!, step);
    this.#readHigh[word] = (this.#readHigh[word]! + high) | 0;
    this.#readLow[word] = (this.#readLow[word]! + low) | 0;
    this.high = (this.high + high) | 0;
    this.low = (this.low + low) | 0;
  }

  /** Everything one thread has done is known to another from here on. */
  join(from: number, to: number): void {
    const { threads, clocks } = this;
    for (let other = 0; other < threads; other++) {
      const time = clocks[from * threads + other]!;
      if (time > clocks[to * threads + other]!) clocks[to * threads + other] = time;
    }
  }

  #freshen(word: number): void {
    if (this.#fresh[word] === this.#execution) return;
    this.#fresh[word] = this.#execution;
    const { threads } = this;
    for (let at = word * threads * KINDS, end = at + threads * KINDS; at < end; at++) this.#seen[at] = 0;
    for (let at = word * threads, end = at + threads; at < end; at++) this.#released[at] = 0;
    this.#writeHigh[word] = mix(HIGH_SEED, word + KINDS);
    this.#writeLow[word] = mix(LOW_SEED, word + KINDS);
    this.#readHigh[word] = 0;
    this.#readLow[word] = 0;
  }

  #note(thread: number, word: number, kind: AccessKind, site: number): void {
    const { threads, clocks } = this;
    const time = ++clocks[thread * threads + thread]!;
    const at = word * threads * KINDS;
    for (let other = 0; other < threads; other++) {
      if (other === thread) continue;
      const known = clocks[thread * threads + other]!;
      for (const earlier of CONFLICTS[kind]!) {
        const entry = at + other * KINDS + earlier;
        if (this.#seen[entry]! <= known) continue;
        this.onRace({
          word,
          earlierSite: this.#sites[entry]!,
          earlierWrites: (earlier & 1) === 1,
          laterSite: site,
          laterWrites: (kind & 1) === 1,
        });
      }
    }
    const own = at + thread * KINDS + kind;
    this.#seen[own] = time;
    this.#sites[own] = site;
  }

  #acquire(thread: number, word: number): void {
    const { threads, clocks } = this;
    for (let other = 0; other < threads; other++) {
      const time = this.#released[word * threads + other]!;
      if (time > clocks[thread * threads + other]!) clocks[thread * threads + other] = time;
    }
  }
}

/** Two numbers put together by `^` alone would be one with too many others. */
export const HIGH_SEED = 0x2545f491;
export const LOW_SEED = 0x61c88647;

export function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x9e3779b1);
  h ^= h >>> 15;
  h = Math.imul(h, 0x85ebca6b);
  return h ^ (h >>> 13);
}
