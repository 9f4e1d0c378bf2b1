/**
 * Owns interceptions: somebody else than a patch, a tracer or a test double, holds the entry of a patchable function in this thread, above
 * all patches. Touches no shared memory. Imports errors, activity, chains, declared and loaded.
 */
import { describe, ShadowError } from '../errors.js';
import { UNTRACKED } from './activity.js';
import { link } from './chains.js';
import { allDeclared, type Declared, findDeclared } from './declared.js';
import { Layer, type LoadedPatch } from './loaded.js';
import type { Patch, PatchFunction } from './patch.js';

/** Options of `intercept()`. */
export interface InterceptOptions {
  /** Who it is, for messages: 1 or more characters. */
  readonly owner: string;
  /** Whether nobody else may hold the entry meanwhile, patches included. Default false. */
  readonly exclusive?: boolean;
}

class Interception extends Layer {
  readonly owner: string;
  readonly exclusive: boolean;

  constructor(name: string, wrap: (next: PatchFunction) => PatchFunction, owner: string, exclusive: boolean) {
    super(
      name,
      () => UNTRACKED,
      (next) => {
        const outer = wrap(next);
        if (typeof outer !== 'function') refuse(`the function that ${owner} puts around ${name} is ${describe(outer)}`);
        return outer;
      },
    );
    this.owner = owner;
    this.exclusive = exclusive;
  }
}

/**
 * Has calls of a patchable function of this thread go to `wrap(next)`, where `next` calls the function as patches have it at that time.
 * Several may hold one entry; the last one is the outermost. One that is exclusive keeps patches that replace the function from being
 * enabled (ERR_PATCH_REDIRECTION there), and is refused where another holds the entry or a patch in `patches` replaces the function.
 * @returns what gives the entry back. @throws ERR_PATCH_FUNCTION, ERR_PATCH_REDIRECTION, ERR_PATCH_DECLARATION
 */
export function interceptAmong<F extends PatchFunction>(
  patches: readonly LoadedPatch[],
  object: string,
  name: string,
  wrap: (next: F) => F,
  options: InterceptOptions,
): () => void {
  if (typeof options !== 'object' || (options as unknown) === null) refuse(`the last argument is { owner }, not ${describe(options)}`);
  const { owner, exclusive = false } = options;
  const declared = findDeclared(object, name);
  if (declared === undefined) {
    throw new ShadowError(
      'ERR_PATCH_FUNCTION',
      `intercept(): this thread declares no function ${describe(name)} of ${describe(object)} with patchable()`,
    );
  }
  if (typeof owner !== 'string' || owner.length === 0) refuse(`the owner is a string, not ${describe(owner)}`);
  if (typeof exclusive !== 'boolean') refuse(`exclusive is true or false, not ${describe(exclusive)}`);
  if (typeof wrap !== 'function') refuse(`${describe(wrap)} is no function that takes the next one and returns what is called instead`);
  checkFree(declared, exclusive, patches);
  const interception = new Interception(name, wrap as unknown as (next: PatchFunction) => PatchFunction, owner, exclusive);
  declared.interceptions = [...declared.interceptions, interception];
  link(declared);
  return () => {
    declared.interceptions = declared.interceptions.filter((other) => other !== interception);
    link(declared);
  };
}

/** The functions that a patch replaces and that somebody holds exclusively in this thread. */
export function ownedFunctions(patch: Patch): { readonly name: string; readonly owner: string }[] {
  return allDeclared().flatMap((declared) => {
    const owner = exclusiveOwner(declared);
    const replaced = patch.objects.some(({ name, functions }) => name === declared.object && functions.has(declared.name));
    return owner !== undefined && replaced ? [{ name: `${declared.object}.${declared.name}`, owner }] : [];
  });
}

function checkFree(declared: Declared, exclusive: boolean, patches: readonly LoadedPatch[]): void {
  const where = `${declared.object}.${declared.name}`;
  const owner = exclusiveOwner(declared);
  if (owner !== undefined) refuseEntry(where, `${describe(owner)} holds its entry exclusively`);
  if (!exclusive) return;
  const [other] = declared.interceptions;
  if (other instanceof Interception) refuseEntry(where, `${describe(other.owner)} holds its entry already`);
  const replacing = patches.find((loaded) => loaded.replacement(declared.object, declared.name) !== undefined);
  if (replacing !== undefined) refuseEntry(where, `patch ${describe(replacing.patch.name)} replaces it, or is about to`);
}

function exclusiveOwner({ interceptions }: Declared): string | undefined {
  for (const held of interceptions) if (held instanceof Interception && held.exclusive) return held.owner;
  return undefined;
}

function refuseEntry(where: string, why: string): never {
  throw new ShadowError('ERR_PATCH_REDIRECTION', `${where} cannot be intercepted: ${why}; try again when the entry is free`);
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', `intercept(): ${what}`);
}
