/**
 * Owns the sweeping of ids that died: the variables are invisible already, here they are destroyed, slice by slice, between other work of
 * the coordinator's thread. Touches shared memory only through shadow/sweep.ts. Imports errors and the type of a collection.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { ShadowError } from '../errors.js';
import type { Collection } from '../shadow/sweep.js';

/** All variables of an id were destroyed because the last registration of the id was withdrawn. */
export interface CollectedEvent {
  readonly id: number;
  /** The patch whose destructor ran. */
  readonly patch: string;
  readonly variables: number;
  /** From the last registration's end to the end of the sweep. */
  readonly milliseconds: number;
}

export class Collector {
  readonly #onCollected: (event: CollectedEvent) => void;
  readonly #onFailure: (error: ShadowError) => void;
  #sweeps: Promise<void> = Promise.resolve();

  /** `onFailure` hears of destructors that threw; they do not stop a sweep. */
  constructor(onCollected: (event: CollectedEvent) => void, onFailure: (error: ShadowError) => void) {
    this.#onCollected = onCollected;
    this.#onFailure = onFailure;
  }

  /** Queues the sweeps; returns at once. */
  sweep(collections: readonly Collection[], patch: string): void {
    const diedAt = performance.now();
    for (const collection of collections) {
      this.#sweeps = this.#sweeps.then(async () => {
        while (!collection.step()) await nextTurn();
        for (const cause of collection.failures) {
          const why = cause instanceof Error ? cause.message : String(cause);
          this.#onFailure(
            new ShadowError('ERR_PATCH_CALLBACK', `a destructor of type ${collection.id}, patch "${patch}", threw: ${why}`, { cause }),
          );
        }
        this.#onCollected({ id: collection.id, patch, variables: collection.variables, milliseconds: performance.now() - diedAt });
      });
    }
  }

  /** Resolves when every sweep queued so far is done. */
  async drained(): Promise<void> {
    await this.#sweeps;
  }
}
