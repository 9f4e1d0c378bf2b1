/**
 * Owns the question whether threads are at rest: a thread moves blocks between its own lists under no lock, and says so with an intent. Reads intent records, writes
 * nothing. Called while every bucket is locked; imports layout, threads.
 */
import { Layout, type ThreadSlot, type WordAddress } from '../memory/layout.js';
import { type Thread, threadSlotAddress, threadState } from '../memory/threads.js';

/** Those that hold nothing before they have a bucket lock. */
const WAITING_INTENTS: ReadonlySet<number> = new Set([
  Layout.INTENT_INSERT,
  Layout.INTENT_REMOVE,
  Layout.INTENT_SPLIT,
  Layout.INTENT_MIGRATE,
  Layout.INTENT_VISIT,
  Layout.INTENT_CHECK,
]);

/**
 * A thread that moves blocks now, −1 if there is none: an intent is open, and it is not one of those that hold nothing before they have a bucket
 * lock, since all of them are ours.
 */
export function movingThread({ memory, words }: Thread): ThreadSlot {
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address: WordAddress = threadSlotAddress(memory, slot);
    // Neither holds anything that moves: what they have is checked for itself.
    const state = threadState(words, address);
    if (state === Layout.THREAD_FREE || state === Layout.THREAD_DEAD) continue;
    const intent = Atomics.load(words, address + Layout.THREAD_INTENT);
    if (!WAITING_INTENTS.has(intent) && (Atomics.load(words, address + Layout.THREAD_INTENT_SEQUENCE) & 1) !== 0) return slot;
  }
  return -1;
}

/** What tells whether any thread has said since that it moves something. */
export function intentSequences({ memory, words }: Thread): number[] {
  const sequences: number[] = [];
  for (let slot = 0; slot < memory.maxThreads; slot++)
    sequences.push(Atomics.load(words, threadSlotAddress(memory, slot) + Layout.THREAD_INTENT_SEQUENCE));
  return sequences;
}

/** Whether no thread has moved a block since these sequences were read. */
export function wasAtRest(thread: Thread, before: readonly number[]): boolean {
  return movingThread(thread) < 0 && intentSequences(thread).every((sequence, i) => sequence === before[i]);
}
