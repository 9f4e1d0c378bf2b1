/**
 * Owns the intent record of a thread slot: what the thread is about to change, for recovery to read if it dies. Imports layout and threads.
 *
 * THREAD_INTENT_BLOCK names the one block that is on its way between two places: lists of this file's users, the table, the record of owed destructors. A block
 * that stands there and in none of those places is *in hand*; recovery retires it. Whether it arrived is told by the word that commits its arrival.
 */
import { Layout, type WordAddress } from './layout.js';
import type { Thread } from './threads.js';

/** Says what the thread is about to change, before it takes the lock at `bucket`. Intents do not nest. */
export function openIntent(thread: Thread, intent: number, bucket: WordAddress): void {
  const { words, address } = thread;
  words[address + Layout.THREAD_INTENT_SEQUENCE]!++;
  words[address + Layout.THREAD_INTENT_BUCKET] = bucket;
  words[address + Layout.THREAD_INTENT_BLOCK] = 0;
  words[address + Layout.THREAD_INTENT_CHANGE] = 0;
  words[address + Layout.THREAD_INTENT] = intent;
  // step: intent.opened
}

export function closeIntent(thread: Thread): void {
  const { words, address } = thread;
  // step: intent.close
  words[address + Layout.THREAD_INTENT] = 0;
  words[address + Layout.THREAD_INTENT_SEQUENCE]!++;
}

/**
 * Says what is about to happen to a block, right before its entry is written; `counter` is where its type is counted in this thread, 0 = the change counts
 * nothing. The word of the change is written last: it makes the other two count.
 */
export function beginChange({ words, address }: Thread, change: number, block: WordAddress, counter: WordAddress): void {
  words[address + Layout.THREAD_INTENT_BLOCK] = block;
  words[address + Layout.THREAD_INTENT_COUNTER] = words[counter]!;
  words[address + Layout.THREAD_INTENT_CHANGE] = change; // recovery reads these
}

/** The change is made and counted, and the block has found its place. */
export function endChange({ words, address }: Thread): void {
  words[address + Layout.THREAD_INTENT_BLOCK] = 0;
  words[address + Layout.THREAD_INTENT_CHANGE] = 0;
}

/** Says which block has left one place and not reached another yet, 0 = none. Stands before it leaves, until it is there. */
export function hold({ words, address }: Thread, block: WordAddress): void {
  words[address + Layout.THREAD_INTENT_BLOCK] = block; // recovery reads this
}
