/**
 * Owns the running of patch callbacks: one at a time, in object order, on the coordinator's thread. Touches no shared memory. Imports
 * errors and patch.
 */
import { describe, ShadowError } from '../errors.js';
import type { ShadowStore } from '../shadow/store.js';
import type { Patch, PatchCallbacks, PatchObject } from './patch.js';

/** Asks an object whether it agrees. @throws ERR_PATCH_PRE_PATCH */
export async function askPrePatch(store: ShadowStore, patch: Patch, object: PatchObject): Promise<void> {
  const who = `pre_patch of patch ${describe(patch.name)}, object ${describe(object.name)}`;
  let answer: unknown;
  try {
    answer = await object.callbacks.prePatch?.({ store, patch: patch.name, object: object.name });
  } catch (cause) {
    throw new ShadowError('ERR_PATCH_PRE_PATCH', `${who} threw: ${reason(cause)}; nothing changed`, { cause });
  }
  if (answer !== undefined && answer !== 0) {
    throw new ShadowError('ERR_PATCH_PRE_PATCH', `${who} returned ${describe(answer)}; nothing changed, undefined or 0 would have agreed`);
  }
}

/**
 * Tells one object. Only pre_patch may refuse: what any other callback throws is returned, for the operator, and the transition goes on.
 */
export async function tell(
  callback: Exclude<keyof PatchCallbacks, 'prePatch'>,
  store: ShadowStore,
  patch: Patch,
  object: PatchObject,
): Promise<ShadowError | undefined> {
  try {
    await object.callbacks[callback]?.({ store, patch: patch.name, object: object.name });
    return undefined;
  } catch (cause) {
    const who = `${callback} of patch ${describe(patch.name)}, object ${describe(object.name)}`;
    return new ShadowError('ERR_PATCH_CALLBACK', `${who} threw: ${reason(cause)}; the transition went on`, { cause });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
