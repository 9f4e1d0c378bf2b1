/**
 * Owns chaos builds: copies of what the compiler made, in which every named protocol step calls the hook (hook.ts), with planted faults if a
 * test asks for them, and with the workers bundled where the compiler is installed. Reads dist/ and writes folders of its own, one per content, where shelf.ts
 * says; never changes what it copies.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { applyChange, type TextChange, writtenLayout } from '../model/explorer/text-change.js';
import { bundle } from './bundle.js';
import { instrument } from './instrument.js';
import { shelfFor } from './shelf.js';
import { filesBelow, type Step, stepsOf } from './steps.js';

export interface BuildOptions {
  /** Whether steps call the hook; true by default. */
  readonly steps?: boolean;
  /** Faults to plant. */
  readonly faults?: readonly TextChange[];
}

/** The folder that holds the compiled src and test. */
export const COMPILED = fileURLToPath(new URL('../../', import.meta.url));
const HOOK = 'test/chaos/hook.js';
/** What a build consists of, below COMPILED. */
const PARTS = ['src', 'test/chaos'];
const SINGLE_FILES = ['test/concurrency/random.js', 'test/concurrency/colliding.js'];
/** Worker files that are bundled; each bundle stands beside its file. */
const BUNDLED = ['test/chaos/puppet.js', 'test/chaos/actor.js'];

/** One build, ready to be run. */
export class Build {
  readonly folder: string;
  /** Steps by number. Numbers begin with 1: 0 is no step. */
  readonly steps: readonly Step[];

  constructor(folder: string, steps: readonly Step[]) {
    this.folder = folder;
    this.steps = steps;
  }

  /** Imports a module of the build; `path` as below dist, with `.js`. */
  async load<T>(path: string): Promise<T> {
    return (await import(pathToFileURL(join(this.folder, path)).href)) as T;
  }
}

/** Makes a build, or finds it made. */
export function makeBuild({ steps: hooked = true, faults = [] }: BuildOptions = {}): Build {
  const files = new Map<string, string>();
  for (const part of PARTS)
    for (const file of filesBelow(join(COMPILED, part), '.js')) if (!file.endsWith('.test.js')) files.set(`${part}/${file}`, '');
  for (const file of SINGLE_FILES) files.set(file, '');
  for (const file of files.keys()) files.set(file, readFileSync(join(COMPILED, file), 'utf8'));
  const layout = faults.length > 0 ? writtenLayout(files.values()) : {};
  for (const fault of faults) files.set(`src/${fault.module}`, applyChange(files.get(`src/${fault.module}`) ?? '', fault, layout));
  const hash = createHash('sha256').update(JSON.stringify([hooked, [...files]]));
  const folder = join(shelfFor(COMPILED), hash.digest('hex').slice(0, 16));
  const steps: Step[] = [{ name: 'none', module: '', line: 0 }];
  for (const [file, text] of files) {
    const module = file.slice(0, -'.js'.length);
    const first = steps.length;
    steps.push(...stepsOf(text, module));
    if (hooked)
      files.set(
        file,
        instrument(text, module, pathBetween(file, HOOK), (index) => first + index),
      );
  }
  if (!existsSync(folder)) write(folder, files);
  return new Build(folder, steps);
}

function pathBetween(from: string, to: string): string {
  const path = '../'.repeat(from.split('/').length - 1) + to;
  return path.startsWith('.') ? path : `./${path}`;
}

/** Writes all of it under another name first: several processes may want the same build at once. */
function write(folder: string, files: ReadonlyMap<string, string>): void {
  const unfinished = `${folder}.${process.pid}`;
  for (const [file, text] of files) {
    mkdirSync(dirname(join(unfinished, file)), { recursive: true });
    writeFileSync(join(unfinished, file), text);
  }
  for (const file of BUNDLED) {
    const bundled = bundle(join(unfinished, file));
    if (bundled !== undefined) writeFileSync(join(unfinished, file.replace(/\.js$/, '.cjs')), bundled);
  }
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
