/**
 * Owns the list of patchable functions of this thread. Touches no shared memory. Imports activity, decoration, loaded, patch and trampoline.
 */
import { claimCounter } from './activity.js';
import { decorated } from './decoration.js';
import type { Layer } from './loaded.js';
import { BASE_OBJECT, type Patch, type PatchFunction } from './patch.js';
import { Body, Slot } from './trampoline.js';

/** A patchable function: what it does unpatched, and what its callers get now. */
export class Declared {
  readonly object: string;
  readonly name: string;
  readonly slot: Slot;
  original: Body;
  /** Who else holds the entry, above all patches; outermost last. */
  interceptions: readonly Layer[] = [];

  constructor(object: string, name: string, original: PatchFunction) {
    this.object = object;
    this.name = name;
    this.original = new Body(decorated('version', original, { object, name, patch: null }), claimCounter(`${object}.${name}`, null));
    this.slot = new Slot(this.original);
  }
}

const objects = new Map<string, Map<string, Declared>>();
let onDeclared: () => void = () => undefined;

/** Adds functions that the list does not have yet. */
export function declare(object: string, added: readonly Declared[]): void {
  const functions = objects.get(object) ?? new Map<string, Declared>();
  objects.set(object, functions);
  for (const declared of added) functions.set(declared.name, declared);
  onDeclared();
}

/** `declared` runs after every addition. */
export function watchDeclarations(declared: () => void): void {
  onDeclared = declared;
}

export function findDeclared(object: string, name: string): Declared | undefined {
  return objects.get(object)?.get(name);
}

export function allDeclared(): Declared[] {
  return [...objects.values()].flatMap((functions) => [...functions.values()]);
}

/** Objects that come and go, of which this thread has declared functions. */
export function declaredModules(): string[] {
  return [...objects.keys()].filter((object) => object !== BASE_OBJECT);
}

/** The functions that a patch replaces and this thread does not declare, as "object.function". */
export function undeclared(patch: Patch): string[] {
  return patch.objects.flatMap(({ name, functions }) =>
    [...functions.keys()].filter((key) => findDeclared(name, key) === undefined).map((key) => `${name}.${key}`),
  );
}
