/**
 * Worker of the suite `recover`: a victim that takes a lock and never gives it back, or the heir that gets it, over and over. See deaths.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ShadowStore } from '../src/shadow/store.js';
import { type DeathWorkerData, DIED_AT_BYTES, GO, mortal, PARENT, THERE } from './deaths.js';
import { nanosecondsNow } from './subjects.js';

const { handle, role, held, signal } = workerData as DeathWorkerData;
const words = new Int32Array(signal);
const store = ShadowStore.attach(handle);

if (role === 'heir') {
  parentPort?.on('message', () => parentPort?.postMessage(inherit()));
  parentPort?.postMessage(THERE);
} else if (held === 'bucket') {
  store.alloc(PARENT, mortal, stay);
} else {
  store.withLock(store.getOrAlloc(PARENT, mortal), stay);
}

/** Ends in here, with the lock. */
function stay(): void {
  parentPort?.postMessage(THERE);
  Atomics.wait(words, GO, 0);
  new Float64Array(signal, DIED_AT_BYTES, 1)[0] = nanosecondsNow();
  process.exit();
}

/** When this thread had the lock. */
function inherit(): number {
  let gotAt = 0;
  if (held === 'bucket') {
    parentPort?.postMessage(THERE);
    store.alloc(PARENT, mortal, () => (gotAt = nanosecondsNow()));
    store.free(PARENT, mortal);
  } else {
    const view = store.getOrAlloc(PARENT, mortal);
    parentPort?.postMessage(THERE);
    store.withLock(view, () => (gotAt = nanosecondsNow()));
  }
  return gotAt;
}
