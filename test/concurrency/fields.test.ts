import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { runCrew } from './crew.js';
import { account, accountTotal, BURST, counterType, innerType, PARENTS } from './field-types.js';
import { nameOf } from './payload.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { FieldsData, FieldsPart } from './workers/fields.js';

const WORKERS = 4;

void describe('fields under concurrency', () => {
  test('add() from many threads sums exactly, in 32 and in 64 bits', async (context) => {
    const seed = seedOf(context);
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [counterType, account] });
    context.after(() => store[Symbol.dispose]());
    const data: FieldsData = { part: 'add', rounds: Math.ceil(12_000 * SOAK), deferred: new SharedArrayBuffer(8) };
    const parts = await runCrew<FieldsData, FieldsPart>(context, 'fields', { handle: store.handle, workers: WORKERS, seed, data });
    for (const parent of PARENTS) {
      const view = store.get(parent, counterType);
      const expected = parts.reduce((sum, { added }) => sum + (added[nameOf(parent)] ?? 0), 0);
      assert.equal(view?.small, expected >>> 0);
      assert.equal(view.large, BigInt(expected) * 2n ** 31n);
      assert.equal(view.signed, -expected | 0);
    }
    const crowded = store.get(null, counterType)!;
    assert.equal(crowded.crowd, WORKERS * data.rounds * BURST);
    assert.equal(crowded.wide, BigInt(WORKERS * data.rounds * BURST));
    settled(store, PARENTS.length);
  });

  test('read() sees all of an update() or none of it, and no update is lost', async (context) => {
    const seed = seedOf(context);
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [counterType, account] });
    context.after(() => store[Symbol.dispose]());
    const data: FieldsData = { part: 'update', rounds: Math.ceil(15_000 * SOAK), deferred: new SharedArrayBuffer(8) };
    const parts = await runCrew<FieldsData, FieldsPart>(context, 'fields', { handle: store.handle, workers: WORKERS, seed, data });
    for (const parent of PARENTS) {
      const values = store.get(parent, account)!.read();
      assert.equal(accountTotal(values), 0);
      assert.equal(
        values.updates,
        parts.reduce((sum, { added }) => sum + (added[nameOf(parent)] ?? 0), 0),
      );
    }
    settled(store, PARENTS.length);
  });

  test('withLock() lets one thread in at a time, and what it frees inside is destroyed right after', async (context) => {
    const seed = seedOf(context);
    const deferred = new SharedArrayBuffer(8);
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [account, innerType(new Int32Array(deferred))] });
    context.after(() => store[Symbol.dispose]());
    const data: FieldsData = { part: 'lock', rounds: Math.ceil(10_000 * SOAK), deferred };
    const parts = await runCrew<FieldsData, FieldsPart>(context, 'fields', { handle: store.handle, workers: WORKERS, seed, data });
    for (const parent of PARENTS) {
      const expected = parts.reduce((sum, { added }) => sum + (added[nameOf(parent)] ?? 0), 0);
      assert.equal(store.get(parent, account)?.updates, expected, 'no plain increment under the lock is lost');
    }
    const [constructed, destroyed] = new Int32Array(deferred);
    assert.equal(constructed! > 0, true);
    assert.equal(destroyed, constructed);
    settled(store, PARENTS.length);
  });
});
