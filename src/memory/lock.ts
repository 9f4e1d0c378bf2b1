/**
 * Owns the two kinds of lock word.
 *
 * *Plain locks* (buckets, classes, space, types, growth): 0, or owner slot + 1; bit 31 says that someone waits.
 * *Variable locks* (BLOCK_LOCK): owner in bits 0–9, a version in bits 10–30 that every release raises, bit 31 as above. The version
 * makes the word a seqlock: a reader that sees the same version and no owner before and after has read one consistent state.
 *
 * Rules of order, all of them: variable lock before bucket lock before class or space lock; TYPE_LOCK and GROW_LOCK before bucket locks, and
 * GROW_LOCK, outside check(), only ever tried, not waited for; nobody waits for a variable lock while holding any other lock (a second one is only ever
 * tried). Hence no cycle.
 *
 * Every wait is timed: a thread that is terminated while it is being woken takes the wake with it.
 *
 * Imports layout and threads.
 */
import { Layout, type WordAddress } from './layout.js';
import { STRONGLY_ORDERED } from './processor.js';
import type { Thread } from './threads.js';

const WAITERS = 1 << 31;
const OWNER_MASK = 0x3ff;
const VERSION_STEP = 0x400;
const VERSION_MASK = 0x7ffffc00;
/** About half a microsecond of Atomics.load: longer than a critical section without a constructor. */
const SPINS = 60;
/** After this long a waiter looks again by itself. */
const WAIT_MILLISECONDS = 20;

export function lockOwner(word: number): number {
  return word & ~WAITERS;
}

export function acquire(thread: Thread, lock: WordAddress): void {
  if (Atomics.compareExchange(thread.words, lock, 0, thread.owner) !== 0) acquireSlowly(thread, lock);
}

export function tryAcquire(thread: Thread, lock: WordAddress): boolean {
  return Atomics.compareExchange(thread.words, lock, 0, thread.owner) === 0;
}

export function release(thread: Thread, lock: WordAddress): void {
  if (Atomics.exchange(thread.words, lock, 0) < 0) Atomics.notify(thread.words, lock, 1);
}

function acquireSlowly(thread: Thread, lock: WordAddress): void {
  const { words, owner } = thread;
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(words, lock) === 0 && Atomics.compareExchange(words, lock, 0, owner) === 0) return;
  }
  words[thread.address + Layout.THREAD_LOCK_WAITS]!++;
  for (;;) {
    // Whoever has slept takes the lock with the waiters bit set: others may sleep still, and only the bit remembers them.
    const seen = Atomics.compareExchange(words, lock, 0, owner | WAITERS);
    if (seen === 0) return;
    if (seen < 0 || Atomics.compareExchange(words, lock, seen, seen | WAITERS) === seen) {
      Atomics.wait(words, lock, seen | WAITERS, WAIT_MILLISECONDS);
    }
  }
}

/** Takes the lock of a variable. The caller has made sure that this thread holds no other variable lock. */
export function acquireVariable(thread: Thread, block: WordAddress): void {
  const { words, owner } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  let seen = Atomics.load(words, lock);
  for (let spin = 0; spin < SPINS; spin++) {
    if ((seen & OWNER_MASK) === 0) {
      const found = Atomics.compareExchange(words, lock, seen, seen | owner);
      if (found === seen) return;
      seen = found;
    } else {
      seen = Atomics.load(words, lock);
    }
  }
  words[thread.address + Layout.THREAD_LOCK_WAITS]!++;
  for (;;) {
    seen = Atomics.load(words, lock);
    if ((seen & OWNER_MASK) === 0) {
      if (Atomics.compareExchange(words, lock, seen, seen | owner | WAITERS) === seen) return;
    } else if (seen < 0 || Atomics.compareExchange(words, lock, seen, seen | WAITERS) === seen) {
      Atomics.wait(words, lock, seen | WAITERS, WAIT_MILLISECONDS);
    }
  }
}

/** Takes the lock of a variable if it is free. May be used by a thread that holds another variable's lock: it waits for nobody. */
export function tryAcquireVariable(thread: Thread, block: WordAddress): boolean {
  const { words, owner } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  const seen = Atomics.load(words, lock);
  return (seen & OWNER_MASK) === 0 && Atomics.compareExchange(words, lock, seen, seen | owner) === seen;
}

/** Releases it and raises its version. */
export function releaseVariable(thread: Thread, block: WordAddress): void {
  const { words } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  for (;;) {
    const seen = Atomics.load(words, lock);
    if (Atomics.compareExchange(words, lock, seen, (seen + VERSION_STEP) & VERSION_MASK) === seen) {
      if (seen < 0) Atomics.notify(words, lock, 1);
      return;
    }
  }
}

/** The version to read under, or −1 while a writer holds the lock. */
export function readVersion(words: Int32Array, block: WordAddress): number {
  const seen = Atomics.load(words, block + Layout.BLOCK_LOCK);
  return (seen & OWNER_MASK) === 0 ? seen & VERSION_MASK : -1;
}

/** Processors that keep loads in order; elsewhere the plain loads of the data could be satisfied after an atomic load that follows them. */
const LOADS_IN_ORDER = STRONGLY_ORDERED;

/** Whether what was read since `readVersion` returned this version is one consistent state. */
export function isVersion(words: Int32Array, block: WordAddress, version: number): boolean {
  const lock = block + Layout.BLOCK_LOCK;
  const seen = LOADS_IN_ORDER ? Atomics.load(words, lock) : Atomics.or(words, lock, 0);
  return (seen & OWNER_MASK) === 0 && (seen & VERSION_MASK) === version;
}
