/**
 * Owns the way from an address to a patch: `import()`. Node keeps an ES module for the life of the thread, so enabling one address again
 * finds the same module; a changed file needs a changed address (`?v=2`). Touches no shared memory. Imports errors and patch.
 */
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describe, ShadowError } from '../errors.js';
import { Patch } from './patch.js';

/** The address of a patch module as every thread understands it: relative paths are resolved against the working directory, once. */
export function patchUrl(location: URL | string): string {
  if (location instanceof URL) return location.href;
  if (typeof location !== 'string' || location.length === 0) {
    throw new ShadowError('ERR_PATCH_LOAD', `${describe(location)} is not the address of a patch module; give a URL or a path`);
  }
  if (!isAbsolute(location) && URL.canParse(location)) return location;
  return pathToFileURL(resolve(location)).href;
}

/** Loads a patch module. @throws ERR_PATCH_LOAD, and the ERR_PATCH_DECLARATION or ERR_SHADOW_… that its declarations throw */
export async function importPatch(url: string): Promise<Patch> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof ShadowError) throw cause;
    throw new ShadowError('ERR_PATCH_LOAD', `${url} cannot be imported: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  if (!(module.default instanceof Patch)) {
    throw new ShadowError(
      'ERR_PATCH_DECLARATION',
      `the default export of ${url} is ${describe(module.default)}, not what definePatch() of this copy of umbra returns`,
    );
  }
  return module.default;
}
