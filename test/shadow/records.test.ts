/** What the coordinator keeps in the store for its successor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ShadowError } from '../../src/errors.js';
import { Layout } from '../../src/memory/layout.js';
import { entryBlock, entryKey, nextEntry } from '../../src/table/bucket.js';
import { bucketAddress } from '../../src/table/hash.js';
import { Records } from '../../src/shadow/records.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { Random, seedOf } from '../concurrency/random.js';

const type = defineShadowType({ id: 1, size: 1000 });

function create(maxBytes = 2 ** 24): { store: ShadowStore; records: Records } {
  const store = ShadowStore.create({ maxBytes, types: [type] });
  return { store, records: recordsOf(store) };
}

function recordsOf({ internals }: ShadowStore): Records {
  return new Records(internals.variables, internals.bindings);
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ShadowError && error.code === code;
}

/** The blocks that hold pieces. */
function pieces({ internals }: ShadowStore): number[] {
  const { table } = internals.variables;
  const found: number[] = [];
  for (let index = 0; index < table.bucketCount; index++) {
    const bucket = bucketAddress(table.buckets, index);
    for (let entry = nextEntry(table.words, bucket, 0); entry !== 0; entry = nextEntry(table.words, bucket, entry))
      if ((entryKey(table.words, entry) & Layout.TYPE_SLOT_MASK) === Layout.TYPE_SLOT_RECORDS) found.push(entryBlock(table.words, entry));
  }
  return found;
}

test('the newest record is what any thread reads, whatever its length, and texts are what was kept', (t) => {
  const random = new Random(seedOf(t));
  const { store, records } = create();
  assert.equal(records.read(), undefined);
  for (let round = 0; round < 60; round++) {
    const text = 'ä∑x'.repeat(random.below(random.oneIn(4) ? 20_000 : 2000)) + String(round);
    records.write(text);
    assert.equal(records.read(), text);
    const other = ShadowStore.attach(store.handle);
    assert.equal(recordsOf(other).read(), text);
    if (round % 3 === 0) records.keep(round, text);
    if (round >= 10) records.drop(round - 10);
    assert.equal(recordsOf(other).text(round - (round % 3)), recordsOf(store).text(round - (round % 3)));
    other[Symbol.dispose]();
  }
  assert.deepEqual(store.check().violations, []);
  for (let round = 50; round < 60; round++) records.drop(round);
  records.write('short');
  records.write('shorter');
  assert.ok(pieces(store).length <= 6, 'no more than two in each place to spare');
  records.clean(new Set(), true);
  assert.deepEqual([records.read(), pieces(store)], [undefined, []]);
  assert.deepEqual(store.check().violations, []);
});

test('a record that is half written, or damaged where it is not in use, does not count', () => {
  const { store, records } = create();
  records.write('one');
  records.write('two'.repeat(5000));
  const { words } = store.internals;
  const before = new Set(pieces(store));
  const attempt = recordsOf(store);
  // Whoever writes the third dies before the last word.
  const number = words[Layout.PATCH_RECORD]!;
  attempt.write('three'.repeat(9000));
  words[Layout.PATCH_RECORD] = number;
  assert.ok(pieces(store).length > before.size);
  assert.equal(recordsOf(store).read(), 'two'.repeat(5000));
  recordsOf(store).write('four');
  assert.equal(recordsOf(store).read(), 'four');
  assert.deepEqual(store.check().violations, []);
});

test('a damaged record is refused', () => {
  const { store, records } = create();
  const text = 'some text '.repeat(1000);
  records.write(text);
  const { words } = store.internals;
  for (const block of pieces(store)) {
    for (const at of [0, 1, 2, 3, 1000]) {
      const word = block + Layout.BLOCK_DATA + at;
      const was = words[word]!;
      words[word] = was ^ 0x100;
      let read: string | undefined;
      try {
        read = recordsOf(store).read();
      } catch (error) {
        assert.ok(coded('ERR_PATCH_TAKEOVER')(error));
      }
      assert.ok(read === undefined || read === text, 'behind the end of the text');
      words[word] = was;
    }
  }
  words[Layout.PATCH_RECORD] = 8;
  assert.throws(() => records.read(), coded('ERR_PATCH_TAKEOVER'));
  records.lose();
  assert.throws(() => records.read(), coded('ERR_PATCH_TAKEOVER'));
  records.write(text);
  assert.equal(records.read(), text);
  assert.throws(() => records.text(3), coded('ERR_PATCH_TAKEOVER'));
});

test('in a store without memory a record can still grow a little; one that cannot be written leaves the one before', () => {
  const { store, records } = create(2 ** 21);
  records.write('x'.repeat(3000));
  records.write('y'.repeat(3000));
  let object = 0;
  assert.throws(() => {
    for (;;) store.alloc(object++, type);
  }, coded('ERR_SHADOW_EXHAUSTED'));
  records.write('z'.repeat(7000));
  records.write('a'.repeat(7000));
  assert.throws(() => {
    records.write('b'.repeat(700_000));
  }, coded('ERR_SHADOW_EXHAUSTED'));
  assert.equal(recordsOf(store).read(), 'a'.repeat(7000));
  assert.throws(() => {
    records.keep(5, 'c'.repeat(700_000));
  }, coded('ERR_SHADOW_EXHAUSTED'));
  assert.throws(() => records.text(5), coded('ERR_PATCH_TAKEOVER'));
  assert.deepEqual(store.check().violations, []);
});

test('no operation of the store meets a record', () => {
  const { store, records } = create();
  const { live, types, allocated, freed } = store.stats();
  records.write('record');
  records.keep(1, 'text');
  const count = pieces(store).length;
  assert.ok(count > 1);
  records.keep(2, 'text');
  records.drop(2);
  assert.deepEqual([store.stats().allocated, store.stats().freed], [allocated, freed]);
  for (let object = 0; object < 4; object++) assert.equal(store.freeObject(object * 2 ** 16), 0);
  store.alloc(0, type);
  assert.equal(store.freeObject(0), 1);
  assert.equal(store.freeAll(type), 0);
  assert.deepEqual([...store.entries(type)], []);
  assert.deepEqual([store.stats().live, store.stats().types], [live, types]);
  assert.equal(store.check().found.variables, 0);
  assert.equal(pieces(store).length, count);
  assert.equal(records.read(), 'record');
});

test('what a thread left that died while it wrote texts is cleaned away', () => {
  const { store, records } = create();
  records.write('record');
  records.keep(1, 'one'.repeat(5000));
  records.keep(2, 'two'.repeat(5000));
  const successor = recordsOf(store);
  successor.clean(new Set([2]), false);
  assert.equal(successor.text(2), 'two'.repeat(5000));
  assert.throws(() => successor.text(1), coded('ERR_PATCH_TAKEOVER'));
  assert.equal(successor.read(), 'record');
  assert.deepEqual(store.check().violations, []);
});
