/**
 * Owns pages: which size class each belongs to, taking one, and giving back those whose blocks are all free. Writes the page table and the border between
 * buckets and blocks under SPACE_LOCK, and the global list of a class under its CLASS_LOCK. Imports layout, classes, journal, lock, reservation,
 * threads.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from './classes.js';
import { writeTogether } from './journal.js';
import { Layout, type WordAddress } from './layout.js';
import { acquire, release } from './lock.js';
import type { Memory } from './reservation.js';
import type { Thread } from './threads.js';

export function pageEntry(memory: Memory, page: number): WordAddress {
  return memory.pageTable + page * Layout.PAGE_ENTRY_WORDS;
}

/** Size class of the page that an address lies in, −1 if it holds no blocks: for the members of lists, whatever the memory holds. */
export function classOfAddress(memory: Memory, address: WordAddress): number {
  const { words } = memory;
  const page = address >>> Layout.PAGE_SHIFT;
  if (!(address > 0) || page < words[Layout.PAGE_FLOOR]! || page < memory.firstFreePage || page >= memory.pages) return -1;
  const sizeClass = words[pageEntry(memory, page) + Layout.PAGE_CLASS]! - 1;
  return sizeClass < CLASS_BLOCK_WORDS.length ? sizeClass : -1;
}

/** Size class of the block that starts at an address, −1 if none does: for addresses that may be anything. */
export function blockClass(memory: Memory, address: WordAddress): number {
  const sizeClass = classOfAddress(memory, address);
  const size = CLASS_BLOCK_WORDS[sizeClass];
  if (size === undefined) return -1;
  const offset = address & (Layout.PAGE_WORDS - 1);
  return offset % size === 0 && offset + size <= Layout.PAGE_WORDS ? sizeClass : -1;
}

/**
 * Takes a page for blocks of the class: it is the thread's to carve from then on, at `cache`, where nothing is left to be carved. False if there is none.
 */
export function takePage(memory: Memory, thread: Thread, sizeClass: number, cache: WordAddress): boolean {
  const { words } = memory;
  acquire(thread, Layout.SPACE_LOCK);
  // step: page.locked
  const listed = words[Layout.FREE_PAGE_HEAD]!;
  const room = words[Layout.PAGE_FLOOR]! > words[Layout.BUCKET_PAGE_LIMIT]!;
  const next = listed !== 0 ? listed : room ? words[Layout.PAGE_FLOOR]! - 1 : 0;
  const page = hasSaneBorder(memory, listed) ? next : 0;
  if (page !== 0) {
    startGenerations(memory, page, sizeClass);
    const first = page << Layout.PAGE_SHIFT;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const border =
      listed !== 0
        ? [
            Layout.FREE_PAGE_HEAD,
            words[pageEntry(memory, page) + Layout.PAGE_NEXT]!,
            Layout.FREE_PAGE_COUNT,
            words[Layout.FREE_PAGE_COUNT]! - 1,
          ]
        : [Layout.PAGE_FLOOR, page];
    writeTogether(thread, [
      ...border,
      pageEntry(memory, page) + Layout.PAGE_CLASS,
      sizeClass + 1,
      cache + Layout.CARVE_NEXT,
      first,
      // The last block, not the end: that of the topmost page is no int32.
      cache + Layout.CARVE_LAST,
      first + (pageCapacity(sizeClass) - 1) * size,
    ]);
    if (words[Layout.MEMORY_PRESSURE] !== 0) Atomics.store(words, Layout.MEMORY_PRESSURE, 0);
  }
  // step: page.unlock
  release(thread, Layout.SPACE_LOCK);
  return page !== 0;
}

/**
 * Moves the end of the bucket region up by one page; false when there is no room. The page is zero: either it was never touched, or it is the lowest page of
 * blocks, which is free again and is wiped.
 */
export function extendBuckets(memory: Memory, thread: Thread): boolean {
  const { words } = memory;
  acquire(thread, Layout.SPACE_LOCK);
  // step: extend.locked
  const page = words[Layout.BUCKET_PAGE_LIMIT]!;
  let room = hasSaneBorder(memory, words[Layout.FREE_PAGE_HEAD]!);
  if (room && page < words[Layout.PAGE_FLOOR]!) {
    words[Layout.BUCKET_PAGE_LIMIT] = page + 1;
  } else if (room) {
    const link = linkOfFreePage(memory, page);
    room = link !== 0;
    if (room) {
      words.fill(0, page * Layout.PAGE_WORDS, (page + 1) * Layout.PAGE_WORDS); // nobody reads a free page
      // step: extend.wiped
      writeTogether(thread, [
        link,
        words[pageEntry(memory, page) + Layout.PAGE_NEXT]!,
        Layout.FREE_PAGE_COUNT,
        words[Layout.FREE_PAGE_COUNT]! - 1,
        Layout.PAGE_FLOOR,
        page + 1,
        Layout.BUCKET_PAGE_LIMIT,
        page + 1,
      ]);
    }
  }
  // step: extend.unlock
  release(thread, Layout.SPACE_LOCK);
  return room;
}

/** Whether the border between buckets and blocks, and the head of the free-page list, are where they can be; in a damaged store no page is handed out. */
function hasSaneBorder(memory: Memory, listed: number): boolean {
  const { words } = memory;
  const floor = words[Layout.PAGE_FLOOR]!;
  const limit = words[Layout.BUCKET_PAGE_LIMIT]!;
  if (limit < memory.firstFreePage || limit > floor || floor > memory.pages) return false;
  return listed === 0 || (listed >= floor && listed < memory.pages && words[pageEntry(memory, listed) + Layout.PAGE_CLASS] === 0);
}

/** The word that leads to one particular page on the free-page list, 0 if it is not there. */
function linkOfFreePage(memory: Memory, page: number): WordAddress {
  const { words } = memory;
  let link: WordAddress = Layout.FREE_PAGE_HEAD;
  for (let hops = 0; words[link] !== 0 && words[link] !== page && hops < memory.pages; hops++)
    link = pageEntry(memory, words[link]!) + Layout.PAGE_NEXT;
  return words[link] === page ? link : 0;
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

/**
 * Turns pages whose blocks are all on the global list of the class into free pages; returns how many. In two stages, since both together are too much for the
 * journal: the pages are marked as leaving and their blocks taken off the list, under CLASS_LOCK; then they become free, one by one, under SPACE_LOCK. THREAD_LEAVING
 * tells recovery that either may be half-done.
 */
export function returnWholePages(memory: Memory, thread: Thread, sizeClass: number): number {
  const { words } = memory;
  const list = classAddress(sizeClass);
  if (words[list + Layout.CLASS_COUNT]! < pageCapacity(sizeClass)) return 0;
  acquire(thread, list + Layout.CLASS_LOCK);
  const whole = wholePages(memory, list, pageCapacity(sizeClass));
  if (whole.size > 0) {
    words[thread.address + Layout.THREAD_LEAVING] = sizeClass + 1; // recovery reads this
    // step: leaving.noted
    for (const page of whole) words[pageEntry(memory, page) + Layout.PAGE_CLASS] = -thread.owner;
    // step: leaving.marked
    unlistLeavingPages(memory, thread.owner, sizeClass);
  }
  // step: leaving.unlock
  release(thread, list + Layout.CLASS_LOCK);
  if (whole.size > 0) freeLeavingPages(memory, thread);
  return whole.size;
}

/** Takes the blocks of the pages that `owner` gives back off the list of their class, and notes the highest generation of each page. Under CLASS_LOCK. */
export function unlistLeavingPages(memory: Memory, owner: number, sizeClass: number): void {
  const { words } = memory;
  const list = classAddress(sizeClass);
  let kept = 0;
  let link: WordAddress = list + Layout.CLASS_HEAD;
  const most = words[list + Layout.CLASS_COUNT]!;
  for (let block = words[link]!, seen = 0; block !== 0 && seen < most; block = words[link]!, seen++) {
    const entry = pageEntry(memory, block >>> Layout.PAGE_SHIFT);
    if (words[entry + Layout.PAGE_CLASS] !== -owner) {
      link = block + Layout.BLOCK_NEXT;
      kept++;
      continue;
    }
    if (sizeClass !== LINE_CLASS)
      words[entry + Layout.PAGE_GENERATION] = Math.max(words[entry + Layout.PAGE_GENERATION]!, words[block + Layout.BLOCK_GENERATION]! | 1);
    words[link] = words[block + Layout.BLOCK_NEXT]!;
    // step: leaving.unlisted
  }
  words[list + Layout.CLASS_COUNT] = kept;
}

/** Makes the pages free that the thread gives back and whose blocks are on no list any more. */
export function freeLeavingPages(memory: Memory, thread: Thread): void {
  const { words } = memory;
  acquire(thread, Layout.SPACE_LOCK);
  // The highest goes to the head: the lowest are left for buckets to grow into.
  for (let page = words[Layout.PAGE_FLOOR]!; page < memory.pages; page++) {
    const entry = pageEntry(memory, page);
    if (words[entry + Layout.PAGE_CLASS] !== -thread.owner) continue;
    // step: leaving.page
    writeTogether(thread, [
      entry + Layout.PAGE_CLASS,
      0,
      entry + Layout.PAGE_NEXT,
      words[Layout.FREE_PAGE_HEAD]!,
      Layout.FREE_PAGE_HEAD,
      page,
      Layout.FREE_PAGE_COUNT,
      words[Layout.FREE_PAGE_COUNT]! + 1,
    ]);
  }
  release(thread, Layout.SPACE_LOCK);
  // step: leaving.freed
  words[thread.address + Layout.THREAD_LEAVING] = 0;
}

function pageCapacity(sizeClass: number): number {
  return Math.floor(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[sizeClass]!);
}

/** Pages of which every block is on the list. */
function wholePages(memory: Memory, list: WordAddress, capacity: number): Set<number> {
  const { words } = memory;
  const free = new Map<number, number>();
  const most = words[list + Layout.CLASS_COUNT]!;
  for (
    let block = words[list + Layout.CLASS_HEAD]!, seen = 0;
    block !== 0 && seen < most;
    block = words[block + Layout.BLOCK_NEXT]!, seen++
  ) {
    const page = block >>> Layout.PAGE_SHIFT;
    free.set(page, (free.get(page) ?? 0) + 1);
  }
  const whole = new Set<number>();
  for (const [page, count] of free) if (count === capacity) whole.add(page);
  return whole;
}
