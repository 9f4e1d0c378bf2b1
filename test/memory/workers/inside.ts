/** Looks a variable up and stays inside the grace epoch, without ending its turn, until it is told to go on; then says what the view shows. */
import { parentPort, workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { defineShadowType } from '../../../src/shadow/type.js';

const { handle, flags } = workerData as { handle: StoreHandle; flags: Int32Array };
const type = defineShadowType({ id: 1, fields: { value: 'u32', again: 'u32' } });
const store = ShadowStore.attach(handle);
const view = store.get(7, type)!;
Atomics.store(flags, 0, 1);
Atomics.notify(flags, 0);
Atomics.wait(flags, 1, 0);
parentPort!.postMessage(view.read());
store[Symbol.dispose]();
