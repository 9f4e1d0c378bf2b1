/**
 * Owns the way from what a user names to a patch: an ES module by `import()`, which node keeps for the life of the thread, so that a changed
 * file needs a changed address (`?v=2`); or a bundled script (script.ts). Touches no shared memory. Imports errors, manifest, patch, root and
 * script.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { describe, messageOf, ShadowError } from '../errors.js';
import type { PatchReference } from './manifest.js';
import { Patch } from './patch.js';
import { checkCode, locateInside, type SourcePolicy } from './root.js';
import { evaluateScript, prepareScripts } from './script.js';

/**
 * Where a patch comes from. The address of an ES module, or a bundled script: the address of a `.cjs` file, which is read once, or its
 * source. Relative paths are meant from the working directory; `filename` is what the script is called in stack traces and where its
 * `require()` starts from.
 */
export type PatchSource = URL | string | { readonly code: string; readonly filename?: string };

/** A source as every thread understands it; no thread but the one that names it reads a script's file. */
export type PatchAddress = Pick<PatchReference, 'url' | 'code' | 'digest'>;

const UNNAMED_SCRIPT = 'umbra:script';

/** `policy`: where patches may come from, if not from anywhere. @throws ERR_PATCH_LOAD, ERR_PATCH_ROOT */
export function patchSource(source: PatchSource, policy?: SourcePolicy): PatchAddress {
  if (source instanceof URL || typeof source === 'string') {
    const named = patchUrl(source);
    const url = policy === undefined ? named : locateInside(policy, named);
    if (isScript(url)) return { url, code: readScript(url) };
    const digest = digestOf(url);
    return digest === undefined ? { url, code: null } : { url, code: null, digest };
  }
  const { code, filename } = (source as Partial<Exclude<PatchSource, URL | string>> | null | undefined) ?? {};
  if (typeof code !== 'string') {
    throw new ShadowError('ERR_PATCH_LOAD', `${describe(source)} is no source of a patch; give a URL, a path, or { code } with a script`);
  }
  if (policy !== undefined) checkCode(policy);
  return { url: filename === undefined ? UNNAMED_SCRIPT : patchUrl(filename), code };
}

/** Loads a patch. @throws ERR_PATCH_LOAD, and the ERR_PATCH_DECLARATION or ERR_SHADOW_… that its declarations throw */
export async function loadPatch({ url, code, digest }: PatchAddress): Promise<Patch> {
  if (code === null) {
    if (digest !== undefined) checkText(url, digest);
    return importPatch(url);
  }
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
    throw new ShadowError('ERR_PATCH_LOAD', `${url} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** What this thread has imported from each address: it gets the same module for ever, whatever becomes of the file. */
const imported = new Map<string, string>();

/** Whether all threads run one text under one address. @throws ERR_PATCH_LOAD */
function checkText(url: string, digest: string): void {
  const text = imported.get(url) ?? digestOf(url);
  if (text !== digest) {
    throw new ShadowError(
      'ERR_PATCH_LOAD',
      `the file of ${url} was edited after a thread had imported it, which Node does not load again; give the new text a new address, such as ?v=2`,
    );
  }
  imported.set(url, digest);
}

/** Of the text of an ES module in a file; undefined for other addresses, and for a file that cannot be read, of which the import will tell. */
function digestOf(url: string): string | undefined {
  try {
    if (new URL(url).protocol !== 'file:') return undefined;
    return createHash('sha256')
      .update(readFileSync(fileURLToPath(url)))
      .digest('base64');
  } catch {
    return undefined;
  }
}

async function importPatch(url: string): Promise<Patch> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (cause) {
    if (cause instanceof ShadowError) throw cause;
    throw new ShadowError('ERR_PATCH_LOAD', `${url} cannot be imported: ${messageOf(cause)}`, {
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
