import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { ShadowError } from '../../src/errors.js';
import { Layout } from '../../src/memory/layout.js';
import { bytes } from '../../src/shadow/fields.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { nameOf } from '../concurrency/payload.js';
import { assertClean, assertEmpty, blockOf, coded, fill, MEBIBYTE, open, withoutWaiting } from './fixtures/setup.js';

const calls: Parent[] = [];
const destroyed: string[] = [];

const v1 = defineShadowType({
  id: 7,
  fields: { count: 'u32' },
  ctor(_parent, view, count: number | undefined) {
    view.count = count ?? 0;
  },
  dtor(parent, view) {
    destroyed.push(`v1 ${nameOf(parent)} ${view.count}`);
  },
});
const v2 = defineShadowType({
  id: 7,
  version: 2,
  fields: { count: 'f64', label: bytes(200) },
  dtor(parent, view) {
    destroyed.push(`v2 ${nameOf(parent)} ${view.count}`);
  },
  previous: v1,
  migrate(parent, old, view) {
    calls.push(parent);
    view.count = old.count + 0.5;
  },
  migrateBack(_parent, newer, view) {
    view.count = Math.floor(newer.count);
  },
});
const v3 = defineShadowType({
  id: 7,
  version: 3,
  fields: { total: 'f64' },
  previous: v2,
  migrate(_parent, old, view) {
    view.total = old.count * 2;
  },
});

/** A store in which id 7 is registered in version 1, and variables of every kind of parent. */
function populated(parents: readonly Parent[] = PARENTS): ShadowStore {
  calls.length = 0;
  destroyed.length = 0;
  const store = open();
  store.internals.registry.register('one', 'object', [v1]);
  parents.forEach((parent, i) => store.alloc(parent, v1, i));
  return store;
}

const PARENTS: readonly Parent[] = [0, 2 ** 40 + 3, null, 'name', 'another name', 7];

function change(store: ShadowStore, type: AnyShadowType) {
  const migration = store.internals.registry.changeVersion(type);
  assert.ok(migration);
  return migration;
}

function typeStats(store: ShadowStore) {
  const of = store.stats().types.filter(({ id }) => id === 7);
  assert.equal(of.length, 1, 'one number per id');
  return of[0]!;
}

void describe('lazy migration', () => {
  const accesses: Record<string, (store: ShadowStore, parent: Parent) => number | undefined> = {
    get: (store, parent) => store.get(parent, v2)?.count,
    getOrAlloc: (store, parent) => store.getOrAlloc(parent, v2).count,
    getMany: (store, parent) => store.getMany([99, parent], v2)[1]?.count,
    cursor: (store, parent) => {
      const cursor = store.cursor(v2);
      return cursor.find(parent) ? cursor.count : undefined;
    },
    entries: (store, parent) => [...store.entries(v2)].find(([one]) => one === parent)?.[1].count,
  };
  for (const [name, access] of Object.entries(accesses)) {
    test(`${name} migrates at the first access, once, and to another size`, () => {
      const store = populated();
      change(store, v2);
      PARENTS.forEach((parent, i) => {
        assert.equal(access(store, parent), i + 0.5, `${name} of ${nameOf(parent)}`);
        assert.equal(access(store, parent), i + 0.5);
        assert.equal(store.get(parent, v2)!.count, i + 0.5);
      });
      assert.equal(calls.length, PARENTS.length, 'once per variable');
      assert.deepEqual(destroyed, [], 'no destructor runs');
      assert.equal(typeStats(store).unmigrated, 0);
      const { variables, names, leftOvers } = assertClean(store);
      assert.deepEqual([variables, names, leftOvers], [PARENTS.length, 2, 0]);
      assert.equal(store.stats().allocated - store.stats().freed, PARENTS.length);
    });
  }

  test('what is missing stays missing, what is new has the new version', () => {
    const store = populated([1]);
    change(store, v2);
    assert.equal(store.get(2, v2), undefined);
    assert.equal(store.get('nobody', v2), undefined);
    assert.deepEqual([...store.getMany([2, 3], v2)], [undefined, undefined]);
    store.alloc(2, v2).count = 9;
    assert.equal(store.getOrAlloc(3, v2).count, 0);
    assert.equal(store.get(2, v2)!.count, 9);
    assert.deepEqual(calls, []);
    assertClean(store);
    assert.deepEqual([typeStats(store).live, typeStats(store).unmigrated], [3, 1]);
  });

  test('alloc finds an unmigrated variable and leaves it alone; has() sees it', () => {
    const store = populated([1, 'name']);
    change(store, v2);
    for (const parent of [1, 'name']) {
      assert.throws(() => store.alloc(parent, v2), coded('ERR_SHADOW_EXISTS'));
      assert.equal(store.has(parent, v2), true);
    }
    assert.equal(store.has(2, v2), false);
    assert.deepEqual(calls, []);
    assert.equal(typeStats(store).unmigrated, 2);
  });

  test('free, freeAll and freeObject destroy an unmigrated variable with the destructor of its version', () => {
    const store = populated([1, 2, 3, 'name']);
    change(store, v2);
    store.get(2, v2);
    assert.equal(store.free(1, v2), true);
    assert.equal(store.free(1, v2), false);
    assert.equal(store.freeObject('name'), 1);
    assert.deepEqual(destroyed.splice(0), ['v1 1 0', 'v1 name 3']);
    assert.equal(store.freeAll(v2), 2);
    assert.deepEqual(destroyed.sort(), ['v1 3 2', 'v2 2 1.5']);
    assert.deepEqual(calls, [2]);
    assertEmpty(store);
    assert.equal(typeStats(store).live, 0);
  });

  test('a variable that is freed and created again has the new version', () => {
    const store = populated([1]);
    change(store, v2);
    store.free(1, v2);
    assert.equal(store.get(1, v2), undefined);
    store.alloc(1, v2).count = 3;
    assert.equal(store.get(1, v2)!.count, 3);
    assert.deepEqual(calls, []);
    assertClean(store);
  });

  test('a view of the old version is stale after the safepoint, like one of a freed variable', () => {
    const store = populated([1, 2]);
    const view = store.get(1, v1)!;
    const other = store.get(2, v1)!;
    change(store, v2);
    store.get(1, v2);
    assert.equal(view.count, 0, 'valid until the safepoint');
    store.safepoint();
    assert.throws(() => view.count, coded('ERR_SHADOW_STALE_VIEW'));
    assert.throws(() => other.count, coded('ERR_SHADOW_STALE_VIEW'), 'its version is not in force');
  });

  test('an access through a declaration whose version is not in force is ERR_SHADOW_VERSION, never nothing', () => {
    const store = populated([1]);
    const cursor = store.cursor(v1);
    cursor.find(1);
    change(store, v2);
    const accesses: (() => unknown)[] = [
      () => store.get(1, v1),
      () => store.has(1, v1),
      () => store.alloc(2, v1),
      () => store.getOrAlloc(1, v1),
      () => store.free(1, v1),
      () => store.freeAll(v1),
      () => store.getMany([1], v1),
      () => [...store.entries(v1)],
      () => cursor.find(1),
      () => store.cursor(v1).find(1),
      () => store.get(1, v3),
    ];
    for (let twice = 0; twice < 2; twice++) {
      for (const access of accesses)
        assert.throws(access, coded('ERR_SHADOW_VERSION', /type 7 is in force in version 2, this declaration is version [13]/));
    }
    assert.throws(() => store.get(1, defineShadowType({ id: 7, version: 2, size: 5 })), coded('ERR_SHADOW_SIZE_MISMATCH'));
    assert.equal(store.get(1, v2)!.count, 0.5);
  });

  test('raw types migrate, too', () => {
    const raw1 = defineShadowType({ id: 8, size: 4 });
    const raw2 = defineShadowType({
      id: 8,
      version: 2,
      size: 5000,
      previous: raw1,
      migrate(_parent, old, view) {
        view.setUint32(4996, old.getUint32(0));
      },
    });
    const store = open(raw1);
    store.alloc(1, raw1).setUint32(0, 77);
    change(store, raw2);
    assert.equal(store.get(1, raw2)!.getUint32(4996), 77);
    assert.equal(store.get(1, raw2)!.getUint32(0), 0, 'zeroed');
    assertClean(store);
  });
});

void describe('a migration that fails', () => {
  const failing = (fail: (parent: Parent) => unknown) =>
    defineShadowType({ id: 7, version: 2, fields: { count: 'f64' }, previous: v1, migrate: (parent) => fail(parent) as undefined });

  test('by throwing changes nothing: ERR_SHADOW_MIGRATION with the cause, at each access again', () => {
    const cause = new Error('no');
    let fails = true;
    const type = failing(() => {
      if (fails) throw cause;
    });
    const store = populated([1, 'name']);
    change(store, type);
    for (const parent of [1, 'name', 1]) {
      for (const access of [() => store.get(parent, type), () => store.getOrAlloc(parent, type), () => [...store.entries(type)]]) {
        assert.throws(access, (error: unknown) => {
          coded('ERR_SHADOW_MIGRATION', /from version 1 to 2 threw: no/)(error);
          assert.equal((error as ShadowError).cause, cause);
          return true;
        });
      }
      assert.equal(store.has(parent, type), true);
    }
    assertClean(store);
    assert.equal(typeStats(store).unmigrated, 2);
    fails = false;
    assert.equal(store.get(1, type)!.count, 0);
    store.freeAll(type);
    assertEmpty(store);
  });

  test('by returning a promise is ERR_SHADOW_ASYNC', () => {
    const type = failing(() => Promise.resolve());
    const store = populated([1]);
    change(store, type);
    assert.throws(() => store.get(1, type), coded('ERR_SHADOW_ASYNC', /migration of type 7/));
    assertClean(store);
    assert.equal(typeStats(store).unmigrated, 1);
  });

  test('by writing to the store is told so; reading is allowed', () => {
    const plain = defineShadowType({ id: 9, fields: { value: 'u32' } });
    const store = populated([1]);
    store.internals.registry.register('two', 'object', [plain]);
    store.alloc(1, plain).value = 4;
    let operation: () => unknown = () => store.alloc(5, plain);
    const type = failing(() => {
      operation();
    });
    change(store, type);
    for (const write of [
      operation,
      () => store.free(1, plain),
      () => store.freeAll(plain),
      () => store.freeObject(1),
      () => store.getOrAlloc(3, plain),
    ]) {
      operation = write;
      assert.throws(
        () => store.get(1, type),
        (error: unknown) => coded('ERR_SHADOW_CONSTRUCTOR_WRITE')((error as ShadowError).cause),
      );
    }
    operation = () => {
      store.safepoint();
    };
    assert.throws(
      () => store.get(1, type),
      (error: unknown) => coded('ERR_SHADOW_SAFEPOINT_NESTED')((error as ShadowError).cause),
    );
    operation = () => assert.equal(store.get(1, plain)!.value, 4);
    assert.ok(store.get(1, type));
    assertClean(store);
  });

  test('for lack of memory is ERR_SHADOW_EXHAUSTED: the variable stays as it was, and is migrated once there is room', () => {
    const filler = defineShadowType({ id: 10, size: 60_000 });
    const large = defineShadowType({ id: 7, version: 2, size: 50_000, previous: v1, migrate: () => undefined });
    const store = populated([1]);
    store.internals.registry.register('two', 'object', [filler]);
    const parents = fill(store, filler, 100);
    change(store, large);
    for (let twice = 0; twice < 2; twice++) assert.throws(() => store.get(1, large), coded('ERR_SHADOW_EXHAUSTED'));
    assertClean(store);
    assert.equal(typeStats(store).unmigrated, 1);
    store.free(parents[0]!, filler);
    assert.ok(store.get(1, large));
    assertClean(store);
  });

  test('for lack of a way is ERR_SHADOW_MIGRATION', () => {
    const store = populated([1]);
    const orphan = defineShadowType({ id: 7, version: 9, size: 4 });
    change(store, orphan);
    assert.throws(() => store.get(1, orphan), coded('ERR_SHADOW_MIGRATION', /has version 1 .* leads to version 9/));
    assert.equal(store.has(1, orphan), true);
    assert.equal(store.free(1, orphan), true);
    assert.deepEqual(destroyed, [], 'no declaration of version 1 is known here');
    assertEmpty(store);
  });
});

void describe('several versions', () => {
  test('step by step from version 1 to 3, and mixed with what was migrated in between', () => {
    const store = populated([1, 2, 3]);
    change(store, v2);
    store.get(2, v2);
    change(store, v3);
    store.alloc(4, v3).total = 1;
    assert.deepEqual([typeStats(store).live, typeStats(store).unmigrated], [4, 3]);
    assert.equal(store.free(3, v3), true);
    assert.deepEqual(destroyed, ['v1 3 2']);
    assert.equal(store.get(1, v3)!.total, 1);
    assert.equal(store.get(2, v3)!.total, 3);
    assert.deepEqual(calls, [2, 1], 'each step once per variable');
    assertClean(store);
  });

  test('down again: unmigrated variables are taken over as they are, the others by migrateBack', () => {
    const store = populated([1, 2, 3]);
    change(store, v2);
    store.get(2, v2)!.count = 8.75;
    store.internals.bindings.know([v2]);
    change(store, v1);
    assert.deepEqual(store.internals.registry.versionsStored(7), [1, 2]);
    assert.equal(store.get(2, v1)!.count, 8);
    assert.equal(store.get(1, v1)!.count, 0);
    assert.equal(store.get(3, v1)!.count, 2);
    assert.deepEqual(calls, [2]);
    assertClean(store);
    store.freeAll(v1);
    assertEmpty(store);
  });

  test('down is ERR_SHADOW_MIGRATION for a thread that does not know the newer type', () => {
    const store = populated([1]);
    const other = ShadowStore.attach(store.handle);
    change(store, v2);
    other.get(1, v2);
    change(store, v1);
    assert.throws(() => other.get(1, v1), coded('ERR_SHADOW_MIGRATION'));
    other.internals.bindings.know([v2]);
    assert.equal(other.get(1, v1)!.count, 0);
    other[Symbol.dispose]();
    assertClean(store);
  });
});

void describe('the eager sweep', () => {
  test('migrates everything, tells how much, and frees the slots of the older versions', () => {
    const store = populated([...PARENTS, 'x', 'y']);
    const migration = change(store, v2);
    assert.deepEqual([migration.id, migration.from, migration.to], [7, 1, 2]);
    store.get(PARENTS[0]!, v2);
    let steps = 1;
    while (!migration.step(500)) steps++;
    assert.ok(steps > 3);
    assert.equal(migration.step(), true);
    assert.equal(migration.variables, PARENTS.length + 1);
    assert.deepEqual(migration.failures, []);
    assert.equal(calls.length, PARENTS.length + 2);
    assertClean(store);
    assert.deepEqual(store.internals.registry.versionsStored(7), [2]);
    assert.deepEqual([typeStats(store).live, typeStats(store).unmigrated], [PARENTS.length + 2, 0]);
    assert.equal(store.get('x', v2)!.count, PARENTS.length + 0.5);
    assert.equal(store.get('nobody', v2), undefined);
  });

  test('goes on past failures, which leave their variables and the slot', () => {
    const type = defineShadowType({
      id: 7,
      version: 2,
      fields: { count: 'f64' },
      previous: v1,
      migrate(parent) {
        if (parent === 2 && calls.length === 0) throw new Error('not yet');
      },
    });
    const store = populated([1, 2, 3]);
    const migration = change(store, type);
    while (!migration.step());
    assert.deepEqual([migration.variables, migration.failures.length], [2, 1]);
    coded('ERR_SHADOW_MIGRATION')(migration.failures[0]);
    assert.deepEqual(store.internals.registry.versionsStored(7), [2, 1]);
    calls.push(0);
    assert.ok(store.get(2, type));
    store.safepoint();
    assert.deepEqual(store.internals.registry.versionsStored(7), [2], 'freed once its last variable has gone');
    assertClean(store);
  });

  test('covers every older version, and is void once the version changes again or the id dies', () => {
    const store = populated([1, 2, 3]);
    const first = change(store, v2);
    store.get(2, v2);
    const second = change(store, v3);
    assert.equal(first.step(), true);
    assert.equal(first.variables, 0);
    while (!second.step());
    assert.equal(second.variables, 3);
    assert.deepEqual(store.internals.registry.versionsStored(7), [3]);
    const void1 = change(store, defineShadowType({ id: 7, version: 4, size: 1, previous: v3, migrate: () => undefined }));
    store.internals.registry.unregister('one', 'object').forEach((collection) => {
      while (!collection.step());
    });
    assert.equal(void1.step(), true);
    assertEmpty(store);
  });
});

void describe('registration of versions', () => {
  test('an id that is alive counts a registration of any version; only one of the version in force has to have its size', () => {
    const store = populated([1]);
    const { registry } = store.internals;
    assert.equal(registry.versionInForce(7), 1);
    assert.equal(registry.versionInForce(8), undefined);
    registry.register('two', 'object', [v2]);
    assert.equal(registry.versionInForce(7), 1);
    assert.equal(typeStats(store).registrations, 2);
    assert.equal(store.get(1, v1)!.count, 0);
    assert.throws(() => {
      registry.register('three', 'object', [defineShadowType({ id: 7, size: 5 })]);
    }, coded('ERR_SHADOW_SIZE_MISMATCH'));
    change(store, v2);
    assert.equal(registry.versionInForce(7), 2);
    assert.equal(typeStats(store).registrations, 2);
    assert.equal(typeStats(store).version, 2);
    assert.throws(() => {
      registry.register('three', 'object', [defineShadowType({ id: 7, version: 2, size: 5 })]);
    }, coded('ERR_SHADOW_SIZE_MISMATCH'));
    assert.deepEqual(
      registry.declarations().map(({ owner, object, type }) => [owner, object, type]),
      [
        ['one', 'object', v1],
        ['two', 'object', v2],
      ],
    );
    assert.deepEqual(registry.unregister('one', 'object'), []);
    assert.equal(store.get(1, v2)!.count, 0.5);
  });

  test('the version of the first registration is in force; the same version, or an id that nobody uses, changes nothing', () => {
    const store = open();
    const { registry } = store.internals;
    assert.equal(registry.changeVersion(v2), undefined);
    registry.register('one', 'object', [v2]);
    assert.equal(registry.versionInForce(7), 2);
    store.alloc(1, v2).count = 4;
    assert.equal(registry.changeVersion(v2), undefined);
    assert.throws(() => registry.changeVersion(defineShadowType({ id: 7, version: 2, size: 1 })), coded('ERR_SHADOW_SIZE_MISMATCH'));
    assert.equal(store.get(1, v2)!.count, 4);
  });

  test('an id collected while variables are unmigrated: each version is destroyed by its own destructor', () => {
    const store = populated([1, 2, 'name']);
    change(store, v2);
    store.get(2, v2);
    const { registry } = store.internals;
    registry.register('two', 'object', [v2]);
    registry.unregister('one', 'object');
    const [collection] = registry.unregister('two', 'object');
    assert.equal(store.stats().types.length, 1);
    assert.deepEqual([typeStats(store).state, typeStats(store).live, typeStats(store).unmigrated], ['collecting', 3, 2]);
    assertClean(store);
    registry.register('three', 'object', [v1]);
    for (const parent of [1, 2, 'name']) assert.equal(store.get(parent, v1), undefined, 'an id that comes back starts clean');
    store.alloc(1, v1, 50);
    while (!collection!.step(100));
    assert.equal(collection!.variables, 3);
    assert.deepEqual(destroyed.sort(), ['v1 1 0', 'v1 name 2', 'v2 2 1.5']);
    assert.equal(store.get(1, v1)!.count, 50);
    assert.deepEqual([typeStats(store).live, typeStats(store).version], [1, 1]);
    assertClean(store);
  });

  test('an id whose last user declares another version than the stored one is destroyed without a destructor, unless one is known', () => {
    for (const known of [false, true]) {
      const store = populated([1]);
      const { registry } = store.internals;
      registry.register('two', 'object', [defineShadowType({ id: 7, version: 2, size: 4 })]);
      if (known) store.internals.bindings.know([v2]);
      registry.unregister('one', 'object');
      for (const collection of registry.unregister('two', 'object')) while (!collection.step());
      assert.deepEqual(destroyed, known ? ['v1 1 0'] : []);
      assertEmpty(store);
    }
  });

  test('slots of older versions come back: a thousand changes, swept or not', () => {
    const store = populated([1, 2]);
    let previous: AnyShadowType = v1;
    for (let version = 2; version < 1000; version++) {
      const type: AnyShadowType = defineShadowType({ id: 7, version, size: 4 + (version % 50), previous, migrate: () => undefined });
      const migration = change(store, type);
      if (version % 3 === 0) while (!migration.step(4096));
      else for (const parent of [1, 2]) assert.ok(store.get(parent, type));
      store.safepoint();
      previous = type;
    }
    assert.ok(store.internals.words[Layout.TYPE_HIGH]! < 8, 'few slots were ever used');
    assertClean(store);
    assert.equal(typeStats(store).live, 2);
  });
});

void describe('migration inside other operations', () => {
  const other1 = defineShadowType({ id: 11, fields: { value: 'u32' } });

  test('a constructor that reads an unmigrated variable is called again once that is migrated', () => {
    const store = populated([1, 'name']);
    let runs = 0;
    const reading = defineShadowType({
      id: 12,
      fields: { seen: 'f64' },
      ctor(parent, view) {
        runs++;
        assert.equal(view.seen, 0);
        view.seen = 99;
        view.seen = store.get(parent, v2)!.count;
      },
    });
    store.internals.registry.register('two', 'object', [reading]);
    change(store, v2);
    assert.equal(
      withoutWaiting(() => store.alloc(1, reading).seen),
      0.5,
    );
    assert.equal(
      withoutWaiting(() => store.getOrAlloc('name', reading).seen),
      1.5,
    );
    assert.equal(runs, 4);
    assert.deepEqual(calls, [1, 'name']);
    assertClean(store);
    assert.deepEqual([store.stats().allocated, store.stats().live], [4, 4]);
  });

  test('a migration that reads another unmigrated variable waits for it; two that read each other are told so', () => {
    const store = populated([1, 2]);
    store.internals.registry.register('two', 'object', [other1]);
    store.alloc(1, other1).value = 5;
    store.alloc(2, other1).value = 6;
    let cycle = false;
    const other2 = defineShadowType({
      id: 11,
      version: 2,
      fields: { value: 'f64' },
      previous: other1,
      migrate(parent, old, view) {
        if (cycle) store.get(parent, both);
        view.value = old.value * 10;
      },
    });
    const both = defineShadowType({
      id: 7,
      version: 2,
      fields: { sum: 'f64' },
      previous: v1,
      migrate(parent, _old, view) {
        view.sum = store.get(parent, other2)!.value;
      },
    });
    change(store, other2);
    change(store, both);
    assert.equal(
      withoutWaiting(() => store.get(1, both)!.sum),
      50,
    );
    cycle = true;
    assert.throws(() => withoutWaiting(() => store.get(2, both)), coded('ERR_SHADOW_MIGRATION'));
    assertClean(store);
    cycle = false;
    assert.equal(store.get(2, both)!.sum, 60);
    assertClean(store);
  });

  test('in a lock body: another variable is migrated, the locked one itself not before its body has ended', () => {
    const store = populated([1, 2]);
    const old = store.get(1, v1)!;
    change(store, v2);
    store.withLock(old, () => {
      assert.equal(store.get(2, v2)!.count, 1.5);
      assert.throws(() => store.get(1, v2), coded('ERR_SHADOW_LOCK_NESTED'));
    });
    assert.equal(store.get(1, v2)!.count, 0.5);
    assert.equal(store.internals.thread.locked, 0);
    assertClean(store);
  });

  test('the views of a migration: the old one can be read whole, the new one updated; neither outlives the next safepoint as a variable', () => {
    const seen: unknown[] = [];
    const kept: { count: number }[] = [];
    const type = defineShadowType({
      id: 7,
      version: 2,
      fields: { count: 'u32' },
      previous: v1,
      migrate(_parent, old, view) {
        seen.push(old.read());
        view.update((draft) => {
          draft.count = old.count + 1;
        });
        kept.push(old, view);
      },
    });
    const store = populated([1]);
    change(store, type);
    const view = store.get(1, type)!;
    assert.equal(view.count, 1);
    assert.deepEqual(seen, [{ count: 0 }]);
    store.safepoint();
    assert.throws(() => kept[0]!.count, coded('ERR_SHADOW_STALE_VIEW'));
    assert.equal(kept[1]!.count, 1, 'the new view is the variable');
    assert.equal(blockOf(view), blockOf(store.get(1, type)));
  });

  test('JS objects as parents: migrated by access and by sweep, freed with their object', () => {
    const object = {};
    const store = populated([object, 3]);
    const migration = change(store, v2);
    while (!migration.step());
    assert.equal(store.get(object, v2)!.count, 0.5);
    assert.equal(calls.includes(store.objects.handle(object)), true, 'the sweep knows its handle');
    assert.equal(store.freeObject(object), 1);
    assertClean(store);
  });
});

test('migration goes on while the table grows', () => {
  calls.length = 0;
  const store = ShadowStore.create({ maxBytes: 64 * MEBIBYTE });
  store.internals.registry.register('one', 'object', [v1]);
  for (let n = 0; n < 5000; n++) store.alloc(n, v1, n);
  const migration = change(store, v2);
  for (let n = 5000; !migration.step(100); n += 200) for (let i = n; i < n + 200; i++) store.alloc(i, v2).count = i + 0.5;
  const { variables } = assertClean(store);
  assert.equal(calls.length, 5000);
  for (let n = 0; n < variables; n++) assert.equal(store.get(n, v2)!.count, n + 0.5);
  assert.ok(store.stats().growth.splits > 100);
});
