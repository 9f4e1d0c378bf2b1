/** Sets all fields of variables to one value, again and again, and creates and frees others, until it is told to stop. */
import { workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { balanced, FIELDS } from '../fixtures/balanced.js';
import { generator } from '../fixtures/random.js';

const { handle, flags, objects, seed } = workerData as { handle: StoreHandle; flags: Int32Array; objects: number; seed: number };
const store = ShadowStore.attach(handle);
const random = generator(seed, 0);
Atomics.add(flags, 1, 1);
Atomics.notify(flags, 1);
while (Atomics.load(flags, 0) === 0) {
  const value = random(2 ** 31);
  store.get(random(objects), balanced)!.update((draft) => {
    for (const field of FIELDS) draft[field] = value;
  });
  const object = objects + random(200);
  if (!store.free(object, balanced)) store.getOrAlloc(object, balanced);
  store.safepoint();
  Atomics.add(flags, 2, 1);
  Atomics.notify(flags, 2);
}
store[Symbol.dispose]();
