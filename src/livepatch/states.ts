/**
 * Owns the rule by which states of enabled patches admit or refuse a new one. Touches no shared memory. Imports errors and patch.
 */
import { describe, ShadowError } from '../errors.js';
import type { Patch } from './patch.js';

/**
 * Whether `patch` can cope with what the enabled patches have made of the system: it must support each of their states in the same or a
 * higher version, and may leave one out only if the patch that brought it stays.
 * @throws ERR_PATCH_STATE
 */
export function checkStates(enabled: readonly Patch[], patch: Patch): void {
  for (const older of enabled) {
    for (const { id, version } of older.states) {
      const supported = patch.states.find((state) => state.id === id);
      if (supported === undefined ? !patch.replace : supported.version >= version) continue;
      const offer = supported === undefined ? 'does not know it' : `supports version ${supported.version}`;
      throw new ShadowError(
        'ERR_PATCH_STATE',
        `enabled patch ${describe(older.name)} holds state ${id} in version ${version}, patch ${describe(patch.name)} ${offer}; ` +
          `disable ${describe(older.name)} first or enable a patch that supports version ${version}`,
      );
    }
  }
}
