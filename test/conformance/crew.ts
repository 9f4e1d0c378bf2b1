/**
 * Owns the runner's side of the pool: orders to one worker or to all of them. Touches no shared memory but the counter of each order.
 * Imports the public face and what the workers understand.
 */
import type { Piscina } from 'piscina';

import type { PatchCoordinator } from '../../src/index.js';
import type { Job, Order, Reply } from './fixtures/crew.js';
import type { Answer } from './fixtures/functions.js';

export class Crew {
  readonly size: number;
  readonly #pool: Piscina<Order, Reply>;

  private constructor(pool: Piscina<Order, Reply>, size: number) {
    this.#pool = pool;
    this.size = size;
  }

  /** Starts the workers, gives each its place, and lets each declare the functions of the base object. */
  static async muster(coordinator: PatchCoordinator, size: number, base: readonly string[]): Promise<Crew> {
    const filename = new URL('./fixtures/crew.js', import.meta.url);
    const crew = new Crew(coordinator.createPool<Order, Reply>({ filename, minThreads: size, maxThreads: size }), size);
    await crew.everywhere({ kind: 'muster' });
    await crew.everywhere({ kind: 'declare', object: 'base', functions: base });
    return crew;
  }

  /** What each worker replies, in no order. */
  async everywhere(job: Job): Promise<Reply[]> {
    return this.#order(job, null);
  }

  async one(place: number, job: Job): Promise<Reply> {
    const replies = await this.#order(job, place);
    return replies.find((reply) => reply !== null) ?? null;
  }

  /** Calls a function in every worker. Workers that disagree are a provider of their own. */
  async call(object: string, name: string): Promise<Answer> {
    const replies = await this.everywhere({ kind: 'call', object, name });
    const answers = new Map(replies.map((reply) => [JSON.stringify(reply), reply]));
    const [first, ...others] = answers.values();
    if (others.length === 0 && typeof first === 'object' && first !== null && 'provider' in first) return first;
    return { provider: [...answers.keys()].join(' and '), detail: null };
  }

  /** As many tasks as there are workers, none of which ends before all have started: so each worker gets one. */
  async #order(job: Job, only: number | null): Promise<Reply[]> {
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    const order: Order = { job, meeting, workers: this.size, only };
    return Promise.all(Array.from({ length: this.size }, () => this.#pool.run(order)));
  }
}
