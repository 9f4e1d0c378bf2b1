import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLASS_BLOCK_WORDS, classOfDataBytes, LINE_CLASS, MAX_DATA_BYTES } from '../../src/memory/classes.js';
import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, blockOf, coded, fill, MEBIBYTE, open, seeded } from '../shadow/fixtures/setup.js';

const small = defineShadowType({ id: 1, fields: { value: 'u32' } });

/** A store with as few pages as there can be. */
function tiny(...types: AnyShadowType[]): ShadowStore {
  return ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 4, types });
}

test('every size from 1 to 65520 bytes has the smallest class that holds it; up to 16 KiB at most a quarter of the block is lost', () => {
  assert.equal(MAX_DATA_BYTES, 65520);
  for (let size = 1; size <= MAX_DATA_BYTES; size++) {
    const sizeClass = classOfDataBytes(size);
    assert.notEqual(sizeClass, LINE_CLASS);
    const blockBytes = CLASS_BLOCK_WORDS[sizeClass]! * 4;
    const needed = Layout.BLOCK_HEADER_BYTES + size;
    if (blockBytes < needed) assert.fail(`${size} bytes do not fit class ${sizeClass}`);
    if (sizeClass > 1 && CLASS_BLOCK_WORDS[sizeClass - 1]! * 4 >= needed) assert.fail(`${size} bytes would fit a smaller class`);
    if (blockBytes > 24 && blockBytes <= 16_384 && blockBytes - needed > blockBytes / 4)
      assert.fail(`${size} bytes lose ${blockBytes - needed}`);
  }
});

test('blocks of every class keep their data 8-byte aligned, and lines are cache lines', () => {
  for (const words of CLASS_BLOCK_WORDS) assert.equal(words % 2, 0);
  assert.equal(CLASS_BLOCK_WORDS[LINE_CLASS], Layout.LINE_WORDS);
  assert.equal(Layout.BLOCK_HEADER_BYTES % 8, 0);
});

test('at random: variables of all sizes never overlap, and a new one is all zeros whatever stood there before', (t) => {
  const random = seeded(t);
  const sizes = [1, 8, 9, 16, 31, 40, 100, 113, 200, 1000, 5000, 21_824, 32_752, 65_520];
  const types = sizes.map((size, i) => defineShadowType({ id: 100 + i, size }));
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 2, types });
  const live = new Map<number, number>();
  const pattern = (object: number, size: number): Uint8Array => new Uint8Array(size).fill((object % 255) + 1);
  for (let step = 0; step < 3000; step++) {
    const object = random(300);
    const which = live.get(object);
    if (which !== undefined) {
      assert.deepEqual(store.get(object, types[which]!)!.toBytes(), pattern(object, sizes[which]!));
      store.free(object, types[which]!);
      live.delete(object);
    } else {
      const chosen = random(types.length);
      const view = store.alloc(object, types[chosen]!);
      assert.ok(view.toBytes().every((byte) => byte === 0));
      view.setBytes(pattern(object, sizes[chosen]!));
      live.set(object, chosen);
    }
    if (step % 10 === 0) store.safepoint();
  }
  for (const [object, which] of live) assert.deepEqual(store.get(object, types[which]!)!.toBytes(), pattern(object, sizes[which]!));
  assert.equal(assertClean(store).variables, live.size);
});

test('freed blocks are used again before new pages are', () => {
  const store = open(small);
  for (let object = 0; object < 20_000; object++) store.alloc(object, small);
  const { pages } = store.stats();
  for (let round = 0; round < 5; round++) {
    for (let object = 0; object < 20_000; object++) store.free(object, small);
    store.safepoint();
    for (let object = 0; object < 20_000; object++) store.alloc(object, small);
  }
  assert.equal(store.stats().pages.blocks, pages.blocks);
  assertClean(store);
});

test('alloc and free in turn after turn stay within the page being carved, with no safepoint but the end of each turn', async () => {
  const store = open(small);
  for (let turn = 0; turn < 200; turn++) {
    for (let object = 0; object < 40; object++) store.alloc(object, small);
    for (let object = 0; object < 40; object++) store.free(object, small);
    await Promise.resolve();
  }
  assert.equal(store.stats().pages.blocks, 1);
  assertEmpty(store);
});

test('a thread keeps few free blocks for itself: the rest is there for others', () => {
  const store = open(small);
  for (let object = 0; object < 5000; object++) store.alloc(object, small);
  for (let object = 0; object < 5000; object++) store.free(object, small);
  store.safepoint();
  assert.ok(store.stats().threads[0]!.cached <= 64, `${store.stats().threads[0]!.cached} cached`);
  const other = ShadowStore.attach(store.handle);
  const { pages } = store.stats();
  for (let object = 0; object < 4900; object++) other.alloc(object, small);
  assert.equal(store.stats().pages.blocks, pages.blocks, 'the other thread found them');
  assertClean(store);
});

test('when the store is full, pages whose blocks are all free change their size class, as often as it takes', () => {
  const sizes = [4, 100, 3000, 32_000, 65_520];
  const types = sizes.map((size, i) => defineShadowType({ id: 10 + i, size }));
  const store = tiny(...types);
  for (const which of [3, 4, 2, 3, 1, 0, 4, 1, 2, 0]) {
    const parents = fill(store, types[which]!);
    const { pages, bytes } = store.stats();
    const perPage = Math.floor(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[classOfDataBytes(sizes[which]!)]!);
    // Overflow lines stay with their chains. The last page may have gone to lines before the objects whose chains need one were through.
    const usable = pages.total - pages.buckets - bytes.overflow / Layout.PAGE_BYTES;
    assert.ok(usable >= 4, `${usable} pages`);
    const least = perPage * (sizes[which]! > 1000 ? usable : usable - 1);
    assert.ok(parents.length >= least, `${parents.length} of ${sizes[which]} bytes in ${usable} pages`);
    for (const parent of parents) assert.equal(store.free(parent, types[which]!), true);
  }
  assertEmpty(store);
});

test('a page is given to another class although the number of free blocks is what it was at an attempt in vain', () => {
  const half = defineShadowType({ id: 1, size: 32_000 }); // two to a page
  const whole = defineShadowType({ id: 2, size: 65_520 });
  const store = tiny(half, whole);
  const parents = fill(store, half);
  const pages = new Map<number, number[]>();
  for (const parent of parents) {
    const page = blockOf(store.get(parent, half)) >>> Layout.PAGE_SHIFT;
    pages.set(page, [...(pages.get(page) ?? []), parent]);
  }
  const [[a1, a2], [b1, b2]] = [...pages.values()] as [[number, number], [number, number]];
  store.free(a1, half);
  store.free(b1, half);
  assert.throws(() => store.alloc(-0, whole), coded('ERR_SHADOW_EXHAUSTED'), 'two free halves of two pages');
  const page = blockOf(store.alloc(1_000_000, half)) >>> Layout.PAGE_SHIFT;
  store.free(page === [...pages.keys()][0] ? b2 : a2, half);
  assert.equal(store.alloc(0, whole).toBytes().length, 65_520, 'two free halves of one page');
  assertClean(store);
});

test('a stale view never finds foreign data after its page went to another class and back: the same address gets a higher generation', () => {
  const other = defineShadowType({ id: 2, size: 10_000 });
  const store = tiny(small, other);
  const parents = fill(store, small).slice(0, 20_000);
  // Once: the generations of the old views are then such as a page that starts afresh would reach again.
  store.freeAll(small);
  store.safepoint();
  for (const parent of parents) store.alloc(parent, small);
  const stale = new Map(parents.map((parent) => [blockOf(store.get(parent, small)), { parent, view: store.get(parent, small)! }]));
  store.freeAll(small);
  assert.ok(fill(store, other).length > 0, 'the pages went to the other class, whose zeros now stand where generations stood');
  store.freeAll(other);
  let same = 0;
  for (let probe = 0; probe < 300; probe++) {
    const was = stale.get(blockOf(store.alloc(1_000_000 + probe, small)));
    if (was === undefined) continue;
    // The block that is freed last is the first to come back.
    store.free(1_000_000 + probe, small);
    store.safepoint();
    const now = store.alloc(was.parent, small);
    if (blockOf(now) === blockOf(was.view)) same++;
    assert.throws(() => was.view.value, coded('ERR_SHADOW_STALE_VIEW'));
  }
  assert.ok(same > 100, `only ${same} variables stand where they stood`);
  assertClean(store);
});

test('memory pressure is declared by an allocation that fails, and is over when a page is found', () => {
  const other = defineShadowType({ id: 2, size: 10_000 });
  const store = tiny(small, other);
  assert.equal(store.stats().memoryPressure, false);
  fill(store, small);
  assert.equal(store.stats().memoryPressure, true);
  store.freeAll(small);
  store.alloc(0, other);
  assert.equal(store.stats().memoryPressure, false);
  assertClean(store);
});

test('under memory pressure every thread gives what it freed to the others at its next safepoint', () => {
  const store = tiny(small);
  const other = ShadowStore.attach(store.handle);
  const parents = fill(store, small);
  for (const parent of parents.slice(0, 10)) other.free(parent, small);
  assert.throws(() => store.alloc(0, small), coded('ERR_SHADOW_EXHAUSTED'), 'the other thread is still inside');
  other.safepoint();
  for (const parent of parents.slice(0, 10)) store.alloc(parent, small);
  assert.throws(() => store.alloc(2_000_000, small), coded('ERR_SHADOW_EXHAUSTED'));
  assertClean(store);
});

test('a list of free blocks that leads to none, or a page that is carved from no block on, gives none out', () => {
  const long = defineShadowType({ id: 2, fields: { value: 'i64' } });
  const store = tiny(small, long);
  const { words, memory, slotAddress } = store.internals;
  store.alloc(0, long).value = 1n;
  store.alloc(0, small).value = 1;
  store.free(0, long);
  store.safepoint();
  const cache = slotAddress + Layout.THREAD_CLASSES + classOfDataBytes(long.size) * Layout.CACHE_WORDS;
  const end = words.slice(-Layout.LINE_WORDS);
  let object = 1;
  for (const word of [Layout.CACHE_HEAD, Layout.CARVE_NEXT]) {
    const next = words[cache + Layout.CARVE_NEXT]!;
    for (const wrong of [next + 1, -8, memory.pages * Layout.PAGE_WORDS, 2 ** 31 - 2, Layout.HEADER_WORDS]) {
      words[cache + word] = wrong;
      // The list or page is given up, and there is other memory at the next attempt at the latest.
      try {
        store.alloc(object, long);
      } catch (error) {
        assert.ok(coded('ERR_SHADOW_EXHAUSTED')(error));
      }
      const view = store.getOrAlloc(object, long);
      assert.equal(view.value, 0n, `${word}: ${wrong}`);
      view.value = BigInt(object);
      assert.equal(store.get(object, long)?.value, BigInt(object++));
    }
  }
  assert.deepEqual(words.slice(-Layout.LINE_WORDS), end, 'nothing was written from the end of the memory on');
  assert.equal(store.get(0, small)?.value, 1);
});
