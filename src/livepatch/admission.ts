/**
 * Owns the refusals of livepatch-semantics 1d and 1g that come before anything starts. Touches no shared memory. Imports errors, entry, states
 * and transition.
 */
import { describe, ShadowError } from '../errors.js';
import type { PatchEntry } from './entry.js';
import type { StateTable } from './states.js';
import type { Transition } from './transition.js';

/** @throws ERR_PATCH_BUSY */
export function checkIdle(transition: Transition | undefined, what: string): void {
  if (transition === undefined) return;
  const { patch, direction } = transition.info;
  throw new ShadowError(
    'ERR_PATCH_BUSY',
    `cannot ${what}: the transition of ${describe(patch)} (${direction}) is pending; await it, or reverse() or force() it`,
  );
}

/** @throws ERR_PATCH_ENABLED */
export function checkName(list: readonly PatchEntry[], name: string): void {
  if (list.every((entry) => entry.name !== name)) return;
  throw new ShadowError('ERR_PATCH_ENABLED', `a patch named ${describe(name)} is enabled already; disable it first or use another name`);
}

/** The enabled patch of this name. @throws ERR_PATCH_NOT_ENABLED */
export function requireEnabled(list: readonly PatchEntry[], name: string): PatchEntry {
  const entry = list.find((candidate) => candidate.name === name);
  if (entry?.enabled === true) return entry;
  if (entry !== undefined) throw new ShadowError('ERR_PATCH_NOT_ENABLED', `patch ${describe(name)} is being disabled already`);
  throw notEnabled(
    name,
    list.filter((candidate) => candidate.enabled).map((candidate) => candidate.name),
  );
}

/** `names`: of the patches that could have been meant. */
export function notEnabled(name: string, names: readonly string[]): ShadowError {
  const enabled = names.map(describe).join(', ') || 'none';
  return new ShadowError('ERR_PATCH_NOT_ENABLED', `no patch named ${describe(name)} is enabled; enabled are: ${enabled}`);
}

/** Whether the system could not leave a state that nobody would hold any more. @throws ERR_PATCH_BLOCKED */
export function checkBlocked(states: StateTable, entry: PatchEntry): void {
  const blocking = states.leaving([entry]).find(({ record }) => record.declared.blockDisable);
  if (blocking === undefined) return;
  throw new ShadowError(
    'ERR_PATCH_BLOCKED',
    `patch ${describe(entry.name)} cannot be disabled: its state ${blocking.record.declared.id} blocks that; replace it by a patch with this state`,
  );
}

/** The transition that `what` can be done to. @throws ERR_PATCH_NO_TRANSITION */
export function requirePending(transition: Transition | undefined, what: string): Transition {
  if (transition === undefined) throw new ShadowError('ERR_PATCH_NO_TRANSITION', `there is nothing to ${what}: no transition is pending`);
  if (transition.forced !== null)
    throw new ShadowError('ERR_PATCH_NO_TRANSITION', `the transition of ${describe(transition.entry.name)} was forced and is ending`);
  return transition;
}
