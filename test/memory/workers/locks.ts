/** Adds one to a plain word under a lock, again and again: an addition is lost as soon as two threads are inside. */
import { parentPort, workerData } from 'node:worker_threads';

import { acquire, acquireVariable, release, releaseVariable } from '../../../src/memory/lock.js';
import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';

const { handle, kind, lock, counter, rounds } = workerData as {
  handle: StoreHandle;
  kind: 'plain' | 'variable';
  lock: number;
  counter: number;
  rounds: number;
};
const store = ShadowStore.attach(handle);
const { thread, words } = store.internals;
parentPort!.postMessage('ready');
for (let round = 0; round < rounds; round++) {
  if (kind === 'plain') acquire(thread, lock);
  else acquireVariable(thread, lock);
  const before = words[counter]!;
  for (let pause = round % 50; pause > 0; pause--) Atomics.load(words, counter);
  words[counter] = before + 1;
  if (kind === 'plain') release(thread, lock);
  else releaseVariable(thread, lock);
}
const { lockWaits } = store.stats().threads.find(({ slot }) => slot === thread.slot)!;
parentPort!.postMessage({ lockWaits });
store[Symbol.dispose]();
