/**
 * Owns the sweeping of ids that died: the variables are invisible already, here they are destroyed, slice by slice, between other work of
 * the coordinator's thread. Touches shared memory only through shadow/sweep.ts. Imports errors and the type of a collection.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { messageOf, ShadowError } from '../errors.js';
import type { Collection } from '../shadow/sweep.js';
import type { Announce } from './events.js';

/** The last registration of an id was withdrawn: from now on no thread finds its variables, and their destruction begins. */
export interface CollectingEvent {
  readonly id: number;
  /** The patch whose destructor runs. */
  readonly patch: string;
  /** The state that the type belonged to; null for the type of an object. */
  readonly state: number | null;
}

/** All variables of the id were destroyed. */
export interface CollectedEvent extends CollectingEvent {
  readonly variables: number;
  /** From the last registration's end to the end of the sweep. */
  readonly milliseconds: number;
}

export class Collector {
  readonly #announce: Announce;
  readonly #onFailure: (error: ShadowError) => void;
  #sweeps: Promise<void> = Promise.resolve();

  /** `onFailure` hears of destructors that threw; they do not stop a sweep. */
  constructor(announce: Announce, onFailure: (error: ShadowError) => void) {
    this.#announce = announce;
    this.#onFailure = onFailure;
  }

  /** Queues the sweep; returns at once. */
  sweep(collection: Collection, patch: string, state: number | null): void {
    const diedAt = performance.now();
    const { id } = collection;
    this.#announce('collecting', { id, patch, state });
    this.#sweeps = this.#sweeps.then(async () => {
      while (!collection.step()) await nextTurn();
      for (const cause of collection.failures) {
        const why = messageOf(cause);
        this.#onFailure(new ShadowError('ERR_PATCH_CALLBACK', `a destructor of type ${id}, patch "${patch}", threw: ${why}`, { cause }));
      }
      this.#announce('collected', {
        id,
        patch,
        state,
        variables: collection.variables,
        milliseconds: performance.now() - diedAt,
      });
    });
  }

  /** Resolves when every sweep queued so far is done. */
  async drained(): Promise<void> {
    await this.#sweeps;
  }
}
