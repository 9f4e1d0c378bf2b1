/**
 * Owns what happens to the objects of a patch, one at a time: registration, callbacks and the right to redirect their functions, in the order
 * of livepatch-semantics 2.1 to 2.3, with the pairing rules of its section 1f. Only objects that are there take part: `base`, and modules
 * while they are loaded. Touches shared memory only through the registrar. Imports errors, callbacks, entry, modules and registrar.
 */
import { ShadowError } from '../errors.js';
import { type CallbackRunner, ofObject } from './callbacks.js';
import type { ObjectRecord, PatchEntry } from './entry.js';
import type { Announce } from './events.js';
import type { ModuleTable } from './modules.js';
import type { Registrar } from './registrar.js';

/** Why a patch must not redirect a function, an "object.function": undefined if it may. */
export type RedirectionGuard = (entry: PatchEntry, name: string) => string | undefined;

export class ObjectKeeper {
  readonly #callbacks: CallbackRunner;
  readonly #registrar: Registrar;
  readonly #modules: ModuleTable;
  readonly #announce: Announce;
  readonly #guard: RedirectionGuard;

  constructor(callbacks: CallbackRunner, registrar: Registrar, modules: ModuleTable, announce: Announce, guard: RedirectionGuard) {
    this.#callbacks = callbacks;
    this.#registrar = registrar;
    this.#modules = modules;
    this.#announce = announce;
    this.#guard = guard;
  }

  /** The objects of the patch that are there now, in declared order. */
  loaded(entry: PatchEntry): ObjectRecord[] {
    return entry.objects.filter(({ object }) => this.#modules.isAlive(object.name));
  }

  /**
   * Registers the object's types, so that pre_patch may allocate; asks pre_patch; then the functions count as installed.
   * @throws ERR_PATCH_PRE_PATCH, ERR_PATCH_REDIRECTION, ERR_SHADOW_… : what has been done until then is left to `leave()`
   */
  async apply(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    const { object } = record;
    this.#registrar.registerObject(entry, record);
    try {
      await this.#callbacks.askPrePatch(ofObject(entry, record, this.#modules.phase(object.name)));
    } catch (error) {
      this.#announce('milestone', { milestone: 'pre-patch-failed', patch: entry.name, object: object.name });
      throw error;
    }
    record.prePatched = true;
    for (const name of object.functions.keys()) {
      const obstacle = this.#guard(entry, `${object.name}.${name}`);
      if (obstacle === undefined) continue;
      const failed = { patch: entry.name, object: object.name };
      this.#announce('milestone', { milestone: 'redirect-failed', ...failed, function: name, code: 'EBUSY' });
      this.#announce('milestone', { milestone: 'patch-object-failed', ...failed });
      throw new ShadowError('ERR_PATCH_REDIRECTION', `patch "${entry.name}" cannot redirect ${object.name}.${name}: ${obstacle}`);
    }
    record.patched = true;
  }

  async postPatch(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    if (record.patched) await this.#callbacks.tell('postPatch', ofObject(entry, record, this.#modules.phase(record.object.name)));
  }

  async preUnpatch(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    if (record.patched) await this.#callbacks.tell('preUnpatch', ofObject(entry, record, this.#modules.phase(record.object.name)));
  }

  /** post_unpatch, if pre_patch had agreed. */
  async postUnpatch(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    record.patched = false;
    if (!record.prePatched) return;
    await this.#callbacks.tell('postUnpatch', ofObject(entry, record, this.#modules.phase(record.object.name)));
    record.prePatched = false;
  }

  /** post_unpatch, then the registrations go: the callback may still want to look at the variables. */
  async leave(entry: PatchEntry, record: ObjectRecord): Promise<void> {
    await this.postUnpatch(entry, record);
    this.#registrar.unregisterObject(entry, record);
  }

  /** The patch was replaced: none of its callbacks run (1f), its registrations go all the same (H1). */
  abandon(entry: PatchEntry, record: ObjectRecord): void {
    record.patched = false;
    record.prePatched = false;
    this.#registrar.unregisterObject(entry, record);
  }
}
