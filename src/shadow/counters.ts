/**
 * Owns what becomes of a thread's counts of entries and variables when it leaves. Writes ENTRY_COUNT under GROW_LOCK and TYPE_LIVE_BASE under TYPE_LOCK. Imports
 * memory, table and slots.
 */
import { writeTogether } from '../memory/journal.js';
import { Layout, type ThreadSlot } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { addEntries } from '../table/grow.js';
import { typeAddress } from './slots.js';

/**
 * Moves a thread's counts to those of the slots, where they survive it; under TYPE_LOCK, so that check() sees them once. Before that it adds the entries that
 * the thread has not added yet, which its counts by type tell for certain.
 */
export function settleCounters(memory: Memory, thread: Thread): void {
  const { words } = memory;
  const counters = memory.counters + thread.slot * Layout.COUNTER_WORDS_PER_THREAD;
  const added = thread.address + Layout.THREAD_ENTRIES_ADDED;
  acquireNoted(thread, Layout.GROW_LOCK);
  addEntries(thread, countedByType(memory, thread.slot) - words[added]!);
  // step: counters.added
  releaseNoted(thread, Layout.GROW_LOCK);
  acquireNoted(thread, Layout.TYPE_LOCK);
  for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) {
    const count = words[counters + slot]!;
    if (count === 0) continue;
    const base = typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE;
    // step: counters.settle
    writeTogether(thread, [base, words[base]! + count, counters + slot, 0, added, words[added]! - count]);
  }
  releaseNoted(thread, Layout.TYPE_LOCK);
}

/** Entries that a thread has inserted less those it has removed, of all types; modulo 2^32, see `createdCount()`. */
export function countedByType(memory: Memory, slot: ThreadSlot): number {
  const counters = memory.counters + slot * Layout.COUNTER_WORDS_PER_THREAD;
  let count = 0;
  for (let type = 0; type < Layout.TYPE_SLOTS; type++) count += memory.words[counters + type]!;
  return count | 0;
}
