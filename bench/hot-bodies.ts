/**
 * What a worker of suite `oversubscribed` runs: side 0 works on the shared store, side 1 does the same on a Map of the worker's own. All
 * workers have the same hot keys and a draw of their own; every second operation writes, so that what the store holds in the end tells
 * whether any change was lost.
 */
import { Random } from '../src/cli/random.js';
import { Zipfian } from '../src/cli/distribution.js';
import { ShadowStore } from '../src/shadow/store.js';
import type { Body } from './barrier.js';
import { SAFEPOINT_INTERVAL } from './contest.js';
import { changeDraft, changeTally, createFilledMap, tally } from './subjects.js';

type HotBody = () => number;

export type Load = 'zipf' | 'update' | 'add';

export interface HotData {
  readonly handle: ShadowStore['handle'];
  readonly load: Load;
  /** In the store, the hottest first. */
  readonly keys: readonly number[];
}

/** Operations that add 1 to `reads`, of so many that one call of a body does. */
export const WRITES: Readonly<Record<Load, number>> = {
  zipf: SAFEPOINT_INTERVAL / 2,
  update: SAFEPOINT_INTERVAL,
  add: SAFEPOINT_INTERVAL,
};

/** Calls of each body before the first round: of 32 workers each has so little time in a round that its code would still be waiting to be compiled. */
export const WARM_UP_CALLS = 1000;

const SEQUENCE = 2 ** 15; // small beside the caches, whoever has the processor next

export function createBodies(data: unknown, index: number): readonly Body[] {
  const bodies = bodiesOf(data as HotData, index);
  for (const body of bodies) for (let call = 0; call < WARM_UP_CALLS; call++) body();
  return bodies;
}

function bodiesOf({ handle, load, keys }: HotData, index: number): readonly HotBody[] {
  const store = ShadowStore.attach(handle);
  if (load !== 'zipf') return [oneKeyBody(store, load, keys[0]!)];
  const zipfian = new Zipfian(new Random(400 + index));
  const drawn = Array.from({ length: SEQUENCE }, () => keys[zipfian.pick(keys.length)]!);
  return [zipfStoreBody(store, drawn), zipfMapBody(keys, drawn)];
}

function oneKeyBody(store: ShadowStore, load: 'update' | 'add', key: number): HotBody {
  const cursor = store.cursor(tally);
  const change = load === 'update' ? () => cursor.update(changeDraft) : () => cursor.add('reads', 1);
  return () => {
    for (let i = 0; i < SAFEPOINT_INTERVAL; i++) {
      if (!cursor.find(key)) throw new Error('the hot variable is gone');
      change();
    }
    store.safepoint();
    return SAFEPOINT_INTERVAL;
  };
}

function zipfStoreBody(store: ShadowStore, keys: readonly number[]): HotBody {
  const cursor = store.cursor(tally);
  let at = 0;
  let sink = 0;
  return () => {
    const end = at + SAFEPOINT_INTERVAL;
    let sum = 0;
    for (let i = at; i < end; i += 2) {
      if (cursor.find(keys[i]!)) sum = (sum + cursor.reads) | 0;
      if (cursor.find(keys[i + 1]!)) cursor.update(changeDraft);
    }
    store.safepoint();
    at = end % SEQUENCE;
    sink = (sink + sum) | 0;
    return SAFEPOINT_INTERVAL;
  };
}

function zipfMapBody(present: readonly number[], keys: readonly number[]): HotBody {
  const map = createFilledMap(present);
  let at = 0;
  let sink = 0;
  return () => {
    const end = at + SAFEPOINT_INTERVAL;
    let sum = 0;
    for (let i = at; i < end; i += 2) {
      const read = map.get(keys[i]!);
      if (read !== undefined) sum = (sum + read.reads) | 0;
      const changed = map.get(keys[i + 1]!);
      if (changed !== undefined) changeTally(changed);
    }
    at = end % SEQUENCE;
    sink = (sink + sum) | 0;
    return SAFEPOINT_INTERVAL;
  };
}
