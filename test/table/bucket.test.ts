import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { appendLine, clearEntry, entryBlock, entryKey, findEntry, nextEntry, publishEntry, unusedEntry } from '../../src/table/bucket.js';
import { findBlock } from '../../src/table/find.js';
import { bucketAddress, bucketIndex, hashObject, identityOf, keyOf, objectHigh, preferredEntry } from '../../src/table/hash.js';
import { colliding } from '../shadow/fixtures/setup.js';

const SLOT = 3;
const BUCKETS = 1024;
/** Behind the buckets: room for lines and blocks. */
const REST = BUCKETS + 8192 * Layout.BUCKET_WORDS;

/** Words that hold nothing but buckets, lines and blocks, the way a store lays them out. */
function table(count: number = Layout.FIRST_BUCKETS) {
  const words = new Int32Array(new SharedArrayBuffer((REST + 4096) * 4));
  words[Layout.BUCKET_COUNT] = count;
  let next = REST;
  const take = (size: number): number => (next += size) - size;
  const insert = (object: number, slot = SLOT): number => {
    const hash = hashObject(object | 0, objectHigh(object));
    const bucket = bucketAddress(BUCKETS, bucketIndex(hash, count));
    const key = keyOf(hash, slot);
    const block = take(16);
    words[block + Layout.BLOCK_OBJECT_LOW] = object | 0;
    words[block + Layout.BLOCK_IDENTITY] = identityOf(objectHigh(object), slot);
    publishEntry(words, unusedEntry(words, bucket, key) || appendLine(words, bucket, take(16)), key, block);
    return block;
  };
  const look = (object: number, slot = SLOT, through: Int32Array = words): number => {
    const hash = hashObject(object | 0, objectHigh(object));
    return findBlock(through, BUCKETS, object | 0, identityOf(objectHigh(object), slot), hash);
  };
  const entry = (object: number, slot = SLOT): number => {
    const hash = hashObject(object | 0, objectHigh(object));
    const bucket = bucketAddress(BUCKETS, bucketIndex(hash, count));
    return findEntry(words, bucket, keyOf(hash, slot), object | 0, identityOf(objectHigh(object), slot));
  };
  return { words, insert, look, entry, take };
}

/** The address of the bucket of an object's hash. */
function bucketOf(object: number, count: number = Layout.FIRST_BUCKETS): number {
  return bucketAddress(BUCKETS, bucketIndex(hashObject(object | 0, objectHigh(object)), count));
}

test('a new entry takes the first of its two preferred places that is free, then any of the line, then none', () => {
  const { words } = table();
  for (const key of [0x00000003, 0x7f000003, 0xff000003 | 0, 0x90000003 | 0]) {
    words.fill(0, BUCKETS, BUCKETS + Layout.BUCKET_WORDS);
    const first = BUCKETS + Layout.BUCKET_BLOCKS + preferredEntry(key);
    const taken: number[] = [];
    for (let i = 0; i < Layout.BUCKET_ENTRIES; i++) {
      const entry = unusedEntry(words, BUCKETS, key);
      taken.push(entry);
      words[entry] = 77;
    }
    assert.deepEqual(taken.slice(0, 2), [first, first + 1]);
    assert.equal(new Set(taken).size, Layout.BUCKET_ENTRIES);
    for (const entry of taken) assert.ok(entry >= BUCKETS + Layout.BUCKET_BLOCKS && entry < BUCKETS + Layout.BUCKET_WORDS);
    assert.equal(unusedEntry(words, BUCKETS, key), 0);
  }
});

test('an entry is there from publish to clear; its key stays and is dead', () => {
  const { words, insert, look, entry } = table();
  assert.equal(look(42), 0);
  const block = insert(42);
  assert.equal(look(42), block);
  const at = entry(42);
  assert.equal(entryBlock(words, at), block);
  const key = entryKey(words, at);
  clearEntry(words, at);
  assert.equal(look(42), 0);
  assert.equal(entry(42), 0);
  assert.equal(entryKey(words, at), key);
  const again = insert(42);
  assert.equal(look(42), again);
});

test('among entries whose keys are all equal, in the primary line and in overflow lines, the block itself decides', () => {
  const { words, insert, look, entry } = table();
  const [absent, ...objects] = colliding(26) as [number, ...number[]];
  const blocks = objects.map((object) => insert(object));
  objects.forEach((object, i) => {
    assert.equal(look(object), blocks[i]);
    assert.equal(entryBlock(words, entry(object)), blocks[i]);
  });
  assert.equal(look(absent), 0, 'the same key, but nobody');
  for (const [i, object] of objects.entries()) {
    if (i % 3 !== 0) continue;
    clearEntry(words, entry(object));
    assert.equal(look(object), 0);
  }
  objects.forEach((object, i) => {
    if (i % 3 !== 0) assert.equal(look(object), blocks[i], 'the others are still found');
  });
});

test('a variable alone in its line is found in each of the seven places', () => {
  const { words, insert, look, entry } = table();
  const block = insert(42);
  const [at, key] = [entry(42), entryKey(words, entry(42))];
  clearEntry(words, at);
  for (let place = 0; place < Layout.BUCKET_ENTRIES; place++) {
    const line = at & -Layout.BUCKET_WORDS;
    words.fill(0, line, line + Layout.BUCKET_WORDS);
    publishEntry(words, line + Layout.BUCKET_BLOCKS + place, key, block);
    assert.equal(look(42), block, `place ${place}`);
    assert.equal(entry(42), line + Layout.BUCKET_BLOCKS + place);
  }
});

test('variables of one object and different types are told apart, as are objects that differ in their upper half only', () => {
  const { insert, look } = table();
  const objects = [5, 5 + 2 ** 32, 5 + 2 ** 40, 5 + 2 ** 52];
  const blocks = new Map<string, number>();
  for (const object of objects) for (const slot of [1, 2, 1000]) blocks.set(`${object}/${slot}`, insert(object, slot));
  for (const object of objects) for (const slot of [1, 2, 1000]) assert.equal(look(object, slot), blocks.get(`${object}/${slot}`));
  assert.equal(look(5, 4), 0);
  assert.equal(look(5 + 2 ** 41, 1), 0);
});

test('dead keys that look like the one asked for do not hide a living entry', () => {
  const { words, insert, look, entry } = table();
  const objects = colliding(14);
  for (const object of objects) insert(object);
  for (const object of objects.slice(0, 13)) clearEntry(words, entry(object));
  assert.notEqual(look(objects[13]!), 0);
  for (const object of objects.slice(0, 13)) assert.equal(look(object), 0);
});

test('a key of all zeros is found and missed like any other', () => {
  const { insert, look } = table();
  const [first, second] = colliding(2, (hash) => keyOf(hash, 0) === 0) as [number, number];
  assert.equal(look(first, 0), 0);
  const block = insert(first, 0);
  assert.equal(look(first, 0), block);
  assert.equal(look(second, 0), 0);
});

test('a walk over a chain meets every entry in use once, over all its lines, in spite of gaps', () => {
  const { words, insert, entry } = table();
  const objects = colliding(30);
  const blocks = objects.map((object) => insert(object));
  const bucket = bucketOf(objects[0]!);
  const walk = (): number[] => {
    const met: number[] = [];
    for (let at = nextEntry(words, bucket, 0); at !== 0; at = nextEntry(words, bucket, at)) met.push(entryBlock(words, at));
    return met.sort((a, b) => a - b);
  };
  assert.deepEqual(walk(), blocks);
  for (const object of objects.slice(3, 24)) clearEntry(words, entry(object));
  assert.deepEqual(walk(), [...blocks.slice(0, 3), ...blocks.slice(24)]);
  for (const object of objects) if (entry(object) !== 0) clearEntry(words, entry(object));
  assert.deepEqual(walk(), []);
});

test('an overflow line is emptied of what stood there before it can be seen, and goes to the end of the chain', () => {
  const { words, insert, look, take } = table();
  const object = 42;
  const block = insert(object);
  const bucket = bucketOf(object);
  const lines = [take(16), take(16), take(16)];
  for (const [ordinal, line] of lines.entries()) {
    words.fill(block, line, line + Layout.BUCKET_WORDS);
    assert.equal(appendLine(words, bucket, line), line + Layout.BUCKET_BLOCKS);
    assert.equal(words[line + Layout.LINE_ORDINAL], ordinal + 1);
    for (let word = 1; word < Layout.BUCKET_WORDS; word++) assert.equal(words[line + word], 0);
  }
  const chain: number[] = [];
  for (let line = words[bucket + Layout.BUCKET_NEXT]!; line !== 0; line = words[line + Layout.BUCKET_NEXT]!) chain.push(line);
  assert.deepEqual(chain, lines);
  assert.equal(look(object), block);
});

test('a miss counts only if no bucket was split meanwhile: an entry that moves during the look-up is found', () => {
  const count = Layout.FIRST_BUCKETS;
  // Bit 11 of the hash is set, so the split of bucket 7 moves the object to bucket `count` + 7.
  const [object, ...others] = colliding(13, (hash) => (hash & (2 * count - 1)) === (count | 7)) as [number, ...number[]];
  for (const withOverflow of [false, true]) {
    const { words, insert, look, entry } = table(count + 7);
    if (withOverflow) for (const other of others) insert(other);
    const block = insert(object);
    let moved = false;
    const split = (): void => {
      moved = true;
      const at = entry(object);
      const target = bucketAddress(BUCKETS, count + 7);
      publishEntry(words, unusedEntry(words, target, entryKey(words, at)), entryKey(words, at), block);
      words[Layout.BUCKET_COUNT] = count + 8;
      clearEntry(words, at);
    };
    const line = bucketAddress(BUCKETS, 7);
    const watched = new Proxy(words, {
      get: (target, property) => {
        if (!moved && Number(property) >= line && Number(property) < line + Layout.BUCKET_WORDS) split();
        const value: unknown = Reflect.get(target, property);
        return value;
      },
    });
    assert.equal(look(object, SLOT, watched), block);
    assert.equal(moved, true);
    assert.equal(look(object), block);
  }
});
