/**
 * Owns the intent record of a thread slot: what the thread is about to change, for recovery to read if it dies. Imports layout and threads.
 */
import { Layout, type WordAddress } from './layout.js';
import type { Thread } from './threads.js';

/** Says what the thread is about to change, before it takes the lock at `bucket`. Intents do not nest. */
export function openIntent(thread: Thread, intent: number, bucket: WordAddress): void {
  const { words, address } = thread;
  words[address + Layout.THREAD_INTENT_SEQUENCE]!++;
  words[address + Layout.THREAD_INTENT_BUCKET] = bucket;
  words[address + Layout.THREAD_INTENT_BLOCK] = 0;
  words[address + Layout.THREAD_INTENT] = intent;
}

export function closeIntent(thread: Thread): void {
  const { words, address } = thread;
  words[address + Layout.THREAD_INTENT] = 0;
  words[address + Layout.THREAD_INTENT_SEQUENCE]!++;
}
