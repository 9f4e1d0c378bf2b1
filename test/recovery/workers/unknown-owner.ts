/** The main thread waits for the lock of a thread that dies, where only the exit event could tell; prints what came of it. */
import { Worker } from 'node:worker_threads';

import { ShadowError } from '../../../src/errors.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { GO, mortal, STOPPED } from '../dying.js';

const store = ShadowStore.create({ maxBytes: 2 ** 22, types: [mortal] });
const signal = new Int32Array(new SharedArrayBuffer(8));
const worker = new Worker(new URL('./dying.js', import.meta.url), {
  workerData: { handle: store.handle, signal, place: 'constructor', how: 'exit' },
});
while (Atomics.load(signal, STOPPED) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
const exited = new Promise((resolve) => worker.once('exit', resolve));
Atomics.store(signal, GO, 1);
Atomics.notify(signal, GO);
let code: string | undefined;
try {
  store.alloc('here', mortal);
} catch (error) {
  if (error instanceof ShadowError) ({ code } = error);
}
await exited;
await new Promise(setImmediate);
store.alloc('here', mortal).value = 8;
const { threads } = store.stats();
const { osThreadId } = threads[0]!;
const then = store.get('here', mortal)?.value;
process.stdout.write(JSON.stringify({ code, osThreadId, then, threads: threads.length, violations: store.check().violations }));
