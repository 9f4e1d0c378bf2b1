/**
 * Owns the reading of what threads count of their tasks: over all slots that were ever used, since nobody clears what a thread has counted that left. Reads
 * THREAD_TASK_SERIAL and THREAD_TASK_HISTOGRAM plainly, so what a thread counts at this moment may be missing; writes nothing. Imports memory and the task table.
 */
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress } from '../memory/threads.js';
import { bucketEnd } from '../livepatch/tasks.js';

/** Counts modulo 2^32: only differences mean something. */
export interface TaskTotals {
  begun: number;
  /** Of the tasks that were timed: how many took about how long, see THREAD_TASK_HISTOGRAM. */
  readonly buckets: Int32Array;
  /** What those took together. */
  milliseconds: number;
}

export function readTaskTotals(memory: Memory): TaskTotals {
  const { words, doubles } = memory;
  const totals: TaskTotals = { begun: 0, buckets: new Int32Array(Layout.HISTOGRAM_BUCKETS), milliseconds: 0 };
  const high = Math.min(Atomics.load(words, Layout.THREAD_HIGH), memory.maxThreads);
  for (let slot = 0; slot < high; slot++) {
    const address = threadSlotAddress(memory, slot);
    // The ends before the beginnings: a task that ends meanwhile has not ended before it began.
    for (let i = 0; i < Layout.HISTOGRAM_BUCKETS; i++) totals.buckets[i]! += words[address + Layout.THREAD_TASK_HISTOGRAM + i]!;
    totals.milliseconds += doubles[(address + Layout.THREAD_TASK_TIME) / 2]!;
    totals.begun = (totals.begun + words[address + Layout.THREAD_TASK_SERIAL]!) | 0;
  }
  return totals;
}

/** What was counted between two readings. */
export function between(before: TaskTotals, after: TaskTotals): TaskTotals {
  return {
    begun: (after.begun - before.begun) >>> 0,
    buckets: after.buckets.map((count, i) => (count - before.buckets[i]!) | 0),
    milliseconds: after.milliseconds - before.milliseconds,
  };
}

export function endedTasks({ buckets }: TaskTotals): number {
  return buckets.reduce((sum, count) => sum + count, 0);
}

/** The time, ms, that this share of the tasks took at most: inside a bucket they are taken to be spread evenly. */
export function quantile({ buckets }: TaskTotals, ended: number, share: number): number {
  const wanted = share * ended;
  let below = 0;
  let longest = 0;
  for (let bucket = 0; bucket < Layout.HISTOGRAM_BUCKETS; bucket++) {
    const count = buckets[bucket]!;
    if (count <= 0) continue;
    const begin = bucket === 0 ? 0 : bucketEnd(bucket - 1);
    const end = bucketEnd(bucket);
    longest = end === Infinity ? begin : end;
    if (below + count >= wanted) return begin + (longest - begin) * ((wanted - below) / count);
    below += count;
  }
  return longest;
}
