/**
 * Owns the sweeping of ids that died: the variables are invisible already, here they are destroyed, slice by slice, between other work of
 * the coordinator's thread. Touches shared memory only through shadow/sweep.ts. Imports errors and the type of a collection.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { messageOf, ShadowError } from '../errors.js';
import type { Collection } from '../shadow/sweep.js';
import type { PatchEntry } from './entry.js';
import type { Announce } from './events.js';
import type { CoordinatorRecord } from './record.js';

/** The last registration of an id was withdrawn: from now on no thread finds its variables, and their destruction begins. */
export interface CollectingEvent {
  readonly id: number;
  /** The patch whose destructor runs; empty if a coordinator that took over could not find that out. */
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

interface Sweep {
  readonly id: number;
  readonly slot: number;
  readonly entry: PatchEntry | null;
  readonly state: number | null;
}

export class Collector {
  readonly #announce: Announce;
  readonly #onFailure: (error: ShadowError) => void;
  readonly #onSwept: () => void;
  readonly #pending = new Set<Sweep>();
  #sweeps: Promise<void> = Promise.resolve();

  /** `onFailure` hears of destructors that threw; they do not stop a sweep. `onSwept`: there is one less. */
  constructor(announce: Announce, onFailure: (error: ShadowError) => void, onSwept: () => void) {
    this.#announce = announce;
    this.#onFailure = onFailure;
    this.#onSwept = onSwept;
  }

  /** Queues the sweep; returns at once. `entry`: whose destructor runs, null if nobody knows any more. */
  sweep(collection: Collection, entry: PatchEntry | null, state: number | null): void {
    const diedAt = performance.now();
    const { id } = collection;
    const patch = entry?.name ?? '';
    const pending = { id, slot: collection.slot ?? 0, entry, state };
    this.#pending.add(pending);
    this.#announce('collecting', { id, patch, state });
    this.#sweeps = this.#sweeps.then(async () => {
      while (!collection.step()) await nextTurn();
      for (const cause of collection.failures) {
        const why = messageOf(cause);
        this.#onFailure(new ShadowError('ERR_PATCH_CALLBACK', `a destructor of type ${id}, patch "${patch}", threw: ${why}`, { cause }));
      }
      this.#pending.delete(pending);
      this.#onSwept();
      this.#announce('collected', {
        id,
        patch,
        state,
        variables: collection.variables,
        milliseconds: performance.now() - diedAt,
      });
    });
  }

  /** For the record. */
  get record(): CoordinatorRecord['collecting'] {
    return [...this.#pending].map(({ id, slot, entry, state }) => ({ id, slot, serial: entry?.reference.serial ?? null, state }));
  }

  /** Patches whose destructors are needed. */
  get entries(): PatchEntry[] {
    return [...this.#pending].map(({ entry }) => entry).filter((entry) => entry !== null);
  }

  /** Resolves when every sweep queued so far is done. */
  async drained(): Promise<void> {
    await this.#sweeps;
  }
}
