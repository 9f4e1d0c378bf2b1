/** Adds, updates and locks the same few variables as everybody else, and tells how often it changed each. */
import assert from 'node:assert/strict';
import type { Parent } from '../../../src/shadow/objects.js';
import { account, accountTotal, BURST, counterType, innerType, PARENTS } from '../field-types.js';
import { nameOf } from '../payload.js';
import { type Task, work } from './task.js';

export interface FieldsData {
  readonly part: 'add' | 'update' | 'lock';
  readonly rounds: number;
  /** Variables constructed and destroyed by lock bodies. */
  readonly deferred: SharedArrayBuffer;
}

export interface FieldsPart {
  /** Changes per parent. */
  readonly added: Record<string, number>;
}

const parts: Record<FieldsData['part'], (task: Task<FieldsData>, note: (parent: Parent, by: number) => void) => void> = {
  add({ store, random, data }, note) {
    const cursor = store.cursor(counterType);
    for (let round = 0; round < data.rounds; round++) {
      const parent = random.pick(PARENTS);
      const by = random.below(5);
      if (!cursor.find(parent) || random.oneIn(8)) {
        const view = store.getOrAlloc(parent, counterType);
        view.add('small', by);
        view.add('large', BigInt(by) * 2n ** 31n);
        view.sub('signed', by);
      } else {
        cursor.add('small', by);
        cursor.add('large', BigInt(by) * 2n ** 31n);
        cursor.sub('signed', by);
      }
      note(parent, by);
      // Where threads meet most: all of them at one word, as fast as they can.
      const crowded = store.getOrAlloc(null, counterType);
      for (let i = 0; i < BURST; i++) {
        crowded.add('crowd', 1);
        crowded.add('wide', 1n);
      }
      if (random.oneIn(50)) store.safepoint();
    }
  },

  update({ store, random, data }, note) {
    for (let round = 0; round < data.rounds; round++) {
      const parent = random.pick(PARENTS);
      const view = store.getOrAlloc(parent, account);
      if (random.oneIn(2)) {
        assert.equal(accountTotal(view.read()), 0, 'read() saw half an update');
      } else {
        const sum = random.below(1000);
        view.update((draft) => {
          assert.equal(accountTotal(draft), 0, 'update() was given half an update');
          draft.credit += sum;
          draft.updates++;
          random.linger(80);
          draft.fill = new Uint8Array(40).fill(draft.updates & 0xff);
          draft.mirror = ~draft.updates >>> 0;
          draft.debit -= sum;
        });
        note(parent, 1);
      }
      if (random.oneIn(50)) store.safepoint();
    }
  },

  lock({ store, random, index, data }, note) {
    const inner = innerType(new Int32Array(data.deferred));
    for (let round = 0; round < data.rounds; round++) {
      const parent = random.pick(PARENTS);
      const view = store.getOrAlloc(parent, account);
      store.withLock(view, () => {
        assert.equal(view.holder, 0, 'two threads are inside');
        view.holder = index + 1;
        const updates = view.updates;
        random.linger(80);
        if (random.oneIn(20)) {
          store.getOrAlloc(parent, inner);
          store.free(parent, inner);
        }
        view.updates = updates + 1;
        assert.equal(view.holder, index + 1, 'two threads are inside');
        view.holder = 0;
      });
      note(parent, 1);
      if (random.oneIn(50)) store.safepoint();
    }
  },
};

await work<FieldsData, FieldsPart>((task) => {
  const added: Record<string, number> = {};
  parts[task.data.part](task, (parent, by) => (added[nameOf(parent)] = (added[nameOf(parent)] ?? 0) + by));
  return { added };
});
