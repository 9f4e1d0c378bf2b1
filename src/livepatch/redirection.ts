/**
 * Owns what may stand in the way of redirecting a function: the master switch, owners of its slot that tolerate nobody else, and a function
 * that does not exist. Touches no shared memory. Imports errors, entry, patch and the type of what the threads found.
 */
import { describe, ShadowError } from '../errors.js';
import type { ObjectRecord, PatchEntry } from './entry.js';
import { functionNames } from './patch.js';
import type { CheckedCandidate } from './threads.js';

export class Redirection {
  /** What the threads found about a patch when they loaded it. */
  readonly #checked = new WeakMap<PatchEntry, CheckedCandidate>();
  #on = true;

  /** @throws ERR_PATCH_REDIRECTION */
  switch(on: boolean, list: readonly PatchEntry[]): void {
    const users = list.filter(({ patch }) => patch.objects.some(({ functions }) => functions.size > 0));
    if (!on && users.length > 0) {
      const names = users.map(({ name }) => describe(name)).join(', ');
      throw new ShadowError(
        'ERR_PATCH_REDIRECTION',
        `redirection cannot be switched off while ${names} replace functions; disable them first`,
      );
    }
    this.#on = on;
  }

  get isOn(): boolean {
    return this.#on;
  }

  /** What `note()` was told about a patch. */
  checked(entry: PatchEntry): CheckedCandidate | undefined {
    return this.#checked.get(entry);
  }

  /** As it was when the record was written. */
  resume(on: boolean): void {
    this.#on = on;
  }

  /** All threads have loaded the patch. */
  note(entry: PatchEntry, checked: CheckedCandidate): void {
    this.#checked.set(entry, checked);
  }

  /** Why the patch must not redirect this function, an "object.function"; undefined if it may. */
  obstacle(entry: PatchEntry, name: string): string | undefined {
    if (!this.#on) return 'redirection is switched off; switch it on with setRedirection(true)';
    const owner = this.#checked.get(entry)?.owned.get(name);
    return owner === undefined ? undefined : `${describe(owner)} owns its slot exclusively; release that first`;
  }

  /** Whether some thread declares each function of the objects that are there. @throws ERR_PATCH_FUNCTION */
  checkFunctions(entry: PatchEntry, there: readonly ObjectRecord[]): void {
    const replaced = there.flatMap(({ object }) => functionNames(object));
    const unknown = replaced.filter((key) => this.#checked.get(entry)?.undeclared.includes(key) === true);
    if (unknown.length === 0) return;
    throw new ShadowError(
      'ERR_PATCH_FUNCTION',
      `patch "${entry.name}" replaces ${unknown.join(', ')}, which no thread declares with patchable(); check the names, nothing changed`,
    );
  }
}
