/**
 * Owns the thread table: claiming and giving back slots, and the identity a slot records. A slot is claimed by compare-exchange of
 * THREAD_STATE, so no lock is needed before the thread has an owner number. Everything else in a slot is written by its own thread, and once that is dead
 * by whoever recovers it.
 * Imports layout, observers, os-threads, reservation and errors.
 */
import { threadId } from 'node:worker_threads';

import { ShadowError } from '../errors.js';
import { Layout, type ThreadSlot, type WordAddress } from './layout.js';
import { stopObserving } from './observers.js';
import { isGone, ownOsThread } from './os-threads.js';
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
  /** Called while this thread waits for a lock that `owner` holds, after each wait in vain, and when an old grace epoch does not end; set by the store. */
  onStalled: (lock: WordAddress, owner: number, waitedMilliseconds: number) => void = () => undefined;
  onLaggard: () => void = () => undefined;
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
  const own = ownOsThread();
  const live = stateWord(Layout.THREAD_LIVE, own.id);
  for (let slot = 0; slot < maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    if (Atomics.load(words, address + Layout.THREAD_STATE) !== Layout.THREAD_FREE) continue;
    countIn(words, slot);
    if (Atomics.compareExchange(words, address + Layout.THREAD_STATE, Layout.THREAD_FREE, live) !== Layout.THREAD_FREE) continue;
    // step: claim.claimed
    identify(words, address);
    words[address + Layout.THREAD_GENERATION] = (words[address + Layout.THREAD_GENERATION]! + 1) | 0;
    words[address + Layout.THREAD_FIRST_HANDLE] = Atomics.load(words, Layout.OBJECT_SEQUENCE);
    // step: claim.identified
    return new Thread(memory, slot);
  }
  throw new ShadowError(
    'ERR_SHADOW_THREADS_FULL',
    `all ${maxThreads} thread slots are taken; dispose stores that are no longer used or create the store with a larger maxThreads`,
  );
}

/** Has THREAD_HIGH lie behind a slot before anybody has it: whoever looks for threads then finds each, one that has died on the way included. */
function countIn(words: Int32Array, slot: ThreadSlot): void {
  for (;;) {
    const high = Atomics.load(words, Layout.THREAD_HIGH);
    if (high > slot || Atomics.compareExchange(words, Layout.THREAD_HIGH, high, slot + 1) === high) return;
  }
}

/** Gives the slot back. The caller has already emptied its caches, its retired list and its counters. */
export function releaseThread(thread: Thread): void {
  const { words, address } = thread;
  for (let counter = 0; counter < Layout.THREAD_COUNTERS; counter++) {
    const count = words[address + Layout.THREAD_LOCK_WAITS + counter]!;
    words[address + Layout.THREAD_LOCK_WAITS + counter] = 0;
    Atomics.add(words, Layout.DEPARTED_COUNTERS + counter, count);
  }
  words[address + Layout.THREAD_DESTROYING_COUNT] = 0;
  words[address + Layout.THREAD_HANDLES] = 0;
  words[address + Layout.THREAD_SETTLED] = 0;
  words[address + Layout.THREAD_HELD] = 0;
  stopObserving(words, address);
  Atomics.store(words, address + Layout.THREAD_EPOCH, 0);
  thread.disposed = true;
  thread.interval = 0;
  // step: release.emptied
  words[address + Layout.THREAD_NODE_ID] = 0;
  words[address + Layout.THREAD_OS_START_LOW] = 0;
  words[address + Layout.THREAD_OS_START_HIGH] = 0;
  Atomics.store(words, address + Layout.THREAD_STATE, Layout.THREAD_FREE);
}

/** What THREAD_STATE holds for a thread in a state; an id of 0 stands for an unknown one. */
export function stateWord(state: number, osThreadId: number): number {
  return (osThreadId << Layout.THREAD_STATE_BITS) | state;
}

/** THREAD_FREE, _LIVE, _DEAD or _ADOPTED. */
export function threadState(words: Int32Array, slotAddress: WordAddress): number {
  return Atomics.load(words, slotAddress + Layout.THREAD_STATE) & Layout.THREAD_STATE_MASK;
}

/** Whether a thread acts in a slot with this state word: its own, or one in the name of the dead. */
export function isInUse(word: number): boolean {
  const state = word & Layout.THREAD_STATE_MASK;
  return state === Layout.THREAD_LIVE || state === Layout.THREAD_ADOPTED;
}

/** The OS thread that a slot belongs to, 0 = unknown. */
export function osThreadOf(words: Int32Array, slotAddress: WordAddress): number {
  return Atomics.load(words, slotAddress + Layout.THREAD_STATE) >>> Layout.THREAD_STATE_BITS;
}

/** Whether the operating system says that the thread of a slot, or whoever acts in its name, exists no more. */
export function isSlotGone(words: Int32Array, slotAddress: WordAddress): boolean {
  const state = Atomics.load(words, slotAddress + Layout.THREAD_STATE);
  const low = words[slotAddress + Layout.THREAD_OS_START_LOW]!;
  const high = words[slotAddress + Layout.THREAD_OS_START_HIGH]!;
  const id = state >>> Layout.THREAD_STATE_BITS;
  if (id === ownOsThread().id && words[slotAddress + Layout.THREAD_NODE_ID] === threadId) return false; // whoever asks is there
  if (!isGone(id, low, high)) return false;
  // The slot may have changed hands while the operating system was asked.
  return Atomics.load(words, slotAddress + Layout.THREAD_STATE) === state && words[slotAddress + Layout.THREAD_OS_START_LOW] === low;
}

/**
 * Writes who runs here: the worker's id, and on Linux the start time of the OS thread, by which, with its id, a waiter can tell that the owner of a lock is
 * gone although no event can reach it.
 */
export function identify(words: Int32Array, slotAddress: WordAddress): void {
  const own = ownOsThread();
  words[slotAddress + Layout.THREAD_NODE_ID] = threadId;
  words[slotAddress + Layout.THREAD_OS_START_HIGH] = own.startHigh;
  // Last: while it is 0 the rest counts as unknown.
  Atomics.store(words, slotAddress + Layout.THREAD_OS_START_LOW, own.startLow);
}
