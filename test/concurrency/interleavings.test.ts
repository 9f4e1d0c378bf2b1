import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Layout } from '../../src/memory/layout.js';
import { typeAddress } from '../../src/shadow/slots.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore, type StoreOptions } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { findBlock } from '../../src/table/find.js';
import { bucketIndex, hashObject, identityOf, splitLevel } from '../../src/table/hash.js';
import { codeOf } from './code-of.js';
import { attachColliding, collidingHash } from './colliding.js';
import { nameOf } from './payload.js';
import { settled } from './settled.js';
import { beforeAtomic, beforeRead } from './staged.js';

/** Two attachments of one store: `store` plays the coordinator, `other` a worker. */
/** Variables beyond which the first bucket is split. */
const FULL = Layout.FIRST_BUCKETS * Layout.LOAD_FACTOR;

function pair(context: TestContext, types: readonly AnyShadowType[] = [], colliding = false): { store: ShadowStore; other: ShadowStore } {
  const options: StoreOptions = { maxBytes: 2 ** 24, types };
  const store = colliding ? ShadowStore.$createWithNameHash(options, collidingHash) : ShadowStore.create(options);
  const other = colliding ? attachColliding(store.handle) : ShadowStore.attach(store.handle);
  context.after(() => {
    other[Symbol.dispose]();
    store[Symbol.dispose]();
  });
  return { store, other };
}

function register(store: ShadowStore, type: AnyShadowType): void {
  store.internals.registry.register(`owner of ${type.id}`, 'object', [type]);
}

/** Collects the id, to the end unless told otherwise. */
function collect(store: ShadowStore, type: AnyShadowType, sweep = true): void {
  for (const collection of store.internals.registry.unregister(`owner of ${type.id}`, 'object')) {
    while (sweep && !collection.step());
  }
}

void describe('staged interleavings: types', () => {
  test('a thread about to enter never takes a slot that was given to another type for its own', (context) => {
    const mine = defineShadowType({ id: 0x201, fields: { value: 'u32' } });
    const theirs = defineShadowType({ id: 0x202, fields: { value: 'u32' } });
    const looks: Record<string, (store: ShadowStore) => unknown> = {
      get: (store) => store.get(5, mine),
      has: (store) => (store.has(5, mine) ? 'there' : undefined),
      getMany: (store) => store.getMany([5], mine)[0],
      getOrAlloc: (store) => codeOf(() => store.getOrAlloc(5, mine)) === 'ERR_SHADOW_UNREGISTERED' || undefined,
      free: (store) => store.free(5, mine) || undefined,
      freeAll: (store) => store.freeAll(mine) || undefined,
      entries: (store) => [...store.entries(mine)][0],
      cursor: (store) => store.cursor(mine).find(5) || undefined,
    };
    for (const [name, look] of Object.entries(looks)) {
      const { store, other } = pair(context);
      register(store, mine);
      other.get(5, mine);
      other.safepoint();
      const epoch = other.internals.slotAddress + Layout.THREAD_EPOCH;
      const found = beforeAtomic(
        'store',
        (word) => word === epoch,
        () => {
          collect(store, mine);
          store.safepoint();
          register(store, theirs);
          store.alloc(5, theirs).value = 4711;
          store.safepoint();
        },
        () => look(other),
      );
      assert.equal(found, name === 'getOrAlloc' ? true : undefined, `${name} found the variable of another type`);
      assert.equal(store.get(5, theirs)?.value, 4711);
      settled(store, 1);
    }
  });

  test('a type that is collected while a thread looks it up is dead to that thread, at whatever point that happens', (context) => {
    for (const sweep of [true, false]) {
      for (let n = 1, reached = true; reached; n++) {
        const type = defineShadowType({ id: 0x210, fields: { value: 'u32' } });
        const { store, other } = pair(context);
        register(store, type);
        store.alloc(9, type);
        let leave: (() => void) | undefined;
        let created = false;
        reached = beforeRead(
          other.internals.memory,
          'types',
          n,
          () => {
            const collections = store.internals.registry.unregister(`owner of ${type.id}`, 'object');
            leave = () => {
              for (const collection of collections) while (!collection.step());
            };
            if (sweep) leave();
          },
          () => (created = codeOf(() => other.alloc(5, type)) === undefined),
        );
        assert.equal(created, !reached, `an alloc succeeded although its type had been collected (point ${n})`);
        if (!reached) break;
        assert.equal(
          codeOf(() => other.alloc(6, type)),
          'ERR_SHADOW_UNREGISTERED',
        );
        for (const parent of [5, 9]) assert.equal(other.get(parent, type), undefined, `${parent} is visible (point ${n})`);
        leave?.();
        settled(store, 0);
      }
    }
  });

  test('a constructor that looks up its own type, which is registered anew meanwhile, counts for the old one', (context) => {
    let looks: ShadowStore | undefined;
    const type: AnyShadowType = defineShadowType({
      id: 0x220,
      fields: { value: 'u32' },
      ctor(_parent, view) {
        if (looks === undefined) return;
        const from = looks;
        looks = undefined;
        collections.push(...pairOfStores.store.internals.registry.unregister(`owner of ${type.id}`, 'object'));
        register(pairOfStores.store, type);
        from.get(1, type);
        view.value = 1;
      },
    });
    const collections: { step(): boolean }[] = [];
    const pairOfStores = pair(context);
    const { store, other } = pairOfStores;
    register(store, type);
    looks = other;
    codeOf(() => other.alloc(7, type));
    assert.deepEqual(store.check().violations, []);
    assert.equal(other.get(7, type), undefined, 'it belongs to the registration that is gone');
    for (const collection of collections) while (!collection.step());
    settled(store, 0);
  });
});

void describe('staged interleavings: walks', () => {
  test('entries() ends at once when its type is collected between two items', (context) => {
    const type = defineShadowType({ id: 0x230, fields: { value: 'u32' } });
    const { store } = pair(context);
    register(store, type);
    for (let parent = 0; parent < 6000; parent++) store.alloc(parent, type);
    for (let end = 1; end < 40; end++) {
      let given = 0;
      for (const [parent] of store.entries(type)) {
        given++;
        assert.equal(given <= end, true, `${nameOf(parent)} came after its type was collected`);
        if (given === end) collect(store, type, false);
      }
      register(store, type);
      for (let parent = 0; parent < 6000; parent++) store.alloc(parent, type);
    }
  });

  test('entries() gives nothing twice, however blocks are reused between two items', (context) => {
    const type = defineShadowType({ id: 0x231, fields: { value: 'u32' } });
    const { store } = pair(context, [type]);
    const count = 6000;
    for (let turn = 0; turn < 40; turn++) {
      const first = turn * 2 * count;
      for (let n = 0; n < count; n++) store.alloc(first + n, type);
      const seen = new Set<Parent>();
      for (const [parent] of store.entries(type)) {
        assert.equal(seen.has(parent), false, `${nameOf(parent)} came twice (turn ${turn})`);
        seen.add(parent);
        if (seen.size !== 50 + turn) continue;
        // All others go, and their blocks are given to new ones, of which most stand further on.
        for (let n = 0; n < count; n++) if (first + n !== parent) store.free(first + n, type);
        store.safepoint();
        for (let n = count; n < 2 * count; n++) store.alloc(first + n, type);
        store.safepoint();
      }
      store.freeAll(type);
      store.safepoint();
    }
  });
});

void describe('staged interleavings: growth', () => {
  const type = defineShadowType({ id: 0x238, fields: { value: 'f64' } });
  const first = FULL - 80;

  test('a look-up finds what is there, wherever on its way it is overtaken by a split', (context) => {
    const { store } = pair(context, [type]);
    const { words, memory } = store.internals;
    let next = 0;
    const insert = (): void => {
      store.alloc(next, type).value = next;
      next++;
    };
    while (next < first) insert();
    const grow = (): void => {
      const before = words[Layout.BUCKET_COUNT]!;
      while (words[Layout.BUCKET_COUNT] === before) insert();
    };
    let overtaken = 0;
    for (let round = 0; round < 150; round++) {
      const count = words[Layout.BUCKET_COUNT]!;
      const level = splitLevel(count);
      // Those that the split of this round will move.
      const moving: number[] = [];
      for (let object = 0; object < next; object++) {
        const hash = hashObject(object, 0);
        if (bucketIndex(hash, count) === count - level && (hash & level) !== 0) moving.push(object);
      }
      const object = moving[round % Math.max(1, moving.length)];
      if (object === undefined) {
        grow();
        continue;
      }
      const point = 1 + (round % 25);
      let reads = 0;
      const slow = new Proxy(words, {
        get(target, property) {
          if (++reads === point) grow();
          return Reflect.get(target, property, target) as unknown;
        },
      });
      const block = findBlock(slow, memory.buckets, object, identityOf(0, 1), hashObject(object, 0));
      assert.notEqual(block, 0, `${object} was missed, overtaken at read ${point}`);
      assert.equal(words[block], object);
      if (reads >= point) overtaken++;
      else grow();
    }
    assert.equal(overtaken > 30, true, `${overtaken} look-ups were overtaken`);
    settled(store, next);
  });

  test('everything is found at every step of a split', (context) => {
    const { store, other } = pair(context, [type]);
    let next = 0;
    for (; next < first; next++) store.alloc(next, type).value = next;
    let steps = 0;
    let looking = false;
    const look = (): void => {
      if (looking) return;
      looking = true;
      steps++;
      for (let object = 0; object < first; object++) assert.equal(other.get(object, type)?.value, object, `step ${steps}`);
      looking = false;
    };
    const { words } = store.internals;
    const { store: original } = Atomics as unknown as Record<'store', (array: Int32Array, word: number, value: number) => number>;
    Object.assign(Atomics, {
      store(array: Int32Array, word: number, value: number): number {
        if (words[Layout.GROW_LOCK] !== 0) look();
        const stored = original(array, word, value);
        if (words[Layout.GROW_LOCK] !== 0) look();
        return stored;
      },
    });
    try {
      while (store.stats().growth.splits < 12) store.alloc(next, type).value = next++;
    } finally {
      Object.assign(Atomics, { store: original });
    }
    assert.equal(steps > 50, true, `${steps} steps were looked at`);
    settled(store, next);
  });
});

void describe('staged interleavings: walks and splits', () => {
  test('entries() begun at any step of a split gives everything once', (context) => {
    const type = defineShadowType({ id: 0x239, fields: { value: 'f64' } });
    const { store, other } = pair(context, [type]);
    let next = 0;
    for (; next < FULL - 80; next++) store.alloc(next, type);
    const { words } = store.internals;
    const { store: original } = Atomics as unknown as Record<'store', (array: Int32Array, word: number, value: number) => number>;
    let steps = 0;
    let walking = false;
    Object.assign(Atomics, {
      store(array: Int32Array, word: number, value: number): number {
        if (words[Layout.GROW_LOCK] !== 0 && !walking && steps < 60) {
          walking = true;
          steps++;
          const seen = new Set<Parent>();
          for (const [parent] of other.entries(type)) {
            assert.equal(seen.has(parent), false, `${nameOf(parent)} came twice in a walk begun at step ${steps}`);
            seen.add(parent);
          }
          for (let object = 0; object < FULL - 80; object++) assert.equal(seen.has(object), true, `${object} was missed at step ${steps}`);
          walking = false;
        }
        return original(array, word, value);
      },
    });
    try {
      while (store.stats().growth.splits < 30) store.alloc(next++, type);
    } finally {
      Object.assign(Atomics, { store: original });
    }
    assert.equal(steps > 20, true, `${steps} steps were walked at`);
    settled(store, next);
  });
});

void describe('staged interleavings: names', () => {
  const type = defineShadowType({ id: 0x240, fields: { value: 'u32' } });

  test('two threads that use a new string at once are not taken for two strings that collide', (context) => {
    const { store, other } = pair(context, [type]);
    beforeAtomic(
      'load',
      (word) => word === Layout.NAME_COLLIDED,
      () => store.alloc('both', type),
      () => other.getOrAlloc('both', type),
    );
    assert.equal(store.internals.words[Layout.NAME_COLLIDED], 0);
    assert.equal(settled(store, 1).found.names, 1);
  });

  test('two threads that use a new string at once get one variable, even if it collides with another', (context) => {
    for (const point of [(word: number) => word === Layout.NAME_COLLIDED, (word: number) => word === Layout.NAME_LOCK]) {
      for (const call of ['load', 'store', 'compareExchange'] as const) {
        const { store, other } = pair(context, [type], true);
        store.alloc('first', type).value = 1;
        let value: number | undefined;
        try {
          value = beforeAtomic(
            call,
            point,
            () => (store.getOrAlloc('third', type).value = 3),
            () => other.getOrAlloc('third', type).value,
          );
        } catch (error) {
          if (!(error instanceof Error) || !error.message.includes('never came')) throw error;
          continue; // this call does not touch that word on the way
        }
        assert.equal(value, 3);
        assert.equal(settled(store, 2).found.names, 2);
      }
    }
  });
});

void describe('staged interleavings: leaving', () => {
  const type = defineShadowType({ id: 0x250, fields: { value: 'u32' } });

  /** Runs `meanwhile` when `other` is about to hand over its counts, unless it holds the lock that keeps others out. */
  function whileLeaving(store: ShadowStore, other: ShadowStore, meanwhile: () => void): void {
    const { memory, words } = store.internals;
    const { slotAddress } = other.internals;
    const bases = new Set(Array.from({ length: 8 }, (_, slot) => typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE));
    for (const parent of [1, 2, 3]) other.alloc(parent, type);
    beforeAtomic(
      'store',
      (word) => word === slotAddress + Layout.THREAD_JOURNAL_COUNT && bases.has(words[slotAddress + Layout.THREAD_JOURNAL]!),
      () => {
        if (words[Layout.TYPE_LOCK] === 0) meanwhile();
      },
      () => other[Symbol.dispose](),
    );
  }

  test('counts handed over while their id is collected do not count for the next one in its slot', (context) => {
    const { store, other } = pair(context);
    register(store, type);
    whileLeaving(store, other, () => {
      collect(store, type);
    });
    collect(store, type);
    // One of these gets the slot, whenever its grace period is over.
    for (let n = 1; n <= 4; n++) {
      store.safepoint();
      const next = defineShadowType({ id: 0x250 + n, fields: { value: 'u32' } });
      register(store, next);
      store.alloc(1, next);
    }
    settled(store, 4);
  });

  test('check() counts right while a thread hands over its counts', (context) => {
    const { store, other } = pair(context, [type]);
    const { words } = store.internals;
    whileLeaving(store, other, () => undefined);
    const third = ShadowStore.attach(store.handle);
    for (const parent of [4, 5]) third.alloc(parent, type);
    const base = typeAddress(store.internals.memory, 1) + Layout.TYPE_LIVE_BASE;
    const { slotAddress } = third.internals;
    // The end of the change that hands them over is the earliest moment at which another thread could look.
    const counts = { added: false };
    const put = Atomics.store as (array: Int32Array, word: number, value: number) => number;
    Object.assign(Atomics, {
      store(array: Int32Array, word: number, value: number): number {
        const stored = put(array, word, value);
        const over =
          word === slotAddress + Layout.THREAD_JOURNAL_COUNT && value === 0 && words[slotAddress + Layout.THREAD_JOURNAL] === base;
        if (over && words[Layout.TYPE_LOCK] === 0) {
          counts.added = true;
          Object.assign(Atomics, { store: put });
          assert.deepEqual(store.check().violations, []);
        }
        return stored;
      },
    });
    try {
      third[Symbol.dispose]();
    } finally {
      Object.assign(Atomics, { store: put });
    }
    context.diagnostic(counts.added ? 'counts are handed over without a lock' : 'counts are handed over under TYPE_LOCK');
    settled(store, 5);
  });
});
