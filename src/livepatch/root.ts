/**
 * Owns where patches may come from. A patch is code with all rights of the service, so an operator may name the one directory that patches come out of; what
 * else is asked for is refused, by the coordinator and again by each thread that is about to load it. It restricts what is named, not what a patch then imports.
 * Touches no shared memory. Imports errors.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { describe, messageOf, ShadowError } from '../errors.js';

/** What travels in a manifest. */
export interface SourcePolicy {
  /** A directory by its real path. */
  readonly root: string;
  /** Whether scripts are accepted that come as text and from no file. */
  readonly allowCode: boolean;
}

/** As the user writes it. */
export interface SourceOptions {
  /**
   * The directory that patches come out of, as a path or file URL: files elsewhere are refused, by whatever way their address leads there, and so are
   * addresses that are no files, and `{ code }`. Default: patches may come from anywhere.
   */
  readonly root?: string | URL;
  /** Accepts `{ code }` although there is a root. */
  readonly allowCode?: boolean;
}

/** Undefined if patches may come from anywhere. @throws ERR_PATCH_DECLARATION */
export function readSourcePolicy({ root, allowCode }: SourceOptions): SourcePolicy | undefined {
  if (allowCode !== undefined && typeof allowCode !== 'boolean')
    throw new ShadowError('ERR_PATCH_DECLARATION', `allowCode is ${describe(allowCode)}; give true or false`);
  if (root === undefined) {
    if (allowCode === false)
      throw new ShadowError(
        'ERR_PATCH_DECLARATION',
        'allowCode: false without a root would still allow the code of any file; give a root, too',
      );
    return undefined;
  }
  return { root: directory(root), allowCode: allowCode ?? false };
}

/**
 * The address of the same file by its real path, with query and fragment as they were.
 * @throws ERR_PATCH_ROOT for anything that is not a file inside the root, ERR_PATCH_LOAD for a file that is not there
 */
export function locateInside({ root }: SourcePolicy, url: string): string {
  const { search, hash } = new URL(url);
  const real = pathToFileURL(realFile(root, url));
  real.search = search;
  real.hash = hash;
  return real.href;
}

/** Whether a script may be run that came as text. @throws ERR_PATCH_ROOT */
export function checkCode({ root, allowCode }: SourcePolicy): void {
  if (allowCode) return;
  throw new ShadowError(
    'ERR_PATCH_ROOT',
    `patches come from files in ${root} only, and this one comes as text; allowCode: true would accept it`,
  );
}

/**
 * What a thread checks before it loads what it was told to: the same again, for a link may lead elsewhere by now, and no thread has to believe another. The
 * text of a script must be that of its file.
 * @throws ERR_PATCH_ROOT, ERR_PATCH_LOAD
 */
export function checkReference(policy: SourcePolicy, { url, code }: { readonly url: string; readonly code: string | null }): void {
  if (code !== null && policy.allowCode) return;
  if (code !== null && !url.startsWith('file:')) checkCode(policy);
  const file = realFile(policy.root, url);
  if (code !== null && readFileSync(file, 'utf8') !== code)
    throw new ShadowError('ERR_PATCH_ROOT', `the text of the script ${url} is not that of its file; allowCode: true would accept it`);
}

function realFile(root: string, url: string): string {
  let path: string;
  try {
    path = fileURLToPath(url); // refuses what is no file, names a host, or hides a separator
  } catch (cause) {
    throw new ShadowError('ERR_PATCH_ROOT', `patches come from files in ${root} only, not from ${shortened(url)}: ${messageOf(cause)}`, {
      cause,
    });
  }
  let real: string;
  try {
    real = realpathSync.native(path);
  } catch (cause) {
    if (!isInside(root, path)) throw outside(root, url);
    throw new ShadowError('ERR_PATCH_LOAD', `${url} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (!isInside(root, real)) throw outside(root, url);
  return real;
}

function outside(root: string, url: string): ShadowError {
  return new ShadowError('ERR_PATCH_ROOT', `${shortened(url)} is not inside ${root}, where patches come from; nothing changed`);
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** An address may be a whole program. */
function shortened(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}…` : url;
}

function directory(root: unknown): string {
  const isAddress = root instanceof URL || (typeof root === 'string' && root.startsWith('file:'));
  if (!isAddress && (typeof root !== 'string' || root.length === 0))
    throw new ShadowError('ERR_PATCH_DECLARATION', `root is ${describe(root)}; give the path or file URL of a directory`);
  try {
    const real = realpathSync.native(isAddress ? fileURLToPath(root) : root);
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    throw new ShadowError('ERR_PATCH_DECLARATION', `root is ${describe(String(root))}, which cannot be looked into: ${messageOf(cause)}`, {
      cause,
    });
  }
  throw new ShadowError('ERR_PATCH_DECLARATION', `root is ${describe(String(root))}, which is no directory`);
}
