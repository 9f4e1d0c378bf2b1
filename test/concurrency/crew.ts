/**
 * Worker threads of one test: starts them on a file of workers/, collects what each returns, ends them whatever happens. Their side is
 * workers/task.ts.
 */
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { StoreHandle } from '../../src/memory/reservation.js';

/** Words that the workers of a crew share. */
export const ARRIVED = 0; // workers waiting at the barrier
export const ROUND = 1; // rounds begun; notified
export const STOP = 2; // 1: finish what you are at and return
export const CONTROL_WORDS = 4;

export interface CrewWorkerData<D> {
  readonly handle: StoreHandle;
  readonly index: number;
  readonly workers: number;
  readonly seed: number;
  readonly control: SharedArrayBuffer;
  readonly data: D;
}

export type Answer<R> =
  { readonly kind: 'ready' } | { readonly kind: 'result'; readonly result: R } | { readonly kind: 'error'; readonly error: string };

export interface CrewOptions<D> {
  readonly handle: StoreHandle;
  readonly workers: number;
  readonly seed: number;
  readonly data: D;
}

/** A running crew. Its workers end with the test at the latest. */
export class Crew<R> {
  /** What each worker returned, once all of them have given back their thread slots and ended. Rejects with the first failure. */
  readonly results: Promise<R[]>;
  readonly #control: Int32Array;
  #running = true;

  private constructor(results: Promise<R[]>, control: Int32Array) {
    this.results = results;
    this.#control = control;
    const ended = (): void => void (this.#running = false);
    results.then(ended, ended); // a failure is reported to whoever awaits `results`
  }

  /** Whether workers are still at it; false as soon as one has failed. */
  isRunning(): boolean {
    return this.#running;
  }

  /** Starts workers on `workers/<file>.js`; resolves when all of them are attached. */
  static async start<D, R>(context: TestContext, file: string, options: CrewOptions<D>): Promise<Crew<R>> {
    const control = new SharedArrayBuffer(CONTROL_WORDS * 4);
    const { handle, workers, seed, data } = options;
    const crew = Array.from({ length: workers }, (_, index) => {
      const workerData: CrewWorkerData<D> = { handle, index, workers, seed, control, data };
      const worker = new Worker(new URL(`./workers/${file}.js`, import.meta.url), { workerData });
      context.after(() => worker.terminate());
      return worker;
    });
    const results = Promise.all(crew.map((worker, index) => resultOf<R>(worker, index)));
    await Promise.race([Promise.all(crew.map((worker) => readinessOf(worker))), results]);
    return new Crew<R>(results, new Int32Array(control));
  }

  /** Tells the workers that loop until told otherwise to return. */
  stop(): void {
    Atomics.store(this.#control, STOP, 1);
  }

  /** Stops them and returns what they returned. */
  finish(): Promise<R[]> {
    this.stop();
    return this.results;
  }
}

/** Starts a crew, waits for it and returns what its workers returned. */
export async function runCrew<D, R>(context: TestContext, file: string, options: CrewOptions<D>): Promise<R[]> {
  const crew = await Crew.start<D, R>(context, file, options);
  return crew.results;
}

function readinessOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.on('message', ({ kind }: Answer<unknown>) => {
      if (kind === 'ready') resolve();
    });
  });
}

function resultOf<R>(worker: Worker, index: number): Promise<R> {
  return new Promise((resolve, reject) => {
    let result: { value: R } | undefined;
    worker.on('message', (answer: Answer<R>) => {
      if (answer.kind === 'result') result = { value: answer.result };
      else if (answer.kind === 'error') reject(new Error(`worker ${index}: ${answer.error}`));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (result === undefined) reject(new Error(`worker ${index} ended with code ${code} and without a result`));
      else resolve(result.value);
    });
  });
}
