/** Frees the variables it is told to and passes a safepoint, then answers; ends on null. */
import { parentPort, workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { defineShadowType } from '../../../src/shadow/type.js';

const { handle } = workerData as { handle: StoreHandle };
const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const store = ShadowStore.attach(handle);
parentPort!.on('message', (parents: number[] | null) => {
  if (parents === null) {
    store[Symbol.dispose]();
    parentPort!.close();
    return;
  }
  let freed = 0;
  for (const parent of parents) if (store.free(parent, type)) freed++;
  store.safepoint();
  parentPort!.postMessage(freed);
});
