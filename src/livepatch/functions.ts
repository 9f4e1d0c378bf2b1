/**
 * Owns the patchable functions of this thread and the stack of replacements above each. A call goes through a trampoline that reads one
 * plain field: no atomics, because a call happens millions of times and a switch once; the gate in agent.ts makes sure that no task is
 * under way when the fields change. Touches no shared memory. Imports errors and patch.
 */
import { describe, ShadowError } from '../errors.js';
import { type Patch, type PatchFunction, WithOriginal } from './patch.js';

/** The one field that a trampoline reads. */
class Slot {
  target: PatchFunction;

  constructor(target: PatchFunction) {
    this.target = target;
  }
}

/** A patchable function: what it does unpatched, and what its callers get now. */
interface Declared {
  readonly original: PatchFunction;
  readonly slot: Slot;
}

/** One replacement of one loaded patch. `below` leads to the next older function while the patch is installed. */
class Replacement {
  readonly below: Slot;
  readonly call: PatchFunction;

  constructor(name: string, replacement: PatchFunction | WithOriginal) {
    this.below = new Slot(() => {
      throw new ShadowError(
        'ERR_PATCH_FUNCTION',
        `original ${name}() was called before its patch was switched on; call it from the replacement only`,
      );
    });
    // A trampoline of its own, for the patch below may be disabled while this one stays.
    const call = replacement instanceof WithOriginal ? replacement.factory(trampoline(name, 0, this.below)) : replacement;
    if (typeof call !== 'function') {
      throw new ShadowError(
        'ERR_PATCH_DECLARATION',
        `withOriginal() of ${name} returned ${describe(call)}; return the replacement function`,
      );
    }
    this.call = call;
  }
}

/** A patch whose replacements are ready to be installed in this thread. */
export class LoadedPatch {
  readonly patch: Patch;
  readonly #replacements = new Map<string, Map<string, Replacement>>();

  /** Runs the factories of `withOriginal()`. @throws ERR_PATCH_DECLARATION and whatever a factory throws */
  constructor(patch: Patch) {
    this.patch = patch;
    for (const object of patch.objects) {
      const replacements = new Map<string, Replacement>();
      for (const [name, replacement] of object.functions) replacements.set(name, new Replacement(name, replacement));
      this.#replacements.set(object.name, replacements);
    }
  }

  replacement(object: string, name: string): Replacement | undefined {
    return this.#replacements.get(object)?.get(name);
  }
}

const objects = new Map<string, Map<string, Declared>>();
let installed: readonly LoadedPatch[] = [];

/**
 * Declares functions that patches may replace, under the name by which a patch's `objects` refer to them. Call the returned functions,
 * not the ones passed in. `this`, asynchronous functions and generators work; a call costs about 5 ns more. May be called several
 * times for one object, in each thread, with different functions.
 * @throws ERR_PATCH_DECLARATION
 */
export function patchable<T extends Readonly<Record<string, PatchFunction>>>(object: string, functions: T & ThisType<T>): T {
  if (typeof object !== 'string' || object.length === 0) refuse(`the first argument is the name of the object, not ${describe(object)}`);
  if (typeof functions !== 'object' || (functions as unknown) === null)
    refuse(`${object}: the functions are an object, not ${describe(functions)}`);
  const declared = objects.get(object) ?? new Map<string, Declared>();
  const entries = Object.entries(functions);
  for (const [name, original] of entries) {
    if (typeof original !== 'function') refuse(`${object}.${name} is ${describe(original)}, not a function`);
    if (declared.has(name)) refuse(`${object}.${name} is declared twice in this thread; use what the first patchable() returned`);
  }
  objects.set(object, declared);
  const trampolines: Record<string, PatchFunction> = {};
  for (const [name, original] of entries) {
    const slot = new Slot(original);
    declared.set(name, { original, slot });
    link(object, name, { original, slot }); // patches may have been switched on before this module was loaded
    trampolines[name] = trampoline(name, original.length, slot);
  }
  return trampolines as T;
}

/** Switches this thread to exactly these patches, oldest first. Synchronous: nobody sees half of it. */
export function install(stack: readonly LoadedPatch[]): void {
  installed = stack;
  for (const [object, declared] of objects) {
    for (const [name, entry] of declared) link(object, name, entry);
  }
}

/** The functions that a patch replaces and this thread does not declare, as "object.function". */
export function undeclared(patch: Patch): string[] {
  return patch.objects.flatMap(({ name, functions }) => {
    const declared = objects.get(name);
    return [...functions.keys()].filter((key) => declared?.has(key) !== true).map((key) => `${name}.${key}`);
  });
}

/** Strings the replacements of one function together: the newest on top, each above the next older. */
function link(object: string, name: string, { original, slot }: Declared): void {
  let current = original;
  for (const patch of installed) {
    const replacement = patch.replacement(object, name);
    if (replacement === undefined) continue;
    replacement.below.target = current;
    current = replacement.call;
  }
  slot.target = current;
}

/** A function of this name that hands on `this` and all arguments. Rest and Reflect.apply measured as fast as any other correct form. */
function trampoline(name: string, length: number, slot: Slot): PatchFunction {
  const call = function (this: unknown, ...args: never[]): unknown {
    return Reflect.apply(slot.target, this, args);
  };
  return Object.defineProperties(call, { name: { value: name, configurable: true }, length: { value: length, configurable: true } });
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', `patchable(): ${what}`);
}
