/**
 * Owns what the coordinator and the threads tell each other: the manifest (which patches, in which order, from where), the messages that
 * carry it, and the environment data by which a thread started later finds store and manifest without asking.
 *
 * **The order of publishing**: environment data, message, PATCH_EPOCH, then a poke. A thread that reads the new epoch therefore finds the
 * manifest in its message queue already, unless it opened its channel in between; then it asks and waits for the answer. One that has
 * opened its channel and read the old epoch in between hears the poke, and asks.
 *
 * Writes no shared memory itself. Imports layout and the types of the handle and of a
 * policy.
 */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

import { Layout } from '../memory/layout.js';
import type { StoreHandle } from '../memory/reservation.js';
import type { SourcePolicy } from './root.js';

/** One patch that threads have to load. The serial number tells two enablings of one module apart. */
export interface PatchReference {
  readonly serial: number;
  readonly name: string;
  readonly url: string;
  /** Source of a bundled script; null = the ES module at `url`. */
  readonly code: string | null;
  /** SHA-256 of an ES module's file when the patch was enabled: a thread that would load another text refuses. Absent for other addresses. */
  readonly digest?: string;
}

/**
 * How a thread comes to run the version of a manifest:
 * gate  tasks from now on wait until those in flight, and all calls of functions that change, have ended
 * pin   tasks from now on run the new version, those in flight keep theirs
 * hold  tasks from now on wait; the thread reports when it is drained and does not switch yet
 * force the thread switches at once, whatever is in flight
 */
export type SwitchMode = 'gate' | 'pin' | 'hold' | 'force';

/** A module that is known to the coordinator. Functions of a module are patched while it is live; `base` always is and is not listed. */
export interface ModuleEntry {
  readonly name: string;
  /** live: coming ones included. gone: the application said so. refused: a patch did not let it come, `why`. */
  readonly state: 'live' | 'gone' | 'refused';
  readonly why?: string;
}

/** What every thread should run. Complete: a thread that missed one needs only the newest. */
export interface Manifest {
  /** The PATCH_EPOCH it belongs to. */
  readonly epoch: number;
  /** Number of the transition that made this stack; 0 for the empty one. */
  readonly version: number;
  /** Oldest first. */
  readonly stack: readonly PatchReference[];
  readonly mode: SwitchMode;
  /** Patches to load and keep loaded, but not to run: a candidate, and what a reversal would bring back. */
  readonly standby: readonly PatchReference[];
  /** Serial number of the patch on standby that is to be checked and reported on. */
  readonly candidate: number | null;
  readonly modules: readonly ModuleEntry[];
  /** Where patches may come from; absent: from anywhere. A thread keeps to the first that it is told. */
  readonly policy?: SourcePolicy;
}

/** What a thread runs while nobody has said anything. */
export const UNPATCHED: Manifest = { epoch: 0, version: 0, stack: [], mode: 'gate', standby: [], candidate: null, modules: [] };

export type CoordinatorMessage =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  /** Look again: the coordinator has been waiting for a while. */
  | { readonly kind: 'poke' }
  /** This coordinator has just begun, and knows nothing of threads that are older than it: they introduce themselves. */
  | { readonly kind: 'newcomer' }
  | { readonly kind: 'closed' };

/** How a thread got on with the code of one manifest. */
export interface LoadReport {
  readonly kind: 'loaded';
  readonly thread: number;
  readonly epoch: number;
  /** Why something could not be loaded. */
  readonly failure: string | null;
  /** Functions that the candidate replaces and this thread does not declare, as "object.function". */
  readonly undeclared: readonly string[];
  /** Functions that the candidate replaces and whose slot in this thread somebody owns exclusively, with the owner's name. */
  readonly owned: readonly { readonly name: string; readonly owner: string }[];
}

/** What the numbers in a thread's slot mean: names of tasks by TASK_KIND, functions and versions by activation counter. */
export interface NamesReport {
  readonly kind: 'names';
  readonly thread: number;
  readonly tasks: readonly string[];
  readonly activations: readonly ActivationName[];
}

export interface ActivationName {
  readonly counter: number;
  /** "object.function" */
  readonly name: string;
  /** The patch whose replacement it is; null = the original. */
  readonly patch: string | null;
}

/** Modules (objects other than `base`) that this thread has declared functions of: sent after attaching and for each new one. */
interface ModulesReport {
  readonly kind: 'modules';
  readonly thread: number;
  readonly names: readonly string[];
}

export type AgentReport = LoadReport | NamesReport | ModulesReport;
export type AgentMessage = { readonly kind: 'hello' } | AgentReport;

/** The store's name among the stores of this process. */
export function storeName(words: Int32Array): string {
  const hex = (word: number): string => (words[word]! >>> 0).toString(16).padStart(8, '0');
  return hex(Layout.HEADER_STORE_ID) + hex(Layout.HEADER_STORE_ID + 1);
}

/** Name of the BroadcastChannel on which everything about one store is said. */
export function channelName(store: string): string {
  return `umbra.${store}`;
}

/** What a thread finds when it starts: one entry per store with a coordinator. */
export interface Announcement {
  readonly handle: StoreHandle;
  readonly manifest: Manifest;
}

const ENVIRONMENT_KEY = 'umbra';

export function announcements(): ReadonlyMap<string, Announcement> {
  const value = getEnvironmentData(ENVIRONMENT_KEY) as unknown;
  return value instanceof Map ? (value as Map<string, Announcement>) : new Map<string, Announcement>();
}

/** Leaves an announcement for threads that this thread starts from now on; they get a copy as it is at that moment. */
export function announce(store: string, announcement: Announcement): void {
  setAnnouncements(new Map([...announcements(), [store, announcement]]));
}

export function withdraw(store: string): void {
  setAnnouncements(new Map([...announcements()].filter(([name]) => name !== store)));
}

/** `undefined` removes the key. */
function setAnnouncements(all: ReadonlyMap<string, Announcement>): void {
  setEnvironmentData(ENVIRONMENT_KEY, all.size > 0 ? all : undefined);
}
