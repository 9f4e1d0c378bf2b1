/**
 * Owns the workers of a run: what they are told, what they answer, and who takes the place of one that is killed. A worker lasts for all rounds unless it is. Imports
 * plan, log.
 */
import { Worker } from 'node:worker_threads';
import type { StoreHandle } from '../../src/memory/reservation.js';
import type { Logs } from './log.js';
import type { RoundPlan } from './plan.js';

/** Words that the threads of a round share. */
export const GO = 0; // 1: begin; notified
export const CONTROL_WORDS = 1;

/** What a worker is told. Its log tells how much of its share was done before it, by one that is dead. */
export interface Order {
  readonly plan: RoundPlan;
  readonly handle: StoreHandle;
  readonly logs: Logs;
  readonly control: SharedArrayBuffer;
  readonly index: number;
}

export type Reply = { readonly kind: 'ready' } | { readonly kind: 'done' } | { readonly kind: 'error'; readonly error: string };

export class Crew {
  readonly #places: Place[];

  constructor(workers: number) {
    this.#places = Array.from({ length: workers }, () => new Place());
  }

  /** The first places, for a round. */
  first(count: number): readonly Place[] {
    return this.#places.slice(0, count);
  }

  async end(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.end()));
  }
}

/** A worker, or the one that has come after it. */
export class Place {
  /** Settled by the last answer to an order: rejects when the worker failed or ended by itself. */
  done: Promise<void> = Promise.resolve();
  isWorking = false;
  #worker = start();
  #order: Order | undefined;
  #forget: () => void = () => undefined;

  /** Has the worker do its share; resolves when it is ready to begin. */
  command(order: Order): Promise<void> {
    this.#order = order;
    this.isWorking = true;
    const ready = this.#await();
    this.#worker.postMessage(order);
    return ready;
  }

  /** Kills the worker, and has another go on where it was. `exited` is told the thread's id when it is gone. */
  async kill(exited: (threadId: number) => void): Promise<void> {
    const order = this.#order;
    const { threadId } = this.#worker;
    this.#forget();
    this.#worker.on('error', () => undefined); // nothing it says counts any more
    await this.#worker.terminate();
    exited(threadId);
    this.#worker = start();
    if (order !== undefined) await this.command(order);
  }

  async end(): Promise<void> {
    this.#forget();
    await this.#worker.terminate();
  }

  /** Listens for the answers to an order: `done` for the end of it. Resolves with the first one. */
  #await(): Promise<void> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.done = new Promise((finish, fail) => {
        const failed = (error: Error): void => {
          this.#forget();
          this.isWorking = false;
          reject(error);
          fail(error);
        };
        const onMessage = (message: Reply): void => {
          if (message.kind === 'ready') {
            resolve();
          } else if (message.kind === 'error') {
            failed(new Error(`a worker failed: ${message.error}`));
          } else {
            this.#forget();
            this.isWorking = false;
            finish();
          }
        };
        const onError = (error: unknown): void => failed(error instanceof Error ? error : new Error(String(error)));
        const onExit = (code: number): void => failed(new Error(`a worker ended with code ${code} in the middle of a round`));
        worker.on('message', onMessage).on('error', onError).on('exit', onExit);
        this.#forget = () => worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      });
      this.done.catch(() => undefined); // whoever waits for the round hears of it
    });
  }
}

function start(): Worker {
  return new Worker(new URL('./workers/performer.js', import.meta.url));
}
