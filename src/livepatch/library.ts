/**
 * Owns the patches that this thread has loaded, or could not load. Each enabling of a patch is loaded anew, for it gets its own place on
 * the stacks. Touches no shared memory. Imports errors, loaded, loader, manifest, root and script.
 */
import { threadId } from 'node:worker_threads';

import { describe, messageOf, ShadowError } from '../errors.js';
import { LoadedPatch } from './loaded.js';
import { loadPatch } from './loader.js';
import type { PatchReference } from './manifest.js';
import type { Patch } from './patch.js';
import { checkReference, type SourcePolicy } from './root.js';
import { evaluateScript, scriptsPrepared } from './script.js';

export class Library {
  /** By serial number. */
  readonly #patches = new Map<number, LoadedPatch | ShadowError>();
  /** Serial numbers of what `keep()` named last: what is loaded later and no longer wanted is not kept. */
  #wanted: ReadonlySet<number> = new Set();
  #policy: SourcePolicy | undefined;

  /** `policy`: where patches may come from, if this thread knows that by itself. */
  constructor(policy: SourcePolicy | undefined) {
    this.#policy = policy;
  }

  /** What the coordinator says about that: the first word counts, for whatever reason there comes another. */
  learn(policy: SourcePolicy | undefined): void {
    this.#policy ??= policy;
  }

  /** The patch, or why it could not be loaded; undefined while it is not loaded. */
  get(serial: number): LoadedPatch | ShadowError | undefined {
    return this.#patches.get(serial);
  }

  /** The patches that could be loaded. */
  loaded(): LoadedPatch[] {
    return [...this.#patches.values()].filter((patch) => patch instanceof LoadedPatch);
  }

  /** Whether each of these has been loaded or has failed to load. */
  hasAll(references: readonly PatchReference[]): boolean {
    return references.every(({ serial }) => this.#patches.has(serial));
  }

  /** The first failure among these. */
  failure(references: readonly PatchReference[]): ShadowError | undefined {
    return references.map(({ serial }) => this.get(serial)).find((patch) => patch instanceof ShadowError);
  }

  /** Forgets all but these, and returns the patches that it forgot. */
  keep(references: readonly PatchReference[]): LoadedPatch[] {
    const forgotten: LoadedPatch[] = [];
    this.#wanted = new Set(references.map(({ serial }) => serial));
    for (const [serial, patch] of this.#patches) {
      if (this.#wanted.has(serial)) continue;
      this.#patches.delete(serial);
      if (patch instanceof LoadedPatch) forgotten.push(patch);
    }
    return forgotten;
  }

  /** Loads a script at once if it can; what it leaves out takes `load()`. */
  loadNow(reference: PatchReference): void {
    const { serial, url, code } = reference;
    if (code === null || !scriptsPrepared() || this.#patches.has(serial)) return;
    try {
      this.#check(reference);
      this.#add(serial, evaluateScript(url, code));
    } catch (cause) {
      this.#fail(reference, cause);
    }
  }

  /** Never rejects: a failure is what `get()` returns. */
  async load(reference: PatchReference): Promise<void> {
    const { serial } = reference;
    // Two manifests may ask for it; whoever was first may have installed it already.
    const isDue = (): boolean => this.#wanted.has(serial) && !this.#patches.has(serial);
    if (!isDue()) return;
    try {
      this.#check(reference);
      const patch = await loadPatch(reference);
      if (isDue()) this.#add(serial, patch);
    } catch (cause) {
      if (isDue()) this.#fail(reference, cause);
    }
  }

  #check(reference: PatchReference): void {
    if (this.#policy !== undefined) checkReference(this.#policy, reference);
  }

  #add(serial: number, patch: Patch): void {
    this.#patches.set(serial, new LoadedPatch(patch));
  }

  #fail({ serial, name, url }: PatchReference, cause: unknown): void {
    const reason = messageOf(cause);
    this.#patches.set(
      serial,
      new ShadowError('ERR_PATCH_LOAD', `thread ${threadId} cannot load patch ${describe(name)} from ${url}: ${reason}`, { cause }),
    );
  }
}
