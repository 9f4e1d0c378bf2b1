/**
 * Owns grace periods: THREAD_EPOCH of each thread and GRACE_EPOCH.
 *
 * A thread enters the current epoch before its first operation of a stretch and leaves at its safepoint. A block is retired with the
 * epoch read *after* it was unlinked and may be reused once every thread is quiescent or has entered a later epoch: such a thread read
 * the later epoch after the unlink, so it cannot have found the block. The epoch moves on only when nobody is in an older one, so
 * one thread that stays inside holds back at most two epochs of retired blocks in each other thread.
 *
 * Imports errors, layout and threads.
 */
import { ShadowError } from '../errors.js';
import { Layout } from './layout.js';
import { STRONGLY_ORDERED } from './processor.js';
import type { Memory } from './reservation.js';
import type { Thread } from './threads.js';

/** Where Atomics.store is an exchange and nothing passes it; elsewhere a plain load could. */
const STORES_FENCE = STRONGLY_ORDERED;
const EPOCH_STEP = 2; // the epoch stays odd, so that 0 always means quiescent

/**
 * Enters a new interval. The look-ups that follow must not read from before this thread is seen inside: where Atomics.store is no fence for later plain loads
 * (a store-release on ARM64), an atomic load behind it is, since it waits for the store and nothing passes it.
 * The thread's `onTurnEnd` is queued as a microtask, once per turn.
 * @throws ERR_SHADOW_DISPOSED
 */
export function enter(thread: Thread): void {
  const { words } = thread;
  if (thread.disposed) throw new ShadowError('ERR_SHADOW_DISPOSED', 'this store object was disposed; attach to the handle again');
  Atomics.store(words, thread.address + Layout.THREAD_EPOCH, Atomics.load(words, Layout.GRACE_EPOCH) | 1);
  if (!STORES_FENCE) Atomics.load(words, thread.address + Layout.THREAD_EPOCH);
  thread.interval = ++thread.intervals;
  if (thread.leaveQueued) return;
  thread.leaveQueued = true;
  queueMicrotask(thread.onTurnEnd);
}

/** Becomes quiescent: no view of a freed variable is valid in this thread any more. */
export function leave(thread: Thread): void {
  thread.interval = 0;
  Atomics.store(thread.words, thread.address + Layout.THREAD_EPOCH, 0);
}

/** The epoch to retire a block with; to be read after its unlink, whose Atomics.store is the fence on x86. */
export function retirementEpoch(words: Int32Array): number {
  return STORES_FENCE ? words[Layout.GRACE_EPOCH]! : Atomics.load(words, Layout.GRACE_EPOCH);
}

/** Moves the epoch on if it can, and returns the horizon: blocks retired in an epoch before it cannot be held by anyone. */
export function graceHorizon(memory: Memory): number {
  const { words } = memory;
  const epoch = Atomics.load(words, Layout.GRACE_EPOCH);
  const oldest = oldestEpoch(memory, epoch);
  if (oldest !== epoch) return oldest;
  const next = (epoch + EPOCH_STEP) | 0;
  if (Atomics.compareExchange(words, Layout.GRACE_EPOCH, epoch, next) !== epoch) return oldest;
  return oldestEpoch(memory, next);
}

/** Whether the grace period of blocks retired in `epoch` is over. Epochs wrap, hence the subtraction. */
export function isPast(epoch: number, horizon: number): boolean {
  return ((horizon - epoch) | 0) > 0;
}

/** The oldest epoch some thread is in; `none` if all are quiescent. */
function oldestEpoch(memory: Memory, none: number): number {
  const { words, threads } = memory;
  const high = Math.min(Atomics.load(words, Layout.THREAD_HIGH), memory.maxThreads);
  let oldest = none;
  for (let slot = 0; slot < high; slot++) {
    const entered = Atomics.load(words, threads + slot * Layout.THREAD_WORDS + Layout.THREAD_EPOCH);
    if (entered !== 0 && ((entered - oldest) | 0) < 0) oldest = entered;
  }
  return oldest;
}
