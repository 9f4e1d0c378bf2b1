/** The books: they see each fault that a broken store could show, and nothing where there is none. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultList, KEPT_FAULTS } from '../../src/cli/faults.js';
import { Ledger, type Sealed, sealOf } from '../../src/cli/ledger.js';
import { createObjectIndex, indexOfObject } from '../../src/cli/object-index.js';

const KEPT = 0x10;
const FREED = 0x12;
const OBJECT = 2 ** 52 - 7;

function variable(): Sealed {
  return { seal: 0, birth: 0 };
}

function books(): Ledger {
  return Ledger.create(Float64Array.of(3, OBJECT), 2);
}

describe('the ledger', () => {
  it('finds nothing wrong in one construction, many reads and one destruction, in whatever threads', () => {
    const main = books();
    const [one, other] = [Ledger.attach(main.handle), Ledger.attach(main.handle)];
    const view = variable();
    one.constructed(KEPT, OBJECT, view);
    other.verify(KEPT, OBJECT, view);
    main.destroyed(KEPT, OBJECT, view, 5, 640);
    for (const thread of [main, one, other]) assert.equal(thread.faults.total, 0);
    assert.equal(main.constructions(KEPT), 1);
    assert.equal(main.destructions(KEPT), 1);
    assert.equal(main.workerDestructions(KEPT), 0);
    assert.deepEqual(main.settledOf(KEPT, 1), { accesses: 5, bytes: 640 });
    assert.equal(main.livesOf(KEPT, 1), 0);
    assert.equal(main.threads, 2);
  });

  it('reports a second construction of a pair that is alive', () => {
    const main = books();
    const other = Ledger.attach(main.handle);
    main.constructed(KEPT, OBJECT, variable());
    other.constructed(KEPT, OBJECT, variable());
    assert.equal(other.faults.counts.duplicateVariables, 1);
    assert.match(other.faults.faults[0]!.what, new RegExp(`object ${OBJECT}, id 0x10`));
  });

  it('reports a reader that sees another block than the one constructed last', () => {
    const main = books();
    const [first, second] = [variable(), variable()];
    main.constructed(KEPT, 3, first);
    main.destroyed(KEPT, 3, first, 0, 0);
    main.constructed(KEPT, 3, second);
    main.verify(KEPT, 3, second);
    assert.equal(main.faults.total, 0);
    main.verify(KEPT, 3, first);
    assert.equal(main.faults.counts.duplicateVariables, 1);
  });

  it('accepts a new variable before its collected predecessor is swept', () => {
    const main = books();
    const [old, fresh] = [variable(), variable()];
    main.constructed(KEPT, 3, old);
    main.retire(KEPT);
    main.constructed(KEPT, 3, fresh);
    main.destroyed(KEPT, 3, old, 1, 1);
    main.verify(KEPT, 3, fresh);
    assert.equal(main.faults.total, 0);
    assert.equal(main.livesOf(KEPT, 0), 1);
    main.constructed(KEPT, 3, variable());
    assert.equal(main.faults.counts.duplicateVariables, 1);
  });

  it('lets a freed variable be destroyed after its successor was constructed, where variables are freed under load', () => {
    const main = books();
    const [old, fresh] = [variable(), variable()];
    main.constructed(FREED, 3, old);
    main.constructed(FREED, 3, fresh);
    main.destroyed(FREED, 3, old, 0, 0);
    main.verify(FREED, 3, fresh);
    assert.equal(main.faults.total, 0);
    main.constructed(FREED, 3, variable(), fresh);
    assert.equal(main.faults.counts.duplicateVariables, 1);
  });

  it('reports a variable that was read before it was constructed, or that belongs to another pair', () => {
    const main = books();
    main.verify(FREED, 3, variable());
    assert.equal(main.faults.counts.unconstructedReads, 1);
    const foreign = variable();
    main.constructed(FREED, OBJECT, foreign);
    main.verify(FREED, 3, foreign);
    assert.equal(main.faults.counts.unconstructedReads, 2);
  });

  it('reports a destructor that ran twice', () => {
    const main = books();
    const view = variable();
    main.constructed(KEPT, 3, view);
    main.destroyed(KEPT, 3, view, 0, 0);
    main.destroyed(KEPT, 3, view, 0, 0);
    assert.equal(main.faults.counts.accounting, 1);
  });

  it('gives every pair a seal that is not zero and differs from its neighbours', () => {
    const seals = new Set<number>();
    for (let object = 0; object < 5000; object++) for (const id of [1, 0x10, 0x11, 0x12]) seals.add(sealOf(id, object * 2 ** 39 + object));
    assert.equal(seals.has(0), false);
    assert.ok(seals.size > 19_990, `${seals.size} different seals of 20000`);
  });
});

describe('the object index', () => {
  it('finds every object of the input and no other', () => {
    const objects = Float64Array.from({ length: 3000 }, (_, i) => (i * 1_500_450_271) % (2 ** 52 - 1));
    const table = createObjectIndex(objects);
    objects.forEach((object, index) => assert.equal(indexOfObject(table, object), index));
    for (const object of [2 ** 52 - 1, 17]) assert.equal(indexOfObject(table, object), -1);
  });
});

describe('the list of faults', () => {
  it('counts all and keeps some', () => {
    const list = new FaultList();
    for (let i = 0; i < 50; i++) list.add({ kind: 'lostUpdates', what: `object ${i}`, expected: 1, found: 0 });
    list.add({ kind: 'leakedBlocks', what: 'blocks', expected: 0, found: 3 }, 3);
    const merged = new FaultList();
    merged.merge(list.drain());
    assert.equal(list.total, 0);
    assert.equal(merged.counts.lostUpdates, 50);
    assert.equal(merged.counts.leakedBlocks, 3);
    assert.equal(merged.faults.length, KEPT_FAULTS + 1);
  });
});
