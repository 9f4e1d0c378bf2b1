import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { threadId, Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, blockOf, coded, MEBIBYTE, open } from '../shadow/fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });

test('the lowest free slot is claimed; a slot given back is claimed again under a higher generation', () => {
  const store = open(type);
  const others = [1, 2, 3].map(() => ShadowStore.attach(store.handle));
  assert.deepEqual(
    [store, ...others].map(({ internals }) => internals.slot),
    [0, 1, 2, 3],
  );
  const { words, memory } = store.internals;
  const generation = words[threadSlotAddress(memory, 2) + Layout.THREAD_GENERATION]!;
  others[1]![Symbol.dispose]();
  assert.deepEqual(
    store.stats().threads.map(({ slot }) => slot),
    [0, 1, 3],
  );
  const again = ShadowStore.attach(store.handle);
  assert.equal(again.internals.slot, 2);
  assert.equal(words[threadSlotAddress(memory, 2) + Layout.THREAD_GENERATION], generation + 1);
});

test('one thread more than maxThreads is refused, and admitted once another has left', () => {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, maxThreads: 3, types: [type] });
  const second = ShadowStore.attach(store.handle);
  ShadowStore.attach(store.handle);
  assert.throws(() => ShadowStore.attach(store.handle), coded('ERR_SHADOW_THREADS_FULL', /all 3 thread slots/));
  second[Symbol.dispose]();
  assert.equal(ShadowStore.attach(store.handle).internals.slot, 1);
  assert.throws(() => ShadowStore.attach(store.handle), coded('ERR_SHADOW_THREADS_FULL'));
});

test('a slot records who runs in it, as the operating system knows it', { skip: process.platform !== 'linux' }, () => {
  const store = open(type);
  const { words, slotAddress } = store.internals;
  const [mine] = store.stats().threads;
  assert.equal(mine!.threadId, threadId);
  const stat = readFileSync(`/proc/self/task/${mine!.osThreadId}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const low = words[slotAddress + Layout.THREAD_OS_START_LOW]! >>> 0;
  assert.equal(words[slotAddress + Layout.THREAD_OS_START_HIGH]! * 2 ** 32 + low, Number(fields[19]));
});

test('dispose gives back everything: slot, cached blocks, counters; the variables stay', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  for (let object = 0; object < 500; object++) other.alloc(object, type).value = object;
  for (let object = 0; object < 250; object++) other.free(object, type);
  const { slotAddress } = other.internals;
  other[Symbol.dispose]();
  const { words } = store.internals;
  for (let word: number = Layout.THREAD_RETIRED; word < Layout.THREAD_CLASSES; word++) {
    if (
      word !== Layout.THREAD_RETIRED + Layout.RETIRED_EPOCH &&
      word !== Layout.THREAD_RETIRED + Layout.RETIRED_OLDER + Layout.RETIRED_EPOCH
    )
      assert.equal(words[slotAddress + word], 0, `word ${word} of the slot`);
  }
  for (let word: number = Layout.THREAD_CLASSES; word < Layout.THREAD_DESTROYING_COUNT; word += Layout.CACHE_WORDS) {
    assert.equal(words[slotAddress + word + Layout.CACHE_HEAD], 0);
    assert.equal(words[slotAddress + word + Layout.CACHE_COUNT], 0);
    assert.equal(words[slotAddress + word + Layout.CARVE_NEXT], 0);
  }
  assert.equal(words[slotAddress + Layout.THREAD_EPOCH], 0);
  assert.equal(assertClean(store).variables, 250);
  assert.equal(store.stats().types[0]!.live, 250);
  for (let object = 250; object < 500; object++) assert.equal(store.get(object, type)?.value, object);
  const floor = words[Layout.PAGE_FLOOR];
  for (let object = 0; object < 250; object++) store.alloc(object, type);
  assert.equal(words[Layout.PAGE_FLOOR], floor, 'the blocks it left are used before new pages');
});

test('what a thread counted stays in the totals after it has left', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  for (let object = 0; object < 300; object++) other.alloc(object, type);
  for (let object = 0; object < 100; object++) other.free(object, type);
  other.safepoint();
  const before = store.stats();
  other[Symbol.dispose]();
  const after = store.stats();
  for (const name of ['allocated', 'freed', 'reclaimed', 'unregisteredLookups', 'lockWaits', 'live'] as const) {
    assert.equal(after[name], before[name], name);
  }
  assert.deepEqual([after.allocated, after.freed, after.live], [300, 100, 200]);
  const again = ShadowStore.attach(store.handle);
  assert.equal(store.stats().allocated, 300, 'the next owner of the slot does not count them twice');
  again[Symbol.dispose]();
});

test('dispose twice is dispose once: the next owner keeps the slot', () => {
  const store = open(type);
  const first = ShadowStore.attach(store.handle);
  first[Symbol.dispose]();
  const second = ShadowStore.attach(store.handle);
  first[Symbol.dispose]();
  assert.equal(second.alloc(1, type).value, 0);
  assert.equal(store.stats().threads.length, 2);
});

test('dispose gives the slot back even if a destructor throws, and the error still comes out', () => {
  let destroyed = 0;
  const failing = defineShadowType({
    id: 2,
    fields: { value: 'u32' },
    dtor() {
      destroyed++;
      throw new Error('boom');
    },
  });
  const store = open(failing);
  const other = ShadowStore.attach(store.handle);
  const parents = [{}, {}, {}];
  for (const parent of parents) other.alloc(parent, failing);
  assert.throws(() => {
    other[Symbol.dispose]();
  }, /boom/);
  assert.equal(destroyed, 3);
  assert.equal(store.stats().threads.length, 1);
  assertEmpty(store);
});

test('the blocks of a thread that left are reused by the others, one for one', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const left = new Set<number>();
  for (let object = 0; object < 100; object++) left.add(blockOf(other.alloc(object, type)));
  for (let object = 0; object < 100; object++) other.free(object, type);
  other.safepoint();
  other[Symbol.dispose]();
  let reused = 0;
  for (let object = 0; object < 3000; object++) if (left.has(blockOf(store.alloc(object, type)))) reused++;
  assert.equal(reused, 100);
  assertClean(store);
});

test('workers that come and go under contention never share a slot', async () => {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, maxThreads: 3, types: [type] });
  const holders = new Int32Array(new SharedArrayBuffer(4 * 3));
  const workers = [1, 2, 3, 4].map(
    () => new Worker(new URL('./workers/slots.js', import.meta.url), { workerData: { handle: store.handle, holders, rounds: 150 } }),
  );
  try {
    const seen = await Promise.all(
      workers.map(async (worker) => {
        const [message] = (await once(worker, 'message')) as [Record<string, number>];
        return { ...message, worker: worker.threadId };
      }),
    );
    for (const each of seen as Record<string, number>[]) {
      assert.equal(each['shared'], 0);
      assert.ok(each['claimed']! + each['full']! >= 150);
      assert.equal(each['recorded'], each['threadId'], 'the slot names the worker');
      if (process.platform === 'linux') assert.notEqual(each['osThreadId'], process.pid);
    }
    assert.equal(store.stats().threads.length, 1);
    assertClean(store);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});
