/**
 * Owns what an operator can look at: a patch as plain data, the way the kernel shows it in sysfs. Touches no shared memory. Imports patch.
 */
import type { Patch, PatchState } from './patch.js';

/** An enabled patch, or one on its way in or out. Plain JSON. */
export interface PatchInfo {
  readonly name: string;
  readonly url: string;
  /** False once the patch is being disabled. */
  readonly enabled: boolean;
  /** Whether threads are being switched to or from this patch. */
  readonly transition: boolean;
  readonly replace: boolean;
  /** Position on the stack: 1 = oldest. */
  readonly stackOrder: number;
  /** Number of the transition that enabled it. */
  readonly version: number;
  /** "object.function" */
  readonly functions: readonly string[];
  readonly shadowTypes: readonly { readonly object: string; readonly id: number }[];
  readonly states: readonly PatchState[];
}

/** An entry of the coordinator's list. */
export interface ListedPatch {
  readonly patch: Patch;
  readonly url: string;
  readonly version: number;
  enabled: boolean;
  transition: boolean;
}

export function inspectPatches(list: readonly ListedPatch[]): PatchInfo[] {
  return list.map(({ patch, url, version, enabled, transition }, index) => ({
    name: patch.name,
    url,
    enabled,
    transition,
    replace: patch.replace,
    stackOrder: index + 1,
    version,
    functions: patch.objects.flatMap(({ name, functions }) => [...functions.keys()].map((key) => `${name}.${key}`)),
    shadowTypes: patch.objects.flatMap(({ name, shadowTypes }) => shadowTypes.map(({ id }) => ({ object: name, id }))),
    states: patch.states.map(({ id, version: supported }) => ({ id, version: supported })),
  }));
}
