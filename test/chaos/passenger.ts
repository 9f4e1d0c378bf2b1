/** A thread that a sailor starts, which follows the coordinator and exits when it is told to. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import type { StoreHandle } from '../../src/memory/reservation.js';
import { Berth } from './berth.js';
import { Deck, type SailorOrder } from './patch-operation.js';
import { soon } from './soon.js';

const SAILOR = fileURLToPath(new URL('./sailor.js', import.meta.url));

export class Passenger {
  readonly #berth = new Int32Array(new SharedArrayBuffer(Berth.WORDS * 4));
  readonly #worker = new Worker(SAILOR, { workerData: { berth: this.#berth.buffer } });

  static async board(handle: StoreHandle): Promise<Passenger> {
    const passenger = new Passenger();
    await passenger.#reaches(Berth.READY);
    await passenger.#perform({ kind: 'board', handle, deck: new SharedArrayBuffer(Deck.WORDS * 4) });
    await passenger.#perform({ kind: 'follow' });
    return passenger;
  }

  async leave(): Promise<void> {
    const exited = once(this.#worker, 'exit');
    await this.#worker.terminate();
    await exited;
  }

  async #perform(order: SailorOrder): Promise<void> {
    this.#berth[Berth.STATE] = Berth.RUNNING;
    this.#worker.postMessage(order);
    await this.#reaches(Berth.DONE);
  }

  #reaches(state: number): Promise<void> {
    return soon(`the passenger is in state ${state}`, () => Atomics.load(this.#berth, Berth.STATE) === state);
  }
}
