import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import { typeHigh } from '../../src/shadow/slots.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { directory } from '../recovery/fixtures/files.js';
import { catchWarnings, MEBIBYTE, open } from './fixtures/setup.js';

const type = defineShadowType({ id: 2 ** 31 + 5, fields: { value: 'u32' } });
const large = defineShadowType({ id: 2, size: 5000 });

test('stats are plain JSON: they come back from it as they were', (t) => {
  catchWarnings(t);
  const store = open(type, large);
  const other = ShadowStore.attach(store.handle);
  for (let object = 0; object < 9000; object++) store.alloc(object, type);
  other.alloc('name', large);
  other.get(1, defineShadowType({ id: 99, size: 4 }));
  other.free(5, type);
  const stats = store.stats();
  assert.deepEqual(JSON.parse(JSON.stringify(stats)), stats);
  const walk = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) {
      assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
      for (const each of Object.values(value)) walk(each);
    } else {
      assert.ok(['number', 'string', 'boolean'].includes(typeof value));
      if (typeof value === 'number') assert.ok(Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0));
    }
  };
  walk(stats);
});

test('types are told with id, size, live variables and registrations', () => {
  const store = open(type, large);
  const other = ShadowStore.attach(store.handle);
  for (let object = 0; object < 10; object++) (object % 2 === 0 ? store : other).alloc(object, type);
  store.alloc(1, large);
  other.free(0, type);
  store.free(1, type);
  const expected = [
    { id: 2, version: 1, size: 5000, live: 1, unmigrated: 0, registrations: 1, state: 'live' },
    { id: 2 ** 31 + 5, version: 1, size: 4, live: 8, unmigrated: 0, registrations: 1, state: 'live' },
  ];
  const types = (): unknown => store.stats().types.toSorted((x, y) => x.id - y.id);
  assert.deepEqual(types(), expected);
  assert.equal(store.stats().live, 9);
  other[Symbol.dispose]();
  assert.deepEqual(types(), expected, 'also after one of the threads has left');
});

test('allocated, freed and reclaimed are counted, per thread and in all', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  for (let object = 0; object < 30; object++) other.free(object, type);
  let stats = store.stats();
  assert.deepEqual([stats.allocated, stats.freed, stats.reclaimed, stats.retired], [100, 30, 0, 30]);
  assert.deepEqual(
    stats.threads.map(({ slot, allocated, freed, retired }) => ({ slot, allocated, freed, retired })),
    [
      { slot: 0, allocated: 100, freed: 0, retired: 0 },
      { slot: 1, allocated: 0, freed: 30, retired: 30 },
    ],
  );
  store.safepoint();
  other.safepoint();
  stats = store.stats();
  assert.deepEqual([stats.reclaimed, stats.retired], [30, 0]);
  assert.equal(stats.threads[1]!.cached, 30);
});

test('what one thread creates and others free is counted right, however often', async (t) => {
  const store = open(type);
  const [other, third] = [ShadowStore.attach(store.handle), ShadowStore.attach(store.handle)];
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  for (let object = 0; object < 30; object++) other.free(object, type);
  const { memory, words } = store.internals;
  const slot = typeHigh(memory) - 1;
  // As after 2^31 more variables, of which each of the others freed half.
  for (const [thread, created] of [2 ** 31, -(2 ** 30), -(2 ** 30)].entries()) {
    const address = threadSlotAddress(memory, thread);
    const counter = memory.counters + thread * Layout.COUNTER_WORDS_PER_THREAD + slot;
    for (const word of [counter, address + Layout.THREAD_ENTRIES_ADDED]) words[word]! += created;
    words[address + (created > 0 ? Layout.THREAD_ALLOCATED : Layout.THREAD_FREED)]! += Math.abs(created);
  }
  const requireOrder = (whose: ShadowStore): void => {
    const { types, live, allocated, freed } = whose.stats();
    assert.deepEqual([types[0]!.live, live, allocated, freed], [70, 70, 2 ** 31 + 100, 2 ** 31 + 30]);
    assert.deepEqual(whose.check().violations, []);
  };
  requireOrder(store);
  assert.deepEqual(
    store.stats().threads.map(({ allocated, freed }) => [allocated, freed]),
    [
      [2 ** 31 + 100, 0],
      [0, 2 ** 30 + 30],
      [0, 2 ** 30],
    ],
  );
  const file = join(directory(t), 'snapshot');
  assert.equal((await store.snapshot(file)).variables, 70);
  requireOrder(ShadowStore.restore(file, { types: [type] }));
  other[Symbol.dispose]();
  requireOrder(store);
  third[Symbol.dispose]();
  requireOrder(store);
});

test('a thread is inside from its first operation to its safepoint, and falls behind as epochs begin', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const inside = (): [boolean, number][] => store.stats().threads.map(({ inside, epochsBehind }) => [inside, epochsBehind]);
  assert.deepEqual(inside(), [
    [false, 0],
    [false, 0],
  ]);
  other.get(1, type);
  assert.deepEqual(inside()[1], [true, 0]);
  for (let i = 0; i < 3; i++) {
    store.alloc(1, type);
    store.free(1, type);
    store.safepoint();
  }
  assert.deepEqual(inside()[1], [true, 1], 'the epoch cannot move further than one past it');
  other.safepoint();
  assert.deepEqual(inside()[1], [false, 0]);
});

test('every page is counted once: buckets and fixed regions, blocks, or free', () => {
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 4, types: [type, large] });
  const check = (): void => {
    const { pages, bytes, growth } = store.stats();
    assert.equal(pages.buckets + pages.blocks + pages.free, pages.total);
    assert.equal(bytes.reserved, pages.total * Layout.PAGE_BYTES);
    assert.equal(bytes.blocks + bytes.overflow, pages.blocks * Layout.PAGE_BYTES);
    assert.equal(bytes.free, pages.free * Layout.PAGE_BYTES);
    assert.equal(bytes.buckets, growth.buckets * 64);
    assert.ok(bytes.fixed + bytes.buckets <= pages.buckets * Layout.PAGE_BYTES);
  };
  check();
  for (let object = 0; object < 20_000; object++) {
    store.alloc(object, type);
    if (object % 50 === 0) store.alloc(object, large);
    if (object % 1000 === 0) check();
  }
  const { pages, bytes } = store.stats();
  assert.equal(pages.blocks, Math.ceil(20_000 / 2730) + Math.ceil(400 / 12) + bytes.overflow / Layout.PAGE_BYTES);
  store.freeAll(large);
  check();
});

test('growth tells buckets, entries and splits', () => {
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 4, types: [type] });
  assert.deepEqual(store.stats().growth, { buckets: 2048, entries: 0, splits: 0 });
  for (let object = 0; object < 16_000; object++) store.alloc(object, type);
  const { buckets, entries, splits } = store.stats().growth;
  assert.equal(buckets, 2048 + splits);
  assert.ok(splits > 1000);
  assert.ok(Math.abs(entries - 16_000) < 8);
});

test('stats change nothing', () => {
  const store = open(type);
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  store.safepoint();
  const before = store.internals.words.slice();
  store.stats();
  assert.deepEqual(store.internals.words.slice(), before);
});
