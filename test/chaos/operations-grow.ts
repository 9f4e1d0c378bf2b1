/** Operations in which the table grows. */
import { Layout } from '../../src/memory/layout.js';
import { bucketAddress, hashObject, objectHigh } from '../../src/table/hash.js';
import type { Operation } from './operation.js';
import { ballast, fillers, plain, type World } from './world.js';

/** Behind the variables that only fill the table. */
const FIRST = 1_000_000;
/** Enough to be counted, which is when the table grows. */
const BATCH = Layout.ENTRY_BATCH;

/** Fills the table until the next counted insertions have to split a bucket. */
function fill({ store }: World): void {
  const { words } = store.internals;
  const entries = words[Layout.BUCKET_COUNT]! * Layout.LOAD_FACTOR - BATCH;
  for (let object = 0; words[Layout.ENTRY_COUNT]! < entries; object++) store.alloc(object, ballast);
}

/** Fills it until the next split needs another page for buckets. */
function fillPages({ store }: World): void {
  const { memory, words } = store.internals;
  for (let object = 0; ; object++) {
    const next = bucketAddress(memory.buckets, words[Layout.BUCKET_COUNT]!) + Layout.BUCKET_WORDS;
    const full = words[Layout.ENTRY_COUNT]! + BATCH > words[Layout.BUCKET_COUNT]! * Layout.LOAD_FACTOR;
    if (full && next > words[Layout.BUCKET_PAGE_LIMIT]! * Layout.PAGE_WORDS) return;
    store.alloc(object, ballast);
  }
}

/** A parent of the bucket that is split first, which moves. */
function firstToMove(): number {
  for (let object = FIRST; ; object++) {
    const hash = hashObject(object | 0, objectHigh(object));
    if ((hash & (2 * Layout.FIRST_BUCKETS - 1)) === Layout.FIRST_BUCKETS) return object;
  }
}

function insertBatch({ store }: World): void {
  for (let i = 0; i < 2 * BATCH; i++) store.alloc(FIRST + i, plain);
}

export const growths: readonly Operation[] = [
  { name: 'growth', parents: [FIRST], prepare: fill, run: insertBatch },
  {
    name: 'growth with overflow lines',
    parents: [firstToMove()],
    prepare: (world) => {
      for (const type of fillers.slice(0, 11)) world.store.alloc(firstToMove(), type);
      fill(world);
    },
    run: insertBatch,
  },
  { name: 'growth into another page', parents: [FIRST], prepare: fillPages, run: insertBatch },
];
