/**
 * Owns the two forms of the code that are explored with: rewritten, one instance of all modules for each simulated thread, and as it is, for preparing and
 * checking. Modules of Node that say who a thread is are replaced, and those of the code that ask the operating system; with live patching also those that
 * load code, and the channels between threads (plumbing/). Imports colouring, rewrite, sources.
 */
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { compileFunction } from 'node:vm';

import { Colouring } from './colouring.js';
import { layoutWith, type LayoutValues } from './layout.js';
import { rewriteAll, type Site, toCommonJs } from './rewrite.js';
import type { Desk } from './plumbing/office.js';
import type { Port } from './port.js';
import { readSources, type Tuning } from './sources.js';
import type { TextChange } from './text-change.js';

type Exports = Record<string, unknown>;
type ModuleBody = (
  exports: Exports,
  require: (specifier: string) => unknown,
  $S: unknown,
  process: unknown,
  Atomics: unknown,
  queueMicrotask: unknown,
  performance: unknown,
  setImmediate: unknown,
  Promise: unknown,
) => void;

const ENTRIES = ['shadow/store.js', 'shadow/type.js', 'memory/threads.js', 'memory/grace.js', 'plumbing/slots.js'];
/** Modules that ask the operating system about threads: the explorer answers. */
const OS_THREADS = 'memory/os-threads.js';
/** Modules that look at or replace a whole store at rest; threads never call them, what is left is examined by them as they are. */
const UNEXPLORED = ['recovery/check.js', 'recovery/snapshot.js', 'recovery/snapshot-read.js', 'recovery/restore.js'];
/** With live patching. */
const PATCHING_ENTRIES = [
  ...ENTRIES,
  'livepatch/agent.js',
  'livepatch/threads.js',
  'livepatch/functions.js',
  'livepatch/define-patch.js',
  'plumbing/driver.js',
];
const OFFICE = 'plumbing/office.js';
const SCRIPTS = 'livepatch/script.js';
/** Where the code of a patch comes from: files and modules, of which there are none here. */
const LOADING = [SCRIPTS, 'livepatch/loader.js', 'livepatch/root.js'];
/** Modules with variables of their own that an execution leaves changed. */
const RENEWED = /^(livepatch|plumbing)\//;
/** Modules whose promises are looked at, since nothing awaits them here. */
const PROMISING = new Set(['livepatch/waiting.js', 'livepatch/follower.js']);
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
  /** The world around live patching. */
  readonly desk?: Desk;
}

export interface Instance {
  (path: string): Exports;
  /** Makes the modules of live patching anew. */
  readonly renew: () => void;
}

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
  /** Modules that are explored, below dist/src. */
  readonly explored: readonly string[];
  readonly layout: LayoutValues;
  readonly #rewritten = new Map<string, ModuleBody>();
  readonly #plain = new Map<string, ModuleBody>();
  readonly #stronglyOrdered: boolean;

  constructor(tuning: Tuning, faults: readonly TextChange[] = [], stronglyOrdered = true, withPatches = false) {
    this.#stronglyOrdered = stronglyOrdered;
    const entries = withPatches ? PATCHING_ENTRIES : ENTRIES;
    const given = [OS_THREADS, OFFICE, ...LOADING];
    const sources = readSources(entries, tuning, faults, new Set(given));
    const threaded = new Set(readSources(entries, tuning, [], new Set([...given, ...UNEXPLORED])).map(({ path }) => path));
    const explored = sources.filter(({ path }) => threaded.has(path));
    const sites: Site[] = [];
    for (const { path, text } of rewriteAll(new Colouring(explored), sites)) this.#rewritten.set(path, compile(path, text));
    for (const { path, text } of sources) this.#plain.set(path, compile(path, toCommonJs(text)));
    this.sites = sites;
    this.explored = explored.map(({ path }) => path).filter((path) => !path.startsWith('plumbing/'));
    this.layout = layoutWith(tuning.layout);
  }

  /** All modules once more, with variables of their own. */
  instantiate(surroundings: Surroundings): Instance {
    const bodies = surroundings.port === undefined ? this.#plain : this.#rewritten;
    const loaded = new Map<string, Exports>([[OS_THREADS, osThreads(surroundings)]]);
    if (surroundings.port !== undefined) for (const path of UNEXPLORED) loaded.set(path, {});
    const { desk } = surroundings;
    const setImmediate = (task: () => unknown): void => {
      desk?.immediates.push(task);
    };
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
      const clock = { now: surroundings.now };
      const promise = PROMISING.has(path) ? Settled : Promise;
      body(
        exports,
        requireFrom,
        surroundings.port,
        processOf,
        surroundings.atomics,
        surroundings.queueMicrotask,
        clock,
        setImmediate,
        promise,
      );
      return exports;
    };
    const renew = (): void => {
      for (const path of loaded.keys()) if (RENEWED.test(path)) loaded.delete(path);
      for (const path of LOADING) loaded.set(path, {});
      loaded.set(OFFICE, { desk });
      loaded.set(SCRIPTS, scripts(load, surroundings.port as Port | undefined));
    };
    renew();
    return Object.assign(load, { renew });
  }
}

function compile(path: string, text: string): ModuleBody {
  const parameters = ['exports', 'require', '$S', 'process', 'Atomics', 'queueMicrotask', 'performance', 'setImmediate', 'Promise'];
  return compileFunction(text, parameters, { filename: `explored/${path}` }) as unknown as ModuleBody;
}

function nodeModule(specifier: string, { thread }: Surroundings): unknown {
  switch (specifier) {
    case 'node:worker_threads':
      return { threadId: thread + 1, isMainThread: false, getEnvironmentData: () => undefined, setEnvironmentData: () => undefined };
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

/** A promise that tells how it stands: nothing here waits for one but event loops, which look. */
class Settled {
  isSettled = false;
  #value: unknown;
  #error: { readonly cause: unknown } | undefined;

  constructor(executor: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) {
    executor(
      (value) => {
        this.isSettled = true;
        this.#value = value;
      },
      (cause) => {
        this.isSettled = true;
        this.#error = { cause };
      },
    );
  }

  static reject(error: unknown): Settled {
    return new Settled((_resolve, reject) => {
      reject(error);
    });
  }

  result(): unknown {
    if (this.#error !== undefined) throw this.#error.cause;
    return this.#value;
  }
}

/** Scripts are numbers of versions: each replaces the functions f and g by ones that tell the version. */
function scripts(load: (path: string) => Exports, port: Port | undefined): Exports {
  return {
    prepareScripts: () => Promise.resolve(),
    scriptsPrepared: () => true,
    evaluateScript: (_url: string, code: string) => {
      const define = load('livepatch/define-patch.js')['definePatch'] as (declaration: object) => object;
      const patch = define({ name: `version ${code}`, objects: [{ name: 'base', functions: versioned(load, Number(code)) }] });
      return port === undefined ? patch : port.drive(patch);
    },
  };
}

/** A call that has returned and not ended. */
export interface SuspendedCall {
  then: (reaction: (value: unknown) => unknown) => unknown;
  /** What wants to know when it ends. */
  readonly reactions: ((value: unknown) => unknown)[];
}

/** Functions that tell to which version they belong, f and g; and one whose calls end later. */
export function versioned(load: (path: string) => Exports, version: number): Record<string, () => unknown> {
  const observed = load('plumbing/driver.js')['observed'] as (version: number) => unknown;
  const tell = (): unknown => observed(version);
  const later = (): SuspendedCall => {
    const reactions: SuspendedCall['reactions'] = [];
    return { reactions, then: (reaction) => reactions.push(reaction) };
  };
  return { f: tell, g: tell, later };
}
