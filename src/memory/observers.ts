/**
 * Owns the count of those who want tasks timed. Writes TASK_OBSERVERS with Atomics.add, and THREAD_OBSERVING of the slot, which tells recovery what a dead thread has
 * added. A thread that dies between the two leaves TASK_OBSERVERS too high, never too low: tasks are timed for nobody then, which costs some tens of nanoseconds
 * each and harms nothing. Imports layout.
 */
import { Layout, type WordAddress } from './layout.js';

export function beginObserving(words: Int32Array, slotAddress: WordAddress): void {
  Atomics.add(words, Layout.TASK_OBSERVERS, 1);
  words[slotAddress + Layout.THREAD_OBSERVING]!++; // recovery reads this
}

export function endObserving(words: Int32Array, slotAddress: WordAddress): void {
  words[slotAddress + Layout.THREAD_OBSERVING]!--;
  Atomics.sub(words, Layout.TASK_OBSERVERS, 1);
}

/** Ends all that a slot has, when its thread leaves it or is found dead. */
export function stopObserving(words: Int32Array, slotAddress: WordAddress): void {
  const observing = words[slotAddress + Layout.THREAD_OBSERVING]!;
  if (observing === 0) return;
  words[slotAddress + Layout.THREAD_OBSERVING] = 0;
  Atomics.sub(words, Layout.TASK_OBSERVERS, observing);
}
