/**
 * A thread that stops at a given place and dies there: it says so in a shared word, and lives on until it is told to end by another word, or is terminated.
 */
import { workerData } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { GO, mortal, STOPPED, type Place, witnessed } from '../dying.js';

interface Orders {
  readonly handle: StoreHandle;
  readonly signal: Int32Array;
  readonly place: Place;
  readonly how: 'exit' | 'terminated';
}

const { handle, signal, place, how } = workerData as Orders;
const store = ShadowStore.attach(handle);

/** Where the thread dies, if it is not terminated before. */
function stop(): void {
  Atomics.store(signal, STOPPED, 1);
  Atomics.notify(signal, STOPPED);
  while (Atomics.load(signal, GO) === 0) Atomics.wait(signal, GO, 0, how === 'terminated' ? Infinity : 1000);
  if (how === 'exit') process.exit();
}

switch (place) {
  case 'constructor':
    store.alloc('here', mortal, stop);
    break;
  case 'destructor':
    witnessed.stop = stop;
    store.alloc('here', witnessed.type, 7);
    store.free('here', witnessed.type);
    break;
  case 'lock body':
    store.withLock(store.getOrAlloc('here', mortal), (view) => {
      view.value = 1;
      stop();
    });
    break;
  case 'update': {
    const view = store.getOrAlloc('here', mortal);
    // Dies in the middle of the changes being written: right before the second field.
    const [first, second] = view.$accessors;
    Object.defineProperty(view, '$accessors', { value: [first, { get: second!.get, set: stop }] });
    view.update((draft) => {
      draft.value = 99;
      draft.twin = 99;
    });
    break;
  }
  case 'objects':
    for (let n = 0; n < 5; n++) store.alloc({ n }, mortal);
    store.alloc('here', mortal).value = 5;
    stop();
    break;
  case 'epoch':
    store.get('here', mortal); // inside a grace epoch from here on
    stop();
    break;
}
