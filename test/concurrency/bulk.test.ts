import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { runCrew } from './crew.js';
import { FIRST_ID, Ledger, parents, payloadType, payloadTypes } from './payload.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { BulkData, BulkPart } from './workers/bulk.js';

void describe('bulk operations under load', () => {
  test('every variable is freed by exactly one of free, freeAll and freeObject, which together count what was destroyed', async (context) => {
    const seed = seedOf(context);
    const rounds = Math.ceil(2500 * SOAK);
    const workers = 4;
    const ledger = Ledger.ofCapacity(workers * rounds * 40);
    const types = payloadTypes(ledger, () => undefined);
    const stayingLedger = Ledger.ofCapacity(1000);
    const staying = payloadType(stayingLedger, FIRST_ID + types.length, 4, () => undefined);
    const store = ShadowStore.create({ maxBytes: 2 ** 26, types: [...types, staying] });
    context.after(() => store[Symbol.dispose]());
    const stable = parents(1000);
    for (const parent of stable) store.alloc(parent, staying);

    const data: BulkData = { ledger: ledger.buffer, stayingLedger: stayingLedger.buffer, rounds };
    const parts = await runCrew<BulkData, BulkPart>(context, 'bulk', { handle: store.handle, workers, seed, data });
    const { alive, dead, unborn } = ledger.count();
    assert.equal(unborn, 0);
    assert.equal(
      parts.reduce((sum, { freed }) => sum + freed, 0),
      dead,
      'what the calls returned is what was destroyed',
    );
    assert.equal(stayingLedger.count().dead, 0, 'other types are untouched');
    settled(store, alive + stable.length);
    const rest = types.reduce((sum, type) => sum + store.freeAll(type), 0);
    assert.equal(rest, alive);
    assert.equal(ledger.count().alive, 0);
    assert.equal(store.freeAll(staying), stable.length);
    settled(store, 0);
  });
});
