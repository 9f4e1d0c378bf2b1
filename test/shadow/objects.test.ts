import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { collectGarbage } from '../garbage.js';
import { assertClean, assertEmpty, coded, open } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });

/** Collects garbage until what is waited for has happened, or has had every chance to. */
async function collect(done: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !done(); round++) {
    await setImmediate(); // a WeakRef keeps its object for the length of the turn in which it was asked
    collectGarbage();
  }
  assert.ok(done(), 'garbage collection had no effect');
}

test('an object has one handle per attachment, beyond all numbers of the user’s, and no two objects share one', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    const object = i % 2 === 0 ? {} : () => i;
    for (const each of [store, other]) {
      const handle = each.objects.handle(object);
      assert.equal(each.objects.handle(object), handle);
      assert.ok(Number.isSafeInteger(handle) && handle >= 2 ** 52 && handle < 2 ** 53 - 1);
      assert.equal(seen.has(handle), false);
      seen.add(handle);
    }
  }
});

test('only objects have handles', () => {
  const store = open(type);
  for (const wrong of [null, undefined, 5, 'name', true, 1n, Symbol('s')]) {
    assert.throws(() => store.objects.handle(wrong as never), coded('ERR_SHADOW_OBJECT', /takes an object/));
  }
});

test('an object and its handle are the same parent, in the thread of the object and in every other', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const object = {};
  const handle = store.objects.handle(object);
  store.alloc(object, type).value = 5;
  assert.equal(store.get(handle, type)!.value, 5);
  assert.equal(other.get(handle, type)!.value, 5);
  assert.throws(() => other.alloc(handle, type), coded('ERR_SHADOW_EXISTS'));
  assert.deepEqual(
    [...store.entries(type)].map(([parent]) => parent),
    [handle],
  );
  assert.equal(other.free(handle, type), true);
  assert.equal(store.has(object, type), false);
  store.alloc(handle, type).value = 6;
  assert.equal(store.get(object, type)!.value, 6);
});

test('a number that no handle has is no parent, however near', () => {
  const store = open(type);
  const handle = store.objects.handle({});
  assert.equal(store.get(handle, type), undefined);
  for (const wrong of [handle + 1, handle + 1000, handle + Layout.HANDLE_SLOTS, 2 ** 52, 2 ** 52 + 2 ** 51 - 1, 2 ** 53 - 1]) {
    assert.throws(() => store.get(wrong, type), coded('ERR_SHADOW_OBJECT'));
  }
});

test('asking for an object that has no variables makes no handle', () => {
  const store = open(type);
  const before = store.objects.handle({});
  for (let i = 0; i < 10; i++) {
    assert.equal(store.get({}, type), undefined);
    assert.equal(store.free({}, type), false);
    assert.equal(store.freeObject({}), 0);
  }
  assert.equal(store.objects.handle({}), before + Layout.HANDLE_SLOTS);
});

test('when an object is garbage collected its variables are freed with their destructors, and those of living objects are not', async () => {
  const destroyed: unknown[] = [];
  const dying = defineShadowType({ id: 2, fields: { value: 'u32' }, dtor: (parent, view) => void destroyed.push([parent, view.value]) });
  const store = open(type, dying);
  const kept = {};
  store.alloc(kept, dying).value = 999;
  const handles = (() => {
    const objects = Array.from({ length: 20 }, () => ({}));
    objects.forEach((object, i) => {
      store.alloc(object, dying).value = i;
      store.alloc(object, type);
    });
    return objects.map((object) => store.objects.handle(object));
  })();
  await collect(() => destroyed.length === 20);
  assert.deepEqual(
    new Set(destroyed.map((each) => JSON.stringify(each))),
    new Set(handles.map((handle, i) => JSON.stringify([handle, i]))),
  );
  assert.equal(assertClean(store).variables, 1);
  assert.equal(store.get(kept, dying)!.value, 999);
  for (const handle of handles) assert.equal(store.get(handle, type), undefined, 'the number still names nobody else');
  const next = store.objects.handle({});
  assert.ok(next > Math.max(...handles), 'and is never given away again');
});

test('an object collected after its store was disposed is no concern of anybody', async () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const reference = (() => {
    const object = {};
    other.alloc(object, type);
    return new WeakRef(object);
  })();
  other[Symbol.dispose]();
  assert.equal(store.stats().live, 0, 'dispose has freed what nobody could free any more');
  await collect(() => reference.deref() === undefined);
  await setImmediate();
  assertEmpty(store);
});

test('dispose frees the variables of this attachment’s objects, with their destructors, and of no other’s', () => {
  const destroyed: number[] = [];
  const dying = defineShadowType({ id: 2, fields: { value: 'u32' }, dtor: (_, view) => void destroyed.push(view.value) });
  const store = open(dying);
  const other = ShadowStore.attach(store.handle);
  const object = {};
  other.alloc(object, dying).value = 1;
  store.alloc(object, dying).value = 2;
  other.alloc(7, dying).value = 3;
  other[Symbol.dispose]();
  assert.deepEqual(destroyed, [1]);
  assert.deepEqual([store.get(object, dying)!.value, store.get(7, dying)!.value], [2, 3]);
  assertClean(store);
});
