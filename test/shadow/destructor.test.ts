import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';
import { assertClean, assertEmpty, coded, colliding, MEBIBYTE, open, withoutWaiting } from './fixtures/setup.js';

const fields = { value: 'u32' } as const;

/** A promise, and what looks like one, from functions that claim to return nothing. */
const PROMISES = [
  async () => Promise.resolve(),
  () => Promise.reject(new Error('unheard')),
  () => ({ then: () => undefined }),
] as (() => void)[];

test('the destructor gets the parent and the last values, once, after the variable is gone for everybody', () => {
  const calls: unknown[] = [];
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(parent, view) {
      calls.push([parent, view.value, store.has(parent, type)]);
    },
  });
  const store = open(type);
  const object = {};
  const parents = [0, 2 ** 52 - 1, null, 'name', object];
  parents.forEach((parent, i) => (store.alloc(parent, type).value = i));
  for (const parent of parents) {
    assert.equal(store.free(parent, type), true);
    assert.equal(store.free(parent, type), false);
  }
  assert.deepEqual(
    calls,
    parents.map((parent, i) => [parent, i, false]),
  );
  assert.equal((calls[4] as unknown[])[0], object);
  assertEmpty(store);
});

test('a destructor gets the parent as the caller named it, also from freeObject()', () => {
  const seen: unknown[] = [];
  const type = defineShadowType({ id: 1, fields, dtor: (parent) => void seen.push(parent) });
  const store = open(type);
  const object = {};
  for (const parent of [5, null, 'name', object]) {
    store.alloc(parent, type);
    assert.equal(store.freeObject(parent), 1);
    assert.equal(seen.pop(), parent);
  }
});

test('from freeAll() a destructor gets numbers, null and strings as they are, and a JS object as its handle', () => {
  const seen: unknown[] = [];
  const type = defineShadowType({ id: 1, fields, dtor: (parent) => void seen.push(parent) });
  const store = open(type);
  const object = {};
  for (const parent of [5, null, 'name', object]) store.alloc(parent, type);
  assert.equal(store.freeAll(type), 4);
  assert.deepEqual(new Set(seen), new Set([5, null, 'name', store.objects.handle(object)]));
});

test('a destructor may do anything: alloc and free, of the same pair as well, lock, iterate, check', () => {
  let runs = 0;
  const other = defineShadowType({ id: 2, fields });
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(parent, view) {
      if (++runs > 1) return;
      store.alloc(parent, type).value = view.value + 1;
      assert.equal(store.free(parent, type), true);
      store.getOrAlloc(parent, type).value = view.value + 2;
      store.alloc(parent, other).value = view.value;
      store.get(parent, other)!.update((draft) => {
        draft.value += 10;
      });
      store.withLock(store.get(parent, type)!, (locked) => locked.value++);
      view.update((draft) => {
        draft.value++;
      });
      assert.ok([...store.entries(type)].length > 0);
      assertClean(store);
      assert.equal(store.freeObject(parent), 2);
    },
  });
  const store = open(type, other);
  withoutWaiting(() => {
    for (const parent of [1, 'name', null]) {
      store.alloc(parent, type).value = 1;
      runs = 0;
      assert.equal(store.free(parent, type), true);
      assert.equal(runs, 3);
      assertEmpty(store);
    }
  });
});

test('a destructor may create the very variable anew; freeing it once frees it once', () => {
  let runs = 0;
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(parent) {
      runs++;
      store.alloc(parent, type);
    },
  });
  const store = open(type);
  for (const free of [() => store.free(1, type), () => store.freeAll(type), () => store.freeObject(1)]) {
    runs = 0;
    store.getOrAlloc(1, type);
    assert.equal(Number(free()), 1);
    assert.equal(runs, 1);
    assert.equal(store.has(1, type), true);
  }
});

test('freeing a parent ends, though many destructors create its variables anew', () => {
  let runs = 0;
  const types = Array.from({ length: 20 }, (_, i) =>
    defineShadowType({
      id: 100 + i,
      fields,
      dtor(parent) {
        if (++runs > 1000) throw new Error('it never ends');
        store.alloc(parent, types[i]!);
      },
    }),
  );
  const store = open(...types);
  for (const type of types) store.alloc(1, type);
  assert.equal(store.freeObject(1), 20);
  assert.equal(runs, 20);
  assertClean(store);
});

test('frees nest a hundred deep: a chain of variables, each freeing the next', () => {
  let depth = 0;
  let deepest = 0;
  let last = 0;
  const violations: unknown[] = [];
  const order: number[] = [];
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(parent, view) {
      deepest = Math.max(deepest, ++depth);
      if (parent === last) violations.push(...store.check().violations.slice(0, 1));
      store.free(view.value, type);
      order.push(parent as number);
      depth--;
    },
  });
  const store = open(type);
  for (const length of [1, 15, 16, 17, 30, 100]) {
    deepest = 0;
    for (let object = 0; object < length; object++) store.alloc(object, type).value = object + 1;
    last = length - 1;
    assert.equal(store.free(0, type), true);
    assert.equal(deepest, length);
    assert.deepEqual(
      order.splice(0),
      Array.from({ length }, (_, i) => length - 1 - i),
    );
    assert.equal(store.internals.words[store.internals.slotAddress + Layout.THREAD_DESTROYING_COUNT], 0);
    assertEmpty(store);
  }
  assert.deepEqual(violations, [], 'check() in the innermost destructor');
});

test('a chain of frees longer than any stack leaves the store in order, whether it ends well or in a RangeError', () => {
  let destroyed = 0;
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(_, view) {
      destroyed++;
      store.free(view.value, type);
    },
  });
  const store = ShadowStore.create({ maxBytes: 16 * MEBIBYTE, maxThreads: 2, types: [type] });
  for (let object = 0; object < 30_000; object++) store.alloc(object, type).value = object + 1;
  try {
    store.free(0, type);
    assert.equal(destroyed, 30_000);
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
  }
  withoutWaiting(() => {
    assert.equal(assertClean(store).destroying, 0);
    while (store.stats().live > 0) {
      try {
        store.freeAll(type);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }
    assertEmpty(store);
  });
  assert.equal(destroyed, 30_000);
});

test('check() is clean in the middle of destruction, also with more destructors owed than a thread records', () => {
  let checked = 0;
  const types = Array.from({ length: 20 }, (_, i) =>
    defineShadowType({
      id: 100 + i,
      fields,
      dtor(parent) {
        assertClean(store);
        checked++;
        if (i > 0) store.free(parent, types[i - 1]!);
      },
    }),
  );
  const store = open(...types);
  for (const type of types) store.alloc(1, type);
  store.free(1, types[10]!);
  for (const type of types) store.getOrAlloc(1, type);
  store.freeObject(1);
  assert.equal(checked, 11 + 20);
  assertEmpty(store);
});

test('a throwing destructor: the variable is gone all the same, the error comes out, nothing leaks', () => {
  let failing = true;
  const type = defineShadowType({
    id: 1,
    fields,
    dtor() {
      if (failing) throw new RangeError('boom');
    },
  });
  const store = open(type);
  for (const parent of [1, 'name', null, {}]) {
    store.alloc(parent, type);
    assert.throws(() => store.free(parent, type), { name: 'RangeError', message: 'boom' });
    assert.equal(store.has(parent, type), false);
    assert.equal(store.free(parent, type), false);
    assertEmpty(store);
    store.alloc(parent, type);
    assert.throws(() => store.freeObject(parent), /boom/);
    assertEmpty(store);
  }
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  let left = 100;
  while (left > 0) {
    assert.throws(() => store.freeAll(type), /boom/);
    const now = assertClean(store).variables;
    assert.ok(now < left, 'at least one more is gone');
    left = now;
  }
  failing = false;
  assert.equal(store.freeAll(type), 0);
});

test('of many variables of one parent every destructor runs, even if the first throws', () => {
  let runs = 0;
  const types = Array.from({ length: 20 }, (_, i) =>
    defineShadowType({
      id: 100 + i,
      fields,
      dtor() {
        runs++;
        throw new Error(`boom ${runs}`);
      },
    }),
  );
  const store = open(...types);
  for (const type of types) store.alloc(1, type);
  assert.throws(() => store.freeObject(1), /boom 1$/);
  assert.equal(runs, 20);
  assertEmpty(store);
});

test('a promise from a destructor is ERR_SHADOW_ASYNC; the variable is gone', () => {
  for (const promise of PROMISES) {
    const type = defineShadowType({ id: 1, fields, dtor: promise });
    const store = open(type);
    store.alloc(1, type);
    assert.throws(() => store.free(1, type), coded('ERR_SHADOW_ASYNC', /destructor of type 1 returned a promise/));
    assertEmpty(store);
  }
});

test('a view that a destructor kept is good until the next safepoint, and stale after it', () => {
  let kept: ViewOf<typeof fields> | undefined;
  const type = defineShadowType({ id: 1, fields, dtor: (_, view) => void (kept = view) });
  const store = open(type);
  store.alloc(1, type).value = 5;
  store.free(1, type);
  assert.equal(kept!.value, 5);
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  assert.equal(kept!.value, 5, 'its block is not reused');
  store.safepoint();
  assert.throws(() => kept!.value, coded('ERR_SHADOW_STALE_VIEW'));
});

test('safepoint() and dispose() inside a destructor are refused: they would free what it works on', () => {
  let attempts = 0;
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(_, view) {
      for (const fn of [
        () => {
          store.safepoint();
        },
        () => {
          store[Symbol.dispose]();
        },
      ]) {
        assert.throws(fn, coded('ERR_SHADOW_SAFEPOINT_NESTED'));
        attempts++;
      }
      assert.equal(view.value, 5);
    },
  });
  const store = open(type);
  store.alloc(1, type).value = 5;
  store.free(1, type);
  assert.equal(attempts, 2);
  assertEmpty(store);
});

test('which destructor runs is decided by the declaration that frees; for freeObject() by the one this thread used last', () => {
  const log: string[] = [];
  const [one, two] = ['one', 'two'].map((name) => defineShadowType({ id: 1, fields, dtor: () => void log.push(name) })) as [
    ReturnType<typeof defineShadowType<typeof fields>>,
    ReturnType<typeof defineShadowType<typeof fields>>,
  ];
  const store = open(one);
  store.alloc(1, one);
  store.free(1, two);
  store.alloc(1, two);
  store.freeAll(one);
  assert.deepEqual(log.splice(0), ['two', 'one']);
  const other = ShadowStore.attach(store.handle);
  store.alloc(1, one);
  other.freeObject(1);
  assert.deepEqual(log, ['two'], 'this attachment used none yet, so it is the latest declaration');
});

test('a destructor of a colliding neighbour changes nothing about the others in its chain', () => {
  const objects = colliding(20);
  const type = defineShadowType({
    id: 1,
    fields,
    dtor(parent) {
      const next = objects[objects.indexOf(parent as number) + 1];
      if (next !== undefined && objects.indexOf(next) % 4 !== 0) store.free(next, type);
    },
  });
  const store = open(type);
  objects.forEach((object, i) => (store.alloc(object, type).value = i));
  store.free(objects[4]!, type); // and with it 5, 6 and 7
  objects.forEach((object, i) => {
    assert.equal(store.get(object, type)?.value, i >= 4 && i < 8 ? undefined : i);
  });
  assertClean(store);
});
