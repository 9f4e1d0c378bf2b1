/**
 * Owns the options of a coordinator. Touches no shared memory. Imports errors, deadline and root.
 */
import { describe, ShadowError } from '../errors.js';
import { type AnyShadowType, requireType } from '../shadow/type.js';
import { MAX_MILLISECONDS } from './deadline.js';
import { readSourcePolicy, type SourceOptions, type SourcePolicy } from './root.js';
import type { ThreadsOptions } from './threads.js';

/** Options of `new PatchCoordinator()` and `PatchCoordinator.recover()`. */
export interface CoordinatorOptions extends SourceOptions {
  /** How long a patch may take to load in every thread before it is refused, 1…2^31−1 ms. Default 30000. */
  readonly loadMilliseconds?: number;
  /** How often a pending transition looks again without having been told to, 1…2^31−1 ms. Default 1000. */
  readonly pollMilliseconds?: number;
  /** After so many looks in vain the threads that have not switched are poked, and again after as many, 1…2^31−1. Default 15. */
  readonly pokeEvery?: number;
  /** The application's own types, if another thread created the store with them: without these, patches that raise a version of one cannot be disabled. */
  readonly types?: readonly AnyShadowType[];
}

const NUMBERS: readonly string[] = ['loadMilliseconds', 'pollMilliseconds', 'pokeEvery'];
const OPTIONS: readonly string[] = [...NUMBERS, 'root', 'allowCode', 'types'];

export interface ReadOptions {
  readonly threads: ThreadsOptions;
  /** Undefined: patches may come from anywhere. */
  readonly policy: SourcePolicy | undefined;
  readonly types: readonly AnyShadowType[] | undefined;
}

/** @throws ERR_PATCH_DECLARATION */
export function readOptions(options: CoordinatorOptions): ReadOptions {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new ShadowError('ERR_PATCH_DECLARATION', `the options of a coordinator are an object, not ${describe(options)}`);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (!OPTIONS.includes(name))
      throw new ShadowError('ERR_PATCH_DECLARATION', `unknown coordinator option ${name}; known are ${OPTIONS.join(', ')}`);
    if (value === undefined || !NUMBERS.includes(name) || (typeof value === 'number' && value >= 1 && value <= MAX_MILLISECONDS)) continue;
    throw new ShadowError('ERR_PATCH_DECLARATION', `${name} is ${describe(value)}; give a number from 1 to ${MAX_MILLISECONDS}`);
  }
  const { types } = options;
  if (types !== undefined && !Array.isArray(types))
    throw new ShadowError('ERR_PATCH_DECLARATION', `types is ${describe(types)}; give an array of shadow types`);
  for (const type of types ?? []) requireType(type, 'the types of a coordinator');
  const { loadMilliseconds = 30_000, pollMilliseconds = 1000, pokeEvery = 15 } = options;
  return { threads: { loadMilliseconds, pollMilliseconds, pokeEvery: Math.round(pokeEvery) }, policy: readSourcePolicy(options), types };
}
