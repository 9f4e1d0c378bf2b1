import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { entryBlock, nextEntry } from '../../src/table/bucket.js';
import { bucketAddress, bucketIndex, hashObject, objectHigh, objectNumber, splitLevel } from '../../src/table/hash.js';
import { assertClean, assertEmpty, coded, colliding, fill, MEBIBYTE, seeded, withoutWaiting } from '../shadow/fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });

function openLarge(): ShadowStore {
  return ShadowStore.create({ maxBytes: 64 * MEBIBYTE, maxThreads: 4, types: [type] });
}

/** Variables beyond which the first bucket is split. */
const FULL = Layout.FIRST_BUCKETS * Layout.LOAD_FACTOR;

/** The objects in each bucket. */
function chains(store: ShadowStore): Set<number>[] {
  const { words, memory } = store.internals;
  return Array.from({ length: words[Layout.BUCKET_COUNT]! }, (_, index) => {
    const objects = new Set<number>();
    const bucket = bucketAddress(memory.buckets, index);
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      const block = entryBlock(words, entry);
      objects.add(objectNumber(words[block + Layout.BLOCK_OBJECT_LOW]!, words[block + Layout.BLOCK_IDENTITY]!));
    }
    return objects;
  });
}

test('the table follows its load: never more than 3.125 entries a bucket, but for what is not yet counted', () => {
  const store = openLarge();
  for (let object = 0; object < 60_000; object++) {
    store.alloc(object, type);
    if (object % 1000 !== 0) continue;
    const { buckets } = store.stats().growth;
    const allowed = Math.max(Layout.FIRST_BUCKETS, (object + 1) / Layout.LOAD_FACTOR);
    assert.ok(object + 1 <= buckets * Layout.LOAD_FACTOR + 3 * Layout.ENTRY_BATCH, `${object + 1} variables in ${buckets} buckets`);
    assert.ok(buckets <= allowed + 2, `${buckets} buckets for ${object + 1} variables`);
  }
  assertClean(store);
});

test('every variable is found after every single split, and only its own', () => {
  const store = openLarge();
  let buckets = 0;
  for (let object = 0; object < 12_000; object++) {
    store.alloc(object * 977, type).value = object;
    if (store.stats().growth.buckets === buckets || object % 97 !== 0) continue;
    buckets = store.stats().growth.buckets;
    for (let known = 0; known <= object; known++) assert.equal(store.get(known * 977, type)!.value, known);
    assert.equal(store.get(object * 977 + 1, type), undefined);
  }
  assert.ok(buckets > 3000);
  assertClean(store);
});

test('a split moves exactly the entries whose hash says so, out of the bucket in turn and into the new one', () => {
  const store = openLarge();
  let object = 0;
  while (object < FULL - 80) store.alloc(object++, type);
  let before = chains(store);
  let splits = 0;
  while (splits < 100) {
    store.alloc(object, type);
    const hash = hashObject(object | 0, objectHigh(object));
    before[bucketIndex(hash, before.length)]!.add(object++);
    if (store.internals.words[Layout.BUCKET_COUNT] === before.length) continue;
    const after = chains(store);
    for (let count = before.length; count < after.length; count++, splits++) {
      const source = before[count - splitLevel(count)]!;
      const moved = new Set([...source].filter((each) => bucketIndex(hashObject(each | 0, objectHigh(each)), count + 1) === count));
      for (const each of moved) source.delete(each);
      before.push(moved);
    }
    assert.deepEqual(after, before);
    before = after;
  }
  assertClean(store);
});

test('forty objects with one hash move together, over lines of overflow, and stay apart from each other', () => {
  const store = openLarge();
  const [absent, ...same] = colliding(41, (hash) => (hash & 4095) === 2048 + 5) as [number, ...number[]];
  same.forEach((object, i) => (store.alloc(object, type).value = i));
  for (let object = 0; object < 30_000; object++) store.getOrAlloc(object + 2 ** 40, type).value = object;
  assert.ok(store.stats().growth.buckets > 6000);
  same.forEach((object, i) => {
    assert.equal(store.get(object, type)!.value, i);
  });
  assert.equal(store.get(absent, type), undefined);
  assertClean(store);
  for (const object of same) assert.equal(store.free(object, type), true);
  for (const object of same) assert.equal(store.has(object, type), false);
  assertClean(store);
});

test('whoever finds growth under way goes on with his own work; the next one catches up', () => {
  const store = openLarge();
  const { words } = store.internals;
  words[Layout.GROW_LOCK] = 99;
  withoutWaiting(() => {
    for (let object = 0; object < 20_000; object++) store.alloc(object, type).value = object;
  });
  assert.equal(store.stats().growth.buckets, Layout.FIRST_BUCKETS);
  for (let object = 0; object < 20_000; object++) assert.equal(store.get(object, type)!.value, object);
  words[Layout.GROW_LOCK] = 0;
  for (let object = 20_000; object < 32_000; object++) store.alloc(object, type).value = object;
  assert.ok(store.stats().growth.buckets >= 32_000 / Layout.LOAD_FACTOR - 10);
  for (let object = 0; object < 32_000; object++) assert.equal(store.get(object, type)!.value, object);
  assertClean(store);
});

test('no single insertion pays for more than a few splits, however far growth has fallen behind', () => {
  const store = openLarge();
  const { words } = store.internals;
  words[Layout.GROW_LOCK] = 99;
  for (let object = 0; object < 30_000; object++) store.alloc(object, type);
  words[Layout.GROW_LOCK] = 0;
  for (let object = 30_000; object < 31_000; object++) {
    const before = store.stats().growth.splits;
    store.alloc(object, type);
    assert.ok(store.stats().growth.splits - before <= 12);
  }
  assert.ok(store.stats().growth.splits > 600);
  assertClean(store);
});

test('without memory for more buckets chains grow longer, and nothing worse', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [type] });
  const parents = fill(store, type);
  for (const parent of parents) store.get(parent, type)!.value = parent;
  const { buckets } = store.stats().growth;
  assert.ok(parents.length > buckets * Layout.LOAD_FACTOR, `${parents.length} variables in ${buckets} buckets`);
  for (const parent of parents) assert.equal(store.get(parent, type)!.value, parent);
  const { overflowLines } = assertClean(store);
  assert.ok(overflowLines > 0);
  for (const parent of parents) assert.equal(store.free(parent, type), true);
  assertEmpty(store);
  assert.ok(fill(store, type).length >= parents.length * 0.95);
  assertClean(store);
});

test('a split that gets no overflow line leaves the table as it was', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [type, defineShadowType({ id: 2, size: 60_000 })] });
  const { words } = store.internals;
  const buckets = (): number => store.stats().growth.buckets;
  // Ten of one hash stand in the first bucket in turn and would all move: the new bucket needs a second line.
  const same = colliding(10, (hash) => (hash & 4095) === 2048);
  for (const object of same) store.alloc(object, type);
  for (let object = 0; object < FULL - 80; object++) store.alloc(2 ** 45 + object, type);
  assert.equal(buckets(), Layout.FIRST_BUCKETS);
  // Every line of the page is taken away, as if other chains had them.
  const { slotAddress } = store.internals;
  const cache = slotAddress + Layout.THREAD_CLASSES;
  const lines = [words[cache + Layout.CACHE_HEAD]!, words[cache + Layout.CACHE_COUNT]!, words[cache + Layout.CARVE_NEXT]!];
  words[cache + Layout.CACHE_HEAD] = 0;
  words[cache + Layout.CACHE_COUNT] = 0;
  words[cache + Layout.CARVE_NEXT] = 0;
  const [floor, limit] = [words[Layout.PAGE_FLOOR]!, words[Layout.BUCKET_PAGE_LIMIT]!];
  words[Layout.PAGE_FLOOR] = limit;
  const objects: number[] = [];
  for (let object = 2 ** 46; buckets() === Layout.FIRST_BUCKETS && objects.length < 300; object++) {
    try {
      store.alloc(object, type);
      objects.push(object);
    } catch (error) {
      coded('ERR_SHADOW_EXHAUSTED')(error); // its chain needs a line, too
    }
  }
  assert.equal(buckets(), Layout.FIRST_BUCKETS);
  words[Layout.PAGE_FLOOR] = floor;
  words[cache + Layout.CACHE_HEAD] = lines[0]!;
  words[cache + Layout.CACHE_COUNT] = lines[1]!;
  words[cache + Layout.CARVE_NEXT] = lines[2]!;
  for (const object of [...same, ...objects]) assert.ok(store.has(object, type));
  assertClean(store);
  for (let object = 2 ** 47; object < 2 ** 47 + 100; object++) store.alloc(object, type);
  assert.ok(buckets() > Layout.FIRST_BUCKETS, 'with memory it grows');
  for (const object of [...same, ...objects]) assert.ok(store.has(object, type));
  assertClean(store);
});

test('at random: growing and shrinking, the table always holds exactly what was put in', (t) => {
  const random = seeded(t);
  const store = openLarge();
  const model = new Map<number, number>();
  for (let step = 0; step < 60_000; step++) {
    const object = random(20_000) + (random(4) === 0 ? 2 ** 45 : 0);
    if (random(100) < (step < 40_000 ? 70 : 20)) {
      const value = random(2 ** 32);
      store.getOrAlloc(object, type).value = value;
      model.set(object, value);
    } else {
      assert.equal(store.free(object, type), model.delete(object));
    }
    if (step % 64 === 0) store.safepoint();
  }
  for (let object = 0; object < 20_000; object++) assert.equal(store.get(object, type)?.value, model.get(object));
  assert.equal(assertClean(store).variables, model.size);
});
