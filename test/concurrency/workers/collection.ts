/**
 * Uses an id that is registered and collected all the time, and one that stays. The two marks are shared with the test: what it has barred must not be
 * seen any more.
 */
import assert from 'node:assert/strict';
import { ShadowError } from '../../../src/errors.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import { BARRED_BELOW, type CollectionData, type CollectionPart, OPERATIONS } from '../collection-marks.js';
import { DYING_ID, FIRST_ID, Ledger, parents, payloadType, type PayloadView, verify } from '../payload.js';
import { work } from './task.js';

await work<CollectionData, CollectionPart>((task) => {
  const { random, data, handle } = task;
  const marks = new Int32Array(data.marks);
  const dying = new Ledger(data.dying);
  const staying = new Ledger(data.staying);
  const dyingType = payloadType(dying, DYING_ID, 20, () => random.linger(60));
  const stayingType = payloadType(staying, FIRST_ID, 20, () => random.linger(60));
  const all = parents(data.keys);
  let store = task.store;
  let hits = 0;
  let misses = 0;

  /** Judges a variable that was looked up after `barred` was read. */
  const judge = (parent: (typeof all)[number], view: PayloadView, barred: number): void => {
    const serial = verify(dying, DYING_ID, parent, view);
    assert.equal(serial >= barred, true, `life ${serial} is seen, but everything below ${barred} was collected before`);
    hits++;
  };

  while (!task.stopped) {
    const index = random.below(all.length);
    const parent = all[index]!;
    const barred = Atomics.load(marks, BARRED_BELOW);
    const choice = random.below(20);
    try {
      if (choice < 6) judge(parent, store.getOrAlloc(parent, dyingType), barred);
      else if (choice < 8) judge(parent, store.alloc(parent, dyingType), barred);
      else if (choice < 11) {
        const view = store.get(parent, dyingType);
        if (view === undefined) misses++;
        else judge(parent, view, barred);
      } else if (choice < 12) {
        for (const [found, view] of store.entries(dyingType)) if (typeof found !== 'number' || found < 2 ** 52) judge(found, view, barred);
      } else if (choice < 13) {
        store.getMany(all.slice(0, 20), dyingType).forEach((view, i) => {
          if (view !== undefined) judge(all[i]!, view, barred);
        });
      } else if (choice < 14) {
        const cursor = store.cursor(dyingType);
        if (cursor.find(parent)) judge(parent, cursor, barred);
      } else if (choice < 16) store.free(parent, dyingType);
      else if (choice < 17 && index >= 8) store.freeObject(parent);
      // The first eight parents keep their variables of the other id.
      else if (index < 8) verify(staying, FIRST_ID, parent, store.get(parent, stayingType)!);
      else if (random.oneIn(2)) verify(staying, FIRST_ID, parent, store.getOrAlloc(parent, stayingType));
      else store.free(parent, stayingType);
    } catch (error) {
      if (!(error instanceof ShadowError)) throw error;
      if (error.code === 'ERR_SHADOW_UNREGISTERED') misses++;
      else if (error.code !== 'ERR_SHADOW_EXISTS') throw error;
    }
    Atomics.add(marks, OPERATIONS, 1);
    if (random.oneIn(25)) store.safepoint();
    if (data.reattachEvery !== 0 && random.oneIn(data.reattachEvery)) {
      if (store !== task.store) store[Symbol.dispose]();
      store = ShadowStore.attach(handle);
    }
  }
  if (store !== task.store) store[Symbol.dispose]();
  return { hits, misses };
});
