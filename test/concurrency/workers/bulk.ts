/** Fills and empties whole types and whole parents, and walks over a type that nobody touches: it has to come up complete each time. */
import assert from 'node:assert/strict';
import type { Parent } from '../../../src/shadow/objects.js';
import { FIRST_ID, Ledger, nameOf, parents, payloadType, payloadTypes, verify } from '../payload.js';
import { work } from './task.js';

export interface BulkData {
  readonly ledger: SharedArrayBuffer;
  readonly stayingLedger: SharedArrayBuffer;
  readonly rounds: number;
}

export interface BulkPart {
  /** What free, freeAll and freeObject returned, summed up. */
  readonly freed: number;
}

await work<BulkData, BulkPart>(({ store, random, data }) => {
  const ledger = new Ledger(data.ledger);
  const types = payloadTypes(ledger, () => random.linger(20));
  const stayingLedger = new Ledger(data.stayingLedger);
  const staying = payloadType(stayingLedger, FIRST_ID + types.length, 4, () => undefined);
  const stable = parents(1000);
  // None of the stable ones.
  const own: readonly Parent[] = [2 ** 45, 'busy', 'busier', ...Array.from({ length: 60 }, (_, i) => 5000 + i)];
  let freed = 0;
  for (let round = 0; round < data.rounds; round++) {
    const type = random.pick(types);
    const choice = random.below(100);
    if (choice < 50) for (let i = 0; i < 10; i++) store.getOrAlloc(random.pick(own), random.pick(types));
    else if (choice < 70) freed += Number(store.free(random.pick(own), type));
    else if (choice < 90) for (const parent of some()) freed += store.freeObject(parent);
    else if (choice < 97) freed += store.freeAll(type);
    else {
      const seen = new Map<Parent, number>();
      for (const [parent, view] of store.entries(staying)) {
        assert.equal(seen.has(parent), false, `${nameOf(parent)} came twice`);
        seen.set(parent, verify(stayingLedger, staying.id, parent, view));
        if (random.oneIn(100)) store.safepoint();
      }
      assert.equal(seen.size, stable.length, 'entries() gives all of a type that nobody changes');
    }
    if (random.oneIn(20)) store.safepoint();
  }
  return { freed };

  function some(): readonly Parent[] {
    return Array.from({ length: random.below(4) }, () => random.pick(own));
  }
});
