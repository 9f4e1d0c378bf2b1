/**
 * Owns the code that a thread has loaded for the manifests it follows: what is kept, what is let go of, and what there is to say about it.
 * Touches no shared memory; has the store forget the shadow types of what is let go of. Imports errors, chains, declared, intercept,
 * library, loaded, local, manifest and the type of the store.
 */
import { threadId } from 'node:worker_threads';

import type { ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import type { Stack } from './chains.js';
import { undeclared } from './declared.js';
import { ownedFunctions } from './intercept.js';
import { Library } from './library.js';
import { LoadedPatch } from './loaded.js';
import { localStores } from './local.js';
import { type LoadReport, type Manifest, type PatchReference, storeName } from './manifest.js';
import type { SourcePolicy } from './root.js';

export class Code {
  readonly #store: ShadowStore;
  readonly #library: Library;
  /** Patches that no manifest names any more and that may still run. */
  readonly #forgotten = new Set<LoadedPatch>();

  constructor(store: ShadowStore, policy: SourcePolicy | undefined) {
    this.#store = store;
    this.#library = new Library(policy);
  }

  get patches(): LoadedPatch[] {
    return this.#library.loaded();
  }

  hasStack({ stack }: Manifest): boolean {
    return this.#library.hasAll(stack);
  }

  hasAll(manifest: Manifest): boolean {
    return this.#library.hasAll(allPatches(manifest));
  }

  /** Why the stack cannot be run here. */
  failure({ stack }: Manifest): ShadowError | undefined {
    return this.#library.failure(stack);
  }

  stackOf({ stack }: Manifest): Stack {
    return stack.map(({ serial }) => this.#library.get(serial)).filter((patch) => patch instanceof LoadedPatch);
  }

  /** Lets go of what the manifest does not name, and loads at once of what it names what can be. */
  keep(manifest: Manifest, running: Stack): void {
    const all = allPatches(manifest);
    this.#library.learn(manifest.policy);
    for (const patch of this.#library.keep(all)) this.#forgotten.add(patch);
    this.release(running);
    for (const patch of all) this.#library.loadNow(patch);
    this.#knowTypes();
  }

  /** Nothing is held any more of patches that no manifest names and that do not run. */
  release(running: Stack): void {
    for (const loaded of this.#forgotten) {
      if (running.includes(loaded)) continue;
      this.#forgotten.delete(loaded);
      loaded.release();
      this.#store.internals.bindings.forget(loaded.patch.shadowTypes);
    }
    this.#knowTypes();
  }

  /** Never rejects. */
  async load(references: readonly PatchReference[]): Promise<void> {
    for (const reference of references) await this.#library.load(reference);
    this.#knowTypes();
  }

  /** How loading went: of the candidate, if there is one, for that is what the coordinator then asks about. Null = nothing to tell. */
  report({ epoch, stack, standby, candidate }: Manifest): LoadReport | null {
    const failure = this.#library.failure(candidate === null ? stack : standby.filter(({ serial }) => serial === candidate));
    if (failure === undefined && candidate === null) return null;
    const loaded = candidate === null ? undefined : this.#library.get(candidate);
    const checked = loaded instanceof LoadedPatch ? loaded.patch : undefined;
    return {
      kind: 'loaded',
      thread: threadId,
      epoch,
      failure: failure?.message ?? null,
      undeclared: checked === undefined ? [] : undeclared(checked),
      owned: checked === undefined ? [] : ownedFunctions(checked),
    };
  }

  /** Has variables migrated by what any patch here declares. The coordinator does that for its own store object. */
  #knowTypes(): void {
    const { bindings, words } = this.#store.internals;
    if (localStores().has(storeName(words))) return;
    bindings.know([...this.#library.loaded(), ...this.#forgotten].flatMap((loaded) => loaded.patch.shadowTypes));
  }
}

function allPatches({ stack, standby }: Manifest): readonly PatchReference[] {
  return [...stack, ...standby];
}
