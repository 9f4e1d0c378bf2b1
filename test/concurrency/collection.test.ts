import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Collection } from '../../src/shadow/sweep.js';
import { BARRED_BELOW, type CollectionData, type CollectionPart, OPERATIONS } from './collection-marks.js';
import { Crew } from './crew.js';
import { DYING_ID, FIRST_ID, Ledger, parents, payloadType } from './payload.js';
import { Random, seedOf, SOAK } from './random.js';
import { settled } from './settled.js';

const OWNER = 'patch';
const OBJECT = 'sessions';

interface CollectionPlan {
  readonly workers: number;
  readonly cycles: number;
  readonly keys: number;
  /** Workers leave and come back all the time. */
  readonly reattachEvery: number;
  /** Whether the id may be registered again while its old variables are still being swept. */
  readonly overlap: boolean;
}

async function collectUnderLoad(context: TestContext, plan: CollectionPlan): Promise<void> {
  const seed = seedOf(context);
  const random = new Random(seed ^ 0x5eed);
  const cycles = Math.ceil(plan.cycles * SOAK);
  const dying = Ledger.ofCapacity(2 ** 22);
  const staying = Ledger.ofCapacity(2 ** 22);
  const dyingType = payloadType(dying, DYING_ID, 20, () => undefined);
  const stayingType = payloadType(staying, FIRST_ID, 20, () => undefined);
  const store = ShadowStore.create({ maxBytes: 2 ** 26, types: [stayingType] });
  context.after(() => store[Symbol.dispose]());
  const all = parents(plan.keys);
  for (const parent of all) store.getOrAlloc(parent, stayingType);
  const firstStay = staying.next;

  const marks = new Int32Array(new SharedArrayBuffer(8));
  const { registry } = store.internals;
  registry.register(OWNER, OBJECT, [dyingType]);
  const data: CollectionData = {
    dying: dying.buffer,
    staying: staying.buffer,
    keys: plan.keys,
    marks: marks.buffer,
    reattachEvery: plan.reattachEvery,
  };
  const crew = await Crew.start<CollectionData, CollectionPart>(context, 'collection', {
    handle: store.handle,
    workers: plan.workers,
    seed,
    data,
  });
  let sweeping: Collection[] = [];
  let swept = 0;
  const sweep = (): void => {
    sweeping = sweeping.filter((collection) => {
      const done = collection.step(1 + random.below(300));
      assert.deepEqual(collection.failures, []);
      if (done) swept += collection.variables;
      return !done;
    });
  };

  for (let cycle = 0; cycle < cycles && crew.isRunning(); cycle++) {
    const target = Atomics.load(marks, OPERATIONS) + 200 + random.below(2000);
    while (Atomics.load(marks, OPERATIONS) < target && crew.isRunning()) {
      sweep();
      await new Promise(setImmediate);
    }
    sweeping.push(...registry.unregister(OWNER, OBJECT));
    assert.equal(sweeping.length > 0, true);
    for (const parent of all) assert.equal(store.get(parent, dyingType), undefined, 'what is collected is invisible at once');
    assert.deepEqual([...store.entries(dyingType)], []);
    // From now on nobody may see a life that has begun by now, and no look-up at all finds the id until it is registered again.
    Atomics.store(marks, BARRED_BELOW, dying.next);
    if (!plan.overlap || random.oneIn(2)) {
      while (sweeping.length > 0) {
        sweep();
        if (random.oneIn(2)) await new Promise(setImmediate);
      }
      store.safepoint();
    }
    registry.register(OWNER, OBJECT, [dyingType]);
    for (const parent of all) {
      const view = store.get(parent, dyingType);
      if (view !== undefined) assert.equal(view.serial >= marks[BARRED_BELOW]!, true, 'an id that comes back starts clean');
    }
  }

  const results = await crew.finish();
  assert.equal(
    results.every(({ hits, misses }) => hits > 0 && misses > 0),
    true,
    'the workers did use the id',
  );
  while (sweeping.length > 0) sweep();
  const live = dying.count();
  assert.equal(live.unborn, 0);
  settled(store, live.alive + staying.count().alive);
  sweeping = registry.unregister(OWNER, OBJECT);
  const before = swept;
  while (sweeping.length > 0) sweep();
  assert.equal(swept - before, live.alive);
  assert.equal(dying.count().alive, 0);
  for (const parent of all.slice(0, 8)) assert.equal(store.get(parent, stayingType)!.serial < firstStay, true, 'another id is untouched');
  settled(store, staying.count().alive);
  store.freeAll(stayingType);
  settled(store, 0);
}

void describe('collection under load', () => {
  test('an id without a user is invisible at once, and each of its variables is destroyed exactly once', (context) =>
    collectUnderLoad(context, { workers: 3, cycles: 15, keys: 64, reattachEvery: 0, overlap: false }));

  test('an id registered again while it is swept starts clean', (context) =>
    collectUnderLoad(context, { workers: 3, cycles: 20, keys: 200, reattachEvery: 0, overlap: true }));

  test('the same while threads attach and leave all the time', (context) =>
    collectUnderLoad(context, { workers: 3, cycles: 15, keys: 64, reattachEvery: 40, overlap: true }));
});

void test('names of swept variables go with them', (context) => {
  const ledger = Ledger.ofCapacity(1000);
  const type = payloadType(ledger, DYING_ID, 20, () => undefined);
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  context.after(() => store[Symbol.dispose]());
  store.internals.registry.register(OWNER, OBJECT, [type]);
  const names: Parent[] = Array.from({ length: 300 }, (_, i) => `name ${i}`);
  for (const name of names) store.alloc(name, type);
  for (const collection of store.internals.registry.unregister(OWNER, OBJECT)) while (!collection.step(100));
  settled(store, 0);
});
