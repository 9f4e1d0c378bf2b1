/** Operations in which the table grows. */
import { Layout } from '../../src/memory/layout.js';
import { growTable } from '../../src/table/grow.js';
import { bucketAddress, hashObject, objectHigh } from '../../src/table/hash.js';
import type { Operation } from './operation.js';
import { exhaust, spareLine } from './operations-memory.js';
import { ballast, fillers, large, plain, type World } from './world.js';

/** Behind the variables that only fill the table. */
const FIRST = 1_000_000;
/** As many as another thread inserts before it counts them, which is when the table grows. */
const BATCH = Layout.ENTRY_BATCH;

/** Fills the table until the next counted insertions have to split a bucket. */
function fill({ store }: World): void {
  const { words } = store.internals;
  const entries = words[Layout.BUCKET_COUNT]! * Layout.LOAD_FACTOR - BATCH;
  for (let object = 0; words[Layout.ENTRY_COUNT]! <= entries; object++) insert(store, object);
}

/** Creates a variable and adds it to the number of entries at once: growth goes on bucket by bucket then, and stops at any of them. */
function insert(store: World['store'], object: number): void {
  const { words, slotAddress, variables } = store.internals;
  store.alloc(object, ballast);
  growTable(variables.table, words[slotAddress + Layout.THREAD_ENTRY_DELTA]!);
}

/** Fills it until the next split needs another page for buckets, but for so many entries; with parents from `first` on. */
function fillPages({ store }: World, lacking = BATCH, first = 0): void {
  const { memory, words } = store.internals;
  for (let object = first; ; object++) {
    const next = bucketAddress(memory.buckets, words[Layout.BUCKET_COUNT]!) + Layout.BUCKET_WORDS;
    const full = words[Layout.ENTRY_COUNT]! + lacking > words[Layout.BUCKET_COUNT]! * Layout.LOAD_FACTOR;
    if (full && next > words[Layout.BUCKET_PAGE_LIMIT]! * Layout.PAGE_WORDS) return;
    insert(store, object);
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

const SMALL_BYTES = 2 ** 21;
const FEW = 100;
/** More than there can be large variables in so small a store. */
const MORE_THAN_LARGE_ONES = 256;

/** Two parents of one hash, both in the bucket that is split first, and both move. */
function twoToMove(): readonly [number, number] {
  const low = firstToMove();
  return [low, 2 ** 32 + ((low ^ Math.imul(1, 0x9e3779b1)) >>> 0)];
}

/** A store without memory but for a few variables and for one line of the several that the next split needs. */
function leaveOneLine(world: World): void {
  const { store } = world;
  const other = world.stayInside();
  for (const parent of twoToMove()) for (const type of fillers.slice(0, 11)) other.alloc(parent, type);
  fill(world);
  for (let i = 0; i < FEW; i++) store.alloc(FIRST + FEW + i, plain);
  exhaust(world);
  for (let i = 0; i < FEW; i++) store.free(FIRST + FEW + i, plain);
  spareLine(world, other);
  other.safepoint();
  for (let i = 0; i < 4; i++) store.safepoint();
}

/** A store whose buckets can only grow into a page that held blocks. */
function leavePagesOfBlocks(world: World): void {
  const { store } = world;
  fillPages(world, MORE_THAN_LARGE_ONES);
  exhaust(world, [large]);
  store.freeAll(large);
  for (let i = 0; i < 3; i++) store.safepoint();
  store.alloc(FIRST + FEW, plain); // turns the pages over
  store.free(FIRST + FEW, plain);
  fillPages(world, BATCH, FIRST / 2);
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
  {
    name: 'growth into another page',
    parents: [FIRST],
    prepare: (world) => {
      fillPages(world);
    },
    run: insertBatch,
  },
  { name: 'growth into a page of blocks', maxBytes: SMALL_BYTES, parents: [FIRST], prepare: leavePagesOfBlocks, run: insertBatch },
  { name: 'growth without memory for lines', maxBytes: SMALL_BYTES, parents: [FIRST], prepare: leaveOneLine, run: insertBatch },
];
