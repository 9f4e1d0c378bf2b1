/**
 * Owns what is done for a transition before any thread may switch, and after all have (livepatch-semantics 2.1, 2.3, 2.4), in either direction,
 * a cancelled one included. Its caller holds the coordinator's mutex. Touches shared memory only through objects.ts, states.ts and the
 * registrar, which it imports.
 */
import type { PatchEntry } from './entry.js';
import type { Announce } from './events.js';
import type { ObjectKeeper } from './objects.js';
import type { Registrar } from './registrar.js';
import type { StateTable } from './states.js';
import type { Transition } from './transition.js';

export class Stages {
  readonly #objects: ObjectKeeper;
  readonly #states: StateTable;
  readonly #registrar: Registrar;
  readonly #announce: Announce;

  constructor(objects: ObjectKeeper, states: StateTable, registrar: Registrar, announce: Announce) {
    this.#objects = objects;
    this.#states = states;
    this.#registrar = registrar;
    this.#announce = announce;
  }

  /** Before any thread runs the patch. @throws what refuses it; what has been done until then is left to `leave()` */
  async prepare(transition: Transition): Promise<void> {
    const { entry, replaced } = transition;
    try {
      await this.#states.take(entry);
    } catch (error) {
      this.#announce('milestone', { milestone: 'pre-patch-failed', patch: entry.name, object: null });
      throw error;
    }
    transition.leaving = this.#states.leaving(replaced);
    await this.#states.prepareRelease(transition.leaving);
    for (const record of this.#objects.loaded(entry)) await this.#objects.apply(entry, record);
  }

  /** Before any thread leaves the patch. */
  async prepareToLeave(transition: Transition): Promise<void> {
    const { entry } = transition;
    transition.leaving = this.#states.leaving([entry]);
    await this.#states.prepareRelease(transition.leaving);
    for (const record of this.#objects.loaded(entry)) await this.#objects.preUnpatch(entry, record);
  }

  /** Every thread runs the patch. `delist` takes patches off the list. */
  async arrive(transition: Transition, delist: (entries: readonly PatchEntry[]) => void): Promise<void> {
    const { entry, replaced } = transition;
    this.#announce('milestone', { milestone: 'transition-completing', patch: entry.name, direction: 'patching' });
    for (const older of replaced) {
      older.enabled = false;
      await this.#states.release(older, true);
    }
    // Their types go with them, though none of their callbacks run: every thread has left their code for good.
    for (const older of replaced) {
      for (const record of older.objects) this.#objects.abandon(older, record);
      this.#registrar.settlePin(older);
    }
    if (transition.reversed) await this.#states.keep(transition.leaving);
    else await this.#states.settle(entry);
    for (const record of this.#objects.loaded(entry)) await this.#objects.postPatch(entry, record);
    delist(replaced); // only now: post_patch takes over from what getPrevState() finds there
  }

  /** No thread runs the patch any more, or none ever did. */
  async leave(transition: Transition, delist: (entries: readonly PatchEntry[]) => void): Promise<void> {
    const { entry } = transition;
    entry.enabled = false;
    this.#announce('milestone', { milestone: 'transition-completing', patch: entry.name, direction: 'unpatching' });
    await this.#states.release(entry, !transition.reversed);
    if (transition.reversed) await this.#states.keep(transition.leaving);
    for (const record of entry.objects) await this.#objects.leave(entry, record);
    delist([entry]);
    this.#registrar.settlePin(entry);
  }
}
