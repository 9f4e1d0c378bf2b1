/**
 * What a worker of suite `threads` runs: side 0 works on the shared store, side 1 does the same on a Map of the worker's own. Both
 * walk the same keys and the same choice of operations, drawn beforehand with a seed of the worker.
 */
import { ShadowStore } from '../src/shadow/store.js';
import type { Body } from './barrier.js';
import { SAFEPOINT_INTERVAL } from './contest.js';
import { createRandom, drawKeys } from './keys.js';
import { changeDraft, changeTally, createFilledMap, createTally, tally } from './subjects.js';

/** Shares of 100 operations; the rest are gets. */
export interface Mix {
  readonly updates: number;
  readonly inserts: number;
  readonly deletes: number;
}

export interface ThreadsData {
  readonly handle: ShadowStore['handle'];
  readonly mix: Mix;
  /** In the store when the suite starts, and as many that are not. */
  readonly present: readonly number[];
  readonly absent: readonly number[];
}

const GET = 0;
const UPDATE = 1;
const INSERT = 2;
const DELETE = 3;
const SEQUENCE = 2 ** 20;

export function createBodies(data: unknown, index: number): readonly Body[] {
  const { handle, mix, present, absent } = data as ThreadsData;
  const population = mix.inserts + mix.deletes > 0 ? [...present, ...absent] : present;
  const keys = drawKeys(population, SEQUENCE, 100 + index);
  const choices = drawChoices(mix, 200 + index);
  return [storeBody(ShadowStore.attach(handle), keys, choices), mapBody(present, keys, choices)];
}

function drawChoices(mix: Mix, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: SEQUENCE }, () => {
    const draw = random(100);
    if (draw < mix.updates) return UPDATE;
    if (draw < mix.updates + mix.inserts) return INSERT;
    return draw < mix.updates + mix.inserts + mix.deletes ? DELETE : GET;
  });
}

function storeBody(store: ShadowStore, keys: readonly number[], choices: Uint8Array): Body {
  const cursor = store.cursor(tally);
  let at = 0;
  let sink = 0;
  return () => {
    const end = at + SAFEPOINT_INTERVAL;
    let sum = 0;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      const choice = choices[i]!;
      if (choice === GET) {
        if (cursor.find(key)) sum = (sum + cursor.reads) | 0;
      } else if (choice === UPDATE) {
        if (cursor.find(key)) cursor.update(changeDraft);
      } else if (choice === INSERT) store.getOrAlloc(key, tally);
      else store.free(key, tally);
    }
    store.safepoint();
    at = end % SEQUENCE;
    sink = (sink + sum) | 0;
    return SAFEPOINT_INTERVAL;
  };
}

function mapBody(present: readonly number[], keys: readonly number[], choices: Uint8Array): Body {
  const map = createFilledMap(present);
  let at = 0;
  let sink = 0;
  return () => {
    const end = at + SAFEPOINT_INTERVAL;
    let sum = 0;
    for (let i = at; i < end; i++) {
      const key = keys[i]!;
      const choice = choices[i]!;
      if (choice === GET) {
        const found = map.get(key);
        if (found !== undefined) sum = (sum + found.reads) | 0;
      } else if (choice === UPDATE) {
        const found = map.get(key);
        if (found !== undefined) changeTally(found);
      } else if (choice === INSERT) {
        if (!map.has(key)) map.set(key, createTally(0));
      } else map.delete(key);
    }
    at = end % SEQUENCE;
    sink = (sink + sum) | 0;
    return SAFEPOINT_INTERVAL;
  };
}
