import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { OccupancyReader } from '../../src/table/occupancy.js';

const type = defineShadowType({ id: 1, size: 8 });

function fill(variables: number): { store: ShadowStore; reader: OccupancyReader } {
  const store = ShadowStore.create({ maxBytes: 2 ** 26, types: [type] });
  for (let obj = 0; obj < variables; obj++) store.alloc(obj, type);
  return { store, reader: new OccupancyReader(store.internals.memory) };
}

test('as long as every bucket has a cell, the cells add up to the variables', () => {
  const { reader } = fill(3000);
  const { buckets, bucketsPerCell, cells, used, meanUsed } = reader.read();
  assert.deepEqual([buckets, bucketsPerCell, cells], [Layout.FIRST_BUCKETS, 1, Layout.FIRST_BUCKETS]);
  const sum = used.reduce((total, cell) => total + cell, 0);
  assert.equal(sum, 3000);
  assert.equal(meanUsed, 3000 / buckets);
});

test('a line that overflows is seen', () => {
  const store = ShadowStore.create({
    maxBytes: 2 ** 24,
    types: [...Array(12).keys()].map((id) => defineShadowType({ id: id + 10, size: 8 })),
  });
  for (const { id } of store.stats().types) store.alloc(5, defineShadowType({ id, size: 8 }));
  const { used, overflowing, shareOverflowing } = new OccupancyReader(store.internals.memory).read();
  assert.equal(Math.max(...used), Layout.BUCKET_ENTRIES);
  assert.deepEqual([overflowing.filter((share) => share > 0).length, shareOverflowing], [1, 1 / Layout.FIRST_BUCKETS]);
});

test('however many buckets there are, few lines are read at once, and in turn all of them', (t) => {
  const { store, reader } = fill(60_000);
  const { words, memory } = store.internals;
  const { buckets, bucketsPerCell, readPerCell, cells } = reader.read();
  assert.ok(bucketsPerCell > 2 && cells <= Layout.FIRST_BUCKETS && readPerCell === 2);
  const read = new Set<number>();
  const spied = new Proxy(words, {
    get(target, key) {
      const address = Number(key);
      if (address >= memory.buckets) read.add((address - memory.buckets) >>> Layout.BUCKET_SHIFT);
      return Reflect.get(target, key) as unknown;
    },
  });
  const watched = new OccupancyReader(Object.create(memory, { words: { value: spied } }) as typeof memory);
  watched.read();
  assert.equal(read.size, cells * readPerCell - (buckets % bucketsPerCell === 1 ? 1 : 0));
  for (let i = 1; i < bucketsPerCell; i++) watched.read();
  assert.equal(read.size, buckets);
  t.diagnostic(`${buckets} buckets`);
});

test('a number of buckets that cannot be is none', () => {
  const { store, reader } = fill(10);
  for (const count of [-1, 0, 2 ** 30]) {
    store.internals.words[Layout.BUCKET_COUNT] = count;
    assert.deepEqual([reader.read().cells, reader.read().meanUsed], [0, 0]);
  }
});
