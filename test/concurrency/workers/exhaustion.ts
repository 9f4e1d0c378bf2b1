/**
 * Fills the store until it is exhausted, checks that all of its own variables are whole, frees a random part of them and goes on. No worker touches
 * the parents of another, so each knows exactly what is there.
 */
import assert from 'node:assert/strict';
import { ShadowError } from '../../../src/errors.js';
import type { Parent } from '../../../src/shadow/objects.js';
import { Ledger, nameOf, type PayloadType, payloadTypes, verify } from '../payload.js';
import { work } from './task.js';

export interface ExhaustionData {
  readonly ledger: SharedArrayBuffer;
  readonly rounds: number;
}

export interface ExhaustionPart {
  readonly exhausted: number;
  readonly created: number;
}

interface Own {
  readonly parent: Parent;
  readonly type: PayloadType;
  readonly serial: number;
}

/** How often an allocation may fail in a row: then others have all the memory, and it is time to give some back. */
const PATIENCE = 3;

await work<ExhaustionData, ExhaustionPart>(({ store, random, index, workers, data }) => {
  const ledger = new Ledger(data.ledger);
  const types = payloadTypes(ledger, () => undefined);
  let own: Own[] = [];
  let exhausted = 0;
  let created = 0;
  let next = index;

  for (let round = 0; round < data.rounds; round++) {
    for (let failures = 0; failures < PATIENCE;) {
      const type = random.oneIn(6) ? types[2]! : random.pick(types);
      const parent: Parent = random.oneIn(4) ? `parent ${next}` : next;
      next += workers;
      try {
        const view = store.alloc(parent, type);
        own.push({ parent, type, serial: verify(ledger, type.id, parent, view) });
        created++;
      } catch (error) {
        if (!(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_EXHAUSTED') throw error;
        assert.equal(store.get(parent, type), undefined);
        exhausted++;
        failures++;
        store.safepoint();
      }
      if (random.oneIn(50)) store.safepoint();
    }
    for (const { parent, type, serial } of own) {
      const view = store.get(parent, type);
      assert.equal(view !== undefined && verify(ledger, type.id, parent, view), serial, `the variable of ${nameOf(parent)} is intact`);
    }
    const keepOneIn = 1 + random.below(4);
    own = own.filter(({ parent, type }) => {
      if (random.oneIn(keepOneIn) && keepOneIn > 1) return true;
      assert.equal(store.free(parent, type), true);
      return false;
    });
    store.safepoint();
  }
  for (const { parent, type } of own) assert.equal(store.free(parent, type), true);
  return { exhausted, created };
});
