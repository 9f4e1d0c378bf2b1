/**
 * The worker's side of crew.ts: attaches, runs the file's own function, reports what it returned or threw, and gives the thread slot back.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { StoreHandle } from '../../../src/memory/reservation.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { type Answer, ARRIVED, type CrewWorkerData, ROUND, STOP } from '../crew.js';
import { Random } from '../random.js';

export interface Task<D> {
  readonly store: ShadowStore;
  readonly random: Random;
  readonly index: number;
  readonly workers: number;
  readonly data: D;
  readonly handle: StoreHandle;
  /** Whether the main thread told this crew to finish. */
  readonly stopped: boolean;
  /** Returns in all workers at the same moment. */
  meet(): void;
}

/** Runs a worker file: `await work((task) => …)` at its end. What `run` returns goes to the main thread. */
export async function work<D, R>(
  run: (task: Task<D>) => R | Promise<R>,
  open: (handle: StoreHandle) => ShadowStore = (handle) => ShadowStore.attach(handle),
): Promise<void> {
  const { handle, index, workers, seed, control: buffer, data } = workerData as CrewWorkerData<D>;
  const control = new Int32Array(buffer);
  const answer = (message: Answer<R>): void => parentPort?.postMessage(message);
  const store = open(handle);
  const task: Task<D> = {
    store,
    random: new Random(seed + index * 0x9e3779b1),
    index,
    workers,
    data,
    handle,
    get stopped() {
      return Atomics.load(control, STOP) !== 0;
    },
    meet: () => meet(control, workers),
  };
  answer({ kind: 'ready' });
  try {
    const result = await run(task);
    store[Symbol.dispose]();
    answer({ kind: 'result', result });
  } catch (error) {
    answer({ kind: 'error', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function meet(control: Int32Array, workers: number): void {
  const round = Atomics.load(control, ROUND);
  if (Atomics.add(control, ARRIVED, 1) + 1 === workers) {
    Atomics.store(control, ARRIVED, 0);
    Atomics.add(control, ROUND, 1);
    Atomics.notify(control, ROUND);
    return;
  }
  while (Atomics.load(control, ROUND) === round) Atomics.wait(control, ROUND, round);
}
