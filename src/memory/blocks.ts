/**
 * Owns blocks: the free lists, and the way of a freed block back to reuse.
 *
 * A page of 64 KiB belongs to one size class while any of its blocks is in use. A thread takes blocks from its own list or from the page it
 * is carving, without a lock, because both lie in its own slot. Lists that grow too long go in batches to the global list of the class,
 * under CLASS_LOCK; pages come from pages.ts. A removed block is *retired* first and becomes free only when its
 * grace period is over.
 *
 * Recovery reads THREAD_INTENT_BLOCK: a block leaves a list only after its address stands there. Imports layout, classes, grace,
 * intent, lock, pages.
 */
import { CLASS_BLOCK_WORDS, classAddress } from './classes.js';
import { graceHorizon, isPast, retirementEpoch } from './grace.js';
import { closeIntent, openIntent } from './intent.js';
import { Layout, type WordAddress } from './layout.js';
import { acquire, release, tryAcquire } from './lock.js';
import { classOfAddress, returnWholePages, takePage } from './pages.js';
import type { Memory } from './reservation.js';
import type { Thread } from './threads.js';

/** Blocks that move between a thread and the global list at once. */
const BATCH = 32;
/** A thread's own list of one class is cut back when it is longer than this. */
const CACHE_LIMIT = 2 * BATCH;
/** Retired blocks a thread lets gather before it looks for a past grace period. */
const RETIRED_BATCH = 64;

/** One thread's access to blocks. */
export class Blocks {
  readonly #memory: Memory;
  readonly #thread: Thread;
  readonly #words: Int32Array;
  readonly #caches: WordAddress;
  /** BLOCKS_GIVEN when giving back pages last found nothing: no use in trying again before that changes. */
  #fruitlessGiven = -1;

  constructor(memory: Memory, thread: Thread) {
    this.#memory = memory;
    this.#thread = thread;
    this.#words = memory.words;
    this.#caches = thread.address + Layout.THREAD_CLASSES;
  }

  /**
   * Takes a block of the class, or returns 0 when there is none. The caller has an intent open: the address stands in it before the
   * block leaves its list. The content is what the last user left.
   */
  take(sizeClass: number): WordAddress {
    const words = this.#words;
    const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
    const head = words[cache + Layout.CACHE_HEAD]!;
    if (head === 0) return this.#carve(sizeClass, cache);
    words[this.#thread.address + Layout.THREAD_INTENT_BLOCK] = head; // recovery reads this
    words[cache + Layout.CACHE_HEAD] = words[head + Layout.BLOCK_NEXT]!;
    words[cache + Layout.CACHE_COUNT]!--;
    return head;
  }

  /** Puts a block that nobody can hold on the thread's own list. */
  put(block: WordAddress, sizeClass: number): void {
    const words = this.#words;
    const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
    words[block + Layout.BLOCK_NEXT] = words[cache + Layout.CACHE_HEAD]!;
    words[cache + Layout.CACHE_HEAD] = block;
    if (++words[cache + Layout.CACHE_COUNT]! > CACHE_LIMIT) this.#giveBatch(sizeClass, cache, BATCH);
  }

  /**
   * Retires a block that was unlinked. Its identity dies, its data stay as they are until the grace period is over. The caller has an
   * intent open.
   */
  retire(block: WordAddress): void {
    const words = this.#words;
    words[block + Layout.BLOCK_IDENTITY] = Layout.TYPE_SLOT_DEAD;
    words[block + Layout.BLOCK_NEXT] = 0;
    appendRetired(words, this.#thread.address + Layout.THREAD_RETIRED, retirementEpoch(words), block, block, 1);
  }

  /** Whether enough has gathered that looking for a past grace period is worth the walk over the thread slots. */
  get worthReclaiming(): boolean {
    const words = this.#words;
    return retiredCount(words, this.#thread.address + Layout.THREAD_RETIRED) >= RETIRED_BATCH || words[Layout.MEMORY_PRESSURE] !== 0;
  }

  /**
   * Frees what was retired in epochs that are past. What still waits is left to others if it is much: this thread may do nothing for a long time. Under
   * memory pressure all free blocks go to the global lists at once.
   */
  reclaim(): void {
    const words = this.#words;
    const pressed = words[Layout.MEMORY_PRESSURE] !== 0;
    const retired = this.#thread.address + Layout.THREAD_RETIRED;
    if (retiredCount(words, retired) === 0 && retiredCount(words, Layout.ORPHANS) === 0 && !pressed) return;
    this.#open();
    const horizon = this.#freePast();
    if (retiredCount(words, retired) >= RETIRED_BATCH) this.#orphan(horizon);
    else if (retiredCount(words, Layout.ORPHANS) > 0 && tryAcquire(this.#thread, Layout.THREAD_LOCK)) {
      this.#freeLists(Layout.ORPHANS, horizon);
      release(this.#thread, Layout.THREAD_LOCK);
    }
    if (pressed) this.#giveEverything();
    this.#close();
  }

  #freePast(): number {
    const horizon = graceHorizon(this.#memory);
    this.#freeLists(this.#thread.address + Layout.THREAD_RETIRED, horizon);
    return horizon;
  }

  /**
   * The last resort of an allocation that found nothing: this thread has just passed a safepoint. Frees what is past, asks all others to
   * do the same at their next safepoint, and turns pages that are wholly free over to whichever class wants them.
   */
  reclaimEverything(): void {
    const words = this.#words;
    Atomics.store(words, Layout.MEMORY_PRESSURE, 1);
    this.reclaim();
    this.#open();
    const given = Atomics.load(words, Layout.BLOCKS_GIVEN);
    if (given !== this.#fruitlessGiven) {
      let pages = 0;
      for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
        pages += returnWholePages(this.#memory, this.#thread, sizeClass);
      }
      if (pages === 0) this.#fruitlessGiven = given;
    }
    this.#close();
  }

  /** Leaves nothing of the store's memory in the thread's slot. What is still within its grace period becomes an orphan. */
  abandon(): void {
    const words = this.#words;
    const { address } = this.#thread;
    this.reclaim();
    this.#open();
    this.#giveEverything();
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
      while (this.#carve(sizeClass, cache, false) !== 0) {
        this.put(words[address + Layout.THREAD_INTENT_BLOCK]!, sizeClass);
      }
      this.#giveBatch(sizeClass, cache, words[cache + Layout.CACHE_COUNT]!);
    }
    this.#orphan(graceHorizon(this.#memory));
    this.#close();
  }

  /** Leaves what still waits for its grace period to whoever comes by; what others left before goes first, or its epoch would be raised for ever. */
  #orphan(horizon: number): void {
    const words = this.#words;
    const retired = this.#thread.address + Layout.THREAD_RETIRED;
    acquire(this.#thread, Layout.THREAD_LOCK);
    this.#freeLists(Layout.ORPHANS, horizon);
    const epoch = retirementEpoch(words);
    for (const list of [retired + Layout.RETIRED_OLDER, retired]) {
      const head = words[list + Layout.RETIRED_HEAD]!;
      if (head === 0) continue;
      appendRetired(words, Layout.ORPHANS, epoch, head, words[list + Layout.RETIRED_TAIL]!, words[list + Layout.RETIRED_COUNT]!);
      clearRetired(words, list);
    }
    release(this.#thread, Layout.THREAD_LOCK);
  }

  #open(): void {
    openIntent(this.#thread, Layout.INTENT_MEMORY, 0);
  }

  #close(): void {
    closeIntent(this.#thread);
  }

  /** Next block of the page being carved; else a batch of the global list; else, if allowed, a new page. */
  #carve(sizeClass: number, cache: WordAddress, more = true): WordAddress {
    const words = this.#words;
    const { address } = this.#thread;
    const next = words[cache + Layout.CARVE_NEXT]!;
    if (next !== 0) {
      const size = CLASS_BLOCK_WORDS[sizeClass]!;
      words[address + Layout.THREAD_INTENT_BLOCK] = next; // recovery reads this
      words[cache + Layout.CARVE_NEXT] = next < words[cache + Layout.CARVE_LAST]! ? next + size : 0;
      return next;
    }
    if (!more) return 0;
    if (words[address + Layout.THREAD_RETIRED + Layout.RETIRED_OLDER + Layout.RETIRED_COUNT]! >= RETIRED_BATCH) {
      this.#freePast();
      if (words[cache + Layout.CACHE_HEAD] !== 0) return this.take(sizeClass);
    }
    if (words[classAddress(sizeClass) + Layout.CLASS_HEAD] !== 0 && this.#takeBatch(sizeClass, cache)) return this.take(sizeClass);
    const page = takePage(this.#memory, this.#thread, sizeClass);
    if (page === 0) return 0;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    // The last block, not the end: that of the topmost page is no int32.
    const last = page + (Math.floor(Layout.PAGE_WORDS / size) - 1) * size;
    words[cache + Layout.CARVE_LAST] = last;
    words[cache + Layout.CARVE_NEXT] = page < last ? page + size : 0;
    words[address + Layout.THREAD_INTENT_BLOCK] = page;
    return page;
  }

  #takeBatch(sizeClass: number, cache: WordAddress): boolean {
    const words = this.#words;
    const global = classAddress(sizeClass);
    acquire(this.#thread, global + Layout.CLASS_LOCK);
    const head = words[global + Layout.CLASS_HEAD]!;
    let count = 0;
    let last = 0;
    for (let block = head; block !== 0 && count < BATCH; block = words[block + Layout.BLOCK_NEXT]!) {
      last = block;
      count++;
    }
    if (count > 0) {
      words[global + Layout.CLASS_HEAD] = words[last + Layout.BLOCK_NEXT]!;
      words[global + Layout.CLASS_COUNT]! -= count;
      words[last + Layout.BLOCK_NEXT] = words[cache + Layout.CACHE_HEAD]!;
      words[cache + Layout.CACHE_HEAD] = head;
      words[cache + Layout.CACHE_COUNT]! += count;
    }
    release(this.#thread, global + Layout.CLASS_LOCK);
    return count > 0;
  }

  /** Moves the first `count` blocks of the thread's own list to the global one. */
  #giveBatch(sizeClass: number, cache: WordAddress, count: number): void {
    const words = this.#words;
    const head = words[cache + Layout.CACHE_HEAD]!;
    if (count === 0 || head === 0) return;
    let last = head;
    for (let i = 1; i < count; i++) last = words[last + Layout.BLOCK_NEXT]!;
    const global = classAddress(sizeClass);
    acquire(this.#thread, global + Layout.CLASS_LOCK);
    words[cache + Layout.CACHE_HEAD] = words[last + Layout.BLOCK_NEXT]!;
    words[cache + Layout.CACHE_COUNT]! -= count;
    words[last + Layout.BLOCK_NEXT] = words[global + Layout.CLASS_HEAD]!;
    words[global + Layout.CLASS_HEAD] = head;
    words[global + Layout.CLASS_COUNT]! += count;
    release(this.#thread, global + Layout.CLASS_LOCK);
    Atomics.add(words, Layout.BLOCKS_GIVEN, 1);
  }

  #giveEverything(): void {
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
      this.#giveBatch(sizeClass, cache, this.#words[cache + Layout.CACHE_COUNT]!);
    }
  }

  #freeLists(lists: WordAddress, horizon: number): void {
    this.#freeList(lists + Layout.RETIRED_OLDER, horizon);
    this.#freeList(lists, horizon);
  }

  #freeList(list: WordAddress, horizon: number): void {
    const words = this.#words;
    let block = words[list + Layout.RETIRED_HEAD]!;
    if (block === 0 || !isPast(words[list + Layout.RETIRED_EPOCH]!, horizon)) return;
    words[this.#thread.address + Layout.THREAD_RECLAIMED]! += words[list + Layout.RETIRED_COUNT]!;
    while (block !== 0) {
      const next = words[block + Layout.BLOCK_NEXT]!;
      words[this.#thread.address + Layout.THREAD_INTENT_BLOCK] = block;
      words[list + Layout.RETIRED_HEAD] = next;
      words[list + Layout.RETIRED_COUNT]!--;
      this.put(block, classOfAddress(this.#memory, block));
      block = next;
    }
    clearRetired(words, list);
  }
}

/** Makes a block of a class ready for a new variable: dead identity, next even generation, free lock, zeroed data. */
export function prepareBlock(words: Int32Array, block: WordAddress, dataWords: number): void {
  words[block + Layout.BLOCK_IDENTITY] = Layout.TYPE_SLOT_DEAD;
  words[block + Layout.BLOCK_GENERATION] = ((words[block + Layout.BLOCK_GENERATION]! | 1) + 1) | 0;
  words[block + Layout.BLOCK_LOCK] = 0;
  const data = block + Layout.BLOCK_HEADER_BYTES / 4;
  if (dataWords > 32) words.fill(0, data, data + dataWords);
  else for (let word = data; word < data + dataWords; word++) words[word] = 0;
}

/**
 * Appends blocks retired in `epoch` to a pair of lists. When the epoch has moved on, the current list joins the older one, which then waits for the later
 * of the two; an epoch moves on once while a thread is inside, so whoever looks at each safepoint finds the older list past by then.
 */
function appendRetired(words: Int32Array, lists: WordAddress, epoch: number, head: WordAddress, tail: WordAddress, count: number): void {
  if (words[lists + Layout.RETIRED_HEAD] !== 0 && words[lists + Layout.RETIRED_EPOCH] !== epoch) {
    const older = lists + Layout.RETIRED_OLDER;
    words[older + Layout.RETIRED_EPOCH] = words[lists + Layout.RETIRED_EPOCH]!;
    link(words, older, words[lists + Layout.RETIRED_HEAD]!, words[lists + Layout.RETIRED_TAIL]!, words[lists + Layout.RETIRED_COUNT]!);
    clearRetired(words, lists);
  }
  words[lists + Layout.RETIRED_EPOCH] = epoch;
  link(words, lists, head, tail, count);
}

function link(words: Int32Array, list: WordAddress, head: WordAddress, tail: WordAddress, count: number): void {
  if (words[list + Layout.RETIRED_HEAD] === 0) words[list + Layout.RETIRED_HEAD] = head;
  else words[words[list + Layout.RETIRED_TAIL]! + Layout.BLOCK_NEXT] = head;
  words[list + Layout.RETIRED_TAIL] = tail;
  words[list + Layout.RETIRED_COUNT]! += count;
}

/** Blocks on a pair of retired lists. */
export function retiredCount(words: Int32Array, lists: WordAddress): number {
  return words[lists + Layout.RETIRED_COUNT]! + words[lists + Layout.RETIRED_OLDER + Layout.RETIRED_COUNT]!;
}

function clearRetired(words: Int32Array, list: WordAddress): void {
  words[list + Layout.RETIRED_HEAD] = 0;
  words[list + Layout.RETIRED_TAIL] = 0;
  words[list + Layout.RETIRED_COUNT] = 0;
}
