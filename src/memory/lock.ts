/**
 * Owns the two kinds of lock word.
 *
 * *Plain locks* (buckets, classes, space, types, growth): 0, or owner slot + 1; bit 31 says that someone waits.
 * *Variable locks* (BLOCK_LOCK): owner in bits 0–9, a version in bits 10–30 that every release raises, bit 31 as above. The version
 * makes the word a seqlock: a reader that sees the same version and no owner before and after has read one consistent state.
 *
 * Rules of order, all of them: variable lock before bucket lock before class or space lock; TYPE_LOCK before GROW_LOCK before bucket locks, and
 * GROW_LOCK only ever tried by a thread at work; nobody waits for a variable lock while holding any other lock (a second one is only ever tried). Hence no
 * cycle.
 *
 * Every wait is timed: a thread that is terminated while it is being woken takes the wake with it, and the owner of a lock may die. After each wait in vain
 * `onStalled` looks whether the owner still exists, and recovers what it held if not (recovery/); it throws where waiting is hopeless.
 *
 * A variable lock stands in THREAD_VARIABLE before it is taken: recovery reads this. How the other locks of a dead thread are found: recovery/repair.ts.
 *
 * Imports layout, lock-waits and threads.
 */
import { Layout, type WordAddress } from './layout.js';
import { lockKind, waitBegins, waitEnds } from './lock-waits.js';
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

/** The owner that a plain lock word names, 0 = none. */
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

/** Takes a lock that no intent tells of. It stands in the thread's slot meanwhile, so that whoever waits for it can see that it is held. */
export function acquireNoted(thread: Thread, lock: WordAddress): void {
  thread.words[thread.address + Layout.THREAD_HELD] = lock;
  try {
    acquire(thread, lock);
  } catch (error) {
    thread.words[thread.address + Layout.THREAD_HELD] = 0; // waiting is hopeless
    throw error;
  }
}

/** The same for a lock that may be taken; whether it was free. */
export function tryAcquireNoted(thread: Thread, lock: WordAddress): boolean {
  thread.words[thread.address + Layout.THREAD_HELD] = lock;
  if (tryAcquire(thread, lock)) return true;
  thread.words[thread.address + Layout.THREAD_HELD] = 0;
  return false;
}

export function releaseNoted(thread: Thread, lock: WordAddress): void {
  release(thread, lock);
  thread.words[thread.address + Layout.THREAD_HELD] = 0;
}

function acquireSlowly(thread: Thread, lock: WordAddress): void {
  const { words, owner } = thread;
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(words, lock) === 0 && Atomics.compareExchange(words, lock, 0, owner) === 0) return;
  }
  words[thread.address + Layout.THREAD_LOCK_WAITS]!++;
  const since = waitBegins();
  let holder = 0;
  for (let waited = 0; ;) {
    // Whoever has slept takes the lock with the waiters bit set: others may sleep still, and only the bit remembers them.
    const seen = Atomics.compareExchange(words, lock, 0, owner | WAITERS);
    if (seen === 0) {
      if (since >= 0 && holder !== 0) waitEnds(thread, lockKind(thread, lock), holder, since);
      return;
    }
    holder = lockOwner(seen);
    if (seen < 0 || Atomics.compareExchange(words, lock, seen, seen | WAITERS) === seen) {
      if (Atomics.wait(words, lock, seen | WAITERS, WAIT_MILLISECONDS) !== 'timed-out') continue;
      waited += WAIT_MILLISECONDS;
      thread.onStalled(lock, holder, waited);
    }
  }
}

/** Takes the lock of a variable. The caller has made sure that this thread holds no other variable lock. */
export function acquireVariable(thread: Thread, block: WordAddress): void {
  const { words, owner } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  words[thread.address + Layout.THREAD_VARIABLE] = block; // recovery reads this
  // step: variable.acquire
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
  const since = waitBegins();
  let holder = 0;
  for (let waited = 0; ;) {
    seen = Atomics.load(words, lock);
    if ((seen & OWNER_MASK) === 0) {
      if (Atomics.compareExchange(words, lock, seen, seen | owner | WAITERS) !== seen) continue;
      if (since >= 0 && holder !== 0) waitEnds(thread, 'variable', holder, since);
      return;
    }
    holder = seen & OWNER_MASK;
    if (seen < 0 || Atomics.compareExchange(words, lock, seen, seen | WAITERS) === seen) {
      if (Atomics.wait(words, lock, seen | WAITERS, WAIT_MILLISECONDS) !== 'timed-out') continue;
      waited += WAIT_MILLISECONDS;
      thread.onStalled(lock, holder, waited);
    }
  }
}

/** Waits until nobody holds the lock of a variable. For a thread that holds another variable's lock and may take no second one. */
export function awaitVariable(thread: Thread, block: WordAddress): void {
  const { words } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  const since = waitBegins();
  let holder = 0;
  for (let waited = 0; ;) {
    const seen = Atomics.load(words, lock);
    if ((seen & OWNER_MASK) === 0) {
      if (since >= 0 && holder !== 0) waitEnds(thread, 'variable', holder, since);
      return;
    }
    holder = seen & OWNER_MASK;
    if (seen >= 0 && Atomics.compareExchange(words, lock, seen, seen | WAITERS) !== seen) continue;
    if (Atomics.wait(words, lock, seen | WAITERS, WAIT_MILLISECONDS) !== 'timed-out') continue;
    waited += WAIT_MILLISECONDS;
    thread.onStalled(lock, holder, waited);
  }
}

/** Takes the lock of a variable if it is free. For a thread that holds another variable's lock: it waits for nobody. */
export function tryAcquireVariable(thread: Thread, block: WordAddress): boolean {
  const { words, owner } = thread;
  const lock = block + Layout.BLOCK_LOCK;
  words[thread.address + Layout.THREAD_VARIABLE_INNER] = block; // recovery reads this
  const seen = Atomics.load(words, lock);
  return (seen & OWNER_MASK) === 0 && Atomics.compareExchange(words, lock, seen, seen | owner) === seen;
}

/** Releases it and raises its version. */
export function releaseVariable(thread: Thread, block: WordAddress): void {
  const { words, address } = thread;
  // step: variable.release
  unlockVariable(words, block);
  // step: variable.released
  if (words[address + Layout.THREAD_VARIABLE] === block) words[address + Layout.THREAD_VARIABLE] = 0;
  else words[address + Layout.THREAD_VARIABLE_INNER] = 0;
}

function unlockVariable(words: Int32Array, block: WordAddress): void {
  const lock = block + Layout.BLOCK_LOCK;
  for (;;) {
    const seen = Atomics.load(words, lock);
    if (Atomics.compareExchange(words, lock, seen, (seen + VERSION_STEP) & VERSION_MASK) === seen) {
      if (seen < 0) Atomics.notify(words, lock, 1);
      return;
    }
  }
}

/** Releases a lock on behalf of a dead owner, if it is that one's; whether it was. Wakes all: one of them may be dying as well. */
export function releaseFor(words: Int32Array, owner: number, lock: WordAddress): boolean {
  for (;;) {
    const seen = Atomics.load(words, lock);
    if (lockOwner(seen) !== owner) return false;
    if (Atomics.compareExchange(words, lock, seen, 0) !== seen) continue;
    Atomics.notify(words, lock);
    return true;
  }
}

/** The same for the lock of a variable. */
export function releaseVariableFor(words: Int32Array, owner: number, block: WordAddress): boolean {
  if (variableOwner(words, block) !== owner) return false;
  unlockVariable(words, block);
  Atomics.notify(words, block + Layout.BLOCK_LOCK);
  return true;
}

/** The owner of a variable's lock, 0 = none. */
export function variableOwner(words: Int32Array, block: WordAddress): number {
  return Atomics.load(words, block + Layout.BLOCK_LOCK) & OWNER_MASK;
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
