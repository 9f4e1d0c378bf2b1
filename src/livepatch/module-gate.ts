/**
 * Owns what the modules of this thread mean for its tasks: which of them are live, which the coordinator has not decided about, and whether
 * tasks have to wait for that. Reads PATCH_COORDINATOR. Imports errors, layout, declared, manifest and radio.
 */
import { threadId } from 'node:worker_threads';

import { describe, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import { declaredModules } from './declared.js';
import type { Manifest } from './manifest.js';
import type { Radio } from './radio.js';

/** What keeps tasks from running: an error, or a decision that is not there yet. */
export type Obstacle = ShadowError | 'undecided' | null;

export class ModuleGate {
  readonly #words: Int32Array;
  readonly #radio: Radio;

  constructor(words: Int32Array, radio: Radio) {
    this.#words = words;
    this.#radio = radio;
  }

  obstacle(manifest: Manifest): Obstacle {
    const refused = refusedModule(manifest);
    const coordinator = Atomics.load(this.#words, Layout.PATCH_COORDINATOR);
    if (refused !== null || coordinator === Layout.COORDINATOR_NONE) return refused;
    // Without any patch, a coordinator that will not answer any more has nothing to say.
    if (coordinator === Layout.COORDINATOR_CLOSED && manifest.stack.length === 0) return null;
    return undecided(manifest).length > 0 ? 'undecided' : null;
  }

  /** Tells the coordinator of modules that its manifest does not mention. */
  tell(manifest: Manifest): void {
    const names = undecided(manifest);
    if (names.length > 0 && Atomics.load(this.#words, Layout.PATCH_COORDINATOR) === Layout.COORDINATOR_LIVE)
      this.#radio.post({ kind: 'modules', thread: threadId, names });
  }
}

export function liveModules({ modules }: Manifest): ReadonlySet<string> {
  return new Set(modules.filter(({ state }) => state === 'live').map(({ name }) => name));
}

function undecided({ modules }: Manifest): string[] {
  return declaredModules().filter((module) => !modules.some(({ name }) => name === module));
}

function refusedModule({ modules }: Manifest): ShadowError | null {
  const declared = declaredModules();
  const refused = modules.find(({ name, state }) => state === 'refused' && declared.includes(name));
  if (refused === undefined) return null;
  return new ShadowError(
    'ERR_PATCH_MODULE',
    `module ${describe(refused.name)} was refused: ${refused.why ?? 'a patch did not let it come'}`,
  );
}
