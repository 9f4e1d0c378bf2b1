/**
 * Owns the reservation: makes the one SharedArrayBuffer of a store, names its regions in the header, and admits a handle from elsewhere
 * only after every claim it makes about the buffer was checked. Writes header line 0 and the initial values of the control words, once,
 * before any handle exists. Imports layout and errors.
 */
import { randomInt } from 'node:crypto';
import { types as kinds } from 'node:util';

import { describe, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from './layout.js';

/** What travels between threads; goes through `workerData` and `postMessage` as it is. */
export interface StoreHandle {
  readonly kind: 'umbra.store';
  readonly layoutVersion: number;
  readonly buffer: SharedArrayBuffer;
}

/** The word addresses of the regions; a pure function of the two sizes, so that an attached header can be checked against it. */
interface Regions {
  readonly pageTable: WordAddress;
  readonly types: WordAddress;
  readonly threads: WordAddress;
  readonly counters: WordAddress;
  readonly buckets: WordAddress;
  /** First page behind the buckets that exist from the start. */
  readonly firstFreePage: number;
}

/** Fewest pages that make a store usable behind its fixed regions: a table that holds nothing is not a store. */
const LEAST_BLOCK_PAGES = 2;
const MAX_THREADS_LIMIT = 1000;
/** The smallest page of any operating system that Node runs on, in words. */
const COMMIT_WORDS = 1024;
/** Below this many bytes the thread table would take most of the store, so the default number of threads is smaller. */
const SMALL_STORE_BYTES = 2 ** 23;

function regionsOf(pages: number, maxThreads: number): Regions {
  const line = (words: number): number => Math.ceil(words / Layout.LINE_WORDS) * Layout.LINE_WORDS;
  const pageTable = Layout.CLASSES_END;
  const types = line(pageTable + pages * Layout.PAGE_ENTRY_WORDS);
  const threads = line(types + Layout.TYPE_SLOTS * Layout.TYPE_WORDS);
  const counters = line(threads + maxThreads * Layout.THREAD_WORDS);
  const buckets = line(counters + maxThreads * Layout.COUNTER_WORDS_PER_THREAD);
  const firstFreePage = Math.ceil((buckets + Layout.FIRST_BUCKETS * Layout.BUCKET_WORDS) / 2 ** Layout.PAGE_SHIFT);
  return { pageTable, types, threads, counters, buckets, firstFreePage };
}

/** The reservation as one thread sees it: every typed array spans the whole buffer, so an address means the same in all of them. */
export class Memory {
  readonly handle: StoreHandle;
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly uwords: Uint32Array;
  readonly shorts: Int16Array;
  readonly ushorts: Uint16Array;
  readonly singles: Float32Array;
  readonly doubles: Float64Array;
  readonly longs: BigInt64Array;
  readonly ulongs: BigUint64Array;
  /** Single bytes: a Uint8Array cannot span 8 GiB, a DataView can. */
  readonly bytes: DataView;
  readonly pages: number;
  readonly maxThreads: number;
  readonly pageTable: WordAddress;
  readonly types: WordAddress;
  readonly threads: WordAddress;
  readonly counters: WordAddress;
  readonly buckets: WordAddress;
  /** First page behind the buckets that exist from the start: the bucket region never ends below it. */
  readonly firstFreePage: number;

  constructor(buffer: SharedArrayBuffer, maxThreads: number) {
    this.handle = { kind: 'umbra.store', layoutVersion: Layout.LAYOUT_VERSION, buffer };
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.uwords = new Uint32Array(buffer);
    this.shorts = new Int16Array(buffer);
    this.ushorts = new Uint16Array(buffer);
    this.singles = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.longs = new BigInt64Array(buffer);
    this.ulongs = new BigUint64Array(buffer);
    this.bytes = new DataView(buffer);
    this.pages = buffer.byteLength / Layout.PAGE_BYTES;
    this.maxThreads = maxThreads;
    const regions = regionsOf(this.pages, maxThreads);
    this.pageTable = regions.pageTable;
    this.types = regions.types;
    this.threads = regions.threads;
    this.counters = regions.counters;
    this.buckets = regions.buckets;
    this.firstFreePage = regions.firstFreePage;
  }
}

/**
 * Reserves the memory of a new store. `maxBytes` is rounded down to whole pages of 64 KiB; nothing of it is committed by the operating
 * system before it is touched, unless `commit` has all of it touched at once.
 * @throws ERR_SHADOW_MAX_BYTES, ERR_SHADOW_MAX_THREADS
 */
export function createMemory(maxBytes: number, maxThreads: number | undefined, commit = false): Memory {
  if (typeof maxBytes !== 'number' || !Number.isInteger(maxBytes) || maxBytes <= 0) {
    throw new ShadowError('ERR_SHADOW_MAX_BYTES', `maxBytes is ${describe(maxBytes)}; give a whole number of bytes, for example 2 ** 28`);
  }
  if (maxBytes > Layout.MAX_RESERVATION_BYTES) {
    throw new ShadowError(
      'ERR_SHADOW_MAX_BYTES',
      `maxBytes is ${maxBytes}; a store has at most ${Layout.MAX_RESERVATION_BYTES} bytes (8 GiB)`,
    );
  }
  const threads = maxThreads ?? (maxBytes < SMALL_STORE_BYTES ? 16 : 64);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS_LIMIT) {
    throw new ShadowError(
      'ERR_SHADOW_MAX_THREADS',
      `maxThreads is ${describe(maxThreads)}; give a whole number from 1 to ${MAX_THREADS_LIMIT}`,
    );
  }
  const pages = Math.floor(maxBytes / Layout.PAGE_BYTES);
  const regions = regionsOf(pages, threads);
  if (pages < regions.firstFreePage + LEAST_BLOCK_PAGES) {
    let least = pages;
    while (least < regionsOf(least, threads).firstFreePage + LEAST_BLOCK_PAGES) least++;
    throw new ShadowError(
      'ERR_SHADOW_MAX_BYTES',
      `maxBytes is ${maxBytes}; with ${threads} threads a store needs at least ${least * Layout.PAGE_BYTES} bytes`,
    );
  }
  let buffer: SharedArrayBuffer;
  try {
    buffer = new SharedArrayBuffer(pages * Layout.PAGE_BYTES);
  } catch (cause) {
    throw new ShadowError('ERR_SHADOW_MAX_BYTES', `the process cannot reserve ${maxBytes} bytes of address space`, { cause });
  }
  const memory = new Memory(buffer, threads);
  const { words } = memory;
  if (commit) for (let i = 0; i < words.length; i += COMMIT_WORDS) words[i] = 0; // which it is, but now the operating system has to provide it
  words[Layout.HEADER_PAGES] = pages;
  words[Layout.HEADER_MAX_THREADS] = threads;
  words[Layout.HEADER_PAGE_TABLE] = memory.pageTable;
  words[Layout.HEADER_TYPES] = memory.types;
  words[Layout.HEADER_THREADS] = memory.threads;
  words[Layout.HEADER_COUNTERS] = memory.counters;
  words[Layout.HEADER_BUCKETS] = memory.buckets;
  words[Layout.HEADER_STORE_ID] = randomInt(2 ** 31);
  words[Layout.HEADER_STORE_ID + 1] = randomInt(2 ** 31);
  words[Layout.HEADER_NAME_SEED] = randomInt(2 ** 31);
  words[Layout.BUCKET_COUNT] = Layout.FIRST_BUCKETS;
  words[Layout.GRACE_EPOCH] = 1;
  words[Layout.BUCKET_PAGE_LIMIT] = regions.firstFreePage;
  words[Layout.PAGE_FLOOR] = pages;
  words[Layout.PATCH_TARGET] = -1;
  words[Layout.HEADER_VERSION] = Layout.LAYOUT_VERSION;
  Atomics.store(words, Layout.HEADER_MAGIC, Layout.MAGIC);
  return memory;
}

/**
 * Opens the reservation behind a handle that came from elsewhere. Nothing in it is trusted before it was compared with what the two sizes imply: each
 * property is read once, so what was checked is what is used, and the regions are computed, never read.
 * @throws ERR_SHADOW_HANDLE, ERR_SHADOW_HANDLE_VERSION, ERR_SHADOW_HANDLE_SIZE
 */
export function attachMemory(handle: unknown): Memory {
  const { kind, layoutVersion, buffer } = propertiesOf(handle);
  if (kind !== 'umbra.store') throw refused(`${describe(handle)} is not a store handle; pass store.handle as it is`);
  if (layoutVersion !== Layout.LAYOUT_VERSION) {
    const version = layoutVersion === undefined ? 'missing' : describe(layoutVersion);
    throw new ShadowError(
      'ERR_SHADOW_HANDLE_VERSION',
      `the handle's layout version is ${version}, this build reads ${Layout.LAYOUT_VERSION}; run one version of umbra in all threads`,
    );
  }
  // Not instanceof, which an object made to look like one passes.
  if (!kinds.isSharedArrayBuffer(buffer)) throw refused('the handle carries no SharedArrayBuffer; pass store.handle as it is');
  if (buffer.growable) throw refused('the buffer of a store is never growable');
  if (buffer.byteLength < Layout.CLASSES_END * 4) {
    throw new ShadowError('ERR_SHADOW_HANDLE_SIZE', `the buffer has ${buffer.byteLength} bytes, less than the header of a store`);
  }
  const header = new Int32Array(buffer, 0, Layout.CLASSES_END);
  if (Atomics.load(header, Layout.HEADER_MAGIC) !== Layout.MAGIC) {
    throw refused('the buffer does not start with the magic number of a store');
  }
  if (header[Layout.HEADER_VERSION] !== Layout.LAYOUT_VERSION) {
    throw new ShadowError(
      'ERR_SHADOW_HANDLE_VERSION',
      `the store has layout version ${header[Layout.HEADER_VERSION]}, this build reads ${Layout.LAYOUT_VERSION}; run one version of umbra in all threads`,
    );
  }
  const pages = header[Layout.HEADER_PAGES]!;
  if (pages * Layout.PAGE_BYTES !== buffer.byteLength || buffer.byteLength > Layout.MAX_RESERVATION_BYTES) {
    throw new ShadowError(
      'ERR_SHADOW_HANDLE_SIZE',
      `the store claims ${pages} pages of ${Layout.PAGE_BYTES} bytes, the buffer has ${buffer.byteLength} bytes`,
    );
  }
  const maxThreads = header[Layout.HEADER_MAX_THREADS]!;
  const sane = maxThreads >= 1 && maxThreads <= MAX_THREADS_LIMIT && pages > regionsOf(pages, maxThreads).firstFreePage;
  if (!sane) throw refused(`the header names ${maxThreads} threads in ${pages} pages`);
  const memory = new Memory(buffer, maxThreads);
  const wrong = wrongRegion(memory) ?? wrongControl(memory);
  if (wrong !== undefined) throw refused(wrong);
  return memory;
}

function propertiesOf(handle: unknown): { kind?: unknown; layoutVersion?: unknown; buffer?: unknown } {
  if (typeof handle !== 'object' || handle === null) return {};
  const { kind, layoutVersion, buffer } = handle as Record<string, unknown>;
  return { kind, layoutVersion, buffer };
}

function refused(why: string): ShadowError {
  return new ShadowError('ERR_SHADOW_HANDLE', why);
}

/** What is wrong with the regions that the header names; undefined if they are those that its sizes imply. */
function wrongRegion(memory: Memory): string | undefined {
  const { words } = memory;
  const agree =
    words[Layout.HEADER_PAGE_TABLE] === memory.pageTable &&
    words[Layout.HEADER_TYPES] === memory.types &&
    words[Layout.HEADER_THREADS] === memory.threads &&
    words[Layout.HEADER_COUNTERS] === memory.counters &&
    words[Layout.HEADER_BUCKETS] === memory.buckets;
  return agree ? undefined : 'the header names other regions than its sizes imply';
}

/**
 * What is wrong with the words by which everything else is found; undefined if each lies in its range. The store may be in use: buckets are counted before
 * their end is read, and that before the first page of blocks, none of which ever falls below what was read before.
 */
function wrongControl({ words, maxThreads, pages, buckets, firstFreePage }: Memory): string | undefined {
  const inRange = (value: number, least: number, most: number): boolean => value >= least && value <= most;
  const count = Atomics.load(words, Layout.BUCKET_COUNT);
  const limit = Atomics.load(words, Layout.BUCKET_PAGE_LIMIT);
  const floor = Atomics.load(words, Layout.PAGE_FLOOR);
  if (!inRange(floor, firstFreePage, pages) || !inRange(limit, firstFreePage, floor))
    return `the header ends the buckets at page ${limit} and begins the blocks at page ${floor}, of ${pages}`;
  const most = Math.floor((limit * Layout.PAGE_WORDS - buckets) / Layout.BUCKET_WORDS);
  if (!inRange(count, Layout.FIRST_BUCKETS, most)) return `the header counts ${count} buckets where ${most} have room`;
  const threadHigh = Atomics.load(words, Layout.THREAD_HIGH);
  if (!inRange(threadHigh, 0, maxThreads)) return `the header counts ${threadHigh} of ${maxThreads} thread slots`;
  const typeHigh = Atomics.load(words, Layout.TYPE_HIGH);
  if (!inRange(typeHigh, 0, Layout.TYPE_SLOTS)) return `the header counts ${typeHigh} of ${Layout.TYPE_SLOTS} type slots`;
  if ((Atomics.load(words, Layout.GRACE_EPOCH) & 1) === 0) return 'the grace epoch is even, which means that no thread is inside';
  return undefined;
}
