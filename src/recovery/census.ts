/**
 * Owns the census of blocks: one byte for each block of each page, saying where it was met. So a walk over any memory ends, however damaged: a block is met
 * once. Reads the page table; imports memory.
 */
import { CLASS_BLOCK_WORDS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';

/** Where a block was met. Those from FREE on are lists, which are read again while threads are moving blocks between them. */
export const enum Place {
  NOWHERE,
  LINKED,
  LINE,
  FREE,
  RETIRED,
  DESTROYING,
  UNCARVED,
}

const PLACE_NAMES = ['nowhere', 'linked', 'an overflow line', 'free', 'retired', 'being destroyed', 'uncarved'] as const;

export function placeName(place: Place): string {
  return PLACE_NAMES[place];
}

export class Census {
  readonly #memory: Memory;
  readonly #places: (Uint8Array | undefined)[] = [];
  readonly #counts = new Float64Array(PLACE_NAMES.length);

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Blocks that were met at a place. */
  count(place: Place): number {
    return this.#counts[place]!;
  }

  /** Size class of the block that starts here, −1 if none does. */
  classAt(block: WordAddress): number {
    const page = block >>> Layout.PAGE_SHIFT;
    const sizeClass = block > 0 ? classOfPage(this.#memory, page) : -1;
    if (sizeClass < 0) return -1;
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const offset = block & (Layout.PAGE_WORDS - 1);
    return offset % size === 0 && offset + size <= Layout.PAGE_WORDS ? sizeClass : -1;
  }

  /** Where the block of a class that starts here was met first. */
  placeOf(block: WordAddress, sizeClass: number): Place {
    return this.#places[block >>> Layout.PAGE_SHIFT]?.[ordinal(block, sizeClass)] ?? Place.NOWHERE;
  }

  /** Notes a block of a class that was met nowhere yet. */
  meet(block: WordAddress, sizeClass: number, place: Place): void {
    const page = block >>> Layout.PAGE_SHIFT;
    const places = (this.#places[page] ??= new Uint8Array(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[sizeClass]!));
    places[ordinal(block, sizeClass)] = place;
    this.#counts[place]!++;
  }

  /** Forgets that a block was met. */
  forget(block: WordAddress): void {
    const sizeClass = this.classAt(block);
    const places = this.#places[block >>> Layout.PAGE_SHIFT];
    if (sizeClass < 0 || places === undefined) return;
    this.#counts[places[ordinal(block, sizeClass)]!]!--;
    places[ordinal(block, sizeClass)] = Place.NOWHERE;
  }

  /** Forgets what was met on lists. */
  forgetLists(): void {
    for (const places of this.#places) {
      if (places === undefined) continue;
      for (let i = 0; i < places.length; i++) if (places[i]! >= Place.FREE) places[i] = Place.NOWHERE;
    }
    this.#counts.fill(0, Place.FREE);
  }
}

function ordinal(block: WordAddress, sizeClass: number): number {
  return (block & (Layout.PAGE_WORDS - 1)) / CLASS_BLOCK_WORDS[sizeClass]!;
}

/** Size class of a page's blocks; −1 if it holds none, or is no page of blocks. */
export function classOfPage({ words, pages, pageTable }: Memory, page: number): number {
  if (!(page >= words[Layout.PAGE_FLOOR]! && page >= 0 && page < pages)) return -1;
  const sizeClass = words[pageTable + page * Layout.PAGE_ENTRY_WORDS + Layout.PAGE_CLASS]! - 1;
  return sizeClass >= 0 && sizeClass < CLASS_BLOCK_WORDS.length ? sizeClass : -1;
}
