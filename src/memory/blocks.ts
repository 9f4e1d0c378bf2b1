/**
 * Owns blocks: the free lists, and the way of a freed block back to reuse.
 *
 * A page of 64 KiB belongs to one size class while any of its blocks is in use. A thread takes blocks from its own list or from the page it
 * is carving, without a lock, because both lie in its own slot. Lists that grow too long go in batches to the global list of the class,
 * under CLASS_LOCK; pages come from pages.ts. A removed block is *retired* first and becomes free only when its
 * grace period is over.
 *
 * A block leaves a list only after its address stands in THREAD_INTENT_BLOCK, and that word is cleared only when it has arrived on another; whatever changes
 * several words of a list that others use goes through the journal. The counts and tails of a thread's own lists may be one behind when it dies: recovery walks
 * them. Imports layout, classes, grace, intent, journal, lock, pages.
 */
import { CLASS_BLOCK_WORDS, classAddress } from './classes.js';
import { graceHorizon, isPast, retirementEpoch } from './grace.js';
import { closeIntent, hold, openIntent } from './intent.js';
import { writeTogether } from './journal.js';
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
/** So long an epoch that does not end is put down to threads that are busy, ms; then one of them may be dead. */
const LAGGARD_MILLISECONDS = 20;

/** One thread's access to blocks. */
export class Blocks {
  readonly #memory: Memory;
  readonly #thread: Thread;
  readonly #words: Int32Array;
  readonly #caches: WordAddress;
  /** BLOCKS_GIVEN when giving back pages last found nothing: no use in trying again before that changes. */
  #fruitlessGiven = -1;
  /** The horizon that was found last although much waited for a later one, and since when. */
  #stuckHorizon = 0;
  #stuckSince = 0;

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
    const page = head >>> Layout.PAGE_SHIFT;
    if (page < words[Layout.PAGE_FLOOR]! || page >= this.#memory.pages || (head & 1) !== 0)
      return this.#dropList(cache + Layout.CACHE_HEAD);
    hold(this.#thread, head);
    // step: blocks.take
    words[cache + Layout.CACHE_HEAD] = words[head + Layout.BLOCK_NEXT]!;
    // step: blocks.taken
    words[cache + Layout.CACHE_COUNT]!--;
    return head;
  }

  /** Puts a block in hand, one that nobody else can hold, on the thread's own list. */
  put(block: WordAddress, sizeClass: number): void {
    const words = this.#words;
    const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
    words[block + Layout.BLOCK_NEXT] = words[cache + Layout.CACHE_HEAD]!;
    // step: blocks.put
    words[cache + Layout.CACHE_HEAD] = block;
    // step: blocks.put-done
    hold(this.#thread, 0);
    if (++words[cache + Layout.CACHE_COUNT]! > CACHE_LIMIT) this.#giveBatch(sizeClass, cache, BATCH);
  }

  /**
   * Retires a block that was unlinked. Its identity dies, its data stay as they are until the grace period is over. The caller has an
   * intent open.
   */
  retire(block: WordAddress): void {
    const words = this.#words;
    const lists = this.#thread.address + Layout.THREAD_RETIRED;
    hold(this.#thread, block);
    // step: retire.held
    words[block + Layout.BLOCK_IDENTITY] = Layout.TYPE_SLOT_DEAD;
    // step: retire.dead
    words[block + Layout.BLOCK_NEXT] = 0;
    const epoch = retirementEpoch(words);
    if (words[lists + Layout.RETIRED_EPOCH] !== epoch) beginEpoch(this.#thread, lists, epoch);
    // step: retire.link
    const tail = words[lists + Layout.RETIRED_TAIL]!;
    if (words[lists + Layout.RETIRED_HEAD] === 0) words[lists + Layout.RETIRED_HEAD] = block;
    else words[tail + Layout.BLOCK_NEXT] = block;
    // step: retire.linked
    words[lists + Layout.RETIRED_TAIL] = block;
    words[lists + Layout.RETIRED_COUNT]!++;
    hold(this.#thread, 0);
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
    if (retiredCount(this.#words, this.#thread.address + Layout.THREAD_RETIRED) >= RETIRED_BATCH) this.#suspectLaggard(horizon);
    return horizon;
  }

  /** Much waits for an epoch to end. If it is the same one for long, the thread that is inside may be dead. */
  #suspectLaggard(horizon: number): void {
    const now = performance.now();
    if (horizon !== this.#stuckHorizon) {
      this.#stuckHorizon = horizon;
      this.#stuckSince = now;
    } else if (now - this.#stuckSince >= LAGGARD_MILLISECONDS) {
      this.#stuckSince = now;
      this.#thread.onLaggard();
    }
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
    this.reclaim();
    this.#open();
    this.#orphan(graceHorizon(this.#memory)); // first: it may bring what others have left
    this.#giveUndoBlock();
    this.#giveEverything();
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const cache = this.#caches + sizeClass * Layout.CACHE_WORDS;
      for (let block = this.#carve(sizeClass, cache, false); block !== 0; block = this.#carve(sizeClass, cache, false)) {
        this.put(block, sizeClass);
      }
      this.#giveBatch(sizeClass, cache, words[cache + Layout.CACHE_COUNT]!);
    }
    this.#close();
  }

  #giveUndoBlock(): void {
    const words = this.#words;
    const kept = this.#thread.address + Layout.THREAD_UNDO_BLOCK;
    const block = words[kept]!;
    const sizeClass = classOfAddress(this.#memory, block);
    if (sizeClass < 0) return;
    hold(this.#thread, block);
    words[kept] = 0;
    // step: abandon.undo-block
    this.put(block, sizeClass);
  }

  /** Leaves what still waits for its grace period to whoever comes by; what others left before goes first, or its epoch would be raised for ever. */
  #orphan(horizon: number): void {
    const words = this.#words;
    const retired = this.#thread.address + Layout.THREAD_RETIRED;
    acquire(this.#thread, Layout.THREAD_LOCK);
    // step: orphan.locked
    this.#freeLists(Layout.ORPHANS, horizon);
    const epoch = retirementEpoch(words);
    for (const list of [retired + Layout.RETIRED_OLDER, retired]) {
      if (words[list + Layout.RETIRED_HEAD] === 0) continue;
      if (words[Layout.ORPHANS + Layout.RETIRED_EPOCH] !== epoch) beginEpoch(this.#thread, Layout.ORPHANS, epoch);
      joinRetired(this.#thread, list, Layout.ORPHANS, epoch);
    }
    // step: orphan.unlock
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
    const next = words[cache + Layout.CARVE_NEXT]!;
    if (next !== 0) {
      const last = words[cache + Layout.CARVE_LAST]!;
      const size = CLASS_BLOCK_WORDS[sizeClass]!;
      if (next > last || (next ^ last) >>> Layout.PAGE_SHIFT !== 0 || (last - next) % size !== 0)
        return this.#dropList(cache + Layout.CARVE_NEXT);
      hold(this.#thread, next);
      // step: blocks.carve
      words[cache + Layout.CARVE_NEXT] = next < last ? next + size : 0;
      // step: blocks.carved
      return next;
    }
    if (!more) return 0;
    if (words[this.#thread.address + Layout.THREAD_RETIRED + Layout.RETIRED_OLDER + Layout.RETIRED_COUNT]! >= RETIRED_BATCH) {
      this.#freePast();
      if (words[cache + Layout.CACHE_HEAD] !== 0) return this.take(sizeClass);
    }
    if (words[classAddress(sizeClass) + Layout.CLASS_HEAD] !== 0 && this.#takeBatch(sizeClass, cache)) return this.take(sizeClass);
    return takePage(this.#memory, this.#thread, sizeClass, cache) ? this.#carve(sizeClass, cache) : 0;
  }

  #takeBatch(sizeClass: number, cache: WordAddress): boolean {
    const words = this.#words;
    const global = classAddress(sizeClass);
    acquire(this.#thread, global + Layout.CLASS_LOCK);
    // step: batch.locked
    const head = words[global + Layout.CLASS_HEAD]!;
    let count = 0;
    let last = 0;
    for (let block = head; count < BATCH && classOfAddress(this.#memory, block) === sizeClass; block = words[block + Layout.BLOCK_NEXT]!) {
      last = block;
      count++;
    }
    if (count > 0) {
      writeTogether(this.#thread, [
        global + Layout.CLASS_HEAD,
        words[last + Layout.BLOCK_NEXT]!,
        global + Layout.CLASS_COUNT,
        words[global + Layout.CLASS_COUNT]! - count,
        last + Layout.BLOCK_NEXT,
        words[cache + Layout.CACHE_HEAD]!,
        cache + Layout.CACHE_HEAD,
        head,
        cache + Layout.CACHE_COUNT,
        words[cache + Layout.CACHE_COUNT]! + count,
      ]);
    }
    // step: batch.unlock
    release(this.#thread, global + Layout.CLASS_LOCK);
    return count > 0;
  }

  /** Moves the first `most` blocks of the thread's own list to the global one. */
  #giveBatch(sizeClass: number, cache: WordAddress, most: number): void {
    const words = this.#words;
    const head = words[cache + Layout.CACHE_HEAD]!;
    let last = 0;
    let count = 0;
    for (let block = head; count < most && classOfAddress(this.#memory, block) === sizeClass; block = words[block + Layout.BLOCK_NEXT]!) {
      last = block;
      count++;
    }
    if (count === 0) return;
    const global = classAddress(sizeClass);
    acquire(this.#thread, global + Layout.CLASS_LOCK);
    // step: batch.locked
    writeTogether(this.#thread, [
      cache + Layout.CACHE_HEAD,
      words[last + Layout.BLOCK_NEXT]!,
      cache + Layout.CACHE_COUNT,
      words[cache + Layout.CACHE_COUNT]! - count,
      last + Layout.BLOCK_NEXT,
      words[global + Layout.CLASS_HEAD]!,
      global + Layout.CLASS_HEAD,
      head,
      global + Layout.CLASS_COUNT,
      words[global + Layout.CLASS_COUNT]! + count,
    ]);
    // step: batch.unlock
    release(this.#thread, global + Layout.CLASS_LOCK);
    Atomics.add(words, Layout.BLOCKS_GIVEN, 1);
  }

  /** Lets go of a list or page whose next block is none: the store is damaged, and check() can bring back what is lost. The caller finds no memory. */
  #dropList(word: WordAddress): WordAddress {
    this.#words[word] = 0;
    return 0;
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
    const count = words[list + Layout.RETIRED_COUNT]!;
    words[this.#thread.address + Layout.THREAD_RECLAIMED]! += count;
    for (let freed = 0; freed < count; freed++) {
      const next = words[block + Layout.BLOCK_NEXT]!;
      const sizeClass = classOfAddress(this.#memory, block);
      if (sizeClass < 0) break; // what follows is damaged, and lost until check() repairs it
      hold(this.#thread, block);
      // step: reclaim.held
      words[list + Layout.RETIRED_HEAD] = next;
      // step: reclaim.unlinked
      words[list + Layout.RETIRED_COUNT]!--;
      this.put(block, sizeClass);
      block = next;
    }
    words[list + Layout.RETIRED_HEAD] = 0;
    words[list + Layout.RETIRED_TAIL] = 0;
    words[list + Layout.RETIRED_COUNT] = 0;
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
 * Has the current list of a pair begin a new epoch. What is on it joins the older list, which then waits for the later of the two; an epoch moves on once
 * while a thread is inside, so whoever looks at each safepoint finds the older list past by then.
 */
function beginEpoch(thread: Thread, lists: WordAddress, epoch: number): void {
  const { words } = thread;
  if (words[lists + Layout.RETIRED_HEAD] !== 0)
    joinRetired(thread, lists, lists + Layout.RETIRED_OLDER, words[lists + Layout.RETIRED_EPOCH]!);
  words[lists + Layout.RETIRED_EPOCH] = epoch;
}

/** Appends all of one retired list to another, which waits for `epoch` from now on. */
function joinRetired(thread: Thread, from: WordAddress, to: WordAddress, epoch: number): void {
  const { words } = thread;
  const head = words[from + Layout.RETIRED_HEAD]!;
  const tail = words[to + Layout.RETIRED_TAIL]!;
  // step: retire.join
  writeTogether(thread, [
    words[to + Layout.RETIRED_HEAD] === 0 ? to + Layout.RETIRED_HEAD : tail + Layout.BLOCK_NEXT,
    head,
    to + Layout.RETIRED_TAIL,
    words[from + Layout.RETIRED_TAIL]!,
    to + Layout.RETIRED_COUNT,
    words[to + Layout.RETIRED_COUNT]! + words[from + Layout.RETIRED_COUNT]!,
    to + Layout.RETIRED_EPOCH,
    epoch,
    from + Layout.RETIRED_HEAD,
    0,
    from + Layout.RETIRED_TAIL,
    0,
    from + Layout.RETIRED_COUNT,
    0,
  ]);
}

/** Blocks on a pair of retired lists. */
export function retiredCount(words: Int32Array, lists: WordAddress): number {
  return words[lists + Layout.RETIRED_COUNT]! + words[lists + Layout.RETIRED_OLDER + Layout.RETIRED_COUNT]!;
}
