/**
 * Owns the two forms of the code that are explored with: rewritten, one instance of all modules for each simulated thread, and as it is, for preparing and
 * checking. Modules of Node that say who a thread is are replaced, and those of the code that ask the operating system. Imports colouring, rewrite,
 * sources.
 */
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { compileFunction } from 'node:vm';

import { Colouring } from './colouring.js';
import { layoutWith, type LayoutValues } from './layout.js';
import { rewriteAll, type Site, toCommonJs } from './rewrite.js';
import { readSources, type TextChange, type Tuning } from './sources.js';

type Exports = Record<string, unknown>;
type ModuleBody = (
  exports: Exports,
  require: (specifier: string) => unknown,
  $S: unknown,
  process: unknown,
  Atomics: unknown,
  queueMicrotask: unknown,
  performance: unknown,
) => void;

const ENTRIES = ['shadow/store.js', 'shadow/type.js', 'memory/threads.js', 'memory/grace.js'];
/** Modules that ask the operating system about threads: the explorer answers. */
const OS_THREADS = 'memory/os-threads.js';
/** Modules that look at or replace a whole store at rest; threads never call them, what is left is examined by them as they are. */
const UNEXPLORED = ['recovery/check.js', 'recovery/snapshot.js', 'recovery/snapshot-read.js', 'recovery/restore.js'];
const nodeRequire = createRequire(import.meta.url);

/** What an instance takes the world outside to be. */
export interface Surroundings {
  /** `$S`; undefined for the code as it is. */
  readonly port: unknown;
  readonly thread: number;
  readonly queueMicrotask: unknown;
  readonly atomics: unknown;
  /** Milliseconds. */
  readonly now: () => number;
  /** Whether the thread with this OS id is dead. */
  readonly isGone: (osId: number) => boolean;
}

export type Instance = (path: string) => Exports;

const FIRST_OS_ID = 1000;

/** The OS thread id of a simulated thread. */
export function osIdOf(thread: number): number {
  return FIRST_OS_ID + thread;
}

export function threadOf(osId: number): number {
  return osId - FIRST_OS_ID;
}

export class Build {
  readonly sites: readonly Site[];
  readonly layout: LayoutValues;
  readonly #rewritten = new Map<string, ModuleBody>();
  readonly #plain = new Map<string, ModuleBody>();
  readonly #stronglyOrdered: boolean;

  constructor(tuning: Tuning, faults: readonly TextChange[] = [], stronglyOrdered = true) {
    this.#stronglyOrdered = stronglyOrdered;
    const sources = readSources(ENTRIES, tuning, faults, new Set([OS_THREADS]));
    const threaded = new Set(readSources(ENTRIES, tuning, [], new Set([OS_THREADS, ...UNEXPLORED])).map(({ path }) => path));
    const explored = sources.filter(({ path }) => threaded.has(path));
    const sites: Site[] = [];
    for (const { path, text } of rewriteAll(new Colouring(explored), sites)) this.#rewritten.set(path, compile(path, text));
    for (const { path, text } of sources) this.#plain.set(path, compile(path, toCommonJs(text)));
    this.sites = sites;
    this.layout = layoutWith(tuning.layout);
  }

  /** All modules once more, with variables of their own. */
  instantiate(surroundings: Surroundings): Instance {
    const bodies = surroundings.port === undefined ? this.#plain : this.#rewritten;
    const loaded = new Map<string, Exports>([[OS_THREADS, osThreads(surroundings)]]);
    if (surroundings.port !== undefined) for (const path of UNEXPLORED) loaded.set(path, {});
    const processOf = {
      platform: 'linux',
      arch: this.#stronglyOrdered ? 'x64' : 'arm64',
      emitWarning: () => undefined,
      pid: 1,
      once: () => undefined,
      on: () => undefined,
      off: () => undefined,
    };
    const load = (path: string): Exports => {
      const known = loaded.get(path);
      if (known !== undefined) return known;
      const body = bodies.get(path);
      if (body === undefined) throw new Error(`${path} is not among the modules explored`);
      const exports: Exports = {};
      loaded.set(path, exports);
      const requireFrom = (specifier: string): unknown =>
        specifier.startsWith('.') ? load(posix.join(posix.dirname(path), specifier)) : nodeModule(specifier, surroundings);
      body(exports, requireFrom, surroundings.port, processOf, surroundings.atomics, surroundings.queueMicrotask, {
        now: surroundings.now,
      });
      return exports;
    };
    return load;
  }
}

function compile(path: string, text: string): ModuleBody {
  const parameters = ['exports', 'require', '$S', 'process', 'Atomics', 'queueMicrotask', 'performance'];
  return compileFunction(text, parameters, { filename: `explored/${path}` }) as unknown as ModuleBody;
}

function nodeModule(specifier: string, { thread }: Surroundings): unknown {
  switch (specifier) {
    case 'node:worker_threads':
      return { threadId: thread + 1, isMainThread: false };
    case 'node:crypto':
      return { ...(nodeRequire('node:crypto') as object), randomInt: () => 4711 };
    default:
      return nodeRequire(specifier);
  }
}

function osThreads({ thread, isGone }: Surroundings): Exports {
  return {
    ownOsThread: () => ({ id: osIdOf(thread), startLow: 7, startHigh: 0 }),
    isGone,
  };
}
