import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';

import { PatchCoordinator, ShadowStore, TaskMeter } from '../../src/index.js';
import type { AgentStatus } from '../../src/livepatch/roster.js';
import { Observer } from '../../src/livepatch/stragglers.js';
import { bucketEnd, histogramBucket, TaskTable } from '../../src/livepatch/tasks.js';
import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress, threadState } from '../../src/memory/threads.js';
import { quantile } from '../../src/observe/task-totals.js';
import { attach, task } from '../../src/worker.js';
import { Random, seedOf } from '../concurrency/random.js';
import { coded } from '../livepatch/fixtures/setup.js';
import { signal } from '../livepatch/fixtures/signal.js';
import { hire } from './fixtures/crew.js';

// A thread serves one store: all tests that run tasks here share it.
const store = ShadowStore.create({ maxBytes: 2 ** 25, maxThreads: 8 });
const coordinator = new PatchCoordinator(store);
attach();
const short = task((x: number) => x);
const held = task((until: Promise<void>) => until);

function open(t: TestContext): TaskMeter {
  const meter = new TaskMeter(store);
  t.after(() => {
    meter[Symbol.dispose]();
  });
  return meter;
}

function observers(): number {
  return store.internals.words[Layout.TASK_OBSERVERS]!;
}

test.after(async () => {
  await coordinator.close();
  store[Symbol.dispose]();
});

test('the tasks of all threads are counted: of this one, of a pool, of bare workers, and of threads that left or died', async (t) => {
  const meter = open(t);
  const [first, second] = [await hire(t, store), await hire(t, store)];
  const pool = coordinator.createPool<number, number>({
    filename: new URL('./fixtures/sailor.js', import.meta.url),
    minThreads: 2,
    maxThreads: 2,
  });
  for (let i = 0; i < 50; i++) await short(i);
  await Promise.all(Array.from({ length: 40 }, (_, i) => pool.run(i)));
  await first.ask({ tasks: 30 }); // more at once than the table of tasks has room for
  await first.ask('leave');
  await second.ask({ tasks: 20 });
  await second.worker.terminate();
  const heir = await hire(t, store); // in a slot that counts already
  await heir.ask({ tasks: 10 });
  const { begun, ended, latency, milliseconds } = meter.sample();
  assert.deepEqual([begun, ended], [150, 150]);
  assert.ok(milliseconds > 0);
  assert.ok(latency!.p50 <= latency!.p99 && latency!.p99 <= latency!.p999 && latency!.p999 <= latency!.max);
  const nothing = meter.sample();
  assert.deepEqual([nothing.begun, nothing.ended, nothing.latency], [0, 0, null], 'what was told once is not told again');
  await pool.close();
  await heir.worker.terminate();
});

test('a task counts as ended after its end, and it took what lies between', async (t) => {
  const meter = open(t);
  const { promise, give } = signal();
  const tasks = Array.from({ length: Layout.TASK_ENTRIES + 3 }, () => held(promise));
  const [begun, ended] = [tasks.length, 0];
  assert.deepEqual({ ...meter.sample(), milliseconds: 0 }, { begun, ended, latency: null, milliseconds: 0 });
  const since = performance.now();
  while (performance.now() - since < 3);
  give();
  await Promise.all(tasks);
  const sample = meter.sample();
  assert.deepEqual([sample.begun, sample.ended], [0, tasks.length]);
  assert.ok(
    sample.latency!.p50 >= 3 / 2 ** (1 / 4),
    'they were waited for that long, and a step of the histogram is a quarter of an octave',
  );
});

test('two meters tell the same of the same time, each since its own last sample', async (t) => {
  const [one, other] = [open(t), open(t)];
  await short(1);
  assert.equal(one.sample().begun, 1);
  await short(2);
  assert.deepEqual([one.sample().ended, other.sample().ended], [1, 2]);
});

test('no task is timed while no meter is open', async () => {
  assert.equal(observers(), 0);
  const { slotAddress, words } = store.internals;
  const histogram = (): Int32Array =>
    words.slice(slotAddress + Layout.THREAD_TASK_HISTOGRAM, slotAddress + Layout.THREAD_TASK_HISTOGRAM + Layout.HISTOGRAM_BUCKETS);
  const before = histogram();
  await short(1);
  assert.deepEqual(histogram(), before);
  const meter = new TaskMeter(store);
  await short(2);
  meter[Symbol.dispose]();
  meter[Symbol.dispose]();
  assert.notDeepEqual(histogram(), before);
  assert.throws(() => meter.sample(), coded('ERR_SHADOW_DISPOSED'));
  assert.throws(() => new TaskMeter(null as never), coded('ERR_SHADOW_OPTION'));
});

test('a meter is closed when its thread leaves or dies', async (t) => {
  const [leaver, mortal] = [await hire(t, store), await hire(t, store)];
  await leaver.ask('meter');
  await mortal.ask('meter');
  await mortal.ask('meter');
  assert.equal(observers(), 3);
  await leaver.ask('leave');
  assert.equal(observers(), 2);
  const exit = once(mortal.worker, 'exit');
  await mortal.worker.terminate();
  await exit;
  store.recover();
  assert.equal(observers(), 0);
});

test(
  'a dead thread times nothing from its repair on, even if nobody can settle what it left',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const { ask, worker } = await hire(t, store);
    await ask('meter');
    const { slot } = store.stats().threads.find(({ threadId }) => threadId === worker.threadId)!;
    const { memory, words, recovery } = store.internals;
    const state = (): number => threadState(words, threadSlotAddress(memory, slot));
    void worker.terminate();
    while (state() === Layout.THREAD_LIVE) recovery.repairGone();
    assert.deepEqual([state(), observers()], [Layout.THREAD_DEAD, 0]);
    store.recover();
    assert.deepEqual([state(), observers()], [Layout.THREAD_FREE, 0]);
  },
);

test('timed tasks that the table has no room for are told apart, and their places are used again', () => {
  const buffer = new ArrayBuffer(Layout.THREAD_WORDS * Layout.WORD_BYTES);
  const words = new Int32Array(buffer);
  const table = new TaskTable(words, new Float64Array(buffer), 0);
  const many = (): number[] => Array.from({ length: Layout.TASK_ENTRIES + 4 }, () => table.begin(0));
  words[Layout.TASK_OBSERVERS] = 1;
  const first = many();
  assert.equal(new Set(first).size, first.length);
  for (const entry of first) table.end(entry);
  const second = many();
  assert.deepEqual(second.sort(), first.sort());
  words[Layout.TASK_OBSERVERS] = 0;
  for (const entry of second) table.end(entry);
  const counted = words.subarray(Layout.THREAD_TASK_HISTOGRAM, Layout.THREAD_TASK_HISTOGRAM + Layout.HISTOGRAM_BUCKETS);
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    first.length + second.length,
    'what has begun while it was watched is timed to its end',
  );
});

test('tasks are numbered beyond what a word can hold, and told oldest first', () => {
  const buffer = new ArrayBuffer(Layout.THREAD_WORDS * Layout.WORD_BYTES);
  const words = new Int32Array(buffer);
  words[Layout.THREAD_TASK_SERIAL] = 2 ** 31 - 2;
  const table = new TaskTable(words, new Float64Array(buffer), 0);
  const serials = (): number[] =>
    new Observer(words).describe({ thread: 1, version: 0, slot: 0 } as AgentStatus).tasks.map(({ serial }) => serial);
  for (let i = 0; i < 3; i++) table.begin(0);
  assert.deepEqual(serials(), [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1]);
  const late = new TaskTable(words.fill(-2, Layout.THREAD_TASK_SERIAL, Layout.THREAD_TASK_SERIAL + 1), new Float64Array(buffer), 0);
  for (let i = 0; i < 3; i++) late.begin(0);
  assert.deepEqual(serials(), [2 ** 32 - 1, 1, 2]);
});

test('check() finds an impossible number of meters, and repair counts them', (t) => {
  const { words } = store.internals;
  open(t);
  words[Layout.TASK_OBSERVERS] = -7;
  assert.deepEqual(
    store.check().violations.map(({ rule, address }) => [rule, address]),
    [['header', Layout.TASK_OBSERVERS]],
  );
  store.check({ repair: true });
  assert.equal(observers(), 1);
});

test('each length of a task has one bucket, in order, and falls below its end', () => {
  let last = 0;
  for (let microseconds = 0.3; microseconds < 2 ** 33; microseconds *= 1.1) {
    const bucket = histogramBucket(microseconds / 1000);
    assert.ok(bucket === last || bucket === last + 1, `${microseconds} µs are counted in bucket ${bucket}, what is shorter in ${last}`);
    assert.ok(microseconds / 1000 < bucketEnd(bucket));
    last = bucket;
  }
  assert.equal(last, Layout.HISTOGRAM_BUCKETS - 1);
});

test('a quantile lies in the step of the histogram that holds the task of that rank', (t) => {
  const random = new Random(seedOf(t));
  for (const count of [1, 2, 3, 10, 999, 1000, 5000]) {
    const buckets = new Int32Array(Layout.HISTOGRAM_BUCKETS);
    const lengths = Array.from({ length: count }, () => 2 ** ((random.next() / 2 ** 32) * 36 - 1) / 1000);
    for (const length of lengths) buckets[histogramBucket(length)]!++;
    lengths.sort((a, b) => a - b);
    for (const share of [0.001, 0.5, 0.99, 0.999, 1]) {
      const bucket = histogramBucket(lengths[Math.max(Math.ceil(share * count - 1e-9), 1) - 1]!);
      const told = quantile({ begun: 0, buckets, milliseconds: 0 }, count, share);
      const begin = bucket === 0 ? 0 : bucketEnd(bucket - 1);
      const end = bucketEnd(bucket) === Infinity ? begin : bucketEnd(bucket);
      assert.ok(told >= begin && told <= end, `${share} of ${count} tasks: ${told} ms is not in ${begin}…${end} ms`);
    }
  }
});
