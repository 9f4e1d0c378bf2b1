/**
 * Owns the workers that call one function in a loop while patches come and go. Writes HAMMER_STOP of each worker's words.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import { HAMMER_ORIGINAL, HAMMER_REPLACED, HAMMER_STOP, HAMMER_WORDS } from './fixtures/hammer-words.js';
import type { Hammering } from './fixtures/hammer.js';

/** As in the source test. */
export const HAMMERS = Math.min(availableParallelism(), 128);

export class Hammers {
  readonly #hammers: { readonly worker: Worker; readonly words: Int32Array; readonly ended: Promise<unknown> }[] = [];

  /** Starts the workers. */
  start(object: string, name: string): void {
    for (let index = 0; index < HAMMERS; index++) {
      const words = new Int32Array(new SharedArrayBuffer(HAMMER_WORDS * 4));
      const worker = new Worker(new URL('./fixtures/hammer.js', import.meta.url), {
        workerData: { object, name, words } satisfies Hammering,
      });
      const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
      ended.catch(() => undefined);
      this.#hammers.push({ worker, words, ended });
    }
  }

  /** Whether each has called the function. */
  get underWay(): boolean {
    return this.#hammers.every(({ words }) => Atomics.load(words, HAMMER_ORIGINAL) + Atomics.load(words, HAMMER_REPLACED) > 0);
  }

  /** Workers that have not been answered by a replacement yet. */
  get pending(): number {
    return this.#hammers.filter(({ words }) => Atomics.load(words, HAMMER_REPLACED) === 0).length;
  }

  async stop(): Promise<void> {
    for (const { words } of this.#hammers) Atomics.store(words, HAMMER_STOP, 1);
    await Promise.all(this.#hammers.map(({ ended }) => ended));
    this.#hammers.length = 0;
  }

  async close(): Promise<void> {
    await Promise.all(this.#hammers.map(({ worker }) => worker.terminate()));
  }
}
