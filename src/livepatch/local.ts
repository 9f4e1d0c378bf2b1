/**
 * Owns the stores whose coordinator is on this thread. An agent of the same thread works with the same store object: two attachments would be
 * two threads to the coordinator. Touches no shared memory. Imports the type of the store.
 */
import type { ShadowStore } from '../shadow/store.js';

const stores = new Map<string, ShadowStore>();

/** Says that the coordinator of this store is on this thread. */
export function registerLocalStore(storeName: string, store: ShadowStore): void {
  stores.set(storeName, store);
}

/** The coordinator was closed. */
export function withdrawLocalStore(storeName: string): void {
  stores.delete(storeName);
}

export function localStores(): ReadonlyMap<string, ShadowStore> {
  return stores;
}
