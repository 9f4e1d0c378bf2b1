import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShadowError } from '../../src/errors.js';
import type { Parent } from '../../src/shadow/objects.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';
import { runCrew } from './crew.js';
import { Ledger, payloadTypes } from './payload.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { ExhaustionData, ExhaustionPart } from './workers/exhaustion.js';

const small = defineShadowType({ id: 0x31, size: 16 });
const pageful = defineShadowType({ id: 0x32, size: 65520 });

/** Allocates until there is no room; returns the parents that got a variable. */
function fill(store: ShadowStore, type: AnyShadowType): number[] {
  const filled: number[] = [];
  for (let parent = 0; ; parent++) {
    if (!fits(store, type, parent)) return filled;
    filled.push(parent);
  }
}

function fits(store: ShadowStore, type: AnyShadowType, parent: Parent): boolean {
  try {
    store.alloc(parent, type);
    return true;
  } catch (error) {
    if (error instanceof ShadowError && error.code === 'ERR_SHADOW_EXHAUSTED') return false;
    throw error;
  }
}

void describe('exhaustion', () => {
  test('under load nothing stored is lost, and freeing makes room again', async (context) => {
    const seed = seedOf(context);
    const workers = 4;
    const rounds = Math.ceil(6 * SOAK);
    const ledger = Ledger.ofCapacity(Math.ceil(2 ** 21 * Math.max(1, SOAK)));
    const types = payloadTypes(ledger, () => undefined);
    const store = ShadowStore.create({ maxBytes: 3 * 2 ** 20, types });
    context.after(() => store[Symbol.dispose]());
    const capacity = types.map((type) => {
      const filled = fill(store, type);
      assert.equal(store.freeAll(type), filled.length);
      store.safepoint();
      return filled.length;
    });
    settled(store, 0);
    const data: ExhaustionData = { ledger: ledger.buffer, rounds };
    const parts = await runCrew<ExhaustionData, ExhaustionPart>(context, 'exhaustion', { handle: store.handle, workers, seed, data });
    const created = parts.reduce((sum, part) => sum + part.created, 0);
    assert.equal(created > rounds * 500, true, `${created} variables were created in spite of the exhaustion`);
    assert.equal(ledger.count().alive, 0);
    settled(store, 0);
    types.forEach((type, i) => {
      let again = 0;
      // Not quite as much: overflow lines that other keys needed stay in their chains.
      while (again < capacity[i]! * 0.85) store.alloc(again++, type);
      assert.equal(store.freeAll(type), again);
      store.safepoint();
    });
    settled(store, 0);
  });

  test('a page is turned over to another class whenever all of its blocks are free', (context) => {
    // Which blocks lie on one page is found by trial: each attempt moves a few more blocks between two pages.
    for (let extra = 24; extra < 40; extra++) {
      const store = ShadowStore.create({ maxBytes: 2 ** 20, maxThreads: 2, types: [small, pageful] });
      context.after(() => store[Symbol.dispose]());
      const pages = new Map<number, number[]>();
      for (const parent of fill(store, small)) {
        const page = pageOf(store, parent);
        pages.set(page, [...(pages.get(page) ?? []), parent]);
      }
      const full = [...pages].filter(([, parents]) => parents.length === 2048);
      const [page, onPage] = full[0]!;
      const elsewhere = full[1]![1];
      for (const parent of [...onPage.slice(0, 1024), ...elsewhere.slice(0, 1024), ...full[2]![1].slice(0, extra)])
        store.free(parent, small);
      store.safepoint();
      assert.equal(fits(store, pageful, 2 ** 40), false, 'no page is wholly free');
      store.safepoint();
      for (let i = 0; i < 1024 + extra; i++) {
        const parent = 10 ** 6 + i;
        store.alloc(parent, small);
        if (pageOf(store, parent) === page) store.free(parent, small);
      }
      for (const parent of onPage.slice(1024)) store.free(parent, small);
      store.safepoint();
      assert.equal(fits(store, pageful, 2 ** 40), true, `a page is wholly free (attempt ${extra})`);
      store[Symbol.dispose]();
    }
  });

  test('after exhaustion the table grows again once there is room', (context) => {
    const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [small, pageful] });
    context.after(() => store[Symbol.dispose]());
    fill(store, pageful);
    store.freeAll(pageful);
    store.safepoint();
    const filled = fill(store, small);
    const { buckets, entries } = store.stats().growth;
    assert.equal(filled.length > 200_000, true);
    assert.equal(entries / buckets < 8, true, `${entries} entries stand in ${buckets} buckets`);
    settled(store, filled.length);
  });

  test('once an allocation has failed, the next safepoint of every thread gives its free blocks to all', (context) => {
    const filler = defineShadowType({ id: 0x33, size: 3000 });
    const kept = defineShadowType({ id: 0x34, size: 3000 });
    const store = ShadowStore.create({ maxBytes: 20 * 2 ** 16, maxThreads: 4, types: [small, filler, kept] });
    const other = ShadowStore.attach(store.handle);
    context.after(() => {
      other[Symbol.dispose]();
      store[Symbol.dispose]();
    });
    const everybodyPasses = (): void => {
      for (const attached of [store, other, store, other]) attached.safepoint();
    };
    store.free(fill(store, filler).at(-1)!, filler);
    store.alloc(0, kept);
    store.freeAll(filler);
    everybodyPasses();
    // One variable made anew takes a batch of free blocks along, which lie all over the pages.
    store.free(0, kept);
    everybodyPasses();
    store.alloc(0, kept);
    // A string needs a block for its record and one for the variable, of two sizes: the first may find a page, the second none.
    if (!fits(other, small, 'a string')) {
      everybodyPasses();
      assert.equal(fits(other, small, 'a string'), true, 'the memory of an empty store is to be had after one safepoint of everybody');
    }
    assert.equal(store.check().found.variables, 2);
  });

  test('what one thread has freed is not lost to the others while it does nothing', async (context) => {
    const store = ShadowStore.create({ maxBytes: 2 ** 21, types: [small, pageful] });
    const other = ShadowStore.attach(store.handle);
    context.after(() => {
      other[Symbol.dispose]();
      store[Symbol.dispose]();
    });
    const filled = fill(store, small);
    await turn();
    store.get(0, small); // this thread is inside a grace period while the other one frees
    for (const parent of filled) other.free(parent, small);
    other.safepoint();
    await turn();
    // From here on the other thread sleeps.
    const again = fill(store, small);
    assert.equal(again.length >= filled.length * 0.9, true, `${again.length} of ${filled.length} fit again`);
  });
});

function pageOf(store: ShadowStore, parent: number): number {
  return store.get(parent, small)!.$block >>> 14;
}

/** The end of this turn of the event loop, at which threads pass their safepoints. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
