/**
 * Owns the patches that this thread has loaded, or could not load. Each enabling of a patch is loaded anew, for it gets its own place on
 * the stacks. Touches no shared memory. Imports errors, functions, loader and manifest.
 */
import { threadId } from 'node:worker_threads';

import { describe, ShadowError } from '../errors.js';
import { LoadedPatch } from './functions.js';
import { importPatch } from './loader.js';
import type { PatchReference } from './manifest.js';

export class Library {
  /** By serial number. */
  readonly #patches = new Map<number, LoadedPatch | ShadowError>();

  /** The patch, or why it could not be loaded; undefined while it is not loaded. */
  get({ serial }: PatchReference): LoadedPatch | ShadowError | undefined {
    return this.#patches.get(serial);
  }

  /** Whether each of these has been loaded or has failed to load. */
  hasAll(references: readonly PatchReference[]): boolean {
    return references.every(({ serial }) => this.#patches.has(serial));
  }

  /** The first failure among these. */
  failure(references: readonly PatchReference[]): ShadowError | undefined {
    return references.map((reference) => this.get(reference)).find((patch) => patch instanceof ShadowError);
  }

  /** Forgets all but these. */
  keep(references: readonly PatchReference[]): void {
    for (const serial of this.#patches.keys()) {
      if (!references.some((reference) => reference.serial === serial)) this.#patches.delete(serial);
    }
  }

  /** Never rejects: a failure is what `get()` returns. */
  async load({ serial, name, url }: PatchReference): Promise<void> {
    if (this.#patches.has(serial)) return;
    let loaded: LoadedPatch | ShadowError;
    try {
      loaded = new LoadedPatch(await importPatch(url));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      loaded = new ShadowError('ERR_PATCH_LOAD', `thread ${threadId} cannot load patch ${describe(name)} from ${url}: ${reason}`, {
        cause,
      });
    }
    // Two manifests may have asked for it; whoever was first may have installed it already.
    if (!this.#patches.has(serial)) this.#patches.set(serial, loaded);
  }
}
