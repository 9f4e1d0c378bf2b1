/**
 * Owns bundled scripts: patches that come as the source of a CommonJS module. Compiled as a function, not as a module, so that everything
 * of a script is garbage once nobody uses its patch; node keeps an ES module for the life of the thread. Touches no shared memory.
 * Imports errors and patch.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { compileFunction } from 'node:vm';

import { describe, messageOf, ShadowError } from '../errors.js';
import { Patch } from './patch.js';

type Evaluate = (module: { exports: unknown }, exports: unknown, require: (id: string) => unknown) => void;

/** What scripts get for these: the one copy of umbra whose patches and shadow types this thread understands. */
const OWN_NAMES = new Set(['umbra', 'umbra/worker']);

/**
 * Since Node 21 the engine's cache of compiled scripts keeps the text of every one as long as the process lives. So a process that uses bundled
 * scripts does without: what it evaluates twice is compiled twice. The flag is one for all threads.
 */
const CACHE_KEEPS_TEXT = Number(process.versions.node.split('.')[0]) > 20;

let face: object | undefined;
let loadingFace: Promise<void> | undefined;

/**
 * Makes `evaluateScript()` possible. The face is above this file, so it is imported when it is needed and not by an import statement:
 * everything that it leads to is loaded by then.
 */
export function prepareScripts(): Promise<void> {
  loadingFace ??= import('../worker.js').then((loaded) => {
    face = loaded;
  });
  return loadingFace;
}

export function scriptsPrepared(): boolean {
  return face !== undefined;
}

/**
 * Runs a script and returns the patch that it exports. Synchronous. `prepareScripts()` has been awaited.
 * @throws ERR_PATCH_LOAD, and the ERR_PATCH_DECLARATION or ERR_SHADOW_… that its declarations throw
 */
export function evaluateScript(url: string, code: string): Patch {
  const module = { exports: {} };
  if (CACHE_KEEPS_TEXT) setFlagsFromString('--no-compilation-cache');
  try {
    // Without importModuleDynamically: it would keep the script alive.
    const evaluate = compileFunction(code, ['module', 'exports', 'require'], { filename: url }) as Evaluate;
    evaluate(module, module.exports, requireFor(url));
  } catch (cause) {
    if (cause instanceof ShadowError) throw cause;
    throw new ShadowError('ERR_PATCH_LOAD', `the script ${url} failed: ${messageOf(cause)}`, {
      cause,
    });
  }
  return exportedPatch(module.exports, url);
}

/** `module.exports = definePatch(…)`, or the `exports.default` that bundlers make of a default export. */
function exportedPatch(exported: unknown, url: string): Patch {
  if (exported instanceof Patch) return exported;
  const other = typeof exported === 'object' && exported !== null && 'default' in exported ? exported.default : exported;
  if (other instanceof Patch) return other;
  throw new ShadowError(
    'ERR_PATCH_DECLARATION',
    `the script ${url} exports ${describe(other)}, not what definePatch() of this copy of umbra returns; set module.exports to that`,
  );
}

function requireFor(url: string): (id: string) => unknown {
  let others: ((id: string) => unknown) | undefined;
  return (id) => {
    if (OWN_NAMES.has(id)) return face;
    others ??= createRequire(url.startsWith('file:') ? url : pathToFileURL(join(process.cwd(), 'patch.cjs')));
    return others(id);
  };
}
