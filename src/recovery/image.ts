/**
 * Owns the image of a live store: a private copy of everything that has to be in a snapshot, taken at one moment. Reads the whole store while the type table,
 * growth and every bucket are locked; writes nothing but locks. Imports memory, table, check-locks, holders, violations.
 *
 * What is copied: the type table, the page table, the buckets, and each page of blocks that is in use. What is not: everything that belongs to threads, and
 * the lists of free blocks, since whatever is not linked is free when the image is opened again.
 *
 * The locks keep the table still, but not the data of variables: those are copied as a reader of view.read() does. A page is copied between two looks at the
 * lock words of its blocks; a variable that was locked at one of them, or whose version changed, is copied again. One that stays locked is copied once the
 * buckets are free again, under its own lock: its holder may be waiting for one of them. Until this thread's next safepoint its memory is not reused even if
 * it is freed meanwhile.
 */
import { ShadowError } from '../errors.js';
import { CLASS_BLOCK_WORDS, LINE_CLASS } from '../memory/classes.js';
import { enter } from '../memory/grace.js';
import { Layout, type ThreadSlot, type WordAddress } from '../memory/layout.js';
import { isVersion, readVersion, releaseVariable, tryAcquireVariable, variableOwner } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { type Thread, threadSlotAddress, threadState } from '../memory/threads.js';
import { createdCount, typeHigh } from '../shadow/slots.js';
import type { Variables } from '../shadow/variables.js';
import { findBlock } from '../table/find.js';
import { hashObject, objectHigh, objectNumber } from '../table/hash.js';
import { classOfPage } from './census.js';
import { AllLocks } from './check-locks.js';
import { MOST_DESTROYING } from './check-lists.js';
import { describeThread, isOwnThread, whyUnheld } from './holders.js';
import { Findings } from './violations.js';

/** Words that are copied into one piece: 16 MiB. */
const PIECE_WORDS = 2 ** 22;
/** How much more room is taken than seems to be needed. */
const SPARE = 1.05;
/** Looks at a variable that is being written before it is left for later. */
const ATTEMPTS = 1000;
/** Whoever holds the lock of a variable for longer than this will not give it back. */
const PATIENCE_MILLISECONDS = 60_000;
const LOOK_MILLISECONDS = 5;

/** A run of words of the store, in order, in pieces. */
export interface Region {
  /** Where its first word belongs. */
  readonly address: WordAddress;
  readonly pieces: readonly Int32Array[];
}

export interface Owed {
  readonly slot: ThreadSlot;
  readonly blocks: readonly WordAddress[];
}

/** Numbers of the store that are kept besides its regions. */
export interface ImageNumbers {
  readonly pages: number;
  readonly maxThreads: number;
  readonly bucketCount: number;
  readonly bucketPageLimit: number;
  readonly pageFloor: number;
  readonly typeHigh: number;
  readonly nameSeed: number;
  readonly nameCollided: number;
  /** A decimal number of 64 bits. */
  readonly objectSequence: string;
  /** THREAD_LOCK_WAITS and what follows, over all threads there ever were. */
  readonly counters: readonly number[];
  readonly threadHigh: number;
  /** Blocks that were unlinked and whose destructors had not ended, of each thread that has such. */
  readonly owed: readonly Owed[];
}

export interface Image {
  readonly numbers: ImageNumbers;
  readonly types: Region;
  readonly pageTable: Region;
  readonly buckets: Region;
  /** Pages in use, runs of neighbours together. */
  readonly blocks: readonly Region[];
  readonly variables: number;
  /** How long writers had to wait. */
  readonly lockedMilliseconds: number;
}

/** @throws ERR_SHADOW_LOCK, ERR_SHADOW_LOCK_NESTED */
export function takeImage(variables: Variables): Image {
  const { thread } = variables;
  if (thread.locked !== 0) throw lockedByOurselves();
  if (thread.interval === 0) enter(thread); // so that a block which is freed later is not reused before it was copied
  const findings = new Findings();
  const locks = new AllLocks(thread, findings);
  const copy = new Copy(variables);
  const since = performance.now();
  let image: Omit<Image, 'lockedMilliseconds'>;
  try {
    locks.acquire();
    const [broken] = findings.kept;
    if (broken !== undefined)
      throw new ShadowError('ERR_SHADOW_LOCK', `the store cannot be copied: ${broken.what}; see store.check({ repair: true })`);
    image = copy.take();
  } finally {
    locks.release();
  }
  const lockedMilliseconds = performance.now() - since;
  copy.finish();
  return { ...image, lockedMilliseconds };
}

/**
 * Memory to copy into, taken from the system before any lock is: the first touch of a page costs more than the copy, and others wait for the copy.
 */
class Room {
  #left: Int32Array[] = [];
  #used = 0;

  constructor(words: number) {
    for (let reserved = 0; reserved < words; reserved += PIECE_WORDS) this.#left.push(new Int32Array(PIECE_WORDS).fill(1));
  }

  /** Room for so many words, at most PIECE_WORDS; what it holds is anything. */
  take(words: number): Int32Array {
    const [first] = this.#left;
    if (first !== undefined && this.#used + words <= first.length) {
      this.#used += words;
      return first.subarray(this.#used - words, this.#used);
    }
    this.#left.shift();
    this.#used = 0;
    if (this.#left.length === 0) this.#left.push(new Int32Array(PIECE_WORDS));
    return this.take(words);
  }
}

class Copy {
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #thread: Thread;
  readonly #room: Room;
  readonly #versions = new Int32Array(Layout.PAGE_WORDS / CLASS_BLOCK_WORDS[LINE_CLASS + 1]!);
  /** Blocks that were being written all the while, each with the piece it belongs to and its place there. */
  readonly #unsettled: { readonly block: WordAddress; readonly words: number; readonly piece: Int32Array; readonly at: number }[] = [];

  constructor({ memory, thread }: Variables) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#thread = thread;
    this.#room = new Room(wordsInUse(memory));
  }

  /** All buckets are locked. */
  take(): Omit<Image, 'lockedMilliseconds'> {
    const memory = this.#memory;
    const numbers = this.#numbers();
    const { pageFloor, bucketCount, pages } = numbers;
    return {
      numbers,
      types: this.#region(memory.types, numbers.typeHigh * Layout.TYPE_WORDS),
      pageTable: this.#region(memory.pageTable + pageFloor * Layout.PAGE_ENTRY_WORDS, (pages - pageFloor) * Layout.PAGE_ENTRY_WORDS),
      buckets: this.#region(memory.buckets, bucketCount * Layout.BUCKET_WORDS),
      blocks: this.#blocks(pageFloor),
      variables: countVariables(memory),
    };
  }

  /** Copies what was being written, each under its own lock. No other lock is held. @throws ERR_SHADOW_LOCK, ERR_SHADOW_LOCK_NESTED */
  finish(): void {
    for (const { block, words, piece, at } of this.#unsettled) {
      const held = this.#acquire(block);
      piece.set(this.#words.subarray(block, block + words), at);
      if (held) releaseVariable(this.#thread, block);
    }
  }

  #numbers(): ImageNumbers {
    const { words, longs, pages, maxThreads, firstFreePage } = this.#memory;
    const clip = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
    const pageFloor = clip(words[Layout.PAGE_FLOOR]!, firstFreePage, pages);
    const counters = Array.from({ length: Layout.THREAD_COUNTERS }, (_, i) => words[Layout.DEPARTED_COUNTERS + i]!);
    const owed: Owed[] = [];
    for (let slot = 0; slot < maxThreads; slot++) {
      const address = threadSlotAddress(this.#memory, slot);
      if (threadState(words, address) === Layout.THREAD_FREE) continue;
      counters.forEach((count, i) => (counters[i] = (count + words[address + Layout.THREAD_LOCK_WAITS + i]!) | 0));
      const destroying = clip(words[address + Layout.THREAD_DESTROYING_COUNT]!, 0, MOST_DESTROYING);
      const record = address + Layout.THREAD_DESTROYING;
      const recorded = words.subarray(record, record + Math.min(destroying, Layout.THREAD_DESTROYING_WORDS));
      const blocks = [...recorded].filter((block) => block !== 0);
      if (blocks.length > 0) owed.push({ slot, blocks });
    }
    return {
      pages,
      maxThreads,
      bucketCount: words[Layout.BUCKET_COUNT]!,
      bucketPageLimit: words[Layout.BUCKET_PAGE_LIMIT]!,
      pageFloor,
      typeHigh: clip(words[Layout.TYPE_HIGH]!, 1, Layout.TYPE_SLOTS),
      nameSeed: words[Layout.HEADER_NAME_SEED]!,
      nameCollided: words[Layout.NAME_COLLIDED]!,
      objectSequence: String(longs[Layout.OBJECT_SEQUENCE / 2]),
      counters,
      threadHigh: clip(words[Layout.THREAD_HIGH]!, 0, maxThreads),
      owed,
    };
  }

  #region(address: WordAddress, length: number): Region {
    const pieces: Int32Array[] = [];
    for (let from = 0; from < length; from += PIECE_WORDS) {
      const end = address + Math.min(length, from + PIECE_WORDS);
      const piece = this.#room.take(end - address - from);
      piece.set(this.#words.subarray(address + from, end));
      pieces.push(piece);
    }
    return { address, pieces };
  }

  #blocks(pageFloor: number): Region[] {
    const memory = this.#memory;
    const regions: Region[] = [];
    for (let page = pageFloor; page < memory.pages; page++) {
      if (classOfPage(memory, page) < 0) continue;
      const first = page;
      while (page + 1 < memory.pages && classOfPage(memory, page + 1) >= 0) page++;
      const pieces: Int32Array[] = [];
      const pagesOfPiece = PIECE_WORDS / Layout.PAGE_WORDS;
      for (let from = first; from <= page; from += pagesOfPiece) {
        const end = Math.min(page + 1, from + pagesOfPiece);
        const piece = this.#room.take((end - from) * Layout.PAGE_WORDS);
        for (let one = from; one < end; one++) this.#page(one, piece, (one - from) * Layout.PAGE_WORDS);
        pieces.push(piece);
      }
      regions.push({ address: first * Layout.PAGE_WORDS, pieces });
    }
    return regions;
  }

  /** Copies a page between two looks at the lock words of its blocks. */
  #page(page: number, piece: Int32Array, at: number): void {
    const words = this.#words;
    const start = page * Layout.PAGE_WORDS;
    const sizeClass = classOfPage(this.#memory, page);
    if (sizeClass === LINE_CLASS) {
      piece.set(words.subarray(start, start + Layout.PAGE_WORDS), at);
      return;
    }
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const versions = this.#versions;
    const blocks = Math.floor(Layout.PAGE_WORDS / size);
    for (let i = 0; i < blocks; i++) versions[i] = readVersion(words, start + i * size);
    piece.set(words.subarray(start, start + Layout.PAGE_WORDS), at);
    for (let i = 0; i < blocks; i++) {
      const block = start + i * size;
      if (versions[i]! >= 0 && isVersion(words, block, versions[i]!)) continue;
      if (this.#isLinked(block)) this.#again(block, size, piece, at + i * size);
    }
  }

  #isLinked(block: WordAddress): boolean {
    const words = this.#words;
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    const object = objectNumber(words[block]!, identity);
    return findBlock(words, this.#memory.buckets, words[block]!, identity, hashObject(object | 0, objectHigh(object))) === block;
  }

  #again(block: WordAddress, size: number, piece: Int32Array, at: number): void {
    const words = this.#words;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const version = readVersion(words, block);
      if (version < 0) continue;
      piece.set(words.subarray(block, block + size), at);
      if (isVersion(words, block, version)) return;
    }
    this.#unsettled.push({ block, words: size, piece, at });
  }

  /** Waits for the lock of a variable; false if nobody holds it who could give it back. */
  #acquire(block: WordAddress): boolean {
    const words = this.#words;
    const lock = block + Layout.BLOCK_LOCK;
    const latest = performance.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      if (tryAcquireVariable(this.#thread, block)) return true;
      const owner = variableOwner(words, block);
      if (owner === 0) continue;
      if (whyUnheld(this.#memory, owner) !== undefined) return false;
      if (isOwnThread(this.#thread, owner - 1)) throw lockedByOurselves();
      if (performance.now() > latest) {
        const holder = describeThread(this.#thread, owner - 1);
        throw new ShadowError(
          'ERR_SHADOW_LOCK',
          `${holder} has held the lock of a variable for ${PATIENCE_MILLISECONDS / 1000} s; nothing was written`,
        );
      }
      this.#thread.onLaggard();
      Atomics.wait(words, lock, Atomics.load(words, lock), LOOK_MILLISECONDS);
    }
  }
}

/** Words that will be copied, as far as can be told beforehand. Runs of pages do not fill their pieces, hence a little more. */
function wordsInUse(memory: Memory): number {
  let used = 0;
  for (let page = memory.firstFreePage; page < memory.pages; page++) if (classOfPage(memory, page) >= 0) used++;
  const buckets = Math.max(memory.words[Layout.BUCKET_PAGE_LIMIT]!, memory.firstFreePage);
  return Math.min((used + buckets) * SPARE, memory.pages) * Layout.PAGE_WORDS;
}

/** With all locks held the counters are exact. */
function countVariables(memory: Memory): number {
  let variables = 0;
  const high = typeHigh(memory);
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < high; slot++) variables += createdCount(memory, slot);
  return variables;
}

function lockedByOurselves(): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_LOCK_NESTED',
    'snapshot() in the body of a variable lock of this thread: what that changes is half done',
  );
}
