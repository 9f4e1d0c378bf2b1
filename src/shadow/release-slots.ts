/**
 * Owns the way of a type slot back to reuse. Writes type slots; every function here is called by the holder of TYPE_LOCK. Imports memory, slots, tags.
 *
 * The counters of a slot are spread over the thread slots and written by their threads alone, so they cannot be set to zero. A slot whose variables were
 * migrated away hands its count to the slot behind which it stands, by way of TYPE_LIVE_BASE; its own sum is zero then. That takes that nobody counts in it
 * any more: all of its variables are gone, and whoever made them go has counted that.
 */
import { graceHorizon, isPast, retirementEpoch } from '../memory/grace.js';
import { writeTogether } from '../memory/journal.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { createdCount, isWaiting, newerThan, standingCount, typeAddress, typeState } from './slots.js';
import { nextTag } from './tags.js';

/** Frees the slots behind the one in force, in which no variable stands any more, and that slot itself if its id was collected. */
export function releaseSlots(memory: Memory, thread: Thread, inForce: TypeSlot, older: readonly TypeSlot[], collected: boolean): void {
  const { words } = memory;
  const address = typeAddress(memory, inForce);
  for (const slot of older) handOver(memory, thread, slot, inForce);
  writeTogether(thread, [address + Layout.TYPE_PREVIOUS, 0, address + Layout.TYPE_MIGRATED, 0, address + Layout.TYPE_HANDED, 0]);
  for (const slot of collected ? [inForce, ...older] : older) free(memory, slot);
  if (older.length > 0) Atomics.add(words, Layout.TYPE_EPOCH, 1); // bindings look into fewer slots from now on
}

/** Frees every slot of an older version whose last variable has gone by itself. */
export function releaseVacated(memory: Memory, thread: Thread): void {
  const { words } = memory;
  let horizon: number | undefined;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Math.min(words[Layout.TYPE_HIGH]!, Layout.TYPE_SLOTS); slot++) {
    if (typeState(memory, slot) !== Layout.TYPE_STATE_MIGRATING || standingCount(memory, slot) !== 0) continue;
    // Once no thread is left that may have found the version in force, nothing comes into the slot, and its count only falls.
    horizon ??= graceHorizon(memory);
    if (!isPast(words[typeAddress(memory, slot) + Layout.TYPE_DEAD_EPOCH]!, horizon) || standingCount(memory, slot) !== 0) continue;
    const newer = newerThan(memory, slot);
    if (newer === 0) continue;
    handOver(memory, thread, slot, newer);
    words[typeAddress(memory, newer) + Layout.TYPE_PREVIOUS] = words[typeAddress(memory, slot) + Layout.TYPE_PREVIOUS]!;
    free(memory, slot);
    Atomics.add(words, Layout.TYPE_EPOCH, 1);
  }
}

/**
 * For a TYPE_LOCK whose holder died: frees slots that were opened for a version which did not come into force or that were to be freed, and has the variables of
 * older versions wait for a whole grace period from now on, since it may not have noted when they began to be migrated.
 */
export function dropWaitingSuccessors(memory: Memory): void {
  const { words } = memory;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Math.min(words[Layout.TYPE_HIGH]!, Layout.TYPE_SLOTS); slot++) {
    // One behind no other was just about to be freed: its count is handed over already.
    const left = typeState(memory, slot) === Layout.TYPE_STATE_MIGRATING && newerThan(memory, slot) === 0;
    if (isWaiting(memory, slot) || left) free(memory, slot);
    else if (typeState(memory, slot) === Layout.TYPE_STATE_MIGRATING)
      words[typeAddress(memory, slot) + Layout.TYPE_DEAD_EPOCH] = retirementEpoch(words);
  }
}

function free(memory: Memory, slot: TypeSlot): void {
  const { words } = memory;
  const address = typeAddress(memory, slot);
  words[address + Layout.TYPE_DEAD_EPOCH] = retirementEpoch(words);
  Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_FREE));
}

/** Moves the count of a slot to a newer one of its id. */
function handOver(memory: Memory, thread: Thread, slot: TypeSlot, newer: TypeSlot): void {
  const { words } = memory;
  const count = createdCount(memory, slot);
  const from = typeAddress(memory, slot);
  const to = typeAddress(memory, newer);
  // step: type.hand-over
  writeTogether(thread, [
    from + Layout.TYPE_LIVE_BASE,
    words[from + Layout.TYPE_LIVE_BASE]! - count,
    from + Layout.TYPE_MIGRATED, // with its count: nothing stands there
    0,
    to + Layout.TYPE_LIVE_BASE,
    words[to + Layout.TYPE_LIVE_BASE]! + count,
    to + Layout.TYPE_HANDED,
    words[to + Layout.TYPE_HANDED]! + count,
  ]);
}
