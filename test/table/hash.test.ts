import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import {
  bucketAddress,
  bucketIndex,
  hashObject,
  identityOf,
  keyHasHash,
  keyOf,
  objectHigh,
  objectNumber,
  preferredEntry,
  splitLevel,
} from '../../src/table/hash.js';
import { seeded } from '../shadow/fixtures/setup.js';

const EDGES = [
  0,
  1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 52 - 1,
  2 ** 52,
  2 ** 52 + 2 ** 51,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

test('an object number is exactly its low word and its identity, over all 53 bits and every type slot', (t) => {
  const random = seeded(t);
  const numbers = [...EDGES];
  for (let i = 0; i < 5000; i++) numbers.push(random(2 ** 21) * 2 ** 32 + random(2 ** 32));
  for (const object of numbers) {
    for (const slot of [0, 1, 1023, Layout.TYPE_SLOT_DEAD]) {
      const identity = identityOf(objectHigh(object), slot);
      assert.equal(identity, identity | 0, 'an int32');
      assert.equal(objectNumber(object | 0, identity), object);
      assert.equal(identity & Layout.TYPE_SLOT_MASK, slot);
      assert.equal(identity >>> Layout.TYPE_SLOT_BITS, objectHigh(object));
    }
  }
});

test('the hash is a bijection of the low word: among half a million objects of one upper half no two share a hash', (t) => {
  const random = seeded(t);
  for (const high of [0, random(2 ** 20)]) {
    const lows = new Set<number>();
    while (lows.size < 2 ** 18) lows.add(random(2 ** 32) | 0);
    for (let low = 0; low < 2 ** 18; low++) lows.add(low);
    const hashes = new Set<number>();
    for (const low of lows) hashes.add(hashObject(low, high));
    assert.equal(hashes.size, lows.size); // chance would make about 32 pairs
    assert.ok(
      [...hashes].every((hash) => hash === (hash | 0)),
      'int32',
    );
  }
});

test('the upper half of an object counts in its hash', () => {
  const hashes = new Set<number>();
  for (let high = 0; high < 2 ** 12; high++) hashes.add(hashObject(5, high));
  assert.equal(hashes.size, 2 ** 12);
});

test('numbers at regular distances, and pairs packed into one number, make no long chains', () => {
  const patterns = new Map<string, (i: number) => number>([
    ['packed pairs of equals', (i) => ((i & 255) * 2 ** 24 + (i & 255) * 256 + (i >> 8)) % 2 ** 52],
  ]);
  const strides = [
    1,
    2,
    3,
    7,
    64,
    255,
    1000,
    2 ** 11,
    65_535,
    2 ** 16,
    65_537,
    2 ** 20,
    65_535 * 32,
    255 * 1024,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 39,
  ];
  for (const stride of strides) patterns.set(`stride ${stride}`, (i) => i * stride);
  const wrong: string[] = [];
  for (const [name, pattern] of patterns) {
    const chains = new Int32Array(2048);
    for (let i = 0; i < 2048 * 4; i++) chains[bucketIndex(hashObject(pattern(i) | 0, objectHigh(pattern(i))), 2048)]!++;
    const longest = Math.max(...chains);
    if (longest > 24) wrong.push(`${name}: a chain of ${longest}, 4 on average`); // random numbers make chains of 13 or so
  }
  assert.deepEqual(wrong, []);
});

test('the level is the largest power of two that is not above the number of buckets', () => {
  for (let exponent = 0; exponent < 27; exponent++) {
    const power = 2 ** exponent;
    assert.equal(splitLevel(power), power);
    if (power > 2) assert.equal(splitLevel(power + 1), power);
    assert.equal(splitLevel(2 * power - 1), power);
  }
});

test('the bucket of a hash is its remainder by the next power of two, or by the level where that bucket does not exist yet', (t) => {
  const random = seeded(t);
  const counts = [1, 2, 3, 2047, 2048, 2049, 4095, 4096, 4097, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 26 + 12345, 2 ** 27 - 1, 2 ** 27];
  for (let i = 0; i < 200; i++) counts.push(1 + random(2 ** 27));
  for (const count of counts) {
    const level = 2 ** Math.floor(Math.log2(count));
    for (let i = 0; i < 200; i++) {
      const hash = random(2 ** 32) | 0;
      const wide = (hash >>> 0) % (2 * level);
      assert.equal(bucketIndex(hash, count), wide < count ? wide : (hash >>> 0) % level, `hash ${hash} of ${count} buckets`);
    }
  }
});

test('one more bucket moves hashes from one bucket only, the one in turn, to the new one only', (t) => {
  const random = seeded(t);
  const hashes = Array.from({ length: 3000 }, () => random(2 ** 32) | 0);
  for (const first of [2048, 4000, 4095, 4096, 8191]) {
    for (let count = first; count < first + 60; count++) {
      const source = count - splitLevel(count);
      for (const hash of hashes) {
        const [before, after] = [bucketIndex(hash, count), bucketIndex(hash, count + 1)];
        if (before === after) continue;
        assert.equal(before, source);
        assert.equal(after, count);
        assert.notEqual(hash & splitLevel(count), 0);
      }
      for (const hash of hashes) {
        if (bucketIndex(hash, count) === source)
          assert.equal(bucketIndex(hash, count + 1), (hash & splitLevel(count)) === 0 ? source : count);
      }
    }
  }
});

test('key and bucket index together are the whole hash, from the first bucket count on', (t) => {
  const random = seeded(t);
  assert.equal(Layout.FIRST_BUCKETS, 2 ** Layout.TYPE_SLOT_BITS);
  for (let i = 0; i < 5000; i++) {
    const hash = random(2 ** 32) | 0;
    const count = Layout.FIRST_BUCKETS + random(2 ** 20);
    const slot = random(Layout.TYPE_SLOTS);
    const key = keyOf(hash, slot);
    assert.equal(key & Layout.TYPE_SLOT_MASK, slot);
    assert.equal((key & ~Layout.TYPE_SLOT_MASK) | (bucketIndex(hash, count) & Layout.TYPE_SLOT_MASK), hash);
  }
});

test('a key belongs to a hash whatever its type, and to no hash that differs above the index bits', () => {
  const hash = 0x12345678;
  for (const slot of [0, 5, Layout.TYPE_SLOT_MASK]) {
    assert.equal(keyHasHash(keyOf(hash, slot), hash), true);
    for (let bit = Layout.TYPE_SLOT_BITS; bit < 32; bit++) assert.equal(keyHasHash(keyOf(hash, slot), hash ^ (1 << bit)), false);
  }
});

test('the preferred entry and its neighbour lie in the line, and every pair is preferred equally often', () => {
  const times = new Int32Array(Layout.BUCKET_ENTRIES);
  for (let high = 0; high < 256; high++) times[preferredEntry(high << 24)]!++;
  assert.equal(times[Layout.PREFERENCES], 0);
  for (let pair = 0; pair < Layout.PREFERENCES; pair++) assert.ok(Math.abs(times[pair]! - 256 / Layout.PREFERENCES) < 1);
});

test('buckets lie one line apart', () => {
  assert.equal(bucketAddress(1024, 0), 1024);
  assert.equal(bucketAddress(1024, 5), 1024 + 5 * Layout.LINE_WORDS);
  assert.equal(bucketAddress(1024, 2 ** 26), 1024 + 2 ** 30);
});
