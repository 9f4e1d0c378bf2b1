import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Layout } from '../../src/memory/layout.js';
import type { Parent } from '../../src/shadow/objects.js';
import { typeAddress } from '../../src/shadow/slots.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { codeOf } from './code-of.js';
import { withoutWaiting } from '../shadow/fixtures/setup.js';
import { nameOf } from './payload.js';
import { afterDeath, damage, type Death, deathsDuring } from './snapshots.js';
import { settled } from './settled.js';
import { beforeRead } from './staged.js';

const calls: Parent[] = [];
const destroyed: string[] = [];
const v1 = defineShadowType({
  id: 0x301,
  fields: { value: 'u32' },
  dtor(parent, view) {
    destroyed.push(`v1 ${nameOf(parent)} ${view.value}`);
  },
});
const v2 = defineShadowType({
  id: 0x301,
  version: 2,
  fields: { value: 'f64' },
  dtor(parent, view) {
    destroyed.push(`v2 ${nameOf(parent)} ${view.value}`);
  },
  previous: v1,
  migrate(parent, old, view) {
    calls.push(parent);
    view.value = old.value * 10;
  },
});
const v3 = defineShadowType({
  id: 0x301,
  version: 3,
  fields: { value: 'f64', extra: 'f64' },
  previous: v2,
  migrate(_parent, old, view) {
    view.value = old.value * 10;
  },
});

/** Two attachments of one store in which id 0x301 has variables of version 1 with value 5; version 2 is in force if `changed`. */
function pair(context: TestContext, changed = true): { store: ShadowStore; other: ShadowStore } {
  calls.length = 0;
  destroyed.length = 0;
  const store = ShadowStore.create({ maxBytes: 2 ** 22, maxThreads: 8 });
  const other = ShadowStore.attach(store.handle);
  store.internals.registry.register('patch', 'object', [v1]);
  for (const parent of [1, 2, 3, 'name']) store.alloc(parent, v1).value = 5;
  if (changed) store.internals.registry.changeVersion(v2);
  context.after(() => {
    other[Symbol.dispose]();
    store[Symbol.dispose]();
  });
  return { store, other };
}

void describe('staged interleavings: migration', () => {
  for (const parent of [1, 'name'] as const) {
    test(`a look-up overtaken by a migration of ${String(parent)} finds the variable, and migrates nothing twice`, (context) => {
      const looks: Record<string, (store: ShadowStore) => unknown> = {
        get: (store) => store.get(parent, v2)?.value,
        has: (store) => (store.has(parent, v2) ? 50 : undefined),
        getMany: (store) => store.getMany([parent], v2)[0]?.value,
        getOrAlloc: (store) => store.getOrAlloc(parent, v2).value,
        alloc: (store) => (codeOf(() => store.alloc(parent, v2)) === 'ERR_SHADOW_EXISTS' ? 50 : undefined),
        entries: (store) =>
          [...store.entries(v2)]
            .filter(([one]) => one === parent)
            .map(([, view]) => view.value)
            .join(),
        cursor: (store) => {
          const cursor = store.cursor(v2);
          return cursor.find(parent) ? cursor.value : undefined;
        },
      };
      for (const [name, look] of Object.entries(looks)) {
        // Every look at a slot but the first begins with this call.
        for (let n = 1, reached = true; reached; n++) {
          const { store, other } = pair(context);
          const find = other.objects.find.bind(other.objects);
          let count = 0;
          reached = false;
          Object.assign(other.objects, {
            find(one: Parent) {
              if (++count === n) {
                reached = true;
                store.get(parent, v2);
              }
              return find(one);
            },
          });
          const found = look(other);
          assert.equal(name === 'entries' ? Number(found) : found, 50, `${name}, overtaken at look ${n}`);
          assert.equal(calls.filter((one) => one === parent).length <= 1, true, `${name} migrated twice, overtaken at look ${n}`);
          settled(store, 4);
        }
      }
    });
  }

  test('whatever a thread does while the version changes, it sees the variable or is told of the version', (context) => {
    for (const type of [v1, v2]) {
      for (let n = 1, reached = true; reached; n++) {
        const { store, other } = pair(context, false);
        if (n % 2 === 0) codeOf(() => other.get(1, type));
        let value: number | undefined;
        let code: string | undefined;
        reached = beforeRead(
          other.internals.memory,
          'types',
          n,
          () => store.internals.registry.changeVersion(v2),
          () => (code = codeOf(() => (value = other.get(1, type)?.value))),
        );
        assert.equal(code === 'ERR_SHADOW_VERSION' || value === 5 || value === 50, true, `${code}, ${value} at read ${n}`);
        settled(store, 4);
      }
    }
  });

  test('at every step of a change of version, other threads see the variable or are told of the version', (context) => {
    const { store, other } = pair(context, false);
    for (let parent = 1000; parent < 1100; parent++) store.alloc(parent, v1);
    const { store: original } = Atomics as unknown as Record<'store', (array: Int32Array, word: number, value: number) => number>;
    let steps = 0;
    let next = 1000;
    const look = (): void => {
      Object.assign(Atomics, { store: original });
      steps++;
      // Version 1 once more, after a thread with version 2 may have migrated.
      for (const type of [v1, v2, v1]) {
        let value: number | undefined;
        const code = codeOf(() => (value = other.get(1, type)?.value));
        assert.equal(code === 'ERR_SHADOW_VERSION' || value === 5 || value === 50, true, `${code}, ${value} at step ${steps}`);
        const parent = next++;
        const looks: Record<string, () => unknown> = {
          has: () => other.has(2, type),
          getMany: () => other.getMany([2], type)[0] !== undefined,
          entries: () => [...other.entries(type)].some(([one]) => one === 2),
          free: () => other.free(parent, type),
          missing: () => !other.has(99, type) && other.get(99, type) === undefined && !other.free(99, type),
        };
        for (const [name, sees] of Object.entries(looks)) {
          let answer: unknown;
          const failure = codeOf(() => (answer = sees()));
          assert.equal(
            failure === 'ERR_SHADOW_VERSION' || answer === true,
            true,
            `${name}: ${failure}, ${String(answer)} at step ${steps}`,
          );
        }
        codeOf(() => other.alloc(100 + steps, type));
      }
      Object.assign(Atomics, { store: staged });
    };
    const staged = (array: Int32Array, word: number, value: number): number => {
      look();
      const stored = original(array, word, value);
      look();
      return stored;
    };
    Object.assign(Atomics, { store: staged });
    try {
      store.internals.registry.changeVersion(v2);
    } finally {
      Object.assign(Atomics, { store: original });
    }
    assert.equal(steps >= 4, true, `${steps} steps`);
    assert.equal(store.get(1, v2)?.value, 50);
    for (let parent = 1000; parent < 1100; parent++) store.free(parent, v2);
    settled(store, 4 + steps);
  });

  test('an allocation in the old version that is about to publish while the version changes is migrated, too', (context) => {
    const ctor = { meanwhile: () => undefined as unknown };
    const first = defineShadowType({
      id: 0x302,
      fields: { value: 'u32' },
      ctor(_parent, view) {
        view.value = 3;
        ctor.meanwhile();
      },
    });
    const second = defineShadowType({
      id: 0x302,
      version: 2,
      fields: { value: 'f64' },
      previous: first,
      migrate(_parent, old, view) {
        view.value = old.value;
      },
    });
    const { store, other } = pair(context);
    store.internals.registry.register('patch', 'other object', [first]);
    ctor.meanwhile = () => {
      store.internals.registry.changeVersion(second);
      assert.deepEqual(
        store.internals.registry.versionsStored(0x302),
        [2, 1],
        'the slot of version 1 is kept, though nothing stands in it yet',
      );
    };
    other.alloc(1, first);
    ctor.meanwhile = () => undefined;
    assert.equal(store.get(1, second)?.value, 3);
    settled(store, 5);
  });
});

test('a migration waits for whoever holds the lock of the old variable', (context) => {
  const { store, other } = pair(context, false);
  const view = other.get(1, v1)!;
  store.internals.registry.changeVersion(v2);
  other.withLock(view, () => {
    assert.throws(() => withoutWaiting(() => store.get(1, v2)), /deadlock/);
    assert.equal(view.value, 5);
    view.value = 6;
  });
  assert.equal(store.get(1, v2)?.value, 60);
  settled(store, 4);
});

void describe('deaths in the middle of a migration', () => {
  /** The deaths of thread slot 1 while it migrates the variable of a parent; its lists were filled before. */
  function deathsOf(context: TestContext, parent: Parent): Death[] {
    const { other } = pair(context);
    for (const one of [90, 91]) other.alloc(one, v2);
    other.safepoint();
    other.has(1, v2);
    return deathsDuring(other, () => other.get(parent, v2));
  }

  /** The death with both versions linked. */
  function halfWay(context: TestContext, parent: Parent): ShadowStore {
    const found = deathsOf(context, parent)
      .map((death) => afterDeath(death, 1))
      .filter((store) => store.check().found.leftOvers === 1);
    assert.equal(found.length > 0, true, 'at some point both versions are linked');
    return found[0]!;
  }

  test('wherever it stops, the variable is in one version or the other, and check() finds nothing broken', (context) => {
    for (const parent of [1, 'name']) {
      const states = new Set<string>();
      for (const death of deathsOf(context, parent)) {
        const store = afterDeath(death, 1);
        const { found } = store.check();
        assert.deepEqual(damage(store, 1), [], `before Atomics.${death.before} on ${death.word}`);
        assert.equal(found.variables, 6);
        assert.equal(found.names, 1);
        const migrated = store.internals.memory.words[typeAddress(store.internals.memory, 1) + Layout.TYPE_MIGRATED];
        states.add(`${found.leftOvers} ${migrated}`);
      }
      assert.deepEqual([...states].sort(), ['0 0', '0 1', '1 0']);
    }
  });

  test('the next access finds the new one where it was published, and migrates where it was not', (context) => {
    for (const death of deathsOf(context, 1)) {
      const store = afterDeath(death, 1);
      const { words, memory } = store.internals;
      // The lock of the variable itself is the dead thread's, too.
      for (let block = words[Layout.PAGE_FLOOR]! * Layout.PAGE_WORDS; block < memory.pages * Layout.PAGE_WORDS; block += 2)
        if (words[block] === 1 && (words[block + 1]! & Layout.TYPE_SLOT_MASK) === 1 && words[block + 3] === 2) words[block + 3] = 0;
      const binding = store.internals.bindings.of(v2);
      binding.refresh();
      const published = binding.find(1) !== 0;
      calls.length = 0;
      assert.equal(store.get(1, v2)?.value, 50);
      assert.deepEqual(calls, published ? [] : [1]);
      assert.deepEqual(damage(store, 1), []);
    }
  });

  const afterwards: Record<string, { run: (store: ShadowStore, parent: Parent) => void; live: number; told: string[] }> = {
    'get and has': {
      run: (store, parent) => {
        assert.equal(store.get(parent, v2)?.value, 50);
        assert.equal(store.has(parent, v2), true);
        assert.equal(
          codeOf(() => store.alloc(parent, v2)),
          'ERR_SHADOW_EXISTS',
        );
      },
      live: 6,
      told: [],
    },
    entries: {
      run: (store, parent) => {
        const seen = [...store.entries(v2)].map(([one]) => one);
        assert.equal(seen.filter((one) => one === parent).length, 1);
        assert.equal(seen.length, 6);
      },
      live: 6,
      told: [],
    },
    free: {
      run: (store, parent) => {
        assert.equal(store.free(parent, v2), true);
        assert.equal(store.get(parent, v2), undefined);
        assert.equal(store.free(parent, v2), false);
      },
      live: 5,
      told: ['v2 50'],
    },
    freeObject: {
      run: (store, parent) => {
        assert.equal(store.freeObject(parent), 1);
        assert.equal(store.has(parent, v2), false);
      },
      live: 5,
      told: ['v2 50'],
    },
    freeAll: {
      run: (store) => {
        assert.equal(store.freeAll(v2), 6);
      },
      live: 0,
      told: ['v1 5', 'v1 5', 'v1 5', 'v2 0', 'v2 0', 'v2 50'],
    },
    'another version': {
      run: (store, parent) => {
        store.internals.registry.changeVersion(v3);
        assert.equal(store.get(parent, v3)?.value, 500);
        assert.deepEqual(calls, [], 'from version 2 on');
      },
      live: 6,
      told: [],
    },
    'a sweep after another version': {
      run: (store) => {
        const migration = store.internals.registry.changeVersion(v3)!;
        while (!migration.step());
        assert.equal(migration.variables, 6);
        assert.equal(calls.length, 3);
        assert.deepEqual(store.internals.registry.versionsStored(0x301), [3]);
      },
      live: 6,
      told: [],
    },
    collection: {
      run: (store) => {
        const { registry } = store.internals;
        registry.register('heir', 'object', [v2]);
        // The registration of the thread that created the store is not known here.
        store.internals.words[typeAddress(store.internals.memory, 2) + Layout.TYPE_REGISTRATIONS] = 1;
        const [collection] = registry.unregister('heir', 'object');
        while (!collection!.step());
        assert.equal(collection!.variables, 6);
      },
      live: 0,
      told: ['v1 5', 'v1 5', 'v1 5', 'v2 0', 'v2 0', 'v2 50'],
    },
  };
  for (const [name, { run, live, told }] of Object.entries(afterwards)) {
    test(`${name}: a left-over counts for nothing and comes back never`, (context) => {
      for (const parent of [1, 'name']) {
        const store = halfWay(context, parent);
        const before = store.stats().types.filter(({ id }) => id === 0x301);
        assert.deepEqual([before.length, before[0]!.live], [1, 6]);
        calls.length = 0;
        destroyed.length = 0;
        run(store, parent);
        assert.deepEqual(damage(store, 1), []);
        const { found } = store.check();
        assert.equal(found.variables, live);
        assert.equal(found.names, live === 0 || (live === 5 && parent === 'name') ? 0 : 1);
        assert.equal(store.stats().live, live);
        assert.deepEqual(destroyed.map((one) => one.replace(/ (\d+|name) /, ' ')).sort(), told);
      }
    });
  }
});
