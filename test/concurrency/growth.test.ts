import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { Crew, runCrew } from './crew.js';
import { growthType, type GrowthPart } from './growth-type.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import type { GrowthData } from './workers/growth.js';

const WRITERS = 2;
const READERS = 2;

void describe('growth under load', () => {
  test('from 2048 buckets to 320,000 variables nothing that is there is ever missed', async (context) => {
    const seed = seedOf(context);
    const each = Math.ceil(160_000 * SOAK);
    const store = ShadowStore.create({ maxBytes: Math.max(2 ** 26, 2 ** 27 * SOAK), types: [growthType] });
    context.after(() => store[Symbol.dispose]());
    const marks = new SharedArrayBuffer((WRITERS + 1) * 4);
    const data: GrowthData = { marks, writers: WRITERS, each };
    const reads = await runCrew<GrowthData, GrowthPart>(context, 'growth', {
      handle: store.handle,
      workers: WRITERS + READERS,
      seed,
      data,
    });
    const { growth } = store.stats();
    assert.equal(growth.buckets > 2048 + each / 4, true, `${growth.buckets} buckets`);
    for (const { found, walks } of reads.slice(WRITERS)) assert.equal(found > 0 && walks > 0, true, 'the readers did read meanwhile');
    settled(store, each * WRITERS);
  });

  test('entries() gives what stays exactly once, however much is inserted and freed around it', async (context) => {
    const seed = seedOf(context);
    const stable = 3000;
    const store = ShadowStore.create({ maxBytes: 2 ** 27, types: [growthType] });
    context.after(() => store[Symbol.dispose]());
    for (let key = 0; key < stable; key++) store.alloc(key, growthType);
    const marks = new SharedArrayBuffer((WRITERS + 1) * 4);
    const data: GrowthData = { marks, writers: WRITERS, each: Math.ceil(60_000 * SOAK), stable };
    const crew = await Crew.start<GrowthData, GrowthPart>(context, 'growth', { handle: store.handle, workers: WRITERS, seed, data });
    let walks = 0;
    for (; crew.isRunning() || walks === 0; walks++) {
      const seen = new Set<number>();
      for (const [key, view] of store.entries(growthType)) {
        assert.equal(view.key, key);
        assert.equal(seen.has(key as number), false, `key ${view.key} came twice`);
        seen.add(key as number);
      }
      for (let key = 0; key < stable; key++) assert.equal(seen.has(key), true, `key ${key} was missed`);
      await new Promise(setImmediate);
    }
    await crew.results;
    settled(store, stable + data.each * WRITERS);
  });
});
