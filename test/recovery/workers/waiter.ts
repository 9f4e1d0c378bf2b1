/** Creates one variable, which may have to wait for the lock of its bucket. */
import { workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { count } from '../fixtures/prepared.js';

const { handle, flags, object } = workerData as { handle: StoreHandle; flags: Int32Array; object: number };
const store = ShadowStore.attach(handle);
Atomics.store(flags, 0, 1);
Atomics.notify(flags, 0);
store.alloc(object, count).value = 7;
store[Symbol.dispose]();
