/**
 * Owns what an operator can look at: a patch as plain data, the way the kernel shows it in sysfs. Touches no shared memory. Imports entry,
 * modules and the types of what it shows.
 */
import type { PatchEntry } from './entry.js';
import { PATCHING } from './line.js';
import type { ModuleTable } from './modules.js';
import { type Consistency, functionNames, type ModulePhase } from './patch.js';
import type { AgentStatus } from './roster.js';
import type { Transition } from './transition.js';

/** An object of a patch. Plain JSON. */
export interface ObjectInfo {
  readonly name: string;
  /** Where its module is; null for `base`, and for a module that is not there. */
  readonly module: ModulePhase | null;
  /** Whether its functions are installed; true also for an object without functions. */
  readonly patched: boolean;
  readonly functions: readonly string[];
  /** Ids. */
  readonly shadowTypes: readonly number[];
}

/** A thread, as one patch sees it. Plain JSON. */
export interface WorkerInfo {
  /** threadId of node:worker_threads; 0 is the main thread. */
  readonly thread: number;
  /** −1 = the patch is not in transition, 0 = the thread does not run it, 1 = it does. */
  readonly patchState: -1 | 0 | 1;
  /** Number of the version that its tasks run, −1 = none yet, −2 = tasks of two versions are in flight. */
  readonly version: number;
  /** Tasks in flight. */
  readonly tasks: number;
}

/** An enabled patch, or one on its way in or out. Plain JSON. */
export interface PatchInfo {
  readonly name: string;
  readonly url: string;
  /** True from the moment threads are being switched to it until they are being switched away from it. */
  readonly enabled: boolean;
  /** Whether threads are being switched to or from this patch. */
  readonly transition: boolean;
  readonly replace: boolean;
  readonly consistency: Consistency;
  /** Why a transition of it was forced; null if none was. */
  readonly forced: string | null;
  /** Position on the stack: 1 = oldest. */
  readonly stackOrder: number;
  /** Number of the transition that enabled it. */
  readonly version: number;
  readonly objects: readonly ObjectInfo[];
  /** "object.function" */
  readonly functions: readonly string[];
  readonly shadowTypes: readonly { readonly object: string; readonly id: number }[];
  readonly states: readonly { readonly id: number; readonly version: number }[];
  readonly workers: readonly WorkerInfo[];
}

/**
 * What the kernel's attributes of a patch are here, and how each can be used: `read` where `patches` shows it, `write` what changes it.
 * The empty name is the patch itself.
 */
export const PATCH_ATTRIBUTES: Readonly<Record<string, { readonly read: boolean; readonly write: boolean }>> = {
  '': { read: true, write: true },
  /** `enabled`; changed by disable() and reverse(). */
  enabled: { read: true, write: true },
  /** `transition` */
  transition: { read: true, write: false },
  /** Force is an act, not a value: force(). */
  force: { read: false, write: true },
  /** `replace` */
  replace: { read: true, write: false },
  /** `stackOrder` */
  stack_order: { read: true, write: false },
  /** `objects[].patched` */
  patched: { read: true, write: false },
};

export function inspectPatches(
  list: readonly PatchEntry[],
  modules: ModuleTable,
  transition: Transition | undefined,
  agents: readonly AgentStatus[],
): PatchInfo[] {
  return list.map((entry, index) => {
    const { patch } = entry;
    return {
      name: patch.name,
      url: entry.reference.url,
      enabled: entry.enabled,
      transition: entry.transition,
      replace: patch.replace,
      consistency: patch.consistency,
      forced: entry.forced,
      stackOrder: index + 1,
      version: entry.version,
      objects: entry.objects.map(({ object, patched }) => ({
        name: object.name,
        module: modules.phase(object.name),
        patched,
        functions: [...object.functions.keys()],
        shadowTypes: object.shadowTypes.map(({ id }) => id),
      })),
      functions: patch.objects.flatMap(functionNames),
      shadowTypes: patch.objects.flatMap(({ name, shadowTypes }) => shadowTypes.map(({ id }) => ({ object: name, id }))),
      states: patch.states.map(({ id, version }) => ({ id, version })),
      workers: inspectWorkers(transition?.entry === entry ? transition : undefined, agents),
    };
  });
}

/** `transition`: the one that `patchState` is about, if any is pending. */
export function inspectWorkers(transition: Transition | undefined, agents: readonly AgentStatus[]): WorkerInfo[] {
  return agents.map(({ thread, version, tasks }) => ({ thread, patchState: patchState(transition, version), version, tasks }));
}

function patchState(transition: Transition | undefined, version: number): -1 | 0 | 1 {
  if (transition === undefined) return -1;
  const { before, after, forward } = transition;
  const patched = forward === PATCHING ? after : before;
  return version === patched.version ? 1 : 0;
}
