/**
 * Owns the proof of what must hold of blocks that are not linked, and of pages: every block is in one place, every list is finite and counts its members, a
 * page is free or of a class, and no block is nowhere. Reads while all bucket locks are held and no thread moves blocks; imports memory, census, violations.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { pageEntry } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress } from '../memory/threads.js';
import { type Census, classOfPage, Place, placeName } from './census.js';
import { isLeaving } from './holders.js';
import { Findings } from './violations.js';

type ListPlace = Place.FREE | Place.RETIRED | Place.DESTROYING | Place.UNCARVED;

/** More nested destructors than a stack can hold: whoever counts so many is damaged. */
export const MOST_DESTROYING = 100_000;

/** One look at all lists and pages; what it finds counts only if no thread moved a block meanwhile. */
export class Lists {
  readonly findings = new Findings();
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #census: Census;
  /** Blocks whose destructors nest deeper than the record: they are somewhere, but nobody can say where. */
  #unrecorded = 0;

  constructor(memory: Memory, census: Census) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#census = census;
  }

  walk(): void {
    for (let slot = 0; slot < this.#memory.maxThreads; slot++) this.#thread(threadSlotAddress(this.#memory, slot));
    this.#retired(Layout.ORPHANS);
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const at = classAddress(sizeClass);
      this.#linked(at, this.#words[at + Layout.CLASS_HEAD]!, this.#words[at + Layout.CLASS_COUNT]!, Place.FREE, sizeClass);
    }
    this.#pages(this.#freePages());
  }

  #thread(address: WordAddress): void {
    const words = this.#words;
    this.#retired(address + Layout.THREAD_RETIRED);
    this.#destroying(address);
    this.#undoLog(address);
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      const at = address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
      this.#linked(at, words[at + Layout.CACHE_HEAD]!, words[at + Layout.CACHE_COUNT]!, Place.FREE, sizeClass);
      this.#uncarved(at, sizeClass);
    }
  }

  /** Notes that a block was met; false if it is no block of this class (−1 = any) or was met before, so that walks end even on damaged memory. */
  #meet(block: WordAddress, place: ListPlace, expectedClass: number): boolean {
    const census = this.#census;
    const sizeClass = census.classAt(block);
    if (sizeClass < 0) {
      this.findings.add('block', block, () => `${placeName(place)}: address ${block} is not the start of a block`);
      return false;
    }
    // Lines of a split that came to nothing are retired as blocks are.
    if (expectedClass >= 0 ? sizeClass !== expectedClass : sizeClass === LINE_CLASS && place !== Place.RETIRED) {
      this.findings.add('block', block, () => `block ${block} of class ${sizeClass} is ${placeName(place)} among those of another class`);
      return false;
    }
    const before = census.placeOf(block, sizeClass);
    if (before !== Place.NOWHERE) {
      this.findings.add('block', block, () => `block ${block} is ${placeName(before)} and ${placeName(place)} at once`);
      return false;
    }
    census.meet(block, sizeClass, place);
    return true;
  }

  /** The members of a list through BLOCK_NEXT; returns the last one. */
  #linked(at: WordAddress, head: WordAddress, count: number, place: Place.FREE | Place.RETIRED, sizeClass: number): WordAddress {
    const words = this.#words;
    let met = 0;
    let last = 0;
    for (let block = head; block !== 0; block = words[block + Layout.BLOCK_NEXT]!) {
      if (!this.#meet(block, place, sizeClass)) {
        this.findings.add('list', at, () => `a list of ${placeName(place)} blocks is cut off after ${met} of ${count}`);
        return last;
      }
      if (place === Place.RETIRED) this.#dead(block);
      last = block;
      met++;
    }
    if (count !== met) this.findings.add('list', at, () => `a list of ${placeName(place)} blocks counts ${count} and has ${met}`);
    return last;
  }

  /** No look-up finds a retired block, and no view takes it for living. */
  #dead(block: WordAddress): void {
    const words = this.#words;
    if (words[block + Layout.BLOCK_IDENTITY] !== Layout.TYPE_SLOT_DEAD)
      this.findings.add('block', block, () => `block ${block} is retired and has the identity of a variable`);
    if ((words[block + Layout.BLOCK_GENERATION]! & 1) === 0 && this.#census.classAt(block) !== LINE_CLASS)
      this.findings.add('block', block, () => `block ${block} is retired with a generation of the living`);
  }

  /** A pair of lists, each with its last member and the epoch that has to pass. */
  #retired(lists: WordAddress): void {
    const words = this.#words;
    for (const at of [lists, lists + Layout.RETIRED_OLDER]) {
      const head = words[at + Layout.RETIRED_HEAD]!;
      const last = this.#linked(at, head, words[at + Layout.RETIRED_COUNT]!, Place.RETIRED, -1);
      const tail = words[at + Layout.RETIRED_TAIL]!;
      if (tail !== last)
        this.findings.add('list', at, () => `a list of retired blocks ends at ${last}, its last member is said to be ${tail}`);
      const epoch = words[at + Layout.RETIRED_EPOCH]!;
      if (head !== 0 && ((words[Layout.GRACE_EPOCH]! - epoch) | 0) < 0)
        this.findings.add('list', at, () => `a list was retired in epoch ${epoch}, which is to come`);
    }
  }

  #destroying(address: WordAddress): void {
    const words = this.#words;
    const count = words[address + Layout.THREAD_DESTROYING_COUNT]!;
    if (count < 0 || count > MOST_DESTROYING) {
      this.findings.add('thread', address + Layout.THREAD_DESTROYING_COUNT, () => `a thread has ${count} destructors on its stack`);
      return;
    }
    let found = 0;
    for (let i = 0; i < Layout.THREAD_DESTROYING_WORDS; i++) {
      const block = words[address + Layout.THREAD_DESTROYING + i]!;
      // Gaps are left where destructors nested deeper than the record.
      if (block === 0) continue;
      if (i >= count)
        this.findings.add('thread', address + Layout.THREAD_DESTROYING + i, () => `a destructor is owed to block ${block} behind the end`);
      else if (this.#meet(block, Place.DESTROYING, -1)) found++;
    }
    this.#unrecorded += Math.max(0, count - found);
  }

  /** Where update() keeps what it overwrites, if that is too long for the slot. */
  #undoLog(address: WordAddress): void {
    const block = this.#words[address + Layout.THREAD_UNDO_BLOCK]!;
    if (block !== 0) this.#meet(block, Place.FREE, -1);
  }

  /** The rest of a page that is being carved. */
  #uncarved(at: WordAddress, sizeClass: number): void {
    const next = this.#words[at + Layout.CARVE_NEXT]!;
    if (next === 0) return;
    const last = this.#words[at + Layout.CARVE_LAST]!;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    if (next < 0 || last < next || next >>> Layout.PAGE_SHIFT !== last >>> Layout.PAGE_SHIFT || (last - next) % size !== 0) {
      this.findings.add('list', at + Layout.CARVE_NEXT, () => `a page is carved from ${next} to ${last} in blocks of ${size} words`);
      return;
    }
    for (let block = next; block <= last; block += size) if (!this.#meet(block, Place.UNCARVED, sizeClass)) return;
  }

  #freePages(): Set<number> {
    const words = this.#words;
    const free = new Set<number>();
    for (let page = words[Layout.FREE_PAGE_HEAD]!; page !== 0; page = words[pageEntry(this.#memory, page) + Layout.PAGE_NEXT]!) {
      if (free.has(page) || !(page >= words[Layout.PAGE_FLOOR]! && page < this.#memory.pages)) {
        this.findings.add('page', Layout.FREE_PAGE_HEAD, () => `the free-page list leads to page ${page} after ${free.size} others`);
        break;
      }
      free.add(page);
    }
    if (free.size !== words[Layout.FREE_PAGE_COUNT])
      this.findings.add(
        'page',
        Layout.FREE_PAGE_COUNT,
        () => `${words[Layout.FREE_PAGE_COUNT]} free pages are counted, ${free.size} found`,
      );
    return free;
  }

  /** Every page is in order, and every block of it was met: what was not is lost. */
  #pages(free: ReadonlySet<number>): void {
    const memory = this.#memory;
    const words = this.#words;
    const floor = words[Layout.PAGE_FLOOR]!;
    for (let page = 0; page < memory.pages; page++) {
      const at = pageEntry(memory, page);
      const marked = words[at + Layout.PAGE_CLASS]!;
      if (page < floor) {
        if (marked !== 0)
          this.findings.add('page', at, () => `page ${page} lies below the first page of blocks and has class ${marked - 1}`);
        continue;
      }
      const generation = words[at + Layout.PAGE_GENERATION]!;
      if (generation !== 0 && (generation & 1) === 0)
        this.findings.add('page', at + Layout.PAGE_GENERATION, () => `page ${page} begins with a generation of the living, ${generation}`);
      const sizeClass = classOfPage(memory, page);
      if (marked < 0 && isLeaving(memory, -marked)) continue;
      if (free.has(page) ? marked !== 0 : sizeClass < 0)
        this.findings.add(
          'page',
          at,
          () => `page ${page} has class ${marked - 1} and is ${free.has(page) ? '' : 'not '}on the free-page list`,
        );
      if (sizeClass >= 0) this.#blocksOf(page, sizeClass);
    }
  }

  #blocksOf(page: number, sizeClass: number): void {
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const start = page * Layout.PAGE_WORDS;
    for (let block = start; block + size <= start + Layout.PAGE_WORDS; block += size) {
      if (this.#census.placeOf(block, sizeClass) !== Place.NOWHERE || this.#unrecorded-- > 0) continue;
      this.findings.add('leak', block, () => `block ${block} of class ${sizeClass} is nowhere`);
    }
  }
}
