/**
 * Owns what a manifest means for the modules of this thread: which are live, which the coordinator has not heard of, and which stand in the
 * way of tasks. Touches no shared memory. Imports errors, declared and manifest.
 */
import { describe, ShadowError } from '../errors.js';
import { declaredModules } from './declared.js';
import type { Manifest } from './manifest.js';

export function liveModules({ modules }: Manifest): ReadonlySet<string> {
  return new Set(modules.filter(({ state }) => state === 'live').map(({ name }) => name));
}

/** Modules of this thread about which the coordinator has not decided. */
export function unmentionedModules({ modules }: Manifest): string[] {
  return declaredModules().filter((module) => !modules.some(({ name }) => name === module));
}

/** Why tasks of this thread cannot run: one of its modules was refused. */
export function refusedModule({ modules }: Manifest): ShadowError | null {
  const declared = declaredModules();
  const refused = modules.find(({ name, state }) => state === 'refused' && declared.includes(name));
  if (refused === undefined) return null;
  return new ShadowError(
    'ERR_PATCH_MODULE',
    `module ${describe(refused.name)} was refused: ${refused.why ?? 'a patch did not let it come'}`,
  );
}
