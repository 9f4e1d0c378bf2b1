/**
 * Owns the one agent of this thread: how it is found (`attach`), and what a worker's code does with it (`task`, `currentVersion`,
 * `safepoint`). Touches no shared memory itself. Imports errors, agent, manifest and the store.
 */
import { isMainThread, workerData } from 'node:worker_threads';

import { describe, ShadowError } from '../errors.js';
import { attachMemory, type StoreHandle } from '../memory/reservation.js';
import { ShadowStore } from '../shadow/store.js';
import { Agent } from './agent.js';
import { announcements, storeName, UNPATCHED } from './manifest.js';

/** What a worker gets from {@link attach}. */
export interface Attached {
  readonly store: ShadowStore;
}

let agent: Agent | undefined;

/**
 * Attaches this worker thread to a store, once: later calls return the same. Without an argument the handle is looked for in
 * `workerData.umbra`, then in the environment data that a PatchCoordinator leaves for every worker started after it.
 * @throws ERR_PATCH_AGENT, ERR_SHADOW_HANDLE…, ERR_SHADOW_THREADS_FULL
 */
export function attach(handle?: StoreHandle): Attached {
  if (isMainThread) {
    throw new ShadowError(
      'ERR_PATCH_AGENT',
      'attach() is for worker threads; on the main thread use the store and its PatchCoordinator themselves',
    );
  }
  const wanted = handle ?? handleInWorkerData();
  if (agent !== undefined) {
    if (wanted !== undefined && storeName(attachMemory(wanted).words) !== agent.storeName) {
      throw new ShadowError('ERR_PATCH_AGENT', 'this thread is attached to another store already; a worker thread serves one store');
    }
    return { store: agent.store };
  }
  return { store: start(wanted ?? onlyAnnounced()).store };
}

/** Attaches this thread to the store that a coordinator knows by this name, unless it is attached already. */
export function attachByName(name: string): Agent {
  if (agent !== undefined) return agent;
  const announced = announcements().get(name);
  if (announced === undefined)
    throw new ShadowError('ERR_PATCH_AGENT', `no store ${name} is announced to this thread; call attach(handle)`);
  return start(announced.handle);
}

/**
 * Makes a worker's task handler patch-safe: each task runs entirely on one version of all patchable functions, `await`s included, and its
 * end is a safepoint. What a pool's worker file exports as default. Tasks may overlap; a task must not wait for another `task()` of its
 * own thread, because that one may have to wait at the gate until this one ends.
 * @throws ERR_PATCH_DECLARATION; the returned function rejects with ERR_PATCH_AGENT, ERR_PATCH_LOAD, ERR_PATCH_CLOSED
 */
export function task<I = unknown, O = unknown>(handler: (input: I) => O | PromiseLike<O>): (input: I) => Promise<O> {
  if (typeof handler !== 'function') {
    throw new ShadowError('ERR_PATCH_DECLARATION', `task() takes the function that handles one task, not ${describe(handler)}`);
  }
  return async (input: I): Promise<O> => {
    const current = requireAgent('a task');
    const admission = current.enter();
    if (admission !== undefined) await admission;
    try {
      return await handler(input);
    } finally {
      current.leave();
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

function requireAgent(what: string): Agent {
  if (agent === undefined)
    throw new ShadowError('ERR_PATCH_AGENT', `${what} needs an attached thread; call attach() when the worker starts`);
  return agent;
}

function start(handle: StoreHandle): Agent {
  const store = ShadowStore.attach(handle);
  const name = storeName(store.internals.words);
  agent = new Agent(store, announcements().get(name)?.manifest ?? UNPATCHED);
  return agent;
}

function handleInWorkerData(): StoreHandle | undefined {
  const data = workerData as unknown;
  if (typeof data !== 'object' || data === null || !('umbra' in data) || data.umbra === undefined) return undefined;
  return data.umbra as StoreHandle; // checked by ShadowStore.attach
}

function onlyAnnounced(): StoreHandle {
  const [first, ...others] = announcements().values();
  if (first === undefined) {
    throw new ShadowError(
      'ERR_PATCH_AGENT',
      'found no store: create the PatchCoordinator before the worker, pass store.handle as workerData.umbra, or call attach(handle)',
    );
  }
  if (others.length > 0) {
    throw new ShadowError(
      'ERR_PATCH_AGENT',
      `${others.length + 1} stores are announced to this thread; pass the right store.handle as workerData.umbra or call attach(handle)`,
    );
  }
  return first.handle;
}
