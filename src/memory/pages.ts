/**
 * Owns pages: which size class each belongs to, taking one, and giving back those whose blocks are all free. Writes the page table and the border between
 * buckets and blocks under SPACE_LOCK, and the global list of a class under its CLASS_LOCK. Imports layout, classes, lock, reservation, threads.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from './classes.js';
import { Layout, type WordAddress } from './layout.js';
import { acquire, release } from './lock.js';
import type { Memory } from './reservation.js';
import type { Thread } from './threads.js';

export function pageEntry(memory: Memory, page: number): WordAddress {
  return memory.pageTable + page * Layout.PAGE_ENTRY_WORDS;
}

/** Class of the page an address lies in, −1 if the page holds no blocks. */
export function classOfAddress(memory: Memory, address: WordAddress): number {
  return memory.words[pageEntry(memory, address >>> Layout.PAGE_SHIFT) + Layout.PAGE_CLASS]! - 1;
}

/** The word address of a page for blocks of the class, or 0: page 0 is the header. */
export function takePage(memory: Memory, thread: Thread, sizeClass: number): WordAddress {
  const { words } = memory;
  acquire(thread, Layout.SPACE_LOCK);
  let page = words[Layout.FREE_PAGE_HEAD]!;
  if (page !== 0) {
    words[Layout.FREE_PAGE_HEAD] = words[pageEntry(memory, page) + Layout.PAGE_NEXT]!;
    words[Layout.FREE_PAGE_COUNT]!--;
  } else if (words[Layout.PAGE_FLOOR]! > words[Layout.BUCKET_PAGE_LIMIT]!) {
    page = words[Layout.PAGE_FLOOR]! - 1;
    words[Layout.PAGE_FLOOR] = page;
  }
  if (page !== 0) {
    words[pageEntry(memory, page) + Layout.PAGE_CLASS] = sizeClass + 1;
    if (words[Layout.MEMORY_PRESSURE] !== 0) Atomics.store(words, Layout.MEMORY_PRESSURE, 0);
  }
  release(thread, Layout.SPACE_LOCK);
  if (page !== 0) startGenerations(memory, page, sizeClass);
  return page << Layout.PAGE_SHIFT;
}

/**
 * Moves the end of the bucket region up by one page; false when there is no room. The page is zero: either it was never touched, or it is the lowest page of
 * blocks, which is free again and is wiped.
 */
export function extendBuckets(memory: Memory, thread: Thread): boolean {
  const { words } = memory;
  acquire(thread, Layout.SPACE_LOCK);
  const page = words[Layout.BUCKET_PAGE_LIMIT]!;
  const room = page < words[Layout.PAGE_FLOOR]! || unlistFreePage(memory, page);
  if (room) {
    if (page === words[Layout.PAGE_FLOOR]) {
      words.fill(0, page * Layout.PAGE_WORDS, (page + 1) * Layout.PAGE_WORDS);
      words[Layout.PAGE_FLOOR] = page + 1;
    }
    words[Layout.BUCKET_PAGE_LIMIT] = page + 1;
  }
  release(thread, Layout.SPACE_LOCK);
  return room;
}

/** Takes one particular page off the free-page list, if it is there. */
function unlistFreePage(memory: Memory, page: number): boolean {
  const { words } = memory;
  let link: WordAddress = Layout.FREE_PAGE_HEAD;
  while (words[link] !== 0 && words[link] !== page) link = pageEntry(memory, words[link]!) + Layout.PAGE_NEXT;
  if (words[link] !== page) return false;
  words[link] = words[pageEntry(memory, page) + Layout.PAGE_NEXT]!;
  words[Layout.FREE_PAGE_COUNT]!--;
  return true;
}

/** Blocks of a page that held others before begin above every generation there was: see PAGE_GENERATION. */
function startGenerations(memory: Memory, page: number, sizeClass: number): void {
  const generation = memory.words[pageEntry(memory, page) + Layout.PAGE_GENERATION]!;
  if (generation === 0 || sizeClass === LINE_CLASS) return;
  const size = CLASS_BLOCK_WORDS[sizeClass]!;
  const start = page << Layout.PAGE_SHIFT;
  for (let block = start; block + size <= start + Layout.PAGE_WORDS; block += size)
    memory.words[block + Layout.BLOCK_GENERATION] = generation;
}

/** Turns pages whose blocks are all on the global list of the class into free pages; returns how many. */
export function returnWholePages(memory: Memory, thread: Thread, sizeClass: number): number {
  const { words } = memory;
  const list = classAddress(sizeClass);
  if (words[list + Layout.CLASS_COUNT]! < pageCapacity(sizeClass)) return 0;
  acquire(thread, list + Layout.CLASS_LOCK);
  const whole = wholePages(words, list, pageCapacity(sizeClass));
  if (whole.size > 0) unlistPages(memory, list, sizeClass, whole);
  release(thread, list + Layout.CLASS_LOCK);
  if (whole.size === 0) return 0;
  acquire(thread, Layout.SPACE_LOCK);
  // The highest goes to the head: the lowest are left for buckets to grow into.
  for (const page of [...whole].sort((a, b) => a - b)) {
    words[pageEntry(memory, page) + Layout.PAGE_CLASS] = 0;
    words[pageEntry(memory, page) + Layout.PAGE_NEXT] = words[Layout.FREE_PAGE_HEAD]!;
    words[Layout.FREE_PAGE_HEAD] = page;
    words[Layout.FREE_PAGE_COUNT]!++;
  }
  release(thread, Layout.SPACE_LOCK);
  return whole.size;
}

function pageCapacity(sizeClass: number): number {
  return Math.floor(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[sizeClass]!);
}

/** Pages of which every block is on the list. */
function wholePages(words: Int32Array, list: WordAddress, capacity: number): Set<number> {
  const free = new Map<number, number>();
  for (let block = words[list + Layout.CLASS_HEAD]!; block !== 0; block = words[block + Layout.BLOCK_NEXT]!) {
    const page = block >>> Layout.PAGE_SHIFT;
    free.set(page, (free.get(page) ?? 0) + 1);
  }
  const whole = new Set<number>();
  for (const [page, count] of free) if (count === capacity) whole.add(page);
  return whole;
}

/** Takes the blocks of these pages off the list, and notes the highest generation of each page. */
function unlistPages(memory: Memory, list: WordAddress, sizeClass: number, pages: ReadonlySet<number>): void {
  const { words } = memory;
  let kept = 0;
  let head = 0;
  for (let block = words[list + Layout.CLASS_HEAD]!; block !== 0;) {
    const next = words[block + Layout.BLOCK_NEXT]!;
    const page = block >>> Layout.PAGE_SHIFT;
    if (!pages.has(page)) {
      words[block + Layout.BLOCK_NEXT] = head;
      head = block;
      kept++;
    } else if (sizeClass !== LINE_CLASS) {
      const highest = pageEntry(memory, page) + Layout.PAGE_GENERATION;
      words[highest] = Math.max(words[highest]!, words[block + Layout.BLOCK_GENERATION]! | 1);
    }
    block = next;
  }
  words[list + Layout.CLASS_HEAD] = head;
  words[list + Layout.CLASS_COUNT] = kept;
}
