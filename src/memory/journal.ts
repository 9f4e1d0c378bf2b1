/**
 * Owns the journal of a thread slot: how several words change as one although the thread may die in between. What is to be written is noted first, the
 * count of the notes is the commit word, then they are written. Recovery writes committed notes once more, which changes nothing if they were. The words
 * must be guarded by a lock that the thread holds throughout, or be the thread's own. Imports errors, layout and threads.
 */
import { invariant } from '../errors.js';
import { Layout, type WordAddress } from './layout.js';
import type { Thread } from './threads.js';

/** Writes all pairs of word address and value, or none of them. */
export function writeTogether(thread: Thread, pairs: readonly number[]): void {
  const { words, address } = thread;
  invariant(pairs.length <= Layout.JOURNAL_PAIRS * 2, 'a change of more words than the journal has room for');
  const journal = address + Layout.THREAD_JOURNAL;
  for (let i = 0; i < pairs.length; i++) words[journal + i] = pairs[i]!;
  // step: journal.noted
  Atomics.store(words, address + Layout.THREAD_JOURNAL_COUNT, pairs.length / 2);
  // step: journal.committed
  applyJournal(words, address);
}

/** Writes what a journal holds and empties it; nothing if it is empty. */
export function applyJournal(words: Int32Array, slotAddress: WordAddress): void {
  const count = Math.min(words[slotAddress + Layout.THREAD_JOURNAL_COUNT]!, Layout.JOURNAL_PAIRS);
  const journal = slotAddress + Layout.THREAD_JOURNAL;
  for (let pair = 0; pair < count; pair++) {
    words[words[journal + 2 * pair]!] = words[journal + 2 * pair + 1]!;
    // step: journal.written
  }
  Atomics.store(words, slotAddress + Layout.THREAD_JOURNAL_COUNT, 0);
}
