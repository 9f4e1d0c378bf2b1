import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '../../src/errors.js';
import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Collection } from '../../src/shadow/sweep.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, catchWarnings, coded, colliding, MEBIBYTE, open, seeded } from './fixtures/setup.js';

const fields = { value: 'u32' } as const;
const a = defineShadowType({ id: 1, fields });
const b = defineShadowType({ id: 2, fields });

/** How many registrations keep each id alive. */
function counts(store: ShadowStore): Record<number, number> {
  return Object.fromEntries(store.stats().types.map(({ id, registrations }) => [id, registrations]));
}

function finish(collections: Collection[]): void {
  for (const collection of collections) while (!collection.step());
}

test('H7: registrations are counted by owner, object and id: the same type in two objects of a patch counts twice', () => {
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'sessions', [a, b]);
  registry.register('patch', 'users', [a]);
  registry.register('other', 'sessions', [a]);
  assert.deepEqual(counts(store), { 1: 3, 2: 1 });
  store.alloc(1, a);
  assert.deepEqual(
    registry.unregister('patch', 'sessions').map(({ id }) => id),
    [2],
    'only the id that nobody else uses',
  );
  assert.equal(store.has(1, a), true);
  assert.deepEqual(registry.unregister('patch', 'users'), []);
  assert.equal(store.has(1, a), true);
  assert.deepEqual(
    registry.unregister('other', 'sessions').map(({ id }) => id),
    [1],
  );
  assert.equal(store.has(1, a), false);
});

test('H7: it is the id that counts, not the structure: two declarations of one id are one type with two users', () => {
  const store = open();
  const { registry } = store.internals;
  const twin = defineShadowType({ id: 1, fields });
  registry.register('one', 'object', [a]);
  registry.register('two', 'object', [twin]);
  assert.deepEqual(counts(store), { 1: 2 });
  store.alloc(1, a).value = 3;
  assert.deepEqual(registry.unregister('one', 'object'), []);
  assert.equal(store.get(1, twin)!.value, 3);
  finish(registry.unregister('two', 'object'));
  assertEmpty(store);
});

test('H5: registering the same owner and object again is ERR_SHADOW_DUPLICATE_ID and counts nothing', () => {
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'object', [a]);
  for (const types of [[a], [b], []]) {
    assert.throws(
      () => {
        registry.register('patch', 'object', types);
      },
      coded('ERR_SHADOW_DUPLICATE_ID', /registered already/),
    );
  }
  assert.deepEqual(counts(store), { 1: 1 });
  store.alloc(1, a);
  finish(registry.unregister('patch', 'object'));
  assert.equal(store.has(1, a), false, 'one unregister is enough');
});

test('owner and object are kept apart, whatever characters they hold', () => {
  const { registry } = open().internals;
  for (const [owner, object] of [
    ['a', 'b,c'],
    ['a,b', 'c'],
    ['a"', '"b'],
    ['', 'ab'],
    ['ab', ''],
    ['[', ']'],
  ]) {
    registry.register(owner!, object!, [a]);
  }
  assert.equal(registry.owners().length, 6);
});

test('H4: a registration is all or nothing: a duplicate, another size or no type at all changes nothing', () => {
  const store = open(a);
  const { registry } = store.internals;
  store.alloc(1, a).value = 5;
  const larger = defineShadowType({ id: 1, size: 100 });
  const failing: [unknown[], Parameters<typeof coded>[0]][] = [
    [[b, b], 'ERR_SHADOW_DUPLICATE_ID'],
    [[b, defineShadowType({ id: 2, size: 8 })], 'ERR_SHADOW_DUPLICATE_ID'],
    [[b, larger], 'ERR_SHADOW_SIZE_MISMATCH'],
    [[a, b, larger], 'ERR_SHADOW_DUPLICATE_ID'],
    [[b, {}], 'ERR_SHADOW_TYPE'],
    [[a, undefined], 'ERR_SHADOW_TYPE'],
  ];
  for (const [types, code] of failing) {
    assert.throws(() => {
      registry.register('patch', 'object', types as never);
    }, coded(code));
    assert.deepEqual(counts(store), { 1: 1 });
    assert.deepEqual(registry.unregister('patch', 'object'), []);
  }
  registry.register('patch', 'object', [b]);
  assert.deepEqual(counts(store), { 1: 1, 2: 1 });
  assert.equal(store.get(1, a)!.value, 5);
});

test('owners() names every registration made through this attachment', () => {
  const store = open(a);
  const { registry } = store.internals;
  registry.register('patch', 'sessions', [a, b]);
  registry.register('patch', 'users', []);
  assert.deepEqual(registry.owners(), [
    { id: 1, owner: 'application', object: 'base' },
    { id: 1, owner: 'patch', object: 'sessions' },
    { id: 2, owner: 'patch', object: 'sessions' },
  ]);
  registry.unregister('patch', 'sessions');
  assert.deepEqual(registry.owners(), [{ id: 1, owner: 'application', object: 'base' }]);
});

test('a list of types that changes after it was registered changes nothing about the registration', () => {
  const store = open(b);
  const { registry } = store.internals;
  const types = [a];
  registry.register('patch', 'object', types);
  types.push(b);
  store.alloc(1, b);
  assert.deepEqual(
    registry.unregister('patch', 'object').map(({ id }) => id),
    [1],
  );
  assert.deepEqual(counts(store)[2], 1);
  assert.equal(store.has(1, b), true);
});

test('unregistering what was never registered, or twice, is nothing', () => {
  const { registry } = open().internals;
  assert.deepEqual(registry.unregister('nobody', 'nothing'), []);
  registry.register('patch', 'object', [a]);
  assert.equal(registry.unregister('patch', 'object').length, 1);
  assert.deepEqual(registry.unregister('patch', 'object'), []);
});

test('the application’s types are registered from the start; a patch that uses and leaves them changes nothing', () => {
  const store = open(a);
  const { registry } = store.internals;
  store.alloc(1, a).value = 5;
  registry.register('patch', 'object', [a]);
  assert.deepEqual(registry.unregister('patch', 'object'), []);
  assert.equal(store.get(1, a)!.value, 5);
});

test('collection is visible to every attachment in the instant the last user leaves, before anything is swept', (t) => {
  catchWarnings(t);
  const store = open();
  const other = ShadowStore.attach(store.handle);
  const { registry } = store.internals;
  registry.register('patch', 'object', [a]);
  const objects = colliding(10);
  for (const object of objects) store.alloc(object, a);
  const cursor = other.cursor(a);
  for (const each of [store, other]) each.get(objects[0]!, a);
  const [collection] = registry.unregister('patch', 'object');
  for (const each of [store, other]) {
    for (const object of objects) {
      assert.equal(each.get(object, a), undefined);
      assert.equal(each.has(object, a), false);
      assert.equal(each.free(object, a), false);
      assert.equal(each.freeObject(object), 0, 'the sweep will destroy it');
    }
    assert.deepEqual([...each.entries(a)], []);
    assert.equal(each.freeAll(a), 0);
    assert.deepEqual(each.getMany([objects[0]!], a), [undefined]);
    for (const create of [() => each.alloc(99, a), () => each.getOrAlloc(objects[0]!, a)]) {
      assert.throws(create, coded('ERR_SHADOW_UNREGISTERED', /type 1 is not registered/));
    }
  }
  assert.equal(cursor.find(objects[0]!), false);
  assert.deepEqual(
    store.stats().types.map(({ id, live, registrations, state }) => ({ id, live, registrations, state })),
    [{ id: 1, live: 10, registrations: 0, state: 'collecting' }],
  );
  assertClean(store);
  finish([collection!]);
  assert.deepEqual(store.stats().types, []);
  assertEmpty(store);
});

test('the sweep destroys every variable once, with the destructor of the last user', () => {
  const log: string[] = [];
  const declare = (name: string) =>
    defineShadowType({ id: 1, fields, dtor: (parent, view) => void log.push(`${name} ${describe(parent)} ${view.value}`) });
  const [first, last] = [declare('first'), declare('last')];
  const store = open();
  const { registry } = store.internals;
  registry.register('first', 'object', [first]);
  registry.register('last', 'object', [last]);
  store.alloc(1, first).value = 10;
  store.alloc('name', last).value = 20;
  registry.unregister('first', 'object');
  const collections = registry.unregister('last', 'object');
  assert.deepEqual(log, [], 'nothing is destroyed before the first step');
  finish(collections);
  assert.deepEqual(log.sort(), ['last "name" 20', 'last 1 10']);
  assert.equal(collections[0]!.variables, 2);
  assertEmpty(store);
});

test('a destructor that throws does not stop the sweep; what it threw is kept', () => {
  const failing = defineShadowType({
    id: 1,
    fields,
    dtor(parent) {
      throw new Error(`boom ${describe(parent)}`);
    },
  });
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'object', [failing]);
  const objects = [...colliding(20), 5, 6];
  for (const object of objects) store.alloc(object, failing);
  const [collection] = registry.unregister('patch', 'object');
  finish([collection!]);
  assert.equal(collection!.variables, objects.length);
  assert.ok(collection!.failures.length >= 1);
  assert.match(String(collection!.failures[0]), /boom/);
  assertEmpty(store);
});

test('a sweep goes in slices of so many buckets, and between them everybody works on', () => {
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 2, types: [b] });
  const { registry } = store.internals;
  registry.register('patch', 'object', [a]);
  for (let object = 0; object < 5000; object++) {
    store.alloc(object, a);
    store.alloc(object, b).value = object;
  }
  const [collection] = registry.unregister('patch', 'object');
  let steps = 0;
  let before = 0;
  while (!collection!.step(100)) {
    steps++;
    assert.ok(collection!.variables >= before);
    assert.ok(collection!.variables - before < 100 * 20, 'a slice is a slice');
    before = collection!.variables;
    assert.equal(store.get(steps, b)!.value, steps);
    store.free(4999 - steps, b);
    store.alloc(100_000 + steps, b);
    store.safepoint();
  }
  assert.ok(steps >= 20);
  assert.equal(collection!.variables, 5000);
  assert.equal(collection!.step(), true, 'once done, always done');
  assert.equal(assertClean(store).variables, 5000);
});

test('an id that is registered again during its sweep starts clean, and the sweep leaves the new variables alone', () => {
  const destroyed: number[] = [];
  const dying = defineShadowType({ id: 1, fields, dtor: (_, view) => void destroyed.push(view.value) });
  const store = open();
  const other = ShadowStore.attach(store.handle);
  const { registry } = store.internals;
  registry.register('one', 'object', [dying]);
  for (let object = 0; object < 1000; object++) store.alloc(object, dying).value = object;
  other.get(1, dying);
  const old = registry.unregister('one', 'object');
  old[0]!.step(200);
  registry.register('two', 'object', [dying]);
  for (const each of [store, other]) assert.equal(each.get(1, dying), undefined);
  for (let object = 0; object < 1000; object++) store.alloc(object, dying).value = 10_000 + object;
  assert.deepEqual(
    store.stats().types.map(({ id, state }) => ({ id, state })),
    [
      { id: 1, state: 'collecting' },
      { id: 1, state: 'live' },
    ],
  );
  finish(old);
  assert.deepEqual(
    destroyed.sort((x, y) => x - y),
    [...Array(1000).keys()],
  );
  for (const each of [store, other])
    for (let object = 0; object < 1000; object++) assert.equal(each.get(object, dying)!.value, 10_000 + object);
  assert.equal(assertClean(store).variables, 1000);
  finish(registry.unregister('two', 'object'));
  assertEmpty(store);
});

test('variables created or in the making while their type dies are destroyed or refused, never left behind', (t) => {
  catchWarnings(t);
  const store = open();
  const { registry } = store.internals;
  let collections: Collection[] = [];
  let destroyed = 0;
  const type = defineShadowType<typeof fields, boolean>({
    id: 1,
    fields,
    ctor(_, _view, meddle) {
      if (meddle) collections = registry.unregister('patch', 'object');
    },
    dtor() {
      destroyed++;
    },
  });
  registry.register('patch', 'object', [type]);
  store.alloc(1, type, false);
  store.alloc(2, type, true); // its type dies during the constructor
  assert.throws(() => store.alloc(3, type, false), coded('ERR_SHADOW_UNREGISTERED'));
  finish(collections);
  assert.equal(destroyed, 2);
  assertEmpty(store);
});

test('a type slot goes to another type only after every thread that may still look for the old variables has passed a safepoint', (t) => {
  catchWarnings(t);
  const store = open();
  const reader = ShadowStore.attach(store.handle);
  const { registry } = store.internals;
  const slotOf = (id: number): number => {
    const { words, uwords, types } = store.internals.memory;
    for (let slot = 1; slot < Layout.TYPE_SLOTS; slot++) {
      const address = types + slot * Layout.TYPE_WORDS;
      if (
        uwords[address + Layout.TYPE_ID] === id &&
        (words[address + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) === Layout.TYPE_STATE_LIVE
      )
        return slot;
    }
    return 0;
  };
  registry.register('one', 'object', [a]);
  const slot = slotOf(1);
  store.alloc(1, a);
  reader.get(1, a);
  finish(registry.unregister('one', 'object'));
  for (let i = 0; i < 3; i++) {
    store.safepoint();
    registry.register('two', 'object', [b]);
    assert.notEqual(slotOf(2), slot, 'the reader is still inside');
    finish(registry.unregister('two', 'object'));
  }
  reader.safepoint();
  for (let i = 0; i < 3; i++) store.safepoint();
  registry.register('two', 'object', [b]);
  assert.equal(slotOf(2), slot);
  assert.equal(store.get(1, b), undefined);
  assertClean(store);
});

test('when all type slots are in use a registration is ERR_SHADOW_TYPES_FULL and changes nothing; slots come back', () => {
  const types = Array.from({ length: 2046 }, (_, i) => defineShadowType({ id: 1000 + i, fields }));
  const store = open();
  const { registry } = store.internals;
  registry.register('many', 'object', types.slice(0, 2044));
  assert.throws(
    () => {
      registry.register('two more', 'object', types.slice(2044));
    },
    coded('ERR_SHADOW_TYPES_FULL', /all 2045 type slots/),
  );
  assert.equal(store.stats().types.length, 2044, 'all or nothing');
  registry.register('one more', 'object', [types[2044]!]);
  registry.register('known', 'object', types.slice(0, 100));
  assert.throws(() => {
    registry.register('another', 'object', [types[2045]!]);
  }, coded('ERR_SHADOW_TYPES_FULL'));
  for (const i of [0, 1000, 2044]) store.alloc(i, types[i]!).value = i;
  for (const i of [0, 1000, 2044]) assert.equal(store.get(i, types[i]!)!.value, i);
  finish(registry.unregister('one more', 'object'));
  store.safepoint();
  store.safepoint();
  registry.register('another', 'object', [types[2045]!]);
  store.alloc(2044, types[2045]!);
  assert.equal(assertClean(store).variables, 3);
});

test('an attachment that leaves in the middle of a collection spoils no count', () => {
  const store = open();
  const other = ShadowStore.attach(store.handle);
  const { registry } = store.internals;
  registry.register('patch', 'object', [a]);
  for (let object = 0; object < 100; object++) (object % 2 === 0 ? store : other).alloc(object, a);
  const collections = registry.unregister('patch', 'object');
  collections[0]!.step(500);
  // The sweep ends between the instant when the leaving thread looks at its count and the one when it hands it over.
  const { words, memory, slotAddress, slot } = other.internals;
  const counter = memory.counters + slot * Layout.COUNTER_WORDS_PER_THREAD + 1;
  assert.equal(words[counter], 50);
  const { store: write } = Atomics;
  let handed = false;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    const journal = Array.from({ length: value }, (_, pair) => array[slotAddress + Layout.THREAD_JOURNAL + 2 * pair]);
    if (index === slotAddress + Layout.THREAD_JOURNAL_COUNT && journal.includes(counter)) {
      Atomics.store = write;
      handed = true;
      if (words[Layout.TYPE_LOCK] === 0) finish(collections); // otherwise the lock keeps it out
    }
    return write(array, index, value);
  }) as typeof Atomics.store;
  try {
    other[Symbol.dispose]();
  } finally {
    Atomics.store = write;
  }
  assert.ok(handed);
  finish(collections);
  finish(collections);
  store.safepoint();
  store.safepoint();
  registry.register('again', 'object', [b]);
  store.alloc(1, b);
  const { violations } = store.check();
  assert.deepEqual(violations, []);
  assert.equal(store.stats().live, 1);
});

test('at random: registrations, variables and sweeps of many patches match a model', (t) => {
  catchWarnings(t);
  const random = seeded(t);
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 4, types: [] });
  const stores = [store, ShadowStore.attach(store.handle)];
  const { registry } = store.internals;
  const types = Array.from({ length: 6 }, (_, i) => defineShadowType({ id: 50 + i, fields }));
  const users = new Map<string, number[]>();
  const model = new Map<string, number>();
  const running: Collection[] = [];
  const used = (which: number): boolean => [...users.values()].some((list) => list.includes(which));
  for (let step = 0; step < 4000; step++) {
    const dice = random(100);
    const which = random(types.length);
    const actor = stores[random(2)]!;
    const object = random(60);
    if (dice < 8) {
      const owner = `patch ${random(5)}`;
      const list = types.map((_, i) => i).filter(() => random(3) === 0);
      if (users.has(owner)) {
        assert.throws(() => {
          registry.register(owner, 'object', []);
        }, coded('ERR_SHADOW_DUPLICATE_ID'));
        users.delete(owner);
        running.push(...registry.unregister(owner, 'object'));
        for (const key of [...model.keys()]) if (!used(Number(key.split('/')[0]))) model.delete(key);
      } else {
        registry.register(
          owner,
          'object',
          list.map((i) => types[i]!),
        );
        users.set(owner, list);
      }
    } else if (dice < 55) {
      try {
        actor.getOrAlloc(object, types[which]!).value = step;
        assert.equal(used(which), true);
        model.set(`${which}/${object}`, step);
      } catch (error) {
        coded('ERR_SHADOW_UNREGISTERED')(error);
        assert.equal(used(which), false);
      }
    } else if (dice < 75) {
      assert.equal(actor.free(object, types[which]!), model.delete(`${which}/${object}`));
    } else if (dice < 90) {
      const [sweep] = running;
      if (sweep?.step(1 + random(2000)) === true) running.shift();
    } else {
      actor.safepoint();
    }
    assert.equal(actor.get(object, types[which]!)?.value, model.get(`${which}/${object}`));
    if (step % 500 === 0) assertClean(store);
  }
  for (const collection of running) while (!collection.step());
  assert.equal(assertClean(store).variables, model.size);
  for (const [i, type] of types.entries()) {
    const expected = [...model]
      .filter(([key]) => key.startsWith(`${i}/`))
      .map(([key, value]) => [Number(key.split('/')[1]), value] as const);
    assert.deepEqual(new Map([...store.entries(type)].map(([parent, view]) => [parent as number, view.value])), new Map(expected));
  }
});
