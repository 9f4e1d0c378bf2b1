/**
 * Owns the one agent of this thread: how it is found (`attach`), and what a thread's code does with it (`task`, `currentVersion`,
 * `safepoint`, `intercept`, `waitForWork`). Touches no shared memory itself. Imports errors, agent, intercept, local, manifest, tasks, wait and
 * the store.
 */
import { isMainThread, workerData } from 'node:worker_threads';

import { describe, ShadowError } from '../errors.js';
import { attachMemory, type StoreHandle } from '../memory/reservation.js';
import { ShadowStore } from '../shadow/store.js';
import { Agent, CLOSED } from './agent.js';
import { interceptAmong, type InterceptOptions } from './intercept.js';
import { localStores } from './local.js';
import { announcements, storeName, UNPATCHED } from './manifest.js';
import type { PatchFunction } from './patch.js';
import { readSourcePolicy, type SourceOptions, type SourcePolicy } from './root.js';
import { taskKind } from './tasks.js';
import { waitBetweenTasks } from './wait.js';

/** What a thread gets from {@link attach}. */
export interface Attached {
  readonly store: ShadowStore;
}

/** Where this thread takes patches from, whatever a coordinator says: see the coordinator's options of these names. */
export type AttachOptions = SourceOptions;

/** Options of `task()`. */
export interface TaskOptions {
  /** What the task is called where it holds up a transition. Default: the name of the handler, or "task". */
  readonly name?: string;
}

let agent: Agent | undefined;

/**
 * Attaches this thread to a store, once: later calls return the same. Without an argument the handle is looked for in `workerData.umbra`,
 * then the store is the one whose PatchCoordinator is on this thread, then the one that a PatchCoordinator announces to every worker
 * started after it. On the coordinator's thread this is the coordinator's own store, and the thread is one that transitions wait for.
 * @throws ERR_PATCH_AGENT, ERR_SHADOW_HANDLE…, ERR_SHADOW_THREADS_FULL
 */
export function attach(handle?: StoreHandle, options: AttachOptions = {}): Attached {
  const wanted = handle ?? handleInWorkerData();
  const policy = readAttachOptions(options);
  if (agent !== undefined) {
    if (wanted !== undefined && nameOf(wanted) !== agent.storeName) {
      throw new ShadowError('ERR_PATCH_AGENT', 'this thread is attached to another store already; a thread serves one store');
    }
    if (policy !== undefined)
      throw new ShadowError('ERR_PATCH_AGENT', 'this thread is attached already; give the root to the first attach()');
    return { store: agent.store };
  }
  return { store: (wanted === undefined ? startOnly(policy) : start(nameOf(wanted), wanted, policy)).store };
}

/** Attaches this thread to the store that a coordinator knows by this name, unless it is attached already. */
export function attachByName(name: string): Agent {
  if (agent !== undefined) return agent;
  const announced = announcements().get(name);
  if (announced === undefined)
    throw new ShadowError('ERR_PATCH_AGENT', `no store ${name} is announced to this thread; call attach(handle)`);
  return start(name, announced.handle);
}

/**
 * Makes a task handler patch-safe: each task runs entirely on one version of all patchable functions, `await`s included, and its
 * end is a safepoint. What a pool's worker file exports as default. Tasks may overlap; a task must not wait for another `task()` of its
 * own thread, because that one may have to wait at the gate until this one ends.
 * @throws ERR_PATCH_DECLARATION; the returned function rejects with ERR_PATCH_AGENT, ERR_PATCH_LOAD, ERR_PATCH_MODULE, ERR_PATCH_CLOSED
 */
export function task<I = unknown, O = unknown>(
  handler: (input: I) => O | PromiseLike<O>,
  options: TaskOptions = {},
): (input: I) => Promise<O> {
  if (typeof handler !== 'function') {
    throw new ShadowError('ERR_PATCH_DECLARATION', `task() takes the function that handles one task, not ${describe(handler)}`);
  }
  if (typeof options !== 'object' || (options as unknown) === null || Object.keys(options).some((key) => key !== 'name')) {
    throw new ShadowError('ERR_PATCH_DECLARATION', `the options of task() are { name }, not ${describe(options)}`);
  }
  const { name } = options;
  if (name !== undefined && typeof name !== 'string') {
    throw new ShadowError('ERR_PATCH_DECLARATION', `the name of a task is a string, not ${describe(name)}`);
  }
  const kind = taskKind((name ?? handler.name) || 'task');
  return async (input: I): Promise<O> => {
    const current = agent ?? requireAgent('a task');
    let entry = current.enter(kind);
    if (entry === CLOSED) entry = await current.admission(kind);
    try {
      if (current.pin !== null) return await current.pin.run(() => handler(input));
      const result = handler(input);
      // Waiting for what is no promise takes a turn of the microtask queue, which is half of what a short task costs.
      return typeof result === 'object' || typeof result === 'function' ? await result : result;
    } finally {
      current.leave(entry);
    }
  };
}

/**
 * Number of the version that the tasks of this thread run: 0 = unpatched, otherwise the number of the transition that made it, counted
 * from 1. Constant during a task. −1 while no task can have run yet.
 * @throws ERR_PATCH_AGENT
 */
export function currentVersion(): number {
  return requireAgent('currentVersion()').version;
}

/**
 * For long synchronous loops: from here on this thread holds no view of a freed variable, so that memory can be reused. Outside tasks it
 * also lets the thread switch to another version.
 * @throws ERR_PATCH_AGENT, ERR_SHADOW_SAFEPOINT_NESTED
 */
export function safepoint(): void {
  requireAgent('safepoint()').safepoint();
}

/**
 * Has calls of a patchable function of this thread go to `wrap(next)`, where `next` calls the function as patches have it at that time: for
 * tracers and test doubles. Several may hold one entry; the last one is the outermost. One that is exclusive keeps patches that replace the
 * function from being enabled, and is refused where another holds the entry or a patch replaces the function.
 * @returns what gives the entry back. @throws ERR_PATCH_FUNCTION, ERR_PATCH_REDIRECTION, ERR_PATCH_DECLARATION
 */
export function intercept<F extends PatchFunction>(
  object: string,
  name: string,
  wrap: (next: F) => F,
  options: InterceptOptions,
): () => void {
  return interceptAmong(agent?.patches ?? [], object, name, wrap, options);
}

/**
 * `Atomics.wait(words, index, value, timeoutMs)` for threads that sleep between tasks: every 50 ms the thread looks whether there is another
 * version to run, loads it and switches. 'ok' when the word was notified or changed while it waited. Without `timeoutMs` it waits for ever.
 * @throws rejects with ERR_PATCH_AGENT, also inside a task
 */
export async function waitForWork(
  words: Int32Array,
  index: number,
  value: number,
  timeoutMs = Infinity,
): Promise<'ok' | 'not-equal' | 'timed-out'> {
  return waitBetweenTasks(requireAgent('waitForWork()'), words, index, value, timeoutMs);
}

function requireAgent(what: string): Agent {
  if (agent === undefined)
    throw new ShadowError('ERR_PATCH_AGENT', `${what} needs an attached thread; call attach() when the thread starts`);
  return agent;
}

function readAttachOptions(options: AttachOptions): SourcePolicy | undefined {
  const known = typeof options === 'object' && (options as unknown) !== null;
  const unknown = known ? Object.keys(options).find((key) => key !== 'root' && key !== 'allowCode') : describe(options);
  if (unknown !== undefined)
    throw new ShadowError('ERR_PATCH_DECLARATION', `the options of attach() are { root, allowCode }, not ${unknown}`);
  return readSourcePolicy(options);
}

function start(name: string, handle: StoreHandle, policy?: SourcePolicy): Agent {
  const store = localStores().get(name) ?? ShadowStore.attach(handle);
  agent = new Agent(store, announcements().get(name)?.manifest ?? UNPATCHED, policy);
  return agent;
}

function nameOf(handle: StoreHandle): string {
  return storeName(attachMemory(handle).words);
}

function handleInWorkerData(): StoreHandle | undefined {
  const data = workerData as unknown;
  if (typeof data !== 'object' || data === null || !('umbra' in data) || data.umbra === undefined) return undefined;
  return data.umbra as StoreHandle; // checked by attachMemory
}

/** Attaches to the one store that can be meant. */
function startOnly(policy: SourcePolicy | undefined): Agent {
  const local = [...localStores()].map(([name, { handle }]) => ({ name, handle }));
  const announced = isMainThread ? [] : [...announcements()].map(([name, { handle }]) => ({ name, handle }));
  const [first, ...others] = local.length > 0 ? local : announced;
  if (first === undefined) {
    throw new ShadowError(
      'ERR_PATCH_AGENT',
      'found no store: create the PatchCoordinator before the worker, pass store.handle as workerData.umbra, or call attach(handle)',
    );
  }
  if (others.length > 0) {
    throw new ShadowError(
      'ERR_PATCH_AGENT',
      `there are ${others.length + 1} stores that this thread could attach to; pass the right store.handle as workerData.umbra or call attach(handle)`,
    );
  }
  return start(first.name, first.handle, policy);
}
