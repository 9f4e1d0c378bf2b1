import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { Crew } from './crew.js';
import { Ledger, payloadTypes } from './payload.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { ChurnData, ChurnResult } from './workers/churn.js';

interface ChurnPlan {
  readonly workers: number;
  readonly parents: number;
  readonly operations: number;
  readonly reattachEvery?: number;
  readonly walks?: boolean;
  readonly maxBytes?: number;
  /** Runs on the main thread, again and again, while the workers churn. */
  readonly meanwhile?: (store: ShadowStore) => void;
}

async function churn(context: TestContext, plan: ChurnPlan): Promise<void> {
  const seed = seedOf(context);
  const operations = Math.ceil(plan.operations * SOAK);
  const ledger = Ledger.ofCapacity(plan.workers * operations + 1);
  const types = payloadTypes(ledger, () => undefined);
  const store = ShadowStore.create({ maxBytes: plan.maxBytes ?? 2 ** 26, types });
  context.after(() => store[Symbol.dispose]());
  const data: ChurnData = {
    ledger: ledger.buffer,
    parents: plan.parents,
    operations,
    reattachEvery: plan.reattachEvery ?? 0,
    walks: plan.walks ?? true,
  };
  const crew = await Crew.start<ChurnData, ChurnResult>(context, 'churn', { handle: store.handle, workers: plan.workers, seed, data });
  while (plan.meanwhile !== undefined && crew.isRunning()) {
    plan.meanwhile(store);
    await new Promise(setImmediate);
  }
  for (const { stale } of await crew.results) {
    const wronged = stale.filter((serial) => !ledger.isDead(serial));
    assert.deepEqual(wronged, [], 'a view is stale only if its variable was freed');
  }
  const lives = ledger.count();
  assert.equal(lives.unborn, 0);
  settled(store, lives.alive);
  for (const type of types) store.freeAll(type);
  assert.equal(ledger.count().alive, 0, 'every life that began has ended');
  settled(store, 0);
}

void describe('churn', () => {
  test('nobody ever sees foreign, torn or unconstructed data, and every variable is destroyed exactly once', (context) =>
    churn(context, { workers: 4, parents: 64, operations: 25_000 }));

  test('the same with two workers on a handful of parents', (context) =>
    churn(context, { workers: 2, parents: 5, operations: 40_000, walks: false }));

  test('the same with four times as many workers as processors', (context) =>
    churn(context, { workers: 8, parents: 24, operations: 8_000 }));

  test('the same while threads attach and leave all the time', (context) =>
    churn(context, { workers: 4, parents: 48, operations: 8_000, reattachEvery: 150 }));

  test('check() proves a live store while workers churn', (context) =>
    churn(context, {
      workers: 3,
      parents: 200,
      operations: 12_000,
      meanwhile: (store) => {
        const { violations } = store.check();
        assert.deepEqual(violations, []);
      },
    }));

  test('check() proves a live store while threads attach and leave', (context) =>
    churn(context, {
      workers: 3,
      parents: 200,
      operations: 5_000,
      reattachEvery: 60,
      meanwhile: (store) => {
        const { violations } = store.check();
        assert.deepEqual(violations, []);
      },
    }));
});
