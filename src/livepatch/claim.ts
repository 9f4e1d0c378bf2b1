/**
 * Owns whose store it is: PATCH_COORDINATOR_CLAIM says which thread the coordinator of a store is on, by the slot and the generation of that thread's claim, so
 * that anybody can tell whether it is still there. Writes PATCH_COORDINATOR_CLAIM by compare-exchange, and what follows from it: PATCH_COORDINATOR and
 * PATCH_COORDINATOR_SLOT. Imports errors, layout, threads and the type of the store.
 */
import { ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import { isSlotGone, threadSlotAddress, threadState } from '../memory/threads.js';
import type { ShadowStore } from '../shadow/store.js';

/** Of a slot number + 1; there are at most 1000. */
const SLOT_BITS = 10;
const SLOT_MASK = 2 ** SLOT_BITS - 1;
const GENERATION_MASK = 2 ** (31 - SLOT_BITS) - 1;

/** Makes this thread's store object that of the coordinator. @throws ERR_PATCH_COORDINATOR */
export function claimStore(store: ShadowStore, predecessor: number): void {
  const { words, slot, slotAddress } = store.internals;
  const claim = claimOf(words[slotAddress + Layout.THREAD_GENERATION]!, slot);
  if (Atomics.compareExchange(words, Layout.PATCH_COORDINATOR_CLAIM, predecessor, claim) !== predecessor) throw taken();
  // step: coordinator.claimed
  Atomics.store(words, Layout.PATCH_COORDINATOR_SLOT, slot + 1);
  // step: coordinator.placed
  Atomics.store(words, Layout.PATCH_COORDINATOR, Layout.COORDINATOR_LIVE);
  // step: coordinator.live
}

/** Undoes `claimStore()`. */
export function abandonStore({ internals: { words } }: ShadowStore, predecessor: number): void {
  if (predecessor === 0) Atomics.store(words, Layout.PATCH_COORDINATOR, Layout.COORDINATOR_NONE);
  Atomics.store(words, Layout.PATCH_COORDINATOR_SLOT, predecessor & SLOT_MASK);
  Atomics.store(words, Layout.PATCH_COORDINATOR_CLAIM, predecessor);
}

/**
 * The claim of a coordinator that is dead.
 * @throws ERR_PATCH_COORDINATOR if it lives, or was closed; ERR_PATCH_TAKEOVER if there never was one
 */
export function deadClaim({ internals }: ShadowStore): number {
  const { memory, words } = internals;
  const claim = Atomics.load(words, Layout.PATCH_COORDINATOR_CLAIM);
  if (claim === 0)
    throw new ShadowError('ERR_PATCH_TAKEOVER', 'this store never had a coordinator; make one with new PatchCoordinator(store)');
  if (Atomics.load(words, Layout.PATCH_COORDINATOR) === Layout.COORDINATOR_CLOSED)
    throw new ShadowError('ERR_PATCH_COORDINATOR', 'the coordinator of this store was closed, on purpose; create another store');
  const slot = (claim & SLOT_MASK) - 1;
  if (slot < 0 || slot >= memory.maxThreads)
    throw new ShadowError('ERR_PATCH_TAKEOVER', `the store names thread slot ${slot} as its coordinator's`);
  const address = threadSlotAddress(memory, slot);
  const isItsSlot = claimOf(words[address + Layout.THREAD_GENERATION]!, slot) === claim;
  if (isItsSlot && threadState(words, address) === Layout.THREAD_LIVE && !isSlotGone(words, address)) {
    throw new ShadowError(
      'ERR_PATCH_COORDINATOR',
      `the coordinator of this store is alive, on thread ${words[address + Layout.THREAD_NODE_ID]}; use that one, or take over after the exit event of its thread`,
    );
  }
  return claim;
}

function claimOf(generation: number, slot: number): number {
  return ((generation & GENERATION_MASK) << SLOT_BITS) | (slot + 1);
}

function taken(): ShadowError {
  return new ShadowError(
    'ERR_PATCH_COORDINATOR',
    'this store has or had a PatchCoordinator; share that one, take over with PatchCoordinator.recover(store) if its thread is dead, or create another ' +
      'store: two would give the threads different orders',
  );
}
