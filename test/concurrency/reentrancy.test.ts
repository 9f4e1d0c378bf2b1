import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { runCrew } from './crew.js';
import { settled } from './settled.js';
import type { ReentrancyData } from './workers/reentrancy.js';

/** What would hang if it went wrong runs in a worker, which can be ended. */
const PATIENCE = { timeout: 20_000 };

void describe('re-entrancy', () => {
  test('check() is clean while a lock body owes more destructors than the thread slot records', (context) => {
    let destroyed = 0;
    const held = defineShadowType({ id: 0x301, fields: { value: 'u32' } });
    const freed = defineShadowType({
      id: 0x302,
      fields: { value: 'u32' },
      dtor() {
        if (++destroyed % 40 === 0) assert.deepEqual(store.check().violations, []);
      },
    });
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [held, freed] });
    context.after(() => store[Symbol.dispose]());
    for (let parent = 0; parent < 200; parent++) store.alloc(parent, freed);
    store.withLock(store.alloc(0, held), () => {
      assert.equal(store.freeAll(freed), 200);
      assert.equal(destroyed, 0);
      assert.deepEqual(store.check().violations, []);
    });
    assert.equal(destroyed, 200);
    settled(store, 1);
  });

  test('destructors that free others of their kind are destroyed to the last, check() being clean all the way', (context) => {
    let destroyed = 0;
    const node = defineShadowType({
      id: 0x303,
      fields: { next: 'u32' },
      dtor(_parent, view) {
        destroyed++;
        if (view.next !== 0) assert.equal(store.free(view.next, node), true);
        if (destroyed % 10 === 0) assert.deepEqual(store.check().violations, []);
      },
    });
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [node] });
    context.after(() => store[Symbol.dispose]());
    const length = 200;
    for (let n = 1; n <= length; n++) store.alloc(n, node).next = n < length ? n + 1 : 0;
    store.free(1, node);
    assert.equal(destroyed, length);
    settled(store, 0);
  });

  test('freeObject() leaves what a destructor creates meanwhile, also beside a variable that is being collected', (context) => {
    const collected = defineShadowType({ id: 0x304, fields: { value: 'u32' } });
    const created = defineShadowType({ id: 0x305, fields: { value: 'u32' } });
    const freed = defineShadowType({
      id: 0x306,
      fields: { value: 'u32' },
      dtor: (parent) => void store.alloc(parent, created),
    });
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [created, freed] });
    context.after(() => store[Symbol.dispose]());
    store.internals.registry.register('owner', 'object', [collected]);
    store.alloc(1, collected);
    store.alloc(1, freed);
    const collections = store.internals.registry.unregister('owner', 'object');
    assert.equal(store.freeObject(1), 1);
    assert.equal(store.has(1, created), true);
    for (const collection of collections) while (!collection.step());
    settled(store, 1);
  });

  for (const scenario of ['check in a constructor', 'destructors that create again'] as const) {
    test(`nothing hangs: ${scenario}`, PATIENCE, async (context) => {
      const store = ShadowStore.create({ maxBytes: 2 ** 24 });
      context.after(() => store[Symbol.dispose]());
      const data: ReentrancyData = { scenario };
      const [outcome] = await runCrew<ReentrancyData, string>(context, 'reentrancy', { handle: store.handle, workers: 1, seed: 0, data });
      assert.equal(outcome, scenario === 'check in a constructor' ? 'ERR_SHADOW_CONSTRUCTOR_WRITE' : 'freed 12, left 12');
    });
  }
});
