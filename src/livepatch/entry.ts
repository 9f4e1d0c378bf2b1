/**
 * Owns the record of one enabling of a patch: what has been done to each of its objects, and its states as callbacks find them. Enabling a
 * patch again makes a new record. Touches no shared memory. Imports the declaration of patches and the manifest's reference to one.
 */
import type { PatchReference } from './manifest.js';
import type { DeclaredState, Patch, PatchObject, StateEntry } from './patch.js';

export interface ObjectRecord {
  readonly object: PatchObject;
  /** Its shadow types are registered. */
  registered: boolean;
  /** pre_patch agreed, or there is none: arms post_unpatch, once, and is cleared when that has run. */
  prePatched: boolean;
  /** Its functions are installed, or will be by the manifest that is published next. */
  patched: boolean;
}

export interface StateRecord {
  readonly declared: DeclaredState;
  /** What `getState()` gives; its `data` belongs to the callbacks. */
  readonly entry: StateEntry;
  /** Its shadow type is registered by this patch, maybe on behalf of others that hold the state now. */
  registered: boolean;
  /** As for an object: arms postUnpatch, once (H11: cleared when that has run). */
  prePatched: boolean;
  /** postPatch has run, or is not to be undone by anybody else: arms preUnpatch. */
  postPatched: boolean;
}

/** The patch with a serial number. @throws ERR_PATCH_TAKEOVER */
export type EntryOf = (serial: number) => PatchEntry;

export class PatchEntry {
  readonly patch: Patch;
  readonly reference: PatchReference;
  /** Number of the transition that enables it. */
  readonly version: number;
  readonly objects: readonly ObjectRecord[];
  readonly states: readonly StateRecord[];
  /** Tells its registrations from those of the application, of other patches and of earlier enablings of this one. */
  readonly owner: string;
  enabled = false;
  transition = false;
  /** Why a transition of it was forced. */
  forced: string | null = null;

  constructor(patch: Patch, reference: PatchReference, version: number) {
    this.patch = patch;
    this.reference = reference;
    this.version = version;
    this.owner = `patch ${patch.name} #${reference.serial}`;
    this.objects = patch.objects.map((object) => ({ object, registered: false, prePatched: false, patched: false }));
    this.states = patch.states.map((declared) => ({
      declared,
      entry: { id: declared.id, version: declared.version, data: declared.data },
      registered: false,
      prePatched: false,
      postPatched: false,
    }));
  }

  get name(): string {
    return this.patch.name;
  }

  object(name: string): ObjectRecord | undefined {
    return this.objects.find(({ object }) => object.name === name);
  }

  state(id: number): StateRecord | undefined {
    return this.states.find(({ declared }) => declared.id === id);
  }
}
