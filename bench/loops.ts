/**
 * The loops that suites `get`, `write` and `scale` time against each other: each call does the next CHUNK operations on a sequence of keys
 * and returns a checksum. One function per subject and operation, so that each has type feedback of its own.
 */
import type { ShadowStore } from '../src/shadow/store.js';
import { CHUNK, SAFEPOINT_INTERVAL } from './contest.js';
import { createTally, tally, type Tally } from './subjects.js';

/** Keys per call of getMany. */
export const BATCH = 32;

/** A sequence of keys, whose length is a multiple of CHUNK. */
type Keys = readonly number[];
type Batches = readonly Keys[];

export function cutBatches(keys: Keys): number[][] {
  const batches: number[][] = [];
  for (let i = 0; i < keys.length; i += BATCH) batches.push(keys.slice(i, i + BATCH));
  return batches;
}

/** `cursor.find` and a field of what it finds. */
export function cursorLoop(store: ShadowStore, keys: Keys): () => number {
  const cursor = store.cursor(tally);
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      if (cursor.find(keys[i]!)) sum = (sum + cursor.reads) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

/** The Map's counterpart. */
export function mapLoop(map: Map<number, Tally>, keys: Keys): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const found = map.get(keys[i]!);
      if (found !== undefined) sum = (sum + found.reads) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

/** `store.getMany` and a field of each that it finds. */
export function getManyLoop(store: ShadowStore, batches: Batches): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK / BATCH;
    for (let i = at; i < end; i++) {
      const found = store.getMany(batches[i]!, tally);
      for (let j = 0; j < found.length; j++) {
        const view = found[j];
        if (view !== undefined) sum = (sum + view.reads) | 0;
      }
    }
    at = end % batches.length;
    return sum;
  };
}

/** The same keys one after the other by a cursor. */
export function cursorBatchLoop(store: ShadowStore, batches: Batches): () => number {
  const cursor = store.cursor(tally);
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK / BATCH;
    for (let i = at; i < end; i++) {
      const batch = batches[i]!;
      for (let j = 0; j < batch.length; j++) {
        if (cursor.find(batch[j]!)) sum = (sum + cursor.reads) | 0;
      }
    }
    at = end % batches.length;
    return sum;
  };
}

/** `store.alloc` and `store.free` of keys that are not there, with a safepoint now and then. */
export function allocLoop(store: ShadowStore, keys: Keys): () => number {
  let at = 0;
  return () => {
    let freed = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      store.alloc(key, tally).reads = 1;
      if (store.free(key, tally)) freed++;
      if (i % SAFEPOINT_INTERVAL === 0) store.safepoint();
    }
    at = end % keys.length;
    return freed;
  };
}

/** The Map's counterpart. */
export function mapSetLoop(map: Map<number, Tally>, keys: Keys): () => number {
  let at = 0;
  return () => {
    let freed = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      map.set(key, createTally(1));
      if (map.delete(key)) freed++;
    }
    at = end % keys.length;
    return freed;
  };
}

/** `cursor.find` and the atomic `cursor.add` to a field; the sum is of what was there before. */
export function addLoop(store: ShadowStore, keys: Keys): () => number {
  const cursor = store.cursor(tally);
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      if (cursor.find(keys[i]!)) sum = (sum + cursor.add('reads', 1)) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

/** The Map's counterpart. */
export function mapAddLoop(map: Map<number, Tally>, keys: Keys): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const found = map.get(keys[i]!);
      if (found === undefined) continue;
      sum = (sum + found.reads) | 0;
      found.reads += 1;
    }
    at = end % keys.length;
    return sum;
  };
}
