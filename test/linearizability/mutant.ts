/**
 * Owns copies of the compiled store with one fault in them, each in a folder of its own below dist/, and runs of histories there. Imports mutations.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.js';

const DIST = fileURLToPath(new URL('../../', import.meta.url));
/** What a run needs, below dist/. */
const PARTS = ['src', 'test/linearizability', 'test/concurrency/random.js'];

export interface Trial {
  /** What the run said: its last line is the verdict, if it came to one. */
  readonly output: string;
  /** 1: the fault was found, by a history or by what came of it. */
  readonly status: number | null;
}

/** Runs operations on a store with this fault. */
export function tryMutation({ module, find, replace, profile, operations }: Mutation, seed: number, workers: number): Trial {
  const folder = join(DIST, `mutant-${process.pid}`);
  try {
    for (const part of PARTS) cpSync(join(DIST, part), join(folder, part), { recursive: true });
    const file = join(folder, 'src', module);
    writeFileSync(file, plant(readFileSync(file, 'utf8'), find, replace));
    const main = join(folder, 'test/linearizability/main.js');
    const args = ['--operations', operations, '--seed', seed, '--workers', workers, '--profile', profile].map(String);
    // A store that is damaged badly enough may hang: that is found as well.
    const { stdout, stderr, status } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000 });
    return { output: stdout + stderr, status: status ?? 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts one text in the place of another, which has to be there exactly once. */
function plant(text: string, find: string, replace: string): string {
  const pattern = find
    .split(/\s+/)
    .map((part) => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&').replace(/Layout\\\.(\w+)/g, '-?[\\d.]+ /\\* Layout\\.$1 \\*/'))
    .join('\\s+');
  const parts = text.split(new RegExp(pattern));
  if (parts.length !== 2) throw new Error(`the text of a mutation is there ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}
