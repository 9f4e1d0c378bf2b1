/**
 * Owns `patchable()`: how a thread says which of its functions patches may replace. Touches no shared memory but the activation counters.
 * Imports errors, chains, declared, patch and trampoline.
 */
import { describe, ShadowError } from '../errors.js';
import { link } from './chains.js';
import { declare, Declared, findDeclared } from './declared.js';
import { MAX_NAME_LENGTH, type PatchFunction } from './patch.js';
import { trampoline } from './trampoline.js';

/**
 * Declares functions that patches may replace, under the name by which a patch's `objects` refer to them. Call the returned functions,
 * not the ones passed in. `this`, asynchronous functions and generators work; a call costs about 8 ns more. May be called several
 * times for one object, in each thread, with different functions.
 *
 * An object other than `base` is a module: its functions are patched while the coordinator knows it as live, and tasks of this thread wait
 * until the coordinator, if there is one, has let the module come.
 * @throws ERR_PATCH_DECLARATION
 */
export function patchable<T extends Readonly<Record<string, PatchFunction>>>(object: string, functions: T & ThisType<T>): T {
  if (typeof object !== 'string' || object.length === 0 || object.length > MAX_NAME_LENGTH)
    refuse(`the first argument is the name of the object, a string of 1 to ${MAX_NAME_LENGTH} characters, not ${describe(object)}`);
  if (typeof functions !== 'object' || (functions as unknown) === null || Symbol.iterator in functions)
    refuse(`${object}: the functions are the properties of an object, not ${describe(functions)}`);
  const entries = Object.entries(functions);
  for (const [name, original] of entries) {
    if (typeof original !== 'function') refuse(`${object}.${name} is ${describe(original)}, not a function`);
    if (findDeclared(object, name) !== undefined)
      refuse(`${object}.${name} is declared twice in this thread; use what the first patchable() returned`);
  }
  const trampolines: Record<string, PatchFunction> = {};
  const added = entries.map(([name, original]) => {
    const declared = new Declared(object, name, original);
    link(declared); // patches may have been switched on before this module was loaded
    trampolines[name] = trampoline(name, original.length, declared.slot);
    return declared;
  });
  declare(object, added);
  return trampolines as T;
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', `patchable(): ${what}`);
}
