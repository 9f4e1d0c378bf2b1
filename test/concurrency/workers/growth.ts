/**
 * The first workers insert keys and acknowledge each by raising their mark; the others look for keys below the marks, which must be found, by
 * every way there is to look.
 */
import assert from 'node:assert/strict';
import { growthType, type GrowthPart, keyOf, READ_MARK } from '../growth-type.js';
import { type Task, work } from './task.js';

export interface GrowthData {
  readonly marks: SharedArrayBuffer;
  readonly writers: number;
  /** Keys per writer. */
  readonly each: number;
  /** Given: each key is freed and created again once more on the way, so that its entries move about. */
  readonly stable?: number;
}

const STRETCH = 64;

function write({ store, random, index, data }: Task<GrowthData>, marks: Int32Array): GrowthPart {
  for (let n = 0; n < data.each; n++) {
    const key = keyOf(index, n);
    store.alloc(key, growthType).writer = index;
    if (data.stable !== undefined && random.oneIn(3)) {
      store.free(key, growthType);
      store.alloc(key, growthType).writer = index;
    }
    Atomics.store(marks, 1 + index, n + 1);
    if (n % STRETCH === 0) store.safepoint();
  }
  Atomics.add(marks, READ_MARK, 1);
  return { found: 0, walks: 0 };
}

function read({ store, random, data }: Task<GrowthData>, marks: Int32Array): GrowthPart {
  const cursor = store.cursor(growthType);
  let found = 0;
  let walks = 0;
  while (found === 0 || Atomics.load(marks, READ_MARK) < data.writers) {
    const writer = random.below(data.writers);
    const mark = Atomics.load(marks, 1 + writer);
    if (mark === 0) continue;
    // Half of them among the latest, where buckets are being split.
    const pick = (): number => keyOf(writer, random.oneIn(2) ? random.below(mark) : mark - 1 - random.below(Math.min(mark, STRETCH)));
    for (let i = 0; i < STRETCH; i++) {
      const key = pick();
      if (random.oneIn(2)) assert.equal(cursor.find(key) && cursor.key, key);
      else assert.equal(store.get(key, growthType)?.key, key);
    }
    const keys = Array.from({ length: STRETCH }, pick);
    assert.deepEqual(
      store.getMany(keys, growthType).map((view) => view?.key),
      keys,
    );
    found += 2 * STRETCH;
    store.safepoint();
    if (walks === 0 || random.oneIn(2000)) {
      walk(writer);
      walks++;
    }
  }
  return { found, walks };

  function walk(writer: number): void {
    const mark = Atomics.load(marks, 1 + writer);
    const seen = new Set<number>();
    for (const [key, view] of store.entries(growthType)) {
      assert.equal(view.key, key);
      assert.equal(seen.has(view.key), false, `entries gave key ${view.key} twice`);
      seen.add(view.key);
      if (random.oneIn(500)) store.safepoint();
    }
    for (let n = 0; n < mark; n++) assert.equal(seen.has(keyOf(writer, n)), true, `entries missed key ${n} of writer ${writer}`);
  }
}

await work<GrowthData, GrowthPart>((task) => {
  const marks = new Int32Array(task.data.marks);
  return task.index < task.data.writers ? write(task, marks) : read(task, marks);
});
