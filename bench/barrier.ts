/**
 * Worker threads that start a round together: each waits in shared memory until all the round's workers are there, runs its body until the
 * clock of the main thread says stop, and reports how much it did in how much time by its own clock. A round of no length runs the body
 * exactly once in each worker.
 *
 * Owns the control words below. ROUND, ACTIVE, SIDE and STOP are written by the main thread, ARRIVED by the workers; ROUND is raised
 * last and publishes the others.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type MessagePort } from 'node:worker_threads';

export const ROUND = 0; // number of the round; notified
export const ACTIVE = 1; // workers 0…ACTIVE−1 take part in it
export const SIDE = 2; // which of the module's bodies runs
export const STOP = 3; // 1: the time is over
export const ARRIVED = 4; // workers at the barrier; the last one notifies
const CONTROL_WORDS = 5;

/** Does some work and returns how many operations that were. Called again and again until the round is over, the next after the last. */
export type Body = (() => number) | (() => Promise<number>);

/**
 * What a module given to `WorkerCrew.start` exports: its bodies, one per side. Runs once in each worker, before the first round. `port`
 * is the worker's own, if the crew was given any.
 */
export type CreateBodies = (data: unknown, index: number, port?: MessagePort) => readonly Body[] | Promise<readonly Body[]>;

export interface CrewWorkerData {
  readonly control: SharedArrayBuffer;
  readonly module: string;
  readonly data: unknown;
  readonly index: number;
  readonly port: MessagePort | undefined;
}

/** What one worker did in one round. */
export interface WorkerRound {
  readonly index: number;
  readonly threadId: number;
  readonly operations: number;
  readonly milliseconds: number;
}

export class WorkerCrew {
  readonly #workers: readonly Worker[];
  readonly #control: Int32Array<SharedArrayBuffer>;

  private constructor(workers: readonly Worker[], control: Int32Array<SharedArrayBuffer>) {
    this.#workers = workers;
    this.#control = control;
  }

  /** Starts `count` workers that import `module` and call its `createBodies(data, index, ports[index])`; resolves when all are ready. */
  static async start(count: number, module: URL, data: unknown, ports: readonly MessagePort[] = []): Promise<WorkerCrew> {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT));
    const workers = Array.from({ length: count }, (_, index) => {
      const port = ports[index];
      const workerData: CrewWorkerData = { control: control.buffer, module: module.href, data, index, port };
      const transferList = port === undefined ? [] : [port];
      return new Worker(new URL('./barrier-worker.js', import.meta.url), { workerData, transferList });
    });
    try {
      await Promise.all(workers.map((worker) => nextMessage(worker)));
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
    return new WorkerCrew(workers, control);
  }

  /** Runs body number `side` in the first `active` workers for `milliseconds`, or exactly once if that is 0. */
  async round(active: number, side: number, milliseconds: number): Promise<WorkerRound[]> {
    if (active < 1 || active > this.#workers.length) throw new RangeError(`a crew of ${this.#workers.length} can't run ${active}`);
    const reports = Promise.all(this.#workers.slice(0, active).map((worker) => nextMessage(worker) as Promise<WorkerRound>));
    Atomics.store(this.#control, ACTIVE, active);
    Atomics.store(this.#control, SIDE, side);
    Atomics.store(this.#control, STOP, milliseconds === 0 ? 1 : 0);
    Atomics.store(this.#control, ARRIVED, 0);
    Atomics.add(this.#control, ROUND, 1);
    Atomics.notify(this.#control, ROUND);
    await Promise.race([sleep(milliseconds), reports]);
    Atomics.store(this.#control, STOP, 1);
    return reports;
  }

  /** Ends every worker, whatever it is doing. */
  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** Operations per microsecond of all workers together, each by its own clock. */
export function millionsPerSecond(rounds: readonly WorkerRound[]): number {
  return rounds.reduce((sum, round) => sum + round.operations / round.milliseconds / 1000, 0);
}

async function nextMessage(worker: Worker): Promise<unknown> {
  const controller = new AbortController();
  const { signal } = controller;
  try {
    return await Promise.race([
      once(worker, 'message', { signal }).then(([message]) => message as unknown),
      once(worker, 'exit', { signal }).then(([code]) => {
        throw new Error(`a benchmark worker ended with code ${String(code)} in the middle of a round`);
      }),
    ]);
  } finally {
    controller.abort();
  }
}
