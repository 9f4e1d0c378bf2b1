/**
 * Owns the place where a tool may put itself between a version of a patchable function and its callers: once, when the version is made, so that
 * calls cost nothing where no tool is at work. Used by testing/. Touches no shared memory. Imports the type of a patchable function.
 */
import type { PatchFunction } from './patch.js';

/** Which version of which function. */
export interface VersionName {
  readonly object: string;
  readonly name: string;
  /** The patch whose replacement it is; null = the original. */
  readonly patch: string | null;
}

export interface Decorator {
  /** What is called in place of a version. */
  version(call: PatchFunction, name: VersionName): PatchFunction;
  /** What the replacement `name` gets as its original, in place of `call`. */
  original(call: PatchFunction, name: VersionName): PatchFunction;
}

let decorator: Decorator | undefined;

/** For the functions that this thread declares, and the patches that it loads, from now on. */
export function decorateFunctions(wanted: Decorator): void {
  decorator = wanted;
}

export function decorated(part: keyof Decorator, call: PatchFunction, name: VersionName): PatchFunction {
  return decorator === undefined ? call : decorator[part](call, name);
}
