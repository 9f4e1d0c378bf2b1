/**
 * Owns the activation counters of this thread: how many calls of each version of each patchable function have not ended. Before the thread
 * attaches they are in memory of its own; from then on in THREAD_ACTIVATIONS of its slot, where the coordinator reads who holds up a
 * transition. Plain loads and stores, because only this thread writes and a call must not cost an atomic. Imports layout and manifest.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import type { ActivationName } from './manifest.js';

/** Counter of what is entered like a version but is none: interceptions, and the choice between two versions. Never asked about. */
export const UNTRACKED = 0;
/** When the counters run out, all further versions share the last: it tells that something is active, not what. */
const SHARED = Layout.ACTIVATION_COUNTERS - 1;
const SHARED_NAME: ActivationName = { counter: SHARED, name: '(other functions)', patch: null };

/** The counters, by index. Another array after `moveCounters()`, so it is read anew at each use. */
export let counters: Int32Array = new Int32Array(Layout.ACTIVATION_COUNTERS);
/** Names by counter; a hole = free. */
const names: (ActivationName | undefined)[] = [];
const free: number[] = [];
/** Counters of dropped versions that are still raised. */
let retiring: number[] = [];
let next = UNTRACKED + 1;
let onNamed: () => void = () => undefined;
let onEnded: (() => void) | undefined;

/** A counter for one version of one function: `patch` is null for the original. */
export function claimCounter(name: string, patch: string | null): number {
  if (free.length === 0) reuseRetired();
  const counter = free.pop() ?? (next < SHARED ? next++ : SHARED);
  names[counter] = counter === SHARED ? SHARED_NAME : { counter, name, patch };
  onNamed();
  return counter;
}

/** The version is gone; its counter is used again once the last call has ended. */
export function releaseCounter(counter: number): void {
  if (counter === UNTRACKED || counter === SHARED) return;
  if (isRaised(counter)) retiring.push(counter);
  else release(counter);
}

export function isRaised(counter: number): boolean {
  return counters[counter]! > 0;
}

/** Ends a suspended call: one that has returned already what will tell that it ended. */
export function lower(counter: number): void {
  if (--counters[counter]! === 0) onEnded?.();
}

export function activationNames(): ActivationName[] {
  reuseRetired();
  return names.filter((name) => name !== undefined);
}

/** `named` runs when `activationNames()` will tell something new. */
export function watchNames(named: () => void): void {
  onNamed = named;
}

/** `ended` runs when the last suspended call of some version has ended; undefined = nobody wants to know. */
export function watchEnds(ended: (() => void) | undefined): void {
  onEnded = ended;
}

/** Carries the counters over to a thread slot, or back to memory of this thread's own. */
export function moveCounters(slot: { readonly words: Int32Array; readonly address: WordAddress } | null): void {
  const moved =
    slot === null
      ? new Int32Array(Layout.ACTIVATION_COUNTERS)
      : new Int32Array(
          slot.words.buffer,
          slot.words.byteOffset + (slot.address + Layout.THREAD_ACTIVATIONS) * Layout.WORD_BYTES,
          Layout.ACTIVATION_COUNTERS,
        );
  moved.set(counters);
  counters = moved;
}

function reuseRetired(): void {
  const ended = retiring.filter((counter) => !isRaised(counter));
  if (ended.length === 0) return;
  retiring = retiring.filter((counter) => !ended.includes(counter));
  ended.forEach(release);
}

function release(counter: number): void {
  names[counter] = undefined;
  free.push(counter);
}
