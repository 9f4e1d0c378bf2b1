import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '../../src/errors.js';
import { Layout } from '../../src/memory/layout.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, catchWarnings, coded, colliding, MEBIBYTE, open, seeded } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const second = defineShadowType({ id: 2, fields: { value: 'u32' } });

test('entries() gives every variable of the type once, with its parent, and none of another type', () => {
  const store = open(type, second);
  const object = {};
  const parents: Parent[] = [...Array(3000).keys(), 2 ** 40, null, 'name', '', object, ...colliding(20).slice(1)];
  parents.forEach((parent, i) => {
    store.alloc(parent, type).value = i;
    if (i % 3 === 0) store.alloc(parent, second);
  });
  const found = new Map<Parent, number>();
  for (const [parent, view] of store.entries(type)) {
    assert.equal(found.has(parent), false, `${describe(parent)} came twice`);
    found.set(parent, view.value);
  }
  parents[parents.indexOf(object)] = store.objects.handle(object);
  assert.deepEqual(found, new Map(parents.map((parent, i) => [parent, i])));
  assert.equal([...store.entries(second)].length, Math.ceil(parents.length / 3));
});

test('a variable that is being freed while the walk comes by is left out, for its name may be gone', () => {
  const store = open(type);
  const view = store.alloc('name', type);
  const { words } = store.internals;
  // As between the first and the second step of a removal: dead, and still linked.
  const generation = view.$block + Layout.BLOCK_GENERATION;
  words[generation]! |= 1;
  assert.deepEqual([...store.entries(type)], []);
  words[generation]! &= ~1;
  assert.deepEqual(
    [...store.entries(type)].map(([parent]) => parent),
    ['name'],
  );
});

test('an empty type has no entries', () => {
  const store = open(type, second);
  store.alloc(1, second);
  assert.deepEqual([...store.entries(type)], []);
});

test('the entries are live: what is written through them is seen, and freeing the one in hand is fine', () => {
  const store = open(type);
  for (let object = 0; object < 2000; object++) store.alloc(object, type).value = object;
  for (const [parent, view] of store.entries(type)) {
    view.value++;
    if (view.value % 2 === 0) assert.equal(store.free(parent, type), true);
  }
  for (let object = 0; object < 2000; object++) assert.equal(store.get(object, type)?.value, object % 2 === 0 ? object + 1 : undefined);
  assertClean(store);
});

test('what stays throughout comes exactly once, though the table grows to many times its size meanwhile', () => {
  const store = ShadowStore.create({ maxBytes: 32 * MEBIBYTE, maxThreads: 2, types: [type] });
  for (let object = 0; object < 6000; object++) store.alloc(object, type);
  const times = new Map<Parent, number>();
  let next = 1_000_000;
  for (const [parent] of store.entries(type)) {
    times.set(parent, (times.get(parent) ?? 0) + 1);
    if (next < 1_040_000) for (let i = 0; i < 10; i++) store.alloc(next++, type);
  }
  assert.ok(store.stats().growth.buckets > 10_000);
  for (let object = 0; object < 6000; object++) assert.equal(times.get(object), 1, `object ${object}`);
  for (const [parent, count] of times) assert.equal(count, 1, `object ${describe(parent)}`);
});

test('walks begun at every stage of growth meet each variable once', () => {
  const store = ShadowStore.create({ maxBytes: 32 * MEBIBYTE, maxThreads: 2, types: [type] });
  const walks: { walk: Iterator<[Parent, unknown]>; stayed: number; seen: Set<Parent> }[] = [];
  for (let object = 0; object < 20_000; object++) {
    store.alloc(object, type);
    if (object % 1500 === 0) walks.push({ walk: store.entries(type), stayed: object, seen: new Set() });
    for (const { walk, seen } of walks) {
      if (object % 3 !== 0) continue;
      const step = walk.next();
      if (step.done === true) continue;
      assert.equal(seen.has(step.value[0]), false);
      seen.add(step.value[0]);
    }
  }
  for (const { walk, stayed, seen } of walks) {
    for (let step = walk.next(); step.done !== true; step = walk.next()) {
      assert.equal(seen.has(step.value[0]), false);
      seen.add(step.value[0]);
    }
    for (let object = 0; object <= stayed; object++) assert.ok(seen.has(object), `object ${object} of ${stayed}`);
  }
});

test('at random: under frees and allocations the stayers come once, the others at most once, and every view shows its own parent', (t) => {
  const random = seeded(t);
  const store = open(type);
  for (let object = 0; object < 4000; object++) store.alloc(object, type).value = object;
  const seen = new Set<Parent>();
  for (const [parent, view] of store.entries(type)) {
    assert.equal(view.value, parent);
    assert.equal(seen.has(parent), false);
    seen.add(parent);
    for (let i = 0; i < 3; i++) {
      const object = 2000 + random(2000);
      if (!store.free(object, type)) store.alloc(object, type).value = object;
    }
    if (random(20) === 0) store.safepoint();
  }
  for (let object = 0; object < 2000; object++) assert.ok(seen.has(object));
  assertClean(store);
});

test('a walk may be left at any time, and goes on over turns of the event loop', async () => {
  const store = open(type);
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  const left = store.entries(type);
  left.next();
  left.return?.();
  const seen = new Set<Parent>();
  for (const [parent] of store.entries(type)) {
    seen.add(parent);
    if (seen.size % 10 === 0) await Promise.resolve();
  }
  assert.equal(seen.size, 100);
  assertClean(store);
});

test('a walk ends when its type is collected; it never goes on into the type that gets the slot and the blocks', (t) => {
  catchWarnings(t);
  const store = open();
  const { registry } = store.internals;
  const objects = colliding(6);
  for (const order of [objects, objects.toReversed()]) {
    registry.register('one', 'object', [type]);
    objects.forEach((object, i) => (store.alloc(object, type).value = i));
    const seen: number[] = [];
    for (const [, view] of store.entries(type)) {
      seen.push(view.value);
      if (seen.length > 1) continue;
      for (const collection of registry.unregister('one', 'object')) while (!collection.step());
      for (let i = 0; i < 3; i++) store.safepoint();
      registry.register('two', 'object', [second]);
      for (const object of order) store.alloc(object, second).value = 666;
    }
    assert.equal(seen.includes(666), false, `views of the other type's variables: ${seen.join()}`);
    for (const collection of registry.unregister('two', 'object')) while (!collection.step());
    for (let i = 0; i < 3; i++) store.safepoint();
  }
  assertClean(store);
});

test('two walks at once do not disturb each other', () => {
  const store = open(type);
  for (let object = 0; object < 50; object++) store.alloc(object, type);
  let pairs = 0;
  for (const [outer] of store.entries(type)) for (const [inner] of store.entries(type)) if (outer !== inner) pairs++;
  assert.equal(pairs, 50 * 49);
});

test('getMany gives for every parent, in order, what get() gives', (t) => {
  const random = seeded(t);
  const store = open(type, second);
  const object = {};
  const all: Parent[] = [...Array(500).keys(), 2 ** 40, 2 ** 31, null, 'name', '', object, ...colliding(20).slice(1), 2 ** 52 - 1];
  all.forEach((parent, i) => {
    if (i % 3 !== 0) store.alloc(parent, type).value = i + 1;
    if (i % 2 === 0) store.alloc(parent, second).value = 1000 + i;
  });
  for (const count of [0, 1, 31, 32, 33, 64, 65, 500]) {
    const asked = Array.from({ length: count }, () => (random(5) === 0 ? { unknown: true } : all[random(all.length)]!));
    for (const each of [type, second]) {
      const views = store.getMany(asked, each);
      assert.equal(views.length, count);
      views.forEach((view, i) => {
        assert.equal(view?.value, store.get(asked[i]!, each)?.value);
      });
    }
  }
  const [first] = store.getMany([1], type);
  first!.value = 77;
  assert.equal(store.get(1, type)!.value, 77);
});

test('getMany of a list with one wrong parent is ERR_SHADOW_OBJECT', () => {
  const store = open(type);
  store.alloc(1, type);
  for (const wrong of [-1, NaN, undefined, true, 2 ** 52]) {
    assert.throws(() => store.getMany([1, 1, wrong as never], type), coded('ERR_SHADOW_OBJECT'));
  }
  assert.equal(store.getMany([1], type)[0]!.value, 0);
});

test('getMany of a list whose elements are computed by looking into the store, in this type and another, and past safepoints, gives the right answers', () => {
  const store = open(type, second);
  for (let object = 0; object < 64; object++) {
    store.alloc(object, type).value = object;
    store.alloc(object, second).value = 1000 + object;
  }
  const list = new Proxy([...Array(40).keys()], {
    get: (target, property) => {
      if (typeof property === 'string' && /^\d+$/.test(property)) {
        store.getMany([63, 62, 61], Number(property) % 2 === 0 ? type : second);
        if (Number(property) % 3 === 0) store.safepoint();
      }
      const value: unknown = Reflect.get(target, property);
      return value;
    },
  });
  assert.deepEqual(
    store.getMany(list, type).map((view) => view?.value),
    [...Array(40).keys()],
  );
});
