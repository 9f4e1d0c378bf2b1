import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { collectGarbage } from '../garbage.js';
import { assertClean, catchWarnings, coded, colliding, MEBIBYTE, open } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32', big: 'u64' } });
const nowhere = coded('ERR_SHADOW_STALE_VIEW');

test('a cursor finds what get() finds, for every kind of parent, and writes where it stands', () => {
  const store = open(type);
  const parents = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 52 - 1, null, 'name', '', {}, Symbol.iterator.description!, () => 1];
  const absent = [2, 2 ** 31 + 1, 2 ** 51, 'nobody', {}];
  const cursor = store.cursor(type);
  parents.forEach((parent, i) => (store.alloc(parent, type).value = i + 1));
  for (let round = 0; round < 3; round++) {
    parents.forEach((parent, i) => {
      assert.equal(cursor.find(parent), true);
      assert.equal(cursor.value, i + 1 + round);
      cursor.value++;
      assert.equal(store.get(parent, type)!.value, i + 2 + round);
    });
    for (const parent of absent) assert.equal(cursor.find(parent), false);
    store.safepoint();
  }
});

test('a cursor that found nothing is on no variable: every use of it is ERR_SHADOW_STALE_VIEW', () => {
  const store = open(type);
  store.alloc(1, type);
  const cursor = store.cursor(type);
  const uses = [
    () => cursor.value,
    () => (cursor.value = 1),
    () => cursor.add('value', 1),
    () => cursor.read(),
    () => {
      cursor.update(() => undefined);
    },
    () => store.withLock(cursor, () => 1),
  ];
  for (const use of uses) assert.throws(use, nowhere, 'before the first find');
  assert.equal(cursor.find(1), true);
  assert.equal(cursor.value, 0);
  assert.equal(cursor.find(2), false);
  for (const use of uses) assert.throws(use, nowhere, 'after a miss');
  store.safepoint();
  for (const use of uses) assert.throws(use, nowhere, 'after a safepoint');
});

test('a parent that is none leaves the cursor on no variable, not on the last one', () => {
  const store = open(type);
  store.alloc(1, type);
  const cursor = store.cursor(type);
  for (const wrong of [-1, 0.5, NaN, 2 ** 52, undefined, Symbol('s'), 1n, true]) {
    assert.equal(cursor.find(1), true);
    assert.throws(() => cursor.find(wrong as never), coded('ERR_SHADOW_OBJECT'));
    assert.throws(() => (cursor.value = 666), nowhere);
    assert.equal(store.get(1, type)!.value, 0);
  }
});

test('a cursor lives on over safepoints where it stands, and is stale when its variable is freed', () => {
  const store = open(type);
  store.alloc(1, type).value = 5;
  const cursor = store.cursor(type);
  cursor.find(1);
  store.safepoint();
  assert.equal(cursor.value, 5);
  store.free(1, type);
  assert.equal(cursor.value, 5, 'until the next safepoint');
  store.safepoint();
  assert.throws(() => cursor.value, nowhere);
  store.alloc(1, type).value = 6;
  assert.throws(() => cursor.value, nowhere, 'the new variable has to be found');
  assert.equal(cursor.find(1), true);
  assert.equal(cursor.value, 6);
});

test('cursors move independently of each other and of views', () => {
  const store = open(type);
  const objects = colliding(12);
  objects.forEach((object, i) => (store.alloc(object, type).value = i));
  const [a, b] = [store.cursor(type), store.cursor(type)];
  for (let i = 0; i < 12; i++) {
    assert.ok(a.find(objects[i]!) && b.find(objects[11 - i]!));
    assert.deepEqual([a.value, b.value], [i, 11 - i]);
  }
});

test('a cursor of a type that is collected finds nothing, and finds again once the id is registered anew', (t) => {
  catchWarnings(t);
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'object', [type]);
  store.alloc(1, type).value = 1;
  const cursor = store.cursor(type);
  assert.equal(cursor.find(1), true);
  for (const collection of registry.unregister('patch', 'object')) while (!collection.step());
  assert.equal(cursor.find(1), false);
  store.safepoint();
  registry.register('patch', 'object', [type]);
  assert.equal(cursor.find(1), false);
  store.alloc(1, type).value = 2;
  assert.equal(cursor.find(1), true);
  assert.equal(cursor.value, 2);
  assertClean(store);
});

test('inside a lock body the cursor may move: the lock that is released is the one that was taken', () => {
  const store = open(type);
  store.alloc(1, type);
  store.alloc(2, type);
  const cursor = store.cursor(type);
  cursor.find(1);
  store.withLock(cursor, (locked) => {
    assert.equal(locked.find(2), true);
    locked.value = 3;
  });
  for (const object of [1, 2]) {
    store.get(object, type)!.update((draft) => {
      draft.value++;
    });
  }
  assert.deepEqual([store.get(1, type)!.value, store.get(2, type)!.value], [1, 4]);
});

test('finding, reading and writing through a cursor allocates nothing', () => {
  const store = ShadowStore.create({ maxBytes: 16 * MEBIBYTE, maxThreads: 2, types: [type] });
  for (let object = 0; object < 1000; object++) store.alloc(object, type);
  const cursor = store.cursor(type);
  const run = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      if (cursor.find(i % 1000)) cursor.value = cursor.value + 1;
      if (cursor.find(1000 + (i % 1000))) throw new Error('found what is not there');
    }
  };
  run(100_000);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  run(200_000);
  const allocated = process.memoryUsage().heapUsed - before;
  assert.ok(allocated < 1_000_000, `${allocated} bytes for 400,000 look-ups`); // one small object each would be six millions
  assert.equal(store.get(0, type)!.value, 300);
});
