/**
 * The stores of suite `scale`, each with its Map or Maps beside it, and what is done to both: filled by the index of their keys, because
 * nobody lists 50 million of them.
 */
import { ShadowStore } from '../src/shadow/store.js';
import { defineShadowType } from '../src/shadow/type.js';
import { CHUNK, SEQUENCE, type Contest } from './contest.js';
import { createRandom, type Keyspace } from './keys.js';
import {
  addLoop,
  allocLoop,
  BATCH,
  cursorBatchLoop,
  cursorLoop,
  cutBatches,
  getManyLoop,
  mapAddLoop,
  mapLoop,
  mapSetLoop,
} from './loops.js';
import { createTally, initialReads, reservation, tally, type Tally } from './subjects.js';
import {
  typedAddLoop,
  typedAllocLoop,
  typedCursorLoop,
  typedGetManyLoop,
  type TypedKeys,
  typedMapAddLoop,
  typedMapLoop,
  typedMapSetLoop,
} from './type-loops.js';

/** One contest per operation, to be held in this order: gets before changes. */
export interface Contests {
  readonly hit: Contest;
  readonly miss: Contest;
  readonly getMany: Contest;
  readonly allocFree: Contest;
  readonly add: Contest;
}

/** A reservation cannot be larger. */
const MOST_BYTES = 2 ** 33;
const FIRST_TYPE_ID = 0x7b000;

/** Variables of one type. `reference`: a Map of all keys, or of those only that the first chunk asks for. */
export function oneTypeContests(keyspace: Keyspace, variables: number, reference: 'all keys' | 'first chunk'): Contests {
  const random = createRandom(2);
  const draw = (from: (index: number) => number): number[] => Array.from({ length: SEQUENCE }, () => from(random(variables)));
  const [present, absent] = [draw(keyspace.present), draw(keyspace.absent)];
  const store = createStore(variables, [tally]);
  for (let i = 0; i < variables; i++) {
    const key = keyspace.present(i);
    store.alloc(key, tally).reads = initialReads(key);
  }
  store.safepoint();
  const map = new Map<number, Tally>();
  const put = (key: number): unknown => map.set(key, createTally(initialReads(key)));
  if (reference === 'all keys') for (let i = 0; i < variables; i++) put(keyspace.present(i));
  else present.slice(0, CHUNK).forEach(put);
  const batches = cutBatches(present);
  return {
    hit: { ours: cursorLoop(store, present), reference: mapLoop(map, present) },
    miss: { ours: cursorLoop(store, absent), reference: mapLoop(map, absent) },
    getMany: { ours: getManyLoop(store, batches), reference: cursorBatchLoop(store, batches) },
    allocFree: { ours: allocLoop(store, absent), reference: mapSetLoop(map, absent) },
    add: { ours: addLoop(store, present), reference: mapAddLoop(map, present) },
  };
}

/** As many variables of `count` types in turn, beside a Map per type: the i-th key has type number i modulo `count`. */
export function manyTypesContests(keyspace: Keyspace, variables: number, count: number): Contests {
  const types = Array.from({ length: count }, (_, type) =>
    defineShadowType({ id: FIRST_TYPE_ID + type, fields: { reads: 'u32', writes: 'u32', total: 'f64' } }),
  );
  const store = createStore(variables, types);
  const maps = types.map(() => new Map<number, Tally>());
  for (let i = 0; i < variables; i++) {
    const key = keyspace.present(i);
    store.alloc(key, types[i % count]!).reads = initialReads(key);
    maps[i % count]!.set(key, createTally(initialReads(key)));
  }
  store.safepoint();
  const present = drawTyped(keyspace.present, variables, count, 1);
  const absent = drawTyped(keyspace.absent, variables, count, 1);
  const batched = drawTyped(keyspace.present, variables, count, BATCH);
  return {
    hit: { ours: typedCursorLoop(store, types, present), reference: typedMapLoop(maps, present) },
    miss: { ours: typedCursorLoop(store, types, absent), reference: typedMapLoop(maps, absent) },
    getMany: { ours: typedGetManyLoop(store, types, batched, cutBatches(batched.keys)), reference: typedCursorLoop(store, types, batched) },
    allocFree: { ours: typedAllocLoop(store, types, absent), reference: typedMapSetLoop(maps, absent) },
    add: { ours: typedAddLoop(store, types, present), reference: typedMapAddLoop(maps, present) },
  };
}

function createStore(variables: number, types: (typeof tally)[]): ShadowStore {
  return ShadowStore.create({ maxBytes: Math.min(reservation(variables), MOST_BYTES), maxThreads: 2, types });
}

/** Keys drawn uniformly; `run` of them after each other have the same type, also drawn uniformly. */
function drawTyped(from: (index: number) => number, variables: number, count: number, run: number): TypedKeys {
  const random = createRandom(3);
  const keys: number[] = [];
  const types = new Uint16Array(SEQUENCE);
  for (let i = 0; i < SEQUENCE; i++) {
    types[i] = i % run === 0 ? random(count) : types[i - 1]!;
    keys.push(from(types[i]! + count * random(Math.floor(variables / count))));
  }
  return { keys, types };
}
