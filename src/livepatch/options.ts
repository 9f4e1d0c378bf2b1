/**
 * Owns the options of a coordinator. Touches no shared memory. Imports errors and deadline.
 */
import { describe, ShadowError } from '../errors.js';
import { MAX_MILLISECONDS } from './deadline.js';
import type { ThreadsOptions } from './threads.js';

export interface CoordinatorOptions {
  /** How long a patch may take to load in every thread before it is refused, 1…2^31−1 ms. Default 30000. */
  readonly loadMilliseconds?: number;
  /** How often a pending transition looks again without having been told to, 1…2^31−1 ms. Default 1000. */
  readonly pollMilliseconds?: number;
  /** After so many looks in vain the threads that have not switched are poked, and again after as many, 1…2^31−1. Default 15. */
  readonly pokeEvery?: number;
}

const OPTIONS: readonly string[] = ['loadMilliseconds', 'pollMilliseconds', 'pokeEvery'];

/** @throws ERR_PATCH_DECLARATION */
export function readOptions(options: CoordinatorOptions): ThreadsOptions {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new ShadowError('ERR_PATCH_DECLARATION', `the options of a coordinator are an object, not ${describe(options)}`);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (!OPTIONS.includes(name))
      throw new ShadowError('ERR_PATCH_DECLARATION', `unknown coordinator option ${name}; known are ${OPTIONS.join(', ')}`);
    if (value === undefined || (typeof value === 'number' && value >= 1 && value <= MAX_MILLISECONDS)) continue;
    throw new ShadowError('ERR_PATCH_DECLARATION', `${name} is ${describe(value)}; give a number from 1 to ${MAX_MILLISECONDS}`);
  }
  const { loadMilliseconds = 30_000, pollMilliseconds = 1000, pokeEvery = 15 } = options;
  return { loadMilliseconds, pollMilliseconds, pokeEvery: Math.round(pokeEvery) };
}
