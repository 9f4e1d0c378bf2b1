/**
 * Owns the repair of lists of blocks, and what becomes of blocks that are nowhere: lists are cut off where they do not go on, what is nowhere then is retired,
 * since somebody may still look at it, and is used again after a grace period. Lists of other threads that run are theirs: they may be moving blocks at this
 * moment, without a lock. If one of those is broken, nobody can say what is nowhere, and nothing is given back. Called with every lock held; imports memory,
 * holders, repairs.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { threadSlotAddress, threadState } from '../memory/threads.js';
import { classOfPage, Place } from './census.js';
import { isOwnThread } from './holders.js';
import type { Mending } from './repairs.js';

/** Looks, a millisecond apart, at lists that other threads are at. */
const LOOKS = 1000;

type ListPlace = Place.FREE | Place.RETIRED | Place.DESTROYING | Place.UNCARVED;

export class ListMender {
  readonly #mending: Mending;
  readonly #words: Int32Array;
  /** Whether all lists of other threads are in order. */
  #complete = true;
  #unrecorded = 0;
  /** Blocks that may be on their way between two lists of another thread. */
  readonly #inHand = new Set<WordAddress>();

  constructor(mending: Mending) {
    this.#mending = mending;
    this.#words = mending.words;
  }

  mend(): void {
    const { memory, thread } = this.#mending;
    const [ours, theirs] = [[], []] as [WordAddress[], WordAddress[]];
    for (let slot = 0; slot < memory.maxThreads; slot++) {
      const address = threadSlotAddress(memory, slot);
      const state = threadState(this.#words, address);
      // What a dead thread has is given back later; nobody is at it now.
      if (state !== Layout.THREAD_FREE) (isOwnThread(thread, slot) || state === Layout.THREAD_DEAD ? ours : theirs).push(address);
    }
    this.#meetTheirs(theirs); // first: nobody else may keep it
    for (const address of ours) this.#thread(address, true);
    this.#retired(Layout.ORPHANS, true);
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const at = classAddress(sizeClass);
      this.#list(at + Layout.CLASS_HEAD, at + Layout.CLASS_COUNT, Place.FREE, sizeClass, true);
    }
  }

  /** Retires every block that was met nowhere; to be called after all else is in order. */
  giveBack(): void {
    const { memory } = this.#mending;
    if (!this.#complete || this.#unrecorded > 0) return;
    for (let page = this.#words[Layout.PAGE_FLOOR]!; page < memory.pages; page++) {
      const sizeClass = classOfPage(memory, page);
      if (sizeClass >= 0) this.#giveBackOf(page, sizeClass);
    }
  }

  /**
   * What other threads have. They may be moving blocks between lists of their own, until they come to a lock that is held here: a look at them counts if no
   * word of their slots changed meanwhile. What they move later stays with them.
   */
  #meetTheirs(theirs: readonly WordAddress[]): void {
    for (let attempt = 0; attempt < LOOKS; attempt++) {
      const before = theirs.map((address) => this.#listWords(address));
      this.#complete = true;
      this.#unrecorded = 0;
      this.#inHand.clear();
      for (const address of theirs) {
        this.#thread(address, false);
        this.#inHand.add(this.#words[address + Layout.THREAD_INTENT_BLOCK]!);
      }
      if (theirs.every((address, i) => this.#listWords(address).every((word, at) => word === before[i]![at]))) return;
      this.#mending.census.forgetLists();
      Atomics.wait(this.#words, Layout.HEADER_WORDS - 1, this.#words[Layout.HEADER_WORDS - 1]!, 1);
    }
    this.#complete = false;
  }

  /** All words of a slot that tell of blocks. */
  #listWords(address: WordAddress): Int32Array {
    return this.#words.slice(address + Layout.THREAD_INTENT, address + Layout.THREAD_TASK_TABLE);
  }

  #thread(address: WordAddress, ours: boolean): void {
    const words = this.#words;
    this.#retired(address + Layout.THREAD_RETIRED, ours);
    this.#destroying(address, ours);
    const log = address + Layout.THREAD_UNDO_BLOCK;
    if (words[log] !== 0 && !this.#meet(words[log]!, Place.FREE, -1)) this.#drop(log, ours, 'the block for undo logs');
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const at = address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
      this.#list(at + Layout.CACHE_HEAD, at + Layout.CACHE_COUNT, Place.FREE, sizeClass, ours);
      this.#uncarved(at, sizeClass, ours);
    }
  }

  #meet(block: WordAddress, place: ListPlace, expectedClass: number): boolean {
    const { census } = this.#mending;
    const sizeClass = census.classAt(block);
    const least = place === Place.RETIRED ? LINE_CLASS : LINE_CLASS + 1;
    const suits = expectedClass >= 0 ? sizeClass === expectedClass : sizeClass >= least;
    if (!suits || census.placeOf(block, sizeClass) !== Place.NOWHERE) return false;
    census.meet(block, sizeClass, place);
    return true;
  }

  /** Zeroes a word that leads to no block, if that is ours to do. */
  #drop(word: WordAddress, ours: boolean, what: string): void {
    if (ours) this.#mending.set('list', word, 0, what);
    else this.#complete = false;
  }

  /** Returns the last member. */
  #list(head: WordAddress, count: WordAddress, place: Place.FREE | Place.RETIRED, sizeClass: number, ours: boolean): WordAddress {
    const words = this.#words;
    let met = 0;
    let last = 0;
    let link = head;
    while (words[link] !== 0 && this.#meet(words[link]!, place, sizeClass)) {
      last = words[link]!;
      link = last + Layout.BLOCK_NEXT;
      met++;
      if (place === Place.RETIRED && ours) this.#dead(last);
    }
    if (words[link] !== 0) this.#drop(link, ours, 'the rest of a list that does not go on');
    if (words[count] !== met && ours) this.#mending.set('list', count, met, 'the count of a list');
    return last;
  }

  #dead(block: WordAddress): void {
    const words = this.#words;
    const isLine = this.#mending.census.classAt(block) === LINE_CLASS;
    this.#mending.set('block', block + Layout.BLOCK_IDENTITY, Layout.TYPE_SLOT_DEAD, `the identity of block ${block}, which is retired`);
    if (!isLine)
      this.#mending.set(
        'block',
        block + Layout.BLOCK_GENERATION,
        words[block + Layout.BLOCK_GENERATION]! | 1,
        `the generation of block ${block}`,
      );
  }

  #retired(lists: WordAddress, ours: boolean): void {
    const words = this.#words;
    for (const at of [lists, lists + Layout.RETIRED_OLDER]) {
      const last = this.#list(at + Layout.RETIRED_HEAD, at + Layout.RETIRED_COUNT, Place.RETIRED, -1, ours);
      if (!ours) continue;
      this.#mending.set('list', at + Layout.RETIRED_TAIL, last, 'the end of a list');
      const epoch = at + Layout.RETIRED_EPOCH;
      if (last !== 0 && ((words[Layout.GRACE_EPOCH]! - words[epoch]!) | 0) < 0)
        this.#mending.set('list', epoch, words[Layout.GRACE_EPOCH]!, 'the epoch of a list');
    }
  }

  #destroying(address: WordAddress, ours: boolean): void {
    const words = this.#words;
    const count = words[address + Layout.THREAD_DESTROYING_COUNT]!;
    let met = 0;
    for (let i = 0; i < Layout.THREAD_DESTROYING_WORDS; i++) {
      const word = address + Layout.THREAD_DESTROYING + i;
      if (words[word] === 0) continue;
      if (i < count && this.#meet(words[word]!, Place.DESTROYING, -1)) met++;
      else this.#drop(word, ours, 'a destructor that is owed to no block');
    }
    if (ours && met === 0 && count > 0)
      this.#mending.set('thread', address + Layout.THREAD_DESTROYING_COUNT, 0, 'the count of destructors');
    else if (count > Layout.THREAD_DESTROYING_WORDS) this.#unrecorded += count - Layout.THREAD_DESTROYING_WORDS;
  }

  #uncarved(at: WordAddress, sizeClass: number, ours: boolean): void {
    const words = this.#words;
    const next = words[at + Layout.CARVE_NEXT]!;
    if (next === 0) return;
    const last = words[at + Layout.CARVE_LAST]!;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const right = next > 0 && last >= next && next >>> Layout.PAGE_SHIFT === last >>> Layout.PAGE_SHIFT && (last - next) % size === 0;
    let block = next;
    if (right) while (block <= last && this.#meet(block, Place.UNCARVED, sizeClass)) block += size;
    if (right && block > last) return;
    if (!ours || block === next) {
      this.#drop(at + Layout.CARVE_NEXT, ours, 'the rest of a page that cannot be carved');
      return;
    }
    this.#mending.set('list', at + Layout.CARVE_LAST, block - size, 'the end of a page that is carved');
  }

  #giveBackOf(page: number, sizeClass: number): void {
    const { census, variables } = this.#mending;
    const words = this.#words;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const start = page * Layout.PAGE_WORDS;
    for (let block = start; block + size <= start + Layout.PAGE_WORDS; block += size) {
      if (census.placeOf(block, sizeClass) !== Place.NOWHERE || this.#inHand.has(block)) continue;
      if (sizeClass !== LINE_CLASS) words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
      variables.blocks.retire(block);
      this.#mending.note('leak', block, () => `block ${block} of class ${sizeClass} was nowhere and is given back`);
    }
  }
}
