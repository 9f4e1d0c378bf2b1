/**
 * Owns the making of everything in a store that follows from what stands in its table: locks, lists of free blocks and pages, counts. Works on memory that
 * nobody else has, and writes all of it plainly. Imports memory, census, and of shadow the type slots.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { pageEntry } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { typeAddress, typeHigh } from '../shadow/slots.js';
import { bucketAddress } from '../table/hash.js';
import { type Census, classOfPage, Place } from './census.js';

/** Of a lock word of a variable only the version counts; of that of a bucket nothing. */
const VERSION_MASK = 0x7ffffc00;
/** An epoch that is past in every store: they begin with 1. */
const PAST_EPOCH = -1;

export function clearLocks(memory: Memory): void {
  const { words, pages } = memory;
  for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++) words[bucketAddress(memory.buckets, index) + Layout.BUCKET_LOCK] = 0;
  for (let page = words[Layout.PAGE_FLOOR]!; page < pages; page++) {
    if (classOfPage(memory, page) <= LINE_CLASS) continue;
    for (const block of blocksOf(memory, page)) words[block + Layout.BLOCK_LOCK] = words[block + Layout.BLOCK_LOCK]! & VERSION_MASK;
  }
}

/** Whatever the census has not met is free: pages without any other block become free pages, the blocks of others go to the lists of their classes. */
export function rebuildLists(memory: Memory, census: Census): void {
  const { words, pages } = memory;
  for (let page = words[Layout.PAGE_FLOOR]!; page < pages; page++) {
    const sizeClass = classOfPage(memory, page);
    if (sizeClass < 0) {
      freePage(memory, page);
      continue;
    }
    const free = blocksOf(memory, page).filter((block) => census.placeOf(block, sizeClass) === Place.NOWHERE);
    if (free.length === Math.floor(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[sizeClass]!)) {
      if (sizeClass !== LINE_CLASS) raiseGeneration(memory, page, free);
      freePage(memory, page);
      continue;
    }
    const list = classAddress(sizeClass);
    for (const block of free) {
      words[block + Layout.BLOCK_NEXT] = words[list + Layout.CLASS_HEAD]!;
      if (sizeClass !== LINE_CLASS) words[block + Layout.BLOCK_IDENTITY] = Layout.TYPE_SLOT_DEAD;
      words[list + Layout.CLASS_HEAD] = block;
    }
    words[list + Layout.CLASS_COUNT]! += free.length;
  }
}

/** Where the next blocks of a page begin: above all that any of these ever had. */
function raiseGeneration(memory: Memory, page: number, blocks: readonly WordAddress[]): void {
  const { words } = memory;
  const highest = pageEntry(memory, page) + Layout.PAGE_GENERATION;
  for (const block of blocks) words[highest] = Math.max(words[highest]!, words[block + Layout.BLOCK_GENERATION]! | 1);
}

/** Called for rising pages: the highest comes to the head of the list, the lowest are left for buckets to grow into. */
function freePage(memory: Memory, page: number): void {
  const { words } = memory;
  const entry = pageEntry(memory, page);
  words[entry + Layout.PAGE_CLASS] = 0;
  words[entry + Layout.PAGE_NEXT] = words[Layout.FREE_PAGE_HEAD]!;
  words[Layout.FREE_PAGE_HEAD] = page;
  words[Layout.FREE_PAGE_COUNT]!++;
}

/** Counts each type slot as having what was found in it. */
export function recount(memory: Memory, linked: Readonly<Float64Array>, leftOvers: Readonly<Float64Array>): void {
  const { words } = memory;
  const high = typeHigh(memory);
  let entries = 0;
  for (let slot = Layout.TYPE_SLOT_NAMES; slot < Layout.TYPE_SLOT_DEAD; slot++) {
    if (slot >= high && slot !== Layout.TYPE_SLOT_RECORDS) continue;
    entries += linked[slot]! - leftOvers[slot]!;
    const address = typeAddress(memory, slot);
    words[address + Layout.TYPE_LIVE_BASE] = linked[slot]! - leftOvers[slot]!;
    words[address + Layout.TYPE_MIGRATED] = 0 - leftOvers[slot]!; // they stand there still, see standingCount()
    words[address + Layout.TYPE_HANDED] = 0;
    words[address + Layout.TYPE_DEAD_EPOCH] = PAST_EPOCH;
  }
  words[Layout.ENTRY_COUNT] = entries;
}

function blocksOf(memory: Memory, page: number): WordAddress[] {
  const size = CLASS_BLOCK_WORDS[classOfPage(memory, page)]!;
  const blocks: WordAddress[] = [];
  const start = page * Layout.PAGE_WORDS;
  for (let block = start; block + size <= start + Layout.PAGE_WORDS; block += size) blocks.push(block);
  return blocks;
}
