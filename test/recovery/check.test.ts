import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import type { Violation } from '../../src/recovery/violations.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { findEntry } from '../../src/table/bucket.js';
import { bucketAddress, bucketIndex, hashObject, keyOf } from '../../src/table/hash.js';
import {
  assertClean,
  assertEmpty,
  blockOf,
  catchWarnings,
  coded,
  colliding,
  fill,
  MEBIBYTE,
  open,
  withoutWaiting,
} from '../shadow/fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const large = defineShadowType({ id: 2, size: 5000 });
const CLASS_OF_SMALL = 1;

/** A store with something of everything: variables, names, overflow lines, free, retired, cached and uncarved blocks, and a second thread. */
function furnished(): { store: ShadowStore; other: ShadowStore } {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, maxThreads: 4, types: [type, large] });
  const other = ShadowStore.attach(store.handle);
  for (const object of colliding(20)) store.alloc(object, type);
  for (let object = 100; object < 600; object++) store.alloc(object, type);
  for (let object = 100; object < 400; object++) store.free(object, type);
  store.safepoint();
  other.alloc('name', large);
  for (let object = 700; object < 720; object++) other.alloc(object, type);
  for (let object = 700; object < 720; object++) other.free(object, type);
  store.get(1, type);
  store.free(400, type);
  return { store, other };
}

/** Sets a word, checks, and puts it back. Returns the rules that were broken. */
function rulesBrokenBy(store: ShadowStore, damage: [number, number][]): Violation['rule'][] {
  const { words } = store.internals;
  const before = damage.map(([address]) => words[address]!);
  for (const [address, value] of damage) words[address] = value;
  const { ok, violations } = withoutWaiting(() => store.check());
  damage.forEach(([address], i) => {
    words[address] = before[i]!;
  });
  assert.equal(ok, violations.length === 0);
  for (const { rule, what, address } of violations) {
    assert.equal(typeof rule, 'string');
    assert.ok(what.length > 10);
    assert.ok(Number.isInteger(address));
  }
  assertClean(store);
  return [...new Set(violations.map(({ rule }) => rule))];
}

/** Addresses of what belongs to an object of the furnished store. */
function places(store: ShadowStore, object: number): { bucket: number; entry: number; block: number; slot: number } {
  const { words, memory } = store.internals;
  const block = blockOf(store.get(object, type));
  const identity = words[block + Layout.BLOCK_IDENTITY]!;
  const slot = identity & Layout.TYPE_SLOT_MASK;
  const hash = hashObject(object, 0);
  const bucket = bucketAddress(memory.buckets, bucketIndex(hash, words[Layout.BUCKET_COUNT]!));
  const entry = findEntry(words, bucket, keyOf(hash, slot), object, identity);
  assert.notEqual(entry, 0);
  return { bucket, entry, block, slot };
}

test('check() finds everything in order, tells what it found, and changes nothing', () => {
  const { store } = furnished();
  const found = assertClean(store);
  assert.equal(found.variables, 20 + 200 - 1 + 1);
  assert.equal(found.names, 1);
  assert.equal(found.retiredBlocks, 21);
  assert.ok(found.overflowLines > 0 && found.freeBlocks > 0 && found.uncarvedBlocks > 0);
  assert.equal(found.buckets, 2048);
  const { words, slotAddress } = store.internals;
  const before = words.slice();
  store.check();
  before[slotAddress + Layout.THREAD_INTENT_SEQUENCE]! += 2; // it says what it does
  assert.deepEqual(words.slice(), before);
  assert.deepEqual(JSON.parse(JSON.stringify(store.check())), store.check(), 'the result is plain JSON');
});

test('rule chain: an overflow link that leads nowhere, or into a variable, is reported', () => {
  const { store } = furnished();
  const { bucket, block } = places(store, 500);
  assert.ok(rulesBrokenBy(store, [[bucket + Layout.BUCKET_NEXT, 12_345]]).includes('chain'));
  assert.ok(rulesBrokenBy(store, [[bucket + Layout.BUCKET_NEXT, -5]]).includes('chain'));
  assert.ok(rulesBrokenBy(store, [[bucket + Layout.BUCKET_NEXT, 2 ** 31 - 1]]).includes('chain'));
  assert.ok(rulesBrokenBy(store, [[bucket + Layout.BUCKET_NEXT, block]]).includes('block'), 'a block of another class');
});

test('rule chain: a chain that runs in a circle is reported, not walked for ever', () => {
  const { store } = furnished();
  const [object] = colliding(1) as [number];
  const { bucket } = places(store, object);
  const { words } = store.internals;
  const line = words[bucket + Layout.BUCKET_NEXT]!;
  assert.notEqual(line, 0);
  const check = (): Violation['rule'][] => [...new Set(store.check().violations.map(({ rule }) => rule))];
  for (const [from, to] of [
    [line, line],
    [line, bucket],
    [bucket, bucket],
  ] as const) {
    const before = words[from + Layout.BUCKET_NEXT]!;
    words[from + Layout.BUCKET_NEXT] = to;
    // A loop without end is cut off by the virtual machine, so that it fails this test alone.
    const rules = runInNewContext('check()', { check }, { timeout: 3000 }) as Violation['rule'][];
    words[from + Layout.BUCKET_NEXT] = before;
    assert.ok(rules.includes('chain'), `from ${from} to ${to}`);
  }
  assertClean(store);
});

test('rule entry: a key that is not its object’s, an object in a foreign bucket, a type slot that is free', () => {
  const { store } = furnished();
  const { words, memory } = store.internals;
  const { entry, block, slot } = places(store, 500);
  const key = entry - Layout.BUCKET_ENTRIES;
  assert.deepEqual(rulesBrokenBy(store, [[key, words[key]! ^ 0x00800000]]), ['entry']);
  assert.deepEqual(rulesBrokenBy(store, [[block + Layout.BLOCK_OBJECT_LOW, 501_000]]), ['entry']);
  assert.ok(rulesBrokenBy(store, [[block + Layout.BLOCK_IDENTITY, words[block + Layout.BLOCK_IDENTITY]! + 1000]]).includes('entry'));
  const tag = memory.types + slot * Layout.TYPE_WORDS + Layout.TYPE_TAG;
  assert.ok(rulesBrokenBy(store, [[tag, words[tag]! & ~Layout.TYPE_STATE_MASK]]).includes('entry'));
});

test('rule block: a linked block of the dead, one that begins nowhere, one that is at two places at once', () => {
  const { store } = furnished();
  const { words, slotAddress } = store.internals;
  const one = places(store, 500);
  const two = places(store, 501);
  assert.deepEqual(rulesBrokenBy(store, [[one.block + Layout.BLOCK_GENERATION, words[one.block + Layout.BLOCK_GENERATION]! | 1]]), [
    'block',
  ]);
  for (const wrong of [one.block + 2, 5, -1, 2 ** 31 - 1])
    assert.ok(rulesBrokenBy(store, [[one.entry, wrong]]).includes('block'), String(wrong));
  assert.ok(rulesBrokenBy(store, [[one.entry, two.block]]).includes('block'), 'linked twice');
  const cache = slotAddress + Layout.THREAD_CLASSES + CLASS_OF_SMALL * Layout.CACHE_WORDS;
  assert.notEqual(words[cache + Layout.CACHE_HEAD], 0);
  assert.ok(rulesBrokenBy(store, [[cache + Layout.CACHE_HEAD, one.block]]).includes('block'), 'linked and free');
});

test('rule list: a list that counts wrongly, of every kind of list', () => {
  const { store, other } = furnished();
  const { words, slotAddress } = store.internals;
  const cache = slotAddress + Layout.THREAD_CLASSES + CLASS_OF_SMALL * Layout.CACHE_WORDS;
  const lists = [
    cache + Layout.CACHE_COUNT,
    slotAddress + Layout.THREAD_RETIRED + Layout.RETIRED_COUNT,
    other.internals.slotAddress + Layout.THREAD_RETIRED + Layout.RETIRED_COUNT,
    Layout.CLASSES + CLASS_OF_SMALL * Layout.CLASS_WORDS + Layout.CLASS_COUNT,
    Layout.ORPHANS + Layout.RETIRED_COUNT,
  ];
  for (const list of lists) {
    assert.ok(rulesBrokenBy(store, [[list, words[list]! + 1]]).includes('list'), `one more at ${list}`);
    if (words[list]! > 0) assert.ok(rulesBrokenBy(store, [[list, words[list]! - 1]]).length > 0, `one less at ${list}`);
  }
});

test('rule list: a free list that runs in a circle is reported, not walked for ever', () => {
  const { store } = furnished();
  const { words, slotAddress } = store.internals;
  const cache = slotAddress + Layout.THREAD_CLASSES + CLASS_OF_SMALL * Layout.CACHE_WORDS;
  const head = words[cache + Layout.CACHE_HEAD]!;
  const second = words[head + Layout.BLOCK_NEXT]!;
  assert.ok(second !== 0);
  assert.ok(rulesBrokenBy(store, [[second + Layout.BLOCK_NEXT, head]]).includes('list'));
});

test('rule leak: a block that is nowhere', () => {
  const { store } = furnished();
  const { words, slotAddress } = store.internals;
  const cache = slotAddress + Layout.THREAD_CLASSES + CLASS_OF_SMALL * Layout.CACHE_WORDS;
  const head = words[cache + Layout.CACHE_HEAD]!;
  assert.deepEqual(
    rulesBrokenBy(store, [
      [cache + Layout.CACHE_HEAD, words[head + Layout.BLOCK_NEXT]!],
      [cache + Layout.CACHE_COUNT, words[cache + Layout.CACHE_COUNT]! - 1],
    ]),
    ['leak'],
  );
  assert.ok(rulesBrokenBy(store, [[cache + Layout.CARVE_NEXT, 0]]).includes('leak'), 'the rest of a page');
  const { entry } = places(store, 500);
  const rules = rulesBrokenBy(store, [[entry, 0]]);
  assert.ok(rules.includes('leak') && rules.includes('count'), 'a variable that was unlinked by nobody');
});

test('rule count: a type that counts other variables than are linked', () => {
  const { store } = furnished();
  const { words, memory, slot } = store.internals;
  const place = places(store, 500);
  const counter = memory.counters + slot * Layout.COUNTER_WORDS_PER_THREAD + place.slot;
  assert.deepEqual(rulesBrokenBy(store, [[counter, words[counter]! + 1]]), ['count']);
  const base = memory.types + place.slot * Layout.TYPE_WORDS + Layout.TYPE_LIVE_BASE;
  assert.deepEqual(rulesBrokenBy(store, [[base, -1]]), ['count']);
  assert.deepEqual(rulesBrokenBy(store, [[memory.types + place.slot * Layout.TYPE_WORDS + Layout.TYPE_SIZE, -4]]), ['type']);
});

test('rule page: free pages miscounted, a page free and in use, buckets and blocks that overlap', () => {
  const small = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [type, large] });
  fill(small, large);
  small.freeAll(large);
  fill(small, type);
  small.freeAll(type);
  small.alloc(1, large);
  const { words, memory } = small.internals;
  assert.ok(words[Layout.FREE_PAGE_COUNT]! > 0);
  assert.deepEqual(rulesBrokenBy(small, [[Layout.FREE_PAGE_COUNT, words[Layout.FREE_PAGE_COUNT]! + 1]]), ['page']);
  const page = words[Layout.FREE_PAGE_HEAD]!;
  const entry = memory.pageTable + page * Layout.PAGE_ENTRY_WORDS;
  assert.ok(rulesBrokenBy(small, [[entry + Layout.PAGE_CLASS, 3]]).includes('page'));
  assert.ok(rulesBrokenBy(small, [[entry + Layout.PAGE_NEXT, 2 ** 30]]).includes('page'));
  assert.ok(rulesBrokenBy(small, [[entry + Layout.PAGE_NEXT, page]]).includes('page'), 'a circle');
  const used = memory.pageTable + (blockOf(small.get(1, large)) >>> Layout.PAGE_SHIFT) * Layout.PAGE_ENTRY_WORDS;
  assert.ok(rulesBrokenBy(small, [[used + Layout.PAGE_CLASS, 0]]).includes('page'));
  assert.ok(rulesBrokenBy(small, [[Layout.BUCKET_PAGE_LIMIT, words[Layout.PAGE_FLOOR]! + 1]]).includes('page'));
});

test('rule busy: a thread that stays in the middle of moving blocks is reported', () => {
  const { store, other } = furnished();
  const { words } = store.internals;
  const { slotAddress } = other.internals;
  const { wait } = Atomics;
  let waits = 0;
  Atomics.wait = () => (++waits, 'timed-out'); // not to spend the seconds for which check() has patience
  const sequence = slotAddress + Layout.THREAD_INTENT_SEQUENCE;
  const thread = slotAddress + Layout.THREAD_NODE_ID;
  const own = words[thread]!;
  try {
    words[thread] = own + 1000; // one that runs beside this one
    words[sequence] = words[sequence]! + 1;
    words[slotAddress + Layout.THREAD_INTENT] = Layout.INTENT_MEMORY;
    assert.deepEqual([...new Set(store.check().violations.map(({ rule }) => rule))], ['busy']);
    assert.ok(waits > 100);
  } finally {
    Atomics.wait = wait;
    words[thread] = own;
    words[slotAddress + Layout.THREAD_INTENT] = 0;
    words[sequence] = words[sequence]! - 1;
  }
  assertClean(store);
});

test('a thread that has said what it will change and waits for a bucket that check() holds is not busy', () => {
  const { store, other } = furnished();
  const { words } = store.internals;
  const { slotAddress } = other.internals;
  for (const intent of [Layout.INTENT_INSERT, Layout.INTENT_REMOVE]) {
    const sequence = slotAddress + Layout.THREAD_INTENT_SEQUENCE;
    words[sequence] = words[sequence]! + 1;
    words[slotAddress + Layout.THREAD_INTENT] = intent;
    words[slotAddress + Layout.THREAD_INTENT_BUCKET] = places(store, 500).bucket;
    const { violations } = withoutWaiting(() => store.check());
    words[slotAddress + Layout.THREAD_INTENT] = 0;
    words[sequence] = words[sequence] + 1;
    assert.deepEqual(violations, []);
  }
});

test('check() is clean while other threads allocate and free, and they go on after it', async () => {
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, maxThreads: 4, types: [type] });
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const workers = [1, 2].map(
    (seed) => new Worker(new URL('../shadow/workers/churn.js', import.meta.url), { workerData: { handle: store.handle, flags, seed } }),
  );
  try {
    const done = workers.map((worker) => once(worker, 'message'));
    for (let started = 0; started < 2; started = Atomics.load(flags, 1)) Atomics.wait(flags, 1, started);
    for (let round = 0; round < 10; round++) {
      const { violations } = store.check();
      assert.deepEqual(violations, [], `round ${round}`);
      store.get(1, type);
      store.safepoint();
    }
    Atomics.store(flags, 0, 1);
    const [[one], [two]] = (await Promise.all(done)) as [[number], [number]];
    assert.ok(one > 0 && two > 0);
    assertClean(store);
  } finally {
    Atomics.store(flags, 0, 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

test('a heavily damaged store gives a hundred violations at most, and check() lets go of every lock', () => {
  const { store } = furnished();
  const { words, memory } = store.internals;
  const keep = words.slice();
  for (let index = 0; index < 2048; index++) {
    for (let entry = 0; entry < Layout.BUCKET_ENTRIES; entry++)
      words[bucketAddress(memory.buckets, index) + Layout.BUCKET_BLOCKS + entry] = 7 + index;
  }
  const { ok, violations } = store.check();
  assert.equal(ok, false);
  assert.equal(violations.length, 100);
  words.set(keep);
  assertClean(store);
  store.freeAll(type);
  store.freeAll(large);
  assertEmpty(store);
});

test('check() of a disposed store is refused, and of one with unregistered and collected types is clean', (t) => {
  catchWarnings(t);
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'object', [type]);
  for (let object = 0; object < 100; object++) store.alloc(object, type);
  const [collection] = registry.unregister('patch', 'object');
  assert.equal(assertClean(store).variables, 100);
  while (!collection!.step(100)) assertClean(store);
  assertEmpty(store);
  store[Symbol.dispose]();
  assert.throws(() => store.check(), coded('ERR_SHADOW_DISPOSED'));
});

test('types: one slot of an id is in force, and those of older versions stand behind it', () => {
  const older = defineShadowType({ id: 9, size: 4 });
  const newer = defineShadowType({ id: 9, version: 2, size: 8, previous: older, migrate: () => undefined });
  const store = open(older, type);
  for (const object of [1, 2, 3]) store.alloc(object, older);
  store.alloc(1, type);
  store.internals.registry.changeVersion(newer);
  store.get(2, newer);
  const { memory, words } = store.internals;
  const at = (slot: number, word: number): number => memory.types + slot * Layout.TYPE_WORDS + word;
  const slotOf = (object: number, declared: typeof newer): number =>
    words[blockOf(store.get(object, declared)) + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
  const inForce = slotOf(2, newer);
  const behind = words[at(inForce, Layout.TYPE_PREVIOUS)]!;
  const plain = slotOf(1, type as never);
  assert.notEqual(behind, 0);
  const tag = (slot: number): number => words[at(slot, Layout.TYPE_TAG)]!;
  const inState = (slot: number, state: number): [number, number] => [
    at(slot, Layout.TYPE_TAG),
    (tag(slot) & ~Layout.TYPE_STATE_MASK) | state,
  ];
  assert.deepEqual(rulesBrokenBy(store, [[at(inForce, Layout.TYPE_PREVIOUS), 0]]), ['type', 'count']);
  assert.ok(rulesBrokenBy(store, [[at(inForce, Layout.TYPE_PREVIOUS), plain]]).includes('type'), 'behind it stands another id');
  assert.ok(rulesBrokenBy(store, [[at(inForce, Layout.TYPE_PREVIOUS), inForce]]).includes('type'), 'in a circle');
  assert.ok(rulesBrokenBy(store, [[at(inForce, Layout.TYPE_PREVIOUS), -5]]).includes('type'));
  assert.ok(
    rulesBrokenBy(store, [inState(behind, Layout.TYPE_STATE_LIVE)]).includes('type'),
    'variables of a version that is not in force',
  );
  assert.ok(rulesBrokenBy(store, [[at(plain, Layout.TYPE_ID), 9]]).includes('type'), 'two in force');
  assert.ok(rulesBrokenBy(store, [inState(behind, Layout.TYPE_STATE_DYING)]).includes('type'));
  assert.deepEqual(rulesBrokenBy(store, [[at(behind, Layout.TYPE_MIGRATED), 2]]), ['count'], 'a slot that looks emptier than it is');
  assert.deepEqual(rulesBrokenBy(store, [[at(behind, Layout.TYPE_MIGRATED), 0]]), [], 'fuller, as after a death');
  assert.deepEqual(rulesBrokenBy(store, [[at(behind, Layout.TYPE_LIVE_BASE), 1]]), ['count']);
});

test('one object has one variable of a type', () => {
  const store = open(type);
  const block = blockOf(store.alloc(1, type));
  const other = blockOf(store.alloc(2, type));
  const { words } = store.internals;
  const { entry } = places(store, 1);
  assert.deepEqual(rulesBrokenBy(store, [[other, words[block]!]]).includes('entry'), true);
  const second = places(store, 2);
  const { bucket } = places(store, 1);
  // The block of 2 poses as another one of 1, in the chain of 1.
  const unused = findUnused(words, bucket);
  assert.deepEqual(
    rulesBrokenBy(store, [
      [other, words[block]!],
      [second.entry, 0],
      [unused, other],
      [unused - Layout.BUCKET_ENTRIES, words[entry - Layout.BUCKET_ENTRIES]!],
    ]),
    ['entry'],
  );
});

function findUnused(words: Int32Array, bucket: number): number {
  for (let entry = bucket + Layout.BUCKET_BLOCKS; ; entry++) if (words[entry] === 0) return entry;
}
