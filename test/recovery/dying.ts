/** Threads that die at a given place of the store's operations, and the types they use. Their side is workers/dying.ts. */
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

import { defineShadowType } from '../../src/shadow/type.js';
import type { ShadowStore } from '../../src/shadow/store.js';

/** Words of the signal. */
export const STOPPED = 0; // 1 once the thread is there
export const GO = 1; // 1: die

export type Place = 'constructor' | 'destructor' | 'lock body' | 'update' | 'objects' | 'epoch';

/** Its constructor calls what it is given. */
export const mortal = defineShadowType({
  id: 1,
  fields: { value: 'u32', twin: 'u32' },
  ctor: (_obj, _view, data: (() => void) | undefined) => data?.(),
});

/** Its destructor tells whom it destroyed; in a thread that has set `stop` it stops there. */
export const witnessed = {
  stop: undefined as (() => void) | undefined,
  destroyed: [] as unknown[],
  type: defineShadowType({
    id: 2,
    fields: { value: 'u32' },
    ctor: (_obj, view, data: number) => void (view.value = data),
    dtor: (obj, view) => {
      witnessed.destroyed.push([obj, view.value]);
      witnessed.stop?.();
    },
  }),
};

export interface Dying {
  readonly worker: Worker;
  /** Resolves when the exit event has been dealt with by the stores of this thread. */
  readonly exited: Promise<void>;
  /** Tells it to die, unless it waits to be terminated. */
  go(): void;
}

/** A worker that has stopped at a place. */
export async function stopAt(
  context: TestContext,
  store: ShadowStore,
  place: Place,
  how: 'exit' | 'terminated' = 'terminated',
): Promise<Dying> {
  const signal = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./workers/dying.js', import.meta.url), {
    workerData: { handle: store.handle, signal, place, how },
  });
  context.after(() => worker.terminate());
  let failure: unknown;
  worker.on('error', (error) => (failure = error));
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      setImmediate(resolve);
    });
  });
  while (Atomics.load(signal, STOPPED) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (failure !== undefined) throw failure as Error;
  }
  return {
    worker,
    exited,
    go: () => {
      Atomics.store(signal, GO, 1);
      Atomics.notify(signal, GO);
    },
  };
}
