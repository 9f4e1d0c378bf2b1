import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { classAddress, classOfDataBytes } from '../../src/memory/classes.js';
import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import type { CheckResult } from '../../src/recovery/check.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { bucketAddress, bucketIndex, hashObject } from '../../src/table/hash.js';
import { assertClean, blockOf, coded, colliding, fill, MEBIBYTE, open } from '../shadow/fixtures/setup.js';
import { contents } from './fixtures/contents.js';
import { entriesOf, entryOf } from './fixtures/entries.js';
import { count, note, prepare } from './fixtures/prepared.js';
import { runFlips } from './fixtures/watchdog.js';
import { wordClasses } from './fixtures/word-classes.js';

/** Of these no other word tells what they were; a store in which they are wrong is as good as one with other types. */
const NOT_REPAIRED = new Set(['TYPE_ID', 'TYPE_SIZE', 'TYPE_VERSION']);

const BITS = [0, 3, 11, 20, 31];
const ADDRESSES_OF_EACH = 3;

test('each class of words: after a flipped bit the store is repaired, and every variable is as it was', () => {
  const prepared = prepare();
  const { store } = prepared;
  const { words } = store.internals;
  const image = words.slice();
  const before = contents(prepared);
  words.set(image);
  const unclean: string[] = [];
  for (const { name, addresses } of wordClasses(store)) {
    if (NOT_REPAIRED.has(name)) continue;
    const step = Math.max(1, addresses.length / ADDRESSES_OF_EACH);
    for (let i = 0; i < Math.min(ADDRESSES_OF_EACH, addresses.length); i++) {
      const address = addresses[Math.floor(i * step)]!;
      for (const bit of BITS) {
        words[address] = words[address]! ^ (1 << bit);
        const found = store.check().ok;
        const { ok, repair } = store.check({ repair: true });
        const what = `${name} at ${address}, bit ${bit}`;
        if (!ok) unclean.push(`${what}: ${JSON.stringify(repair?.left[0])}`);
        else assert.deepEqual(store.check().violations, [], what);
        if (found) assert.equal(repair, undefined, 'nothing to repair');
        else if (ok && repair !== undefined) assert.ok(repair.done.length > 0, what); // else recovery has found it already
        if (ok && !found) assert.deepEqual(contents(prepared), before, what);
        words.set(image);
      }
    }
  }
  assert.deepEqual(unclean, []);
});

test('random damage of one word or several: what could be read is there after the repair, and what is said to be in order is', async (t) => {
  const { flips, codes, alone } = await runFlips(t, { flips: Number(process.env['UMBRA_FLIPS'] ?? 150), mode: 'repair' });
  if (!alone) assert.ok((codes['repaired'] ?? 0) > flips / 3, `${codes['repaired']} of ${flips} repaired`);
});

test('a store in order is left as it is', () => {
  const { store } = prepare();
  const { words, slotAddress } = store.internals;
  const before = words.slice();
  const result = store.check({ repair: true });
  assert.equal(result.ok, true);
  assert.equal(result.repair, undefined);
  assert.deepEqual(result.violations, []);
  before[slotAddress + Layout.THREAD_INTENT_SEQUENCE]! += 2; // it says what it does
  before.fill(0, slotAddress + Layout.THREAD_INTENT_BUCKET, slotAddress + Layout.THREAD_INTENT_SEQUENCE);
  assert.deepEqual(words.slice(), before);
});

test('the options of check() are checked, and repair is refused where somebody is in the middle of something', () => {
  const store = open(count);
  for (const wrong of [null, 5, 'repair', true]) assert.throws(() => store.check(wrong as never), coded('ERR_SHADOW_OPTION'));
  assert.throws(() => store.check({ repair: 1 as never }), coded('ERR_SHADOW_OPTION', /repair is 1/));
  assert.throws(() => store.check({ fix: true } as never), coded('ERR_SHADOW_OPTION', /unknown option fix/));
  assert.equal(store.check({}).ok, true);
  assert.equal(store.check({ repair: false }).ok, true);
  store.withLock(store.alloc(1, count), () => {
    assert.equal(store.check().ok, true);
    assert.throws(() => store.check({ repair: true }), coded('ERR_SHADOW_SAFEPOINT_NESTED', /lock body/));
  });
  store[Symbol.dispose]();
  assert.throws(() => store.check({ repair: true }), coded('ERR_SHADOW_DISPOSED'));
});

test('what no one owns is given back: as many variables fit afterwards as before', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [count] });
  const { words, slotAddress } = store.internals;
  const most = fill(store, count).length;
  store.freeAll(count);
  store.safepoint();
  for (let object = 0; object < 100; object++) store.alloc(object, count);
  // The thread's own list of free blocks, the page it carves and the global list are forgotten.
  const cache = slotAddress + Layout.THREAD_CLASSES + classOfDataBytes(count.size) * Layout.CACHE_WORDS;
  for (const word of [Layout.CACHE_HEAD, Layout.CACHE_COUNT, Layout.CARVE_NEXT]) words[cache + word] = 0;
  const list = classAddress(classOfDataBytes(count.size));
  words[list + Layout.CLASS_HEAD] = 0;
  words[list + Layout.CLASS_COUNT] = 0;
  assert.equal(store.check().ok, false);
  const { ok, violations, omitted, repair } = store.check({ repair: true });
  assert.equal(ok, true);
  assert.deepEqual([...new Set(violations.map(({ rule }) => rule))], ['leak']);
  assert.equal(repair!.done.length + repair!.omitted, violations.length + omitted);
  for (const { rule, what, address } of repair!.done)
    assert.deepEqual([rule, what.includes('given back'), address > 0], ['leak', true, true]);
  assert.deepEqual(repair!.left, []);
  assertClean(store);
  store.safepoint();
  assert.equal(100 + fill(store, count, 1000).length, most);
  assertClean(store);
});

test('a lock that a free slot or none holds is released, and who waits for it goes on', async () => {
  const store = ShadowStore.create({ maxBytes: 2 * MEBIBYTE, maxThreads: 4, types: [count] });
  store.alloc(1, count).value = 5;
  const { words, memory } = store.internals;
  const bucket = bucketAddress(memory.buckets, bucketIndex(hashObject(2, 0), words[Layout.BUCKET_COUNT]!));
  const flags = new Int32Array(new SharedArrayBuffer(8));
  words[bucket + Layout.BUCKET_LOCK] = 3; // slot 2, which nobody has
  words[Layout.CLASSES + Layout.CLASS_LOCK] = 900;
  words[Layout.NAME_LOCK] = 4;
  const worker = new Worker(new URL('./workers/waiter.js', import.meta.url), { workerData: { handle: store.handle, flags, object: 2 } });
  try {
    const exit = once(worker, 'exit');
    while (Atomics.load(flags, 0) === 0) Atomics.wait(flags, 0, 0, 1000);
    const { ok, repair, violations } = store.check({ repair: true });
    assert.deepEqual(
      violations.map(({ rule }) => rule),
      ['lock', 'lock', 'lock'],
    );
    assert.equal(ok, true);
    assert.equal(repair!.done.filter(({ rule }) => rule === 'lock').length, 3);
    await exit;
    assert.equal(store.get(2, count)?.value, 7);
    assertClean(store);
  } finally {
    await worker.terminate();
  }
});

test('counts of types, of entries, of lists and of free pages come to what is there', () => {
  const { store } = prepare();
  const { words, memory } = store.internals;
  const slot = words[blockOf(store.get(1, count)) + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
  words[memory.counters + slot]! += 7;
  words[memory.types + slot * Layout.TYPE_WORDS + Layout.TYPE_LIVE_BASE]! -= 3;
  words[Layout.ENTRY_COUNT]! += 5000;
  words[Layout.FREE_PAGE_COUNT]!++;
  words[classAddress(classOfDataBytes(count.size)) + Layout.CLASS_COUNT]! -= 2;
  words[Layout.ORPHANS + Layout.RETIRED_COUNT]! += 1;
  const live = store.check().found.variables;
  repaired(store, ['count', 'list', 'page']);
  assert.equal(store.stats().types.find(({ id }) => id === count.id)?.live, 186);
  assert.equal(store.check().found.variables, live);
});

test('a name without a variable goes, one with a letter lost is put back', () => {
  const store = open(count);
  store.alloc('ada', count).value = 1;
  store.alloc('grace', count).value = 2;
  const { words } = store.internals;
  const [ada, grace] = ['ada', 'grace'].map((name) => nameRecord(store, name)) as [number, number];
  words[grace + Layout.BLOCK_DATA + 2] = words[grace + Layout.BLOCK_DATA + 2]! ^ 0x20;
  assert.equal(store.get('grace', count), undefined);
  repaired(store, ['name']);
  assert.equal(store.get('grace', count)?.value, 2);
  // The variable of 'ada' is unlinked by nobody; its name stays behind.
  const block = blockOf(store.get('ada', count));
  const entry = entryOf(store, block);
  words[entry] = 0;
  repaired(store, ['name', 'count', 'leak']);
  assert.equal(store.check().found.names, 1);
  assert.equal(words[ada + Layout.BLOCK_IDENTITY], Layout.TYPE_SLOT_DEAD);
  store.alloc('ada', count).value = 3;
  assert.equal(store.get('ada', count)?.value, 3);
  assertClean(store);
});

test('variables whose string is lost are reported and left alone', () => {
  const store = open(count);
  store.alloc('ada', count).value = 1;
  const { words } = store.internals;
  words[entryOf(store, nameRecord(store, 'ada'))] = 0;
  const { ok, repair } = store.check({ repair: true });
  assert.equal(ok, false);
  assert.deepEqual([...new Set(repair!.left.map(({ rule }) => rule))], ['name']);
  assert.equal([...store.entries(count)].length, 1);
  assert.equal(store.freeAll(count), 1);
  assert.equal(store.check({ repair: true }).ok, true);
});

test('chains that run in a circle or lead nowhere end, and no variable in front of that is lost', () => {
  const store = open(count);
  const crowd = colliding(40);
  for (const object of crowd) store.alloc(object, count).value = object % 1000;
  const { words, memory } = store.internals;
  const bucket = bucketAddress(memory.buckets, bucketIndex(hashObject(crowd[0]! | 0, 0), words[Layout.BUCKET_COUNT]!));
  const second = words[bucket + Layout.BUCKET_NEXT]!;
  const third = words[second + Layout.BUCKET_NEXT]!;
  const found = (): number => crowd.filter((object) => store.get(object, count)?.value === object % 1000).length;
  for (const wrong of [second, bucket, 12_345, -7, 2 ** 31 - 1]) {
    const keep = words.slice();
    words[third + Layout.BUCKET_NEXT] = wrong;
    const before = found();
    assert.equal(before, 21);
    const { ok } = store.check({ repair: true });
    assert.equal(ok, true, String(wrong));
    assertClean(store);
    assert.ok(found() >= before);
    words.set(keep);
  }
  words[third + Layout.BUCKET_NEXT] = words[third + Layout.BUCKET_NEXT]! ^ 0x400;
  assert.equal(found(), 21);
  repaired(store, ['chain', 'block', 'leak', 'count']);
  assert.equal(found(), 40, 'one flipped bit loses nothing');
});

test('of two variables of one object and type the one that is found stays', () => {
  const store = open(count);
  const one = blockOf(store.alloc(1, count));
  store.get(1, count)!.value = 11;
  const two = blockOf(store.alloc(2, count));
  const { words, memory } = store.internals;
  words[entryOf(store, two)] = 0;
  words[two] = words[one]!;
  const bucket = bucketAddress(memory.buckets, bucketIndex(hashObject(1, 0), words[Layout.BUCKET_COUNT]!));
  let unused = bucket + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES - 1;
  while (words[unused] !== 0) unused--;
  words[unused] = two;
  words[unused - Layout.BUCKET_ENTRIES] = words[entryOf(store, one) - Layout.BUCKET_ENTRIES]!;
  repaired(store, ['entry', 'count', 'leak']);
  assert.equal(store.get(1, count)?.value, 11);
  assert.equal(store.check().found.variables, 1);
});

test('a thread that runs keeps its lists, however wrong; all else is repaired beside it', async () => {
  const store = ShadowStore.create({
    maxBytes: 8 * MEBIBYTE,
    maxThreads: 4,
    types: [defineShadowType({ id: 1, fields: { value: 'u32' } }), note],
  });
  const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const workers = [1, 2].map(
    (seed) => new Worker(new URL('../shadow/workers/churn.js', import.meta.url), { workerData: { handle: store.handle, flags, seed } }),
  );
  try {
    const done = workers.map((worker) => once(worker, 'message'));
    for (let started = 0; started < 2; started = Atomics.load(flags, 1)) Atomics.wait(flags, 1, started);
    const { words, memory } = store.internals;
    for (let round = 0; round < 8; round++) {
      store.alloc('kept', note).text = 'as it was';
      const record = nameRecord(store, 'kept');
      const block = blockOf(store.get('kept', note));
      words[entryOf(store, record) - Layout.BUCKET_ENTRIES]! ^= 1 << 20;
      words[block + Layout.BLOCK_GENERATION]! ^= 1;
      words[memory.types + Layout.TYPE_WORDS * 2 + Layout.TYPE_LIVE_BASE]! += 3;
      const { ok, repair } = store.check({ repair: true });
      assert.ok(ok, JSON.stringify(repair?.left));
      assert.equal(store.get('kept', note)?.text, 'as it was');
      assertInOrder(store.check());
      store.free('kept', note);
      store.safepoint();
    }
    Atomics.store(flags, 0, 1);
    await Promise.all(done);
    const slot = threadSlotAddress(memory, 1);
    assert.ok(slot > 0);
    assert.equal(store.freeAll(type) >= 0, true);
    assertClean(store);
  } finally {
    Atomics.store(flags, 0, 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

function assertInOrder({ violations }: CheckResult): void {
  assert.deepEqual(violations, []);
}

/** Repairs, and proves that nothing is left; `rules` are those that were broken, all of them or more. */
function repaired(store: ShadowStore, rules: readonly string[]): void {
  const { ok, repair, violations } = store.check({ repair: true });
  assert.equal(ok, true, JSON.stringify(repair?.left));
  for (const { rule } of violations) assert.ok(rules.includes(rule), `${rule} was broken as well`);
  assert.ok(violations.length > 0);
  assert.deepEqual(store.check().violations, []);
}

/** The block that holds the name of a string. */
function nameRecord(store: ShadowStore, name: string): number {
  const { words } = store.internals;
  const object = store.objects.names.find(name);
  for (const entry of entriesOf(store)) {
    const block = words[entry]!;
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    if ((identity & Layout.TYPE_SLOT_MASK) === Layout.TYPE_SLOT_NAMES && words[block] === (object | 0)) return block;
  }
  assert.fail(`${name} has no record`);
}
