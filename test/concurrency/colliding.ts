/**
 * A hash of strings that makes them collide: the first place of a string is decided by its last character alone. Its second place is its own, since
 * the store asks for it with a character appended that no name of the tests ends with.
 */
import { attachMemory, type StoreHandle } from '../../src/memory/reservation.js';
import { hashName, type NameHash } from '../../src/shadow/names.js';
import { ShadowStore } from '../../src/shadow/store.js';

const SECOND_PLACE = '\u0001';

export const collidingHash: NameHash = (name, seed) =>
  name.endsWith(SECOND_PLACE) ? hashName(name, seed) : name.charCodeAt(name.length - 1) & 1;

/** Like ShadowStore.attach, for a store that was created with `collidingHash`: all threads have to agree on the hash. */
export function attachColliding(handle: StoreHandle): ShadowStore {
  return ShadowStore.$open(attachMemory(handle), collidingHash);
}
