/** A worker that is there before any store: attaches to the one that it is posted, and ends when it is told to. */
import { parentPort } from 'node:worker_threads';

import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { mortal } from '../dying.js';

parentPort!.on('message', (message: StoreHandle | 'end') => {
  if (message === 'end') process.exit(3);
  ShadowStore.attach(message).alloc('late', mortal);
  parentPort!.postMessage('attached');
});
