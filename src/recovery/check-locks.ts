/**
 * Owns the locks that check() and snapshot() hold: those of the type table, of growth, and of every bucket. Takes them in any order of buckets, which is safe
 * because no thread waits for a bucket while it holds another one, but for a split, and those need the lock of growth. Waits for nobody without end: what a
 * lock word says is weighed against the slot it names (holders.ts), and a lock that nobody can hold is reported and counts as taken.
 */
import { CLASS_BLOCK_WORDS, classAddress } from '../memory/classes.js';
import { closeIntent, openIntent } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { lockOwner, release, tryAcquire } from '../memory/lock.js';
import { pageEntry } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { type Thread, threadSlotAddress } from '../memory/threads.js';
import { bucketAddress } from '../table/hash.js';
import { describeThread, isOwnThread, whyUnheld } from './holders.js';
import { claims } from './recover.js';
import type { Repair } from './repairs.js';
import type { Findings } from './violations.js';

/** After this long in vain a look whether the threads that are waited for still exist. */
const LOOK_MILLISECONDS = 20;
/** For a thread whose notes say that it does not hold the lock: they may change at this moment. */
const UNCLAIMED_MILLISECONDS = 1000;
/** A constructor runs under a bucket lock and may take its time. */
const CLAIMED_MILLISECONDS = 10_000;

interface Pending {
  readonly lock: WordAddress;
  word: number;
  sequence: number;
  since: number;
}

export class AllLocks {
  readonly #thread: Thread;
  readonly #memory: Memory;
  readonly #findings: Findings;
  readonly #takesOver: boolean;
  /** Locks that were taken from nobody. */
  readonly taken: Repair[] = [];
  /** Locks that were not taken, because somebody else's number stands in them. */
  readonly #missed = new Set<WordAddress>();
  /** Locks besides those of buckets, in the order in which they were taken. */
  #others: WordAddress[] = [];
  /** How many of those are not given back by releaseMemory(). */
  #lasting = 0;
  #buckets = 0;
  #opened = false;

  /** With `takesOver`, locks that nobody holds are taken from whoever they name; otherwise they stay as they are. */
  constructor(thread: Thread, findings: Findings, takesOver = false) {
    this.#thread = thread;
    this.#memory = thread.memory;
    this.#findings = findings;
    this.#takesOver = takesOver;
  }

  /** Whether every lock was taken. */
  isComplete(): boolean {
    return this.#missed.size === 0;
  }

  /** Whether a lock besides those of buckets was taken. */
  holds(lock: WordAddress): boolean {
    return this.#others.includes(lock) && !this.#missed.has(lock);
  }

  /** How many buckets are locked: all there are, as far as the count can be believed. */
  get buckets(): number {
    return this.#buckets;
  }

  /** Takes the locks under which the table stands still. No other lock is held, and no intent is open. */
  acquire(): void {
    openIntent(this.#thread, Layout.INTENT_CHECK, 0); // recovery and whoever waits read this
    this.#opened = true;
    if (this.#takesOver) this.#takeOther([Layout.NAME_LOCK]); // whoever has it waits for buckets
    // No thread hands over its counts, and the number of buckets stands still.
    this.#takeOther([Layout.TYPE_LOCK]);
    this.#takeOther([Layout.GROW_LOCK]);
    this.#takeBuckets(countedBuckets(this.#memory));
  }

  /** Takes those as well under which blocks and pages are moved. A thread that moves blocks between lists of its own needs none of them. */
  acquireMemory(): void {
    this.#lasting = this.#others.length;
    this.#takeOther([Layout.THREAD_LOCK]);
    this.#takeOther(CLASS_BLOCK_WORDS.map((_, sizeClass) => classAddress(sizeClass) + Layout.CLASS_LOCK));
    this.#takeOther([Layout.SPACE_LOCK]);
  }

  /** Gives those back, for threads that wait for them to finish what they do. */
  releaseMemory(): void {
    for (const lock of this.#others.splice(this.#lasting).reverse()) this.#release(lock);
    this.#lasting = 0;
  }

  /** There are more buckets than were counted: nobody can have reached the others yet. */
  extend(count: number): void {
    if (count > this.#buckets) this.#takeBuckets(count);
  }

  release(): void {
    for (let index = 0; index < this.#buckets; index++) this.#release(bucketAddress(this.#memory.buckets, index) + Layout.BUCKET_LOCK);
    this.#buckets = 0;
    for (const lock of this.#others.reverse()) this.#release(lock);
    this.#others = [];
    if (this.#opened) closeIntent(this.#thread);
    this.#opened = false;
  }

  #release(lock: WordAddress): void {
    if (this.#missed.size === 0 || !this.#missed.has(lock)) release(this.#thread, lock);
  }

  #takeOther(locks: readonly WordAddress[]): void {
    this.#others.push(...locks);
    this.#wait(locks.filter((lock) => !tryAcquire(this.#thread, lock)).map((lock) => this.#pending(lock)));
  }

  #takeBuckets(count: number): void {
    const pending: Pending[] = [];
    for (; this.#buckets < count; this.#buckets++) {
      const lock = bucketAddress(this.#memory.buckets, this.#buckets) + Layout.BUCKET_LOCK;
      if (!tryAcquire(this.#thread, lock)) pending.push(this.#pending(lock));
    }
    this.#wait(pending);
  }

  #pending(lock: WordAddress): Pending {
    return { lock, word: 0, sequence: 0, since: performance.now() };
  }

  /** Takes these locks, looking at all of them again every millisecond, until each was taken or is known not to be held by anybody. */
  #wait(pending: readonly Pending[]): void {
    let waiting = pending;
    let looked = performance.now();
    for (;;) {
      if (performance.now() - looked > LOOK_MILLISECONDS) {
        this.#thread.onLaggard(); // what the dead held is free after it
        looked = performance.now();
      }
      waiting = waiting.filter((one) => !this.#settle(one));
      if (waiting.length === 0) return;
      Atomics.wait(this.#memory.words, Layout.HEADER_WORDS - 1, this.#memory.words[Layout.HEADER_WORDS - 1]!, 1);
    }
  }

  /** True if the lock was taken, or cannot be. */
  #settle(one: Pending): boolean {
    const { lock } = one;
    const { words } = this.#memory;
    const word = Atomics.load(words, lock);
    if (word === 0) return tryAcquire(this.#thread, lock);
    const unheld = whyUnheld(this.#memory, word);
    if (unheld !== undefined) return this.#nobodys(lock, word, `is held by ${unheld}`);
    const slot = lockOwner(word) - 1;
    const named = describeThread(this.#thread, slot);
    const address = threadSlotAddress(this.#memory, slot);
    const claimed = slot !== this.#thread.slot && claims(this.#memory, address, lock);
    if (isOwnThread(this.#thread, slot)) {
      const what = `is held by ${named}, which is the one that checks`;
      const open = (Atomics.load(words, address + Layout.THREAD_INTENT_SEQUENCE) & 1) !== 0; // by a caller of ours
      return claimed && open ? this.#miss(lock, what) : this.#nobodys(lock, word, what);
    }
    const sequence = Atomics.load(words, address + Layout.THREAD_INTENT_SEQUENCE);
    const now = performance.now();
    // The waiters bit may come and go.
    if (lockOwner(word) !== lockOwner(one.word) || sequence !== one.sequence) Object.assign(one, { word, sequence, since: now });
    const waited = Math.round(now - one.since);
    const what = `was not released by ${named} for ${waited} ms`;
    if (waited < (claimed ? CLAIMED_MILLISECONDS : UNCLAIMED_MILLISECONDS)) return false;
    return claimed ? this.#miss(lock, what) : this.#nobodys(lock, word, what);
  }

  /** A lock that nobody holds who could give it back. */
  #nobodys(lock: WordAddress, word: number, what: string): boolean {
    if (!this.#takesOver) return this.#miss(lock, what);
    if (Atomics.compareExchange(this.#memory.words, lock, word, this.#thread.owner) !== word) return false;
    const named = `${lockName(this.#memory, lock)} ${what}`;
    if (this.#lasting === 0) this.#findings.add('lock', lock, () => named); // those of memory were looked at before
    this.taken.push({ rule: 'lock', address: lock, what: `released: ${named}` });
    return true;
  }

  #miss(lock: WordAddress, what: string): true {
    this.#missed.add(lock);
    this.#findings.add('lock', lock, () => `${lockName(this.#memory, lock)} ${what}`);
    return true;
  }
}

/** How many buckets there are, as far as the word can be believed. */
export function countedBuckets(memory: Memory): number {
  return Math.min(Math.max(memory.words[Layout.BUCKET_COUNT]!, Layout.FIRST_BUCKETS), mostBuckets(memory));
}

/** The buckets that have room below the end of their region, and below the first page that holds blocks: what stands there is not theirs to be locked. */
export function mostBuckets(memory: Memory): number {
  const { words, buckets, pages, firstFreePage } = memory;
  const floor = words[Layout.PAGE_FLOOR]!;
  const most = Math.min(words[Layout.BUCKET_PAGE_LIMIT]!, pages, floor >= firstFreePage ? floor : pages);
  let limit = firstFreePage;
  while (limit < most && words[pageEntry(memory, limit) + Layout.PAGE_CLASS] === 0) limit++;
  return Math.min(Math.floor((limit * Layout.PAGE_WORDS - buckets) / Layout.BUCKET_WORDS), 2 ** 27);
}

/** What a lock guards. */
export function lockName({ buckets }: Memory, lock: WordAddress): string {
  switch (lock) {
    case Layout.TYPE_LOCK:
      return 'the lock of the type table';
    case Layout.GROW_LOCK:
      return 'the lock of growth';
    case Layout.SPACE_LOCK:
      return 'the lock of pages';
    case Layout.THREAD_LOCK:
      return 'the lock of orphaned blocks';
    case Layout.NAME_LOCK:
      return 'the lock of names';
    default:
      if (lock >= buckets) return `the lock of bucket ${(lock - buckets) >> Layout.BUCKET_SHIFT}`;
      return `the lock of size class ${(lock - Layout.CLASSES) / Layout.CLASS_WORDS}`;
  }
}
