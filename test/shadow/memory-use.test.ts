import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Collection } from '../../src/shadow/sweep.js';
import { type AnyShadowType, defineShadowType, type ShadowType } from '../../src/shadow/type.js';
import { collectGarbage } from '../garbage.js';
import { open } from './fixtures/setup.js';

const ID = 30;

/** Lets everything be collected that can be: WeakRefs keep what they showed until the turn ends. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise(setImmediate);
    collectGarbage();
  }
}

/** A declaration that drags 100 KB of its module along. */
function declare(version: number, previous: ShadowType<{ value: 'u32' }> | undefined): ShadowType<{ value: 'u32' }> {
  const ballast = Array.from({ length: 12_500 }, (_, i) => i + 0.5);
  const declaration = {
    id: ID,
    version,
    fields: { value: 'u32' } as const,
    dtor: () => {
      ballast.length = 0;
    },
  };
  if (previous === undefined) return defineShadowType(declaration);
  return defineShadowType({
    ...declaration,
    previous,
    migrate: (_parent, old, view) => {
      view.value = old.value + Math.min(1, ballast.length);
    },
  });
}

for (const forget of [true, false]) {
  test(`types that nobody uses any more do not stay in memory (${forget ? 'told to forget them' : 'left to the garbage collector'})`, async () => {
    const store = open();
    const { registry, bindings } = store.internals;
    const references: WeakRef<AnyShadowType>[] = [];
    const heap: number[] = [];
    const collections: Collection[] = [];
    for (let cycle = 0; cycle < 200; cycle++) {
      // In a function of its own: nothing of a cycle is on the stack afterwards.
      (() => {
        const older = declare(1, undefined);
        const newer = declare(2, older);
        references.push(new WeakRef<AnyShadowType>(older), new WeakRef<AnyShadowType>(newer));
        registry.register('patch 1', 'object', [older]);
        store.alloc(1, older).value = 1;
        store.alloc(2, older);
        registry.register('patch 2', 'object', [newer]);
        bindings.know([older, newer]);
        registry.changeVersion(newer);
        assert.equal(store.get(1, newer)!.value, 2);
        const cursor = store.cursor(newer);
        cursor.find(1);
        registry.unregister('patch 1', 'object');
        store.freeObject(2);
        collections.push(...registry.unregister('patch 2', 'object'));
        while (!collections.at(-1)!.step());
        bindings.know([]);
        if (forget) bindings.forget([older, newer]);
      })();
      store.safepoint();
      if (cycle % 20 !== 19) continue;
      await settle();
      heap.push(process.memoryUsage().heapUsed);
    }
    // The latest declaration of an id stays, and with it the one that it names as previous.
    const latest = defineShadowType({ id: ID, size: 1 });
    await settle();
    const alive = references.filter((reference) => reference.deref() !== undefined).length;
    assert.equal(alive, 0, `${alive} of ${references.length} types are still there`);
    assert.equal(latest.id, collections[0]!.id);
    const growth = heap.at(-1)! - heap[1]!;
    assert.ok(growth < 2e6, `the heap grew by ${growth} bytes`);
    assert.ok(store.stats().types.length === 0);
  });
}

test('a type outlives its store without holding on to the memory of it', async () => {
  const type = defineShadowType({ id: 31, fields: { value: 'u32' } });
  const buffers: WeakRef<SharedArrayBuffer>[] = [];
  for (let i = 0; i < 3; i++) {
    (() => {
      const store = open(type);
      store.alloc(1, type);
      buffers.push(new WeakRef(store.handle.buffer));
      store[Symbol.dispose]();
    })();
  }
  await settle();
  assert.equal(type.$binding, undefined);
  assert.equal(buffers.filter((buffer) => buffer.deref() !== undefined).length, 0);
});
