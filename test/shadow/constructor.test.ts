import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';
import { assertClean, assertEmpty, coded, colliding, MEBIBYTE, open, withoutWaiting } from './fixtures/setup.js';

const fields = { value: 'u32', other: 'i32' } as const;
const plain = defineShadowType({ id: 1, fields });

/** A promise, and what looks like one, from functions that claim to return nothing. */
const PROMISES = [
  async () => Promise.resolve(),
  () => Promise.reject(new Error('unheard')),
  () => ({ then: () => undefined }),
] as (() => void)[];

test('the constructor gets the parent as it was given, a zeroed view and the data, once per created variable', () => {
  const calls: [unknown, unknown, unknown][] = [];
  const type = defineShadowType<typeof fields>({
    id: 2,
    fields,
    ctor(parent, view, data) {
      calls.push([parent, view.read(), data]);
      view.value = 42;
    },
  });
  const store = open(type);
  const object = {};
  const data = { any: 'thing' };
  const parents = [0, 2 ** 52 - 1, null, 'name', object];
  for (const parent of parents) {
    assert.equal(store.alloc(parent, type, data).value, 42);
    store.getOrAlloc(parent, type, 'ignored');
    assert.throws(() => store.alloc(parent, type, 'ignored'), coded('ERR_SHADOW_EXISTS'));
  }
  assert.deepEqual(
    calls,
    parents.map((parent) => [parent, { value: 0, other: 0 }, data]),
  );
  assert.equal(calls[4]![0], object);
  store.getOrAlloc(7, type);
  assert.equal(calls.length, 6);
  assert.equal(calls[5]![2], undefined);
});

test('a throwing constructor leaves nothing: no variable, no name, no leak, no destructor; the next attempt works', () => {
  let failing = true;
  let destroyed = 0;
  const type = defineShadowType({
    id: 2,
    fields,
    ctor(_, view) {
      view.value = 99;
      if (failing) throw new TypeError('not today');
    },
    dtor() {
      destroyed++;
    },
  });
  const store = open(type);
  for (const parent of [1, 2 ** 40, null, 'name', {}, ...colliding(10)]) {
    failing = true;
    withoutWaiting(() => {
      for (let i = 0; i < 3; i++) {
        assert.throws(() => store.alloc(parent, type), { name: 'TypeError', message: 'not today' });
        assert.throws(() => store.getOrAlloc(parent, type), { name: 'TypeError', message: 'not today' });
        assert.equal(store.get(parent, type), undefined);
      }
      assertEmpty(store);
      failing = false;
      assert.equal(store.alloc(parent, type).value, 99);
      failing = true;
      assert.equal(store.getOrAlloc(parent, type).value, 99, 'the constructor is not asked again');
      assert.equal(destroyed, 0);
      assert.equal(store.free(parent, type), true);
      assert.equal(destroyed, 1);
    });
    destroyed = 0;
    assertEmpty(store);
  }
  assert.equal(store.stats().live, 0);
});

test('a throwing constructor leaves the name of a parent that has other variables', () => {
  const failing = defineShadowType({
    id: 2,
    fields,
    ctor() {
      throw new Error('boom');
    },
  });
  const store = open(plain, failing);
  store.alloc('name', plain).value = 5;
  assert.throws(() => store.alloc('name', failing), /boom/);
  assert.equal(store.get('name', plain)!.value, 5);
  assert.deepEqual(
    [...store.entries(plain)].map(([parent]) => parent),
    ['name'],
  );
  assertClean(store);
});

test('failing constructors use no memory up, however often they are tried', () => {
  const failing = defineShadowType({
    id: 2,
    size: 10_000,
    ctor() {
      throw new Error('boom');
    },
  });
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [failing] });
  for (let i = 0; i < 2000; i++) assert.throws(() => store.alloc(`name ${i}`, failing), /boom/);
  assertEmpty(store);
});

test('nobody sees a variable before its constructor has returned', () => {
  const seen: unknown[] = [];
  const type = defineShadowType({
    id: 2,
    fields,
    ctor(parent) {
      for (const each of [store, other]) {
        seen.push(each.get(parent, type), each.has(parent, type), each.cursor(type).find(parent), each.getMany([parent], type)[0]);
        seen.push([...each.entries(type)].length === 0 ? undefined : 'an entry');
      }
    },
  });
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  for (const parent of [1, 'name', null]) {
    store.alloc(parent, type);
    store.freeAll(type);
  }
  assert.deepEqual(new Set(seen), new Set([undefined, false]));
});

test('a constructor may read the store: get, has, cursor, getMany, entries, stats', () => {
  const type = defineShadowType({
    id: 2,
    fields,
    ctor(_, view) {
      const cursor = store.cursor(plain);
      assert.ok(cursor.find(1));
      view.value = store.get(1, plain)!.value + cursor.value + store.getMany([1], plain)[0]!.value + store.get(1, plain)!.read().value;
      assert.equal([...store.entries(plain)].length, 1);
      assert.equal(store.has('nobody', plain), false);
      assert.ok(store.stats().live >= 1);
    },
  });
  const store = open(plain, type);
  store.alloc(1, plain).value = 10;
  withoutWaiting(() => {
    assert.equal(store.alloc(2, type).value, 40);
    assert.equal(store.alloc(1, type).value, 40, 'also of the same parent, in the same chain');
  });
});

test('a constructor may not write to the store: every attempt is ERR_SHADOW_CONSTRUCTOR_WRITE, not a deadlock', () => {
  let attempt: (parent: number) => unknown = () => undefined;
  const type = defineShadowType({ id: 2, fields, ctor: (parent) => void attempt(parent as number) });
  const store = open(plain, type);
  const existing = store.alloc(1, plain);
  const attempts: [string, (parent: number) => unknown][] = [
    ['alloc of another', () => store.alloc(5, plain)],
    ['alloc of itself', (parent) => store.alloc(parent, type)],
    ['alloc in the same chain', (parent) => store.alloc(parent, plain)],
    ['getOrAlloc', () => store.getOrAlloc(5, plain)],
    ['getOrAlloc of what exists', () => store.getOrAlloc(1, plain)],
    ['free', () => store.free(1, plain)],
    ['free of nothing', () => store.free(77, plain)],
    ['freeAll', () => store.freeAll(plain)],
    ['freeObject', () => store.freeObject(1)],
    ['withLock', () => store.withLock(existing, () => 1)],
    [
      'update',
      () => {
        existing.update(() => undefined);
      },
    ],
  ];
  withoutWaiting(() => {
    for (const [name, fn] of attempts) {
      attempt = fn;
      assert.throws(() => store.alloc(100, type), coded('ERR_SHADOW_CONSTRUCTOR_WRITE'), name);
      assert.equal(store.has(100, type), false);
      attempt = (parent) => {
        assert.throws(() => fn(parent), coded('ERR_SHADOW_CONSTRUCTOR_WRITE'), name);
      };
      store.alloc(100, type);
      assert.equal(store.free(100, type), true);
    }
  });
  assert.equal(assertClean(store).variables, 1);
});

test('a constructor may not pass a safepoint or dispose of the store, and check() in it is no deadlock', () => {
  let attempt: () => unknown = () => undefined;
  const type = defineShadowType({ id: 2, fields, ctor: () => void attempt() });
  const store = open(type);
  withoutWaiting(() => {
    for (const fn of [
      () => {
        store.safepoint();
      },
      () => {
        store[Symbol.dispose]();
      },
    ]) {
      attempt = fn;
      assert.throws(() => store.alloc(1, type), coded('ERR_SHADOW_SAFEPOINT_NESTED'));
    }
    attempt = () => {
      try {
        store.check(); // it may answer or refuse, but it may not wait for the bucket that is being written
      } catch (error) {
        coded('ERR_SHADOW_CONSTRUCTOR_WRITE')(error);
      }
    };
    store.alloc(1, type);
  });
  assert.equal(assertClean(store).variables, 1);
});

test('a constructor may lock and update its own variable', () => {
  const type = defineShadowType<typeof fields, number>({
    id: 2,
    fields,
    ctor(_, view, data) {
      view.update((draft) => {
        draft.value = data;
      });
      store.withLock(view, (locked) => {
        locked.other = -locked.value;
      });
      view.add('value', 1);
    },
  });
  const store = open(type);
  assert.deepEqual(store.alloc(1, type, 5).read(), { value: 6, other: -5 });
});

test('a promise from a constructor is ERR_SHADOW_ASYNC and leaves nothing', () => {
  for (const promise of PROMISES) {
    let destroyed = 0;
    const dtor = (): void => {
      destroyed++;
    };
    const type = defineShadowType({ id: 2, fields, ctor: promise, dtor });
    const store = open(type);
    assert.throws(() => store.alloc('name', type), coded('ERR_SHADOW_ASYNC', /constructor of type 2 returned a promise/));
    assert.throws(() => store.getOrAlloc(1, type), coded('ERR_SHADOW_ASYNC'));
    assert.equal(destroyed, 0);
    assertEmpty(store);
  }
});

test('a view that a constructor kept is the variable; one of a failed constructor is stale after the next safepoint', () => {
  let kept: ViewOf<typeof fields> | undefined;
  let failing = false;
  const type = defineShadowType({
    id: 2,
    fields,
    ctor(_, view) {
      kept = view;
      if (failing) throw new Error('boom');
    },
  });
  const store = open(type);
  store.alloc(1, type);
  kept!.value = 3;
  assert.equal(store.get(1, type)!.value, 3);
  store.safepoint();
  assert.equal(kept!.value, 3);
  failing = true;
  assert.throws(() => store.alloc(2, type), /boom/);
  const orphan = kept!;
  orphan.value = 9; // nobody else has it until the next safepoint
  failing = false;
  for (let object = 10; object < 200; object++) assert.equal(store.alloc(object, type).value, 0);
  assert.equal(orphan.value, 9);
  store.safepoint();
  assert.throws(() => orphan.value, coded('ERR_SHADOW_STALE_VIEW'));
  assertClean(store);
});

test('a constructor during which its id is collected and registered anew leaves counts and chains in order', () => {
  let meddle = false;
  const type = defineShadowType({
    id: 2,
    fields,
    ctor(_, view) {
      view.value = 1;
      if (!meddle) return;
      meddle = false;
      collections.push(...other.internals.registry.unregister('p', 'o'));
      other.internals.registry.register('q', 'o', [type]);
      store.get(77, type); // binds to the new registration in the middle of a creation for the old one
    },
  });
  const collections: { step: () => boolean }[] = [];
  const store = open();
  const other = ShadowStore.attach(store.handle);
  other.internals.registry.register('p', 'o', [type]);
  store.alloc(1, type);
  meddle = true;
  store.alloc(2, type);
  for (const collection of collections) while (!collection.step());
  store.alloc(3, type);
  assert.deepEqual(
    [1, 2, 3].map((object) => store.has(object, type)),
    [false, false, true],
  );
  assertClean(store);
});
