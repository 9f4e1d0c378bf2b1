/**
 * Owns the thread table: claiming and giving back slots, and the identity a slot records. A slot is claimed by compare-exchange of
 * THREAD_STATE, so no lock is needed before the thread has an owner number. Everything else in a slot is written by its own thread.
 * Imports layout, reservation and errors.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

import { ShadowError } from '../errors.js';
import { Layout, type ThreadSlot, type WordAddress } from './layout.js';
import type { Memory } from './reservation.js';

/** What one thread knows about itself: its slot, and whether it is inside a grace epoch. One object per attached store. */
export class Thread {
  readonly memory: Memory;
  readonly words: Int32Array;
  readonly slot: ThreadSlot;
  /** Word address of the slot. */
  readonly address: WordAddress;
  /** What this thread writes into a lock word. */
  readonly owner: number;
  /** 0 while quiescent; otherwise the number of the stretch between two safepoints. Views carry the interval they were validated in. */
  interval = 0;
  intervals = 0;
  leaveQueued = false;
  /** Runs in the microtask that ends the turn; set once, by the store. */
  onTurnEnd: () => void = () => undefined;
  /** Block under construction, 0 = none: the store may be read but not written. */
  constructing: WordAddress = 0;
  /** Block whose variable lock this thread holds, 0 = none. */
  locked: WordAddress = 0;
  /** Whether destructors wait for that lock to be released, and what runs them then; set by the store. */
  deferred = false;
  onUnlocked: () => void = () => undefined;
  /** How many destructors are on the stack. */
  destroying = 0;
  disposed = false;

  constructor(memory: Memory, slot: ThreadSlot) {
    this.memory = memory;
    this.words = memory.words;
    this.slot = slot;
    this.address = threadSlotAddress(memory, slot);
    this.owner = slot + 1;
  }
}

export function threadSlotAddress(memory: Memory, slot: ThreadSlot): WordAddress {
  return memory.threads + slot * Layout.THREAD_WORDS;
}

/** Claims the first free slot. @throws ERR_SHADOW_THREADS_FULL */
export function claimThread(memory: Memory): Thread {
  const { words, maxThreads } = memory;
  for (let slot = 0; slot < maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    if (Atomics.compareExchange(words, address + Layout.THREAD_STATE, Layout.THREAD_FREE, Layout.THREAD_LIVE) !== Layout.THREAD_FREE)
      continue;
    words[address + Layout.THREAD_GENERATION] = (words[address + Layout.THREAD_GENERATION]! + 1) | 0;
    recordIdentity(words, address);
    for (;;) {
      const high = Atomics.load(words, Layout.THREAD_HIGH);
      if (high > slot || Atomics.compareExchange(words, Layout.THREAD_HIGH, high, slot + 1) === high) break;
    }
    return new Thread(memory, slot);
  }
  throw new ShadowError(
    'ERR_SHADOW_THREADS_FULL',
    `all ${maxThreads} thread slots are taken; dispose stores that are no longer used or create the store with a larger maxThreads`,
  );
}

/** Gives the slot back. The caller has already emptied its caches, its retired list and its counters. */
export function releaseThread(thread: Thread): void {
  const { words, address } = thread;
  for (let counter = 0; counter < Layout.THREAD_COUNTERS; counter++) {
    Atomics.add(words, Layout.DEPARTED_COUNTERS + counter, words[address + Layout.THREAD_LOCK_WAITS + counter]!);
    words[address + Layout.THREAD_LOCK_WAITS + counter] = 0;
  }
  words[address + Layout.THREAD_NODE_ID] = 0;
  words[address + Layout.THREAD_OS_ID] = 0;
  words[address + Layout.THREAD_DESTROYING_COUNT] = 0;
  Atomics.store(words, address + Layout.THREAD_EPOCH, 0);
  thread.disposed = true;
  thread.interval = 0;
  Atomics.store(words, address + Layout.THREAD_STATE, Layout.THREAD_FREE);
}

/**
 * Writes who runs here: the worker's id, and on Linux the OS thread id with its start time, by which a waiter can tell that the owner
 * of a lock is gone although no event can reach it.
 */
function recordIdentity(words: Int32Array, address: WordAddress): void {
  words[address + Layout.THREAD_NODE_ID] = threadId;
  if (process.platform !== 'linux') return;
  try {
    const task = readlinkSync('/proc/thread-self').split('/').pop() ?? '0';
    // The second field is the command in parentheses and may hold spaces, so counting starts behind it: start time is field 22.
    const stat = readFileSync('/proc/thread-self/stat', 'utf8');
    const started = BigInt(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0');
    words[address + Layout.THREAD_OS_ID] = Number(task);
    words[address + Layout.THREAD_OS_START_LOW] = Number(BigInt.asIntN(32, started));
    words[address + Layout.THREAD_OS_START_HIGH] = Number(BigInt.asIntN(32, started >> 32n));
  } catch {
    words[address + Layout.THREAD_OS_ID] = 0; // no /proc here: the exit event alone tells of this thread's death
  }
}
