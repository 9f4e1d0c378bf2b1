/**
 * The loops of loops.ts over variables of many types: each operation is on the type that was drawn with its key, so each type has a
 * cursor, and on the other side a Map, of its own.
 */
import type { ShadowStore } from '../src/shadow/store.js';
import { CHUNK, SAFEPOINT_INTERVAL } from './contest.js';
import { BATCH } from './loops.js';
import { createTally, type tally, type Tally } from './subjects.js';

type Type = typeof tally;

/** A sequence of keys and the number of the type of each; keys of one batch after another have one type. */
export interface TypedKeys {
  readonly keys: readonly number[];
  readonly types: Uint16Array;
}

export function typedCursorLoop(store: ShadowStore, types: readonly Type[], sequence: TypedKeys): () => number {
  const cursors = types.map((type) => store.cursor(type));
  const { keys, types: numbers } = sequence;
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const cursor = cursors[numbers[i]!]!;
      if (cursor.find(keys[i]!)) sum = (sum + cursor.reads) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

export function typedMapLoop(maps: readonly Map<number, Tally>[], { keys, types: numbers }: TypedKeys): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const found = maps[numbers[i]!]!.get(keys[i]!);
      if (found !== undefined) sum = (sum + found.reads) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

/** Batch by batch: `batches` are the keys of the sequence, cut up. */
export function typedGetManyLoop(
  store: ShadowStore,
  types: readonly Type[],
  { types: numbers }: TypedKeys,
  batches: readonly (readonly number[])[],
): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK / BATCH;
    for (let i = at; i < end; i++) {
      const found = store.getMany(batches[i]!, types[numbers[i * BATCH]!]!);
      for (let j = 0; j < found.length; j++) {
        const view = found[j];
        if (view !== undefined) sum = (sum + view.reads) | 0;
      }
    }
    at = end % batches.length;
    return sum;
  };
}

export function typedAllocLoop(store: ShadowStore, types: readonly Type[], { keys, types: numbers }: TypedKeys): () => number {
  let at = 0;
  return () => {
    let freed = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      const type = types[numbers[i]!]!;
      store.alloc(key, type).reads = 1;
      if (store.free(key, type)) freed++;
      if (i % SAFEPOINT_INTERVAL === 0) store.safepoint();
    }
    at = end % keys.length;
    return freed;
  };
}

export function typedMapSetLoop(maps: readonly Map<number, Tally>[], { keys, types: numbers }: TypedKeys): () => number {
  let at = 0;
  return () => {
    let freed = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      const map = maps[numbers[i]!]!;
      map.set(key, createTally(1));
      if (map.delete(key)) freed++;
    }
    at = end % keys.length;
    return freed;
  };
}

export function typedAddLoop(store: ShadowStore, types: readonly Type[], sequence: TypedKeys): () => number {
  const cursors = types.map((type) => store.cursor(type));
  const { keys, types: numbers } = sequence;
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const cursor = cursors[numbers[i]!]!;
      if (cursor.find(keys[i]!)) sum = (sum + cursor.add('reads', 1)) | 0;
    }
    at = end % keys.length;
    return sum;
  };
}

export function typedMapAddLoop(maps: readonly Map<number, Tally>[], { keys, types: numbers }: TypedKeys): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const found = maps[numbers[i]!]!.get(keys[i]!);
      if (found === undefined) continue;
      sum = (sum + found.reads) | 0;
      found.reads += 1;
    }
    at = end % keys.length;
    return sum;
  };
}
