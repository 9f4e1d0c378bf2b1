/** Claims a slot and gives it back, again and again; counts in `holders` how many attachments hold each slot at once. */
import { parentPort, threadId, workerData } from 'node:worker_threads';

import { ShadowError } from '../../../src/errors.js';
import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';

const { handle, holders, rounds } = workerData as { handle: StoreHandle; holders: Int32Array; rounds: number };
const seen = { claimed: 0, full: 0, shared: 0, threadId, recorded: -1, osThreadId: -1 };
// A thread that others starve goes on until it had a slot once.
for (let round = 0; round < rounds || seen.claimed === 0; round++) {
  try {
    const store = ShadowStore.attach(handle);
    const { slot } = store.internals;
    if (Atomics.add(holders, slot, 1) !== 0) seen.shared++;
    seen.claimed++;
    const mine = store.stats().threads.find((thread) => thread.slot === slot);
    seen.recorded = mine?.threadId ?? -1;
    seen.osThreadId = mine?.osThreadId ?? -1;
    Atomics.sub(holders, slot, 1);
    store[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_THREADS_FULL') throw error;
    seen.full++;
  }
}
parentPort!.postMessage(seen);
