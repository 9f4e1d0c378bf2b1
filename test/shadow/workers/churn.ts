/** Allocates and frees the same few variables until it is told to stop; answers with how often. */
import { parentPort, workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { defineShadowType } from '../../../src/shadow/type.js';

const { handle, flags, seed } = workerData as { handle: StoreHandle; flags: Int32Array; seed: number };
const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const store = ShadowStore.attach(handle);
Atomics.add(flags, 1, 1);
Atomics.notify(flags, 1);
let rounds = 0;
for (; rounds === 0 || Atomics.load(flags, 0) === 0; rounds++) {
  const object = (rounds * 7 + seed) % 50;
  store.getOrAlloc(object, type).value++;
  if (rounds % 3 === 0) store.free(object, type);
  if (rounds % 20 === 0) store.safepoint();
}
store[Symbol.dispose]();
parentPort!.postMessage(rounds);
