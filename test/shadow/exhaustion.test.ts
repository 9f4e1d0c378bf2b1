import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { ShadowStore } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, coded, fill, MEBIBYTE, seeded } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const large = defineShadowType({ id: 2, size: 20_000 });
const exhausted = coded('ERR_SHADOW_EXHAUSTED', /no memory for a variable of type \d+ .* in a store of 1048576 bytes/);

function tiny(...types: AnyShadowType[]): ShadowStore {
  return ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 4, types });
}

test('a full store is a typed error, again and again, and everything stored stays what it is', () => {
  const store = tiny(type, large);
  const parents = fill(store, type);
  for (const parent of parents) store.get(parent, type)!.value = parent ^ 0x5555;
  for (let i = 0; i < 20; i++) {
    assert.throws(() => store.alloc(10_000_000 + i, type), exhausted);
    assert.throws(() => store.getOrAlloc(10_000_000 + i, type), exhausted);
    assert.throws(() => store.alloc(`name ${i}`, type), exhausted);
    assert.throws(() => store.alloc({}, large), exhausted);
    assert.equal(store.has(10_000_000 + i, type), false);
  }
  assert.equal(store.getOrAlloc(parents[5]!, type).value, parents[5]! ^ 0x5555, 'what is there is found, not created');
  assert.throws(() => store.alloc(parents[5]!, type), coded('ERR_SHADOW_EXISTS'));
  for (const parent of parents) assert.equal(store.get(parent, type)!.value, parent ^ 0x5555);
  assert.equal(assertClean(store).variables, parents.length);
});

test('freeing makes room again at once, in the same synchronous run, one for one', () => {
  const store = tiny(type);
  const parents = fill(store, type);
  for (const count of [1, 2, 10, 100, parents.length]) {
    for (const parent of parents.slice(0, count)) assert.equal(store.free(parent, type), true);
    for (const parent of parents.slice(0, count)) store.alloc(parent, type).value = parent;
    assert.throws(() => store.alloc(10_000_000, type), exhausted, `after ${count}`);
  }
  assert.equal(assertClean(store).variables, parents.length);
});

test('freeing one large variable makes room for many small ones, and many small ones for a large one', () => {
  const store = tiny(type, large);
  const parents = fill(store, large);
  assert.throws(() => store.alloc(0, type), exhausted);
  for (const parent of parents.slice(0, 3)) store.free(parent, large); // a page has three of them
  const small = fill(store, type);
  assert.ok(small.length > 1000);
  for (const parent of small) store.free(parent, type);
  store.alloc(10_000_000, large);
  assertClean(store);
});

test('a destructor that frees for lack of memory in the middle of things is no trouble; one that allocates gets the typed error', () => {
  let refused = 0;
  const greedy = defineShadowType({
    id: 3,
    fields: { value: 'u32' },
    dtor() {
      try {
        store.alloc(10_000_000, type);
      } catch (error) {
        exhausted(error);
        refused++;
      }
    },
  });
  const store = tiny(type, greedy);
  store.alloc(1, greedy);
  const parents = fill(store, type);
  assert.equal(store.free(1, greedy), true);
  assert.equal(refused, 1, 'the block of the dying variable itself cannot be reused yet');
  store.alloc(10_000_000, type);
  assert.equal(assertClean(store).variables, parents.length + 1);
});

test('inside a lock body an allocation does not pass a safepoint: what the body looked up stays valid', () => {
  const store = tiny(type);
  const parents = fill(store, type);
  const [first, second] = parents as [number, number];
  store.get(first, type)!.value = 77;
  const gone = store.get(second, type)!;
  gone.value = 88;
  store.withLock(store.get(first, type)!, (locked) => {
    store.free(second, type);
    assert.throws(() => store.alloc(10_000_000, type), exhausted, 'only a safepoint would make room');
    assert.equal(gone.value, 88);
    assert.equal(locked.value, 77);
  });
  store.alloc(10_000_000, type);
  assertClean(store);
});

test('another thread that frees makes room for this one', async () => {
  const store = tiny(type);
  const parents = fill(store, type);
  const worker = new Worker(new URL('./workers/freer.js', import.meta.url), { workerData: { handle: store.handle } });
  try {
    for (const count of [1, 50, 500]) {
      store.safepoint();
      worker.postMessage(parents.slice(0, count));
      assert.deepEqual(await once(worker, 'message'), [count]);
      for (const parent of parents.slice(0, count)) store.alloc(parent, type);
      assert.throws(() => store.alloc(10_000_000, type), exhausted);
    }
    const left = once(worker, 'exit');
    worker.postMessage(null);
    await left;
    assert.equal(assertClean(store).variables, parents.length);
  } finally {
    await worker.terminate();
  }
});

test('a thread that left took no memory with it', () => {
  const store = tiny(type);
  const room = fill(store, type).length;
  store.freeAll(type);
  for (let round = 0; round < 5; round++) {
    const other = ShadowStore.attach(store.handle);
    fill(other, type);
    if (round % 2 === 0) other.freeAll(type);
    other[Symbol.dispose]();
    store.freeAll(type);
  }
  assert.ok(fill(store, type).length >= room * 0.99);
  assertClean(store);
});

test('a store without room for one page answers with the typed error, not with a crash', () => {
  const huge = defineShadowType({ id: 4, size: 65_520 });
  const store = tiny(huge, type);
  const parents = fill(store, huge);
  assert.ok(parents.length > 0);
  assert.throws(() => store.alloc('name', type), exhausted);
  assert.throws(() => store.alloc(1_000_000, type), exhausted);
  store.freeAll(huge);
  store.alloc('name', type);
  store.freeObject('name');
  assertEmpty(store);
});

test('at random: a store kept at its limit by variables of many sizes loses nothing and refuses nothing it has room for', (t) => {
  const random = seeded(t);
  const sizes = [4, 60, 500, 3000, 9000];
  const types = sizes.map((size, i) => defineShadowType({ id: 20 + i, size }));
  const store = tiny(...types);
  const other = ShadowStore.attach(store.handle);
  const model = new Map<number, { which: number; stamp: number }>();
  let refused = 0;
  for (let step = 0; step < 15_000; step++) {
    const actor = random(2) === 0 ? store : other;
    const object = random(4000);
    const known = model.get(object);
    if (known === undefined) {
      const which = random(sizes.length);
      try {
        const view = actor.alloc(object, types[which]!);
        view.setUint8(sizes[which]! - 1, step % 256);
        view.setInt32(0, step - (step % 256) + (sizes[which] === 4 ? 0 : step % 256));
        model.set(object, { which, stamp: step });
      } catch (error) {
        coded('ERR_SHADOW_EXHAUSTED')(error);
        refused++;
        for (const [victim, { which: its }] of [...model].slice(0, 20)) {
          assert.equal(actor.free(victim, types[its]!), true);
          model.delete(victim);
        }
      }
    } else if (random(3) === 0) {
      assert.equal(actor.free(object, types[known.which]!), true);
      model.delete(object);
    }
    if (step % 16 === 0) (random(2) === 0 ? store : other).safepoint();
    if (step % 5000 === 0) assertClean(store);
  }
  assert.ok(refused > 10, `${refused} refusals`);
  for (const [object, { which }] of model) assert.ok(store.has(object, types[which]!));
  assert.equal(assertClean(store).variables, model.size);
  for (const each of types) store.freeAll(each);
  assertEmpty(store);
});
