/**
 * Owns the way from what a user names to a patch: an ES module by `import()`, which node keeps for the life of the thread, so that a changed
 * file needs a changed address (`?v=2`); or a bundled script (script.ts). Touches no shared memory. Imports errors, manifest, patch and script.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { describe, ShadowError } from '../errors.js';
import type { PatchReference } from './manifest.js';
import { Patch } from './patch.js';
import { evaluateScript, prepareScripts } from './script.js';

/**
 * Where a patch comes from. The address of an ES module, or a bundled script: the address of a `.cjs` file, which is read once, or its
 * source. Relative paths are meant from the working directory; `filename` is what the script is called in stack traces and where its
 * `require()` starts from.
 */
export type PatchSource = URL | string | { readonly code: string; readonly filename?: string };

/** A source as every thread understands it; no thread but the one that names it reads a script's file. */
export type PatchAddress = Pick<PatchReference, 'url' | 'code'>;

const UNNAMED_SCRIPT = 'umbra:script';

/** @throws ERR_PATCH_LOAD */
export function patchSource(source: PatchSource): PatchAddress {
  if (source instanceof URL || typeof source === 'string') {
    const url = patchUrl(source);
    return { url, code: isScript(url) ? readScript(url) : null };
  }
  const { code, filename } = (source as Partial<Exclude<PatchSource, URL | string>> | null | undefined) ?? {};
  if (typeof code !== 'string') {
    throw new ShadowError('ERR_PATCH_LOAD', `${describe(source)} is no source of a patch; give a URL, a path, or { code } with a script`);
  }
  return { url: filename === undefined ? UNNAMED_SCRIPT : patchUrl(filename), code };
}

/** Loads a patch. @throws ERR_PATCH_LOAD, and the ERR_PATCH_DECLARATION or ERR_SHADOW_… that its declarations throw */
export async function loadPatch({ url, code }: PatchAddress): Promise<Patch> {
  if (code === null) return importPatch(url);
  await prepareScripts();
  return evaluateScript(url, code);
}

function patchUrl(location: URL | string): string {
  if (location instanceof URL) return location.href;
  if (typeof location !== 'string' || location.length === 0) {
    throw new ShadowError('ERR_PATCH_LOAD', `${describe(location)} is not the address of a patch; give a URL or a path`);
  }
  if (!isAbsolute(location) && URL.canParse(location)) return location;
  return pathToFileURL(resolve(location)).href;
}

function isScript(url: string): boolean {
  const { protocol, pathname } = new URL(url);
  return protocol === 'file:' && pathname.endsWith('.cjs');
}

function readScript(url: string): string {
  try {
    return readFileSync(fileURLToPath(url), 'utf8');
  } catch (cause) {
    throw new ShadowError('ERR_PATCH_LOAD', `${url} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function importPatch(url: string): Promise<Patch> {
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
