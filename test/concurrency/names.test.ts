import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Layout } from '../../src/memory/layout.js';
import { ShadowStore, type StoreOptions } from '../../src/shadow/store.js';
import { collidingHash } from './colliding.js';
import { runCrew } from './crew.js';
import { Ledger, payloadTypes } from './payload.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { NamesData } from './workers/names.js';

async function churnNames(context: TestContext, workers: number, rounds: number, colliding: boolean): Promise<ShadowStore> {
  const seed = seedOf(context);
  rounds = Math.ceil(rounds * SOAK);
  const ledger = Ledger.ofCapacity(workers * rounds + 1);
  const types = payloadTypes(ledger, () => undefined);
  const options: StoreOptions = { maxBytes: 2 ** 26, types };
  const store = colliding ? ShadowStore.$createWithNameHash(options, collidingHash) : ShadowStore.create(options);
  context.after(() => store[Symbol.dispose]());
  const data: NamesData = { ledger: ledger.buffer, rounds };
  await runCrew(context, colliding ? 'colliding-names' : 'names', { handle: store.handle, workers, seed, data });
  const { alive, unborn } = ledger.count();
  assert.equal(unborn, 0);
  const { found } = settled(store, alive);
  const named = new Set(types.flatMap((type) => [...store.entries(type)].map(([parent]) => parent)));
  for (const name of named) assert.equal(typeof name, 'string', 'every variable still has its name');
  assert.equal(found.names, named.size, 'there is a record for each string that has variables, and no other');
  for (const name of named) store.freeObject(name);
  assert.equal(ledger.count().alive, 0);
  settled(store, 0);
  return store;
}

void describe('string parents', () => {
  test('created and dropped by many threads at once, each string keeps its own variables', async (context) => {
    const store = await churnNames(context, 4, 20_000, false);
    assert.equal(store.internals.words[Layout.NAME_COLLIDED], 0, 'no two of these strings collide, so none may be taken for colliding');
  });

  test('the same when all strings collide in their first place', async (context) => {
    const store = await churnNames(context, 4, 12_000, true);
    assert.equal(store.internals.words[Layout.NAME_COLLIDED], 1);
  });
});
