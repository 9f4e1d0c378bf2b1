/**
 * Owns what becomes of a thread's counts of variables when it leaves, and the sum of all counts. Writes TYPE_LIVE_BASE under TYPE_LOCK. Imports memory, slots.
 */
import { writeTogether } from '../memory/journal.js';
import { Layout } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { type Thread, threadSlotAddress } from '../memory/threads.js';
import { createdCount, typeAddress } from './slots.js';

/** Moves a thread's counts to those of the slots, where they survive it; under TYPE_LOCK, so that check() sees them once. */
export function settleCounters(memory: Memory, thread: Thread): void {
  const { words } = memory;
  const counters = memory.counters + thread.slot * Layout.COUNTER_WORDS_PER_THREAD;
  acquireNoted(thread, Layout.TYPE_LOCK);
  for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) {
    const count = words[counters + slot]!;
    if (count === 0) continue;
    const base = typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE;
    // step: counters.settle
    writeTogether(thread, [base, words[base]! + count, counters + slot, 0]);
  }
  releaseNoted(thread, Layout.TYPE_LOCK);
}

/** Entries of the table less those that their threads have not added to ENTRY_COUNT yet. */
export function countEntries(memory: Memory): number {
  const { words } = memory;
  let count = createdCount(memory, Layout.TYPE_SLOT_RECORDS);
  for (let slot = 0; slot < words[Layout.TYPE_HIGH]!; slot++) count += createdCount(memory, slot);
  for (let slot = 0; slot < words[Layout.THREAD_HIGH]!; slot++)
    count -= words[threadSlotAddress(memory, slot) + Layout.THREAD_ENTRY_DELTA]!;
  return count;
}
