import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { enter, graceHorizon, isPast, leave } from '../../src/memory/grace.js';
import { Layout } from '../../src/memory/layout.js';
import { createMemory } from '../../src/memory/reservation.js';
import { claimThread, releaseThread } from '../../src/memory/threads.js';
import { bytes } from '../../src/shadow/fields.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import type { ViewOf } from '../../src/shadow/view-classes.js';
import { assertClean, blockOf, coded, fill, MEBIBYTE, open, seeded } from '../shadow/fixtures/setup.js';

const fields = { value: 'u32', again: 'u32' } as const;
const type = defineShadowType({ id: 1, fields });
/** The same with bytes enough to fill a small store soon. */
const bulkyFields = { ...fields, bulk: bytes(1000) } as const;
const bulky = defineShadowType({ id: 2, fields: bulkyFields });

test('a thread is in the current epoch from enter to leave, under a new interval each time', () => {
  const memory = createMemory(4 * MEBIBYTE, 2);
  const thread = claimThread(memory);
  const { words } = memory;
  words[Layout.GRACE_EPOCH] = 77;
  assert.equal(thread.interval, 0);
  enter(thread);
  assert.equal(words[thread.address + Layout.THREAD_EPOCH], 77);
  const first = thread.interval;
  assert.notEqual(first, 0);
  leave(thread);
  assert.equal(words[thread.address + Layout.THREAD_EPOCH], 0);
  assert.equal(thread.interval, 0);
  enter(thread);
  assert.notEqual(thread.interval, first);
  leave(thread);
});

test('the end of the turn is announced once per turn, however often the thread entered in it', async () => {
  const thread = claimThread(createMemory(4 * MEBIBYTE, 2));
  let ends = 0;
  thread.onTurnEnd = () => {
    ends++;
    thread.leaveQueued = false;
  };
  for (let turn = 1; turn <= 3; turn++) {
    for (let stretch = 0; stretch < 5; stretch++) {
      enter(thread);
      leave(thread);
    }
    assert.equal(ends, turn - 1);
    await Promise.resolve();
    assert.equal(ends, turn);
  }
});

test('a disposed thread cannot enter', () => {
  const thread = claimThread(createMemory(4 * MEBIBYTE, 2));
  releaseThread(thread);
  assert.throws(() => {
    enter(thread);
  }, coded('ERR_SHADOW_DISPOSED'));
});

test('the epoch moves on only when nobody is in an older one', () => {
  const memory = createMemory(4 * MEBIBYTE, 4);
  const [a, b] = [claimThread(memory), claimThread(memory)] as const;
  const { words } = memory;
  assert.equal(graceHorizon(memory), 3, 'all quiescent: what was retired in epoch 1 is past');
  enter(a);
  assert.equal(graceHorizon(memory), 3, 'a is in epoch 3');
  assert.equal(words[Layout.GRACE_EPOCH], 5, 'which was current, so it moved on');
  enter(b);
  for (let i = 0; i < 3; i++) assert.equal(graceHorizon(memory), 3);
  assert.equal(words[Layout.GRACE_EPOCH], 5, 'but no further while a is in 3');
  leave(a);
  assert.equal(graceHorizon(memory), 5, 'b is in epoch 5');
  assert.equal(words[Layout.GRACE_EPOCH], 7);
  leave(b);
  assert.equal(graceHorizon(memory), 9);
});

test('an epoch is past when the horizon is behind it, also where the numbers wrap', () => {
  for (const [epoch, horizon, past] of [
    [1, 1, false],
    [1, 3, true],
    [3, 1, false],
    [0x7fffffff, -0x7fffffff, true],
    [-0x7fffffff, 0x7fffffff, false],
    [-1, 1, true],
    [1, -1, false],
  ] as const) {
    assert.equal(isPast(epoch, horizon), past, `${epoch} before ${horizon}`);
  }
});

test('epochs stay odd where they wrap, so nobody inside is taken for quiescent, and grace periods go on', () => {
  const store = open(type);
  const { words, slotAddress } = store.internals;
  const other = ShadowStore.attach(store.handle);
  words[Layout.GRACE_EPOCH] = 0x7ffffffb;
  for (let round = 0; round < 8; round++) {
    const block = blockOf(store.alloc(1, type));
    other.get(1, type);
    assert.notEqual(words[other.internals.slotAddress + Layout.THREAD_EPOCH], 0);
    store.free(1, type);
    for (let i = 0; i < 3; i++) store.safepoint();
    const held = store.alloc(2, type);
    assert.notEqual(blockOf(held), block, 'the other thread may still look at it');
    store.free(2, type);
    other.safepoint();
    store.safepoint();
    assert.equal(words[Layout.GRACE_EPOCH] & 1, 1);
    assert.equal(words[slotAddress + Layout.THREAD_EPOCH], 0);
  }
  assert.ok(words[Layout.GRACE_EPOCH] < 0, 'it wrapped');
  assertClean(store);
});

test('a freed block is not reused, in whatever need, before every thread that was inside has passed a safepoint', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 4, types: [type] });
  const others = [1, 2, 3].map(() => ShadowStore.attach(store.handle));
  const block = blockOf(store.alloc(7, type));
  const allocated = (): Set<number> => {
    const blocks = new Set(fill(store, type, 100).map((parent) => blockOf(store.get(parent, type))));
    store.freeAll(type);
    return blocks;
  };
  for (const other of others) other.get(7, type);
  store.free(7, type);
  for (const other of others) {
    assert.equal(allocated().has(block), false);
    other.safepoint();
  }
  assert.equal(allocated().has(block), true, 'and is reused after that');
});

test('a thread that entered after the free does not hold the block back', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const block = blockOf(store.alloc(7, type));
  store.free(7, type);
  other.get(7, type);
  store.safepoint(); // the epoch moves on: other is in the one in which the block was retired
  other.safepoint();
  other.get(7, type);
  store.safepoint();
  assert.equal(blockOf(store.alloc(8, type)), block);
});

test('a block freed by a thread that then left is not reused before all others passed a safepoint, and is not lost', () => {
  const store = open(type);
  const leaving = ShadowStore.attach(store.handle);
  const reader = ShadowStore.attach(store.handle);
  const views = new Map<number, ViewOf<typeof fields>>();
  for (let object = 0; object < 50; object++) leaving.alloc(object, type).value = object;
  for (let object = 0; object < 50; object++) views.set(object, reader.get(object, type)!);
  for (let object = 0; object < 50; object++) leaving.free(object, type);
  leaving[Symbol.dispose]();
  assert.equal(store.stats().retired, 50, 'they are still counted as retired');
  assertClean(store);
  const orphans = new Set([...views.values()].map((view) => blockOf(view)));
  const parents = fill(store, type, 1000);
  for (const parent of parents) assert.equal(orphans.has(blockOf(store.get(parent, type))), false);
  for (const [object, view] of views) assert.equal(view.value, object, 'the reader still sees what it looked up');
  reader.safepoint();
  for (let object = 0; object < 50; object++) assert.ok(orphans.has(blockOf(store.alloc(object, type))), 'now they are used again');
  assert.throws(() => store.alloc(50, type), coded('ERR_SHADOW_EXHAUSTED'));
  assert.equal(store.stats().retired, 0);
  assertClean(store);
});

test('a worker that stays inside its turn keeps what it looked up, whatever the others free and allocate meanwhile', async () => {
  const store = open(type);
  store.alloc(7, type).update(() => ({ value: 1234, again: 1234 }));
  const block = blockOf(store.get(7, type));
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./workers/inside.js', import.meta.url), { workerData: { handle: store.handle, flags } });
  try {
    const answered = once(worker, 'message');
    const left = once(worker, 'exit');
    Atomics.wait(flags, 0, 0);
    store.free(7, type);
    const parents = fill(store, type, 1000);
    for (const parent of parents) store.get(parent, type)!.update(() => ({ value: parent, again: parent }));
    for (const parent of parents) assert.notEqual(blockOf(store.get(parent, type)), block);
    assert.equal(store.stats().threads[1]!.inside, true);
    Atomics.store(flags, 1, 1);
    Atomics.notify(flags, 1);
    assert.deepEqual((await answered)[0], { value: 1234, again: 1234 });
    await left;
    assert.equal(blockOf(store.alloc(7, type)), block, 'and gives it back when it leaves');
    assertClean(store);
  } finally {
    await worker.terminate();
  }
});

test('at random: no view ever shows anything but its own variable between its look-up and the safepoint of its thread', (t) => {
  const random = seeded(t);
  const store = ShadowStore.create({ maxBytes: 2 * MEBIBYTE, maxThreads: 4, types: [bulky] });
  const stores = [store, ShadowStore.attach(store.handle), ShadowStore.attach(store.handle)];
  const held = stores.map(() => new Map<ViewOf<typeof bulkyFields>, number>());
  const live = new Map<number, number>();
  let writes = 0;
  let exhausted = 0;
  for (let step = 0; step < 12_000; step++) {
    const which = random(3);
    const [actor, views] = [stores[which]!, held[which]!];
    const object = random(25_000);
    const dice = random(100);
    if (dice < 45) {
      if (live.has(object)) continue;
      const { thread } = actor.internals;
      const { interval } = thread;
      try {
        const view = actor.alloc(object, bulky);
        live.set(object, ++writes);
        view.update(() => ({ value: writes, again: writes }));
      } catch (error) {
        coded('ERR_SHADOW_EXHAUSTED')(error);
        exhausted++;
      }
      if (thread.interval !== interval) views.clear(); // an allocation that finds the store full passes a safepoint
    } else if (dice < 70) {
      const [some] = [...live.keys()].slice(random(Math.max(1, live.size)));
      if (some === undefined) continue;
      const view = actor.get(some, bulky)!;
      views.set(view, live.get(some)!);
      assert.equal(view.value, live.get(some));
    } else if (dice < 97) {
      const [some] = [...live.keys()].slice(random(Math.max(1, live.size)));
      if (some === undefined) continue;
      assert.equal(actor.free(some, bulky), true);
      live.delete(some);
    } else {
      actor.safepoint();
      views.clear();
    }
    const looked = held[random(3)]!;
    for (const [view, value] of looked) {
      assert.equal(view.value, value);
      assert.equal(view.again, value);
      break;
    }
    if (step % 3000 === 0) assertClean(store);
  }
  for (const views of held) for (const [view, value] of views) assert.equal(view.value, value);
  t.diagnostic(`${writes} variables, ${exhausted} times exhausted`);
  assertClean(store);
});
