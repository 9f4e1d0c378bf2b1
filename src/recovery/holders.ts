/**
 * Owns the question who holds a lock: whether the number in a lock word is that of a thread that can hold it. Reads thread slots, writes nothing. Imports
 * layout, lock, threads.
 */
import { threadId } from 'node:worker_threads';

import { Layout, type ThreadSlot } from '../memory/layout.js';
import { lockOwner } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { isInUse, osThreadOf, type Thread, threadSlotAddress, threadState } from '../memory/threads.js';

/** Owner in the word of a variable's own lock, 0 = nobody. */
export function variableOwnerIn(word: number): number {
  return word & 0x3ff;
}

/**
 * Whether this slot belongs to the very thread that asks, by this or another attachment, or because it acts in the name of a dead one: it is not running
 * anything else meanwhile.
 */
export function isOwnThread(thread: Thread, slot: ThreadSlot): boolean {
  if (slot === thread.slot) return true;
  const { words } = thread;
  const address = threadSlotAddress(thread.memory, slot);
  return isInUse(Atomics.load(words, address + Layout.THREAD_STATE)) && words[address + Layout.THREAD_NODE_ID] === threadId;
}

/** Why nobody holds a lock with this word, as part of a sentence; undefined if somebody may. */
export function whyUnheld(memory: Memory, word: number): string | undefined {
  const owner = lockOwner(word);
  if (owner < 1 || owner > memory.maxThreads) return `owner ${owner}, which is no thread slot`;
  const state = threadState(memory.words, threadSlotAddress(memory, owner - 1));
  if (state === Layout.THREAD_FREE) return `thread slot ${owner - 1}, which nobody has`;
  if (state === Layout.THREAD_DEAD) return `thread slot ${owner - 1}, whose thread is dead and holds no lock any more`;
  return undefined;
}

/** How a thread is named in a report. */
export function describeThread({ memory, words }: Thread, slot: ThreadSlot): string {
  const address = threadSlotAddress(memory, slot);
  return `thread slot ${slot} (thread ${words[address + Layout.THREAD_NODE_ID]}, OS thread ${osThreadOf(words, address)})`;
}

/**
 * Whether a thread is giving pages back: they are marked as its own, and become free when it goes on, or if it died when it is settled. One that lives does so
 * with an intent open.
 */
export function isLeaving(memory: Memory, owner: number): boolean {
  if (owner < 1 || owner > memory.maxThreads) return false;
  const { words } = memory;
  const address = threadSlotAddress(memory, owner - 1);
  const state = threadState(words, address);
  return state !== Layout.THREAD_FREE && words[address + Layout.THREAD_LEAVING] !== 0;
}
