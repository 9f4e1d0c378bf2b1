/** Holds the lock of a variable, half changed, for a while, and creates another one meanwhile. */
import { workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { balanced, FIELDS } from '../fixtures/balanced.js';

const { handle, flags } = workerData as { handle: StoreHandle; flags: Int32Array };
const store = ShadowStore.attach(handle);
store.withLock(store.get(1, balanced)!, (view) => {
  for (const field of FIELDS.slice(0, 6)) view[field] = 5;
  Atomics.store(flags, 1, 1);
  Atomics.notify(flags, 1);
  Atomics.wait(flags, 2, 0, 300);
  store.alloc(3, balanced);
  for (const field of FIELDS.slice(6)) view[field] = 5;
});
store[Symbol.dispose]();
