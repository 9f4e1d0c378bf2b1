/**
 * Owns the reservation: makes the one SharedArrayBuffer of a store, names its regions in the header, and admits a handle from elsewhere
 * only after every claim it makes about the buffer was checked. Writes header line 0 and the initial values of the control words, once,
 * before any handle exists. Imports layout and errors.
 */
import { randomInt } from 'node:crypto';

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
  }
}

/**
 * Reserves the memory of a new store. `maxBytes` is rounded down to whole pages of 64 KiB; nothing of it is committed by the operating
 * system before it is touched.
 * @throws ERR_SHADOW_MAX_BYTES, ERR_SHADOW_MAX_THREADS
 */
export function createMemory(maxBytes: number, maxThreads: number | undefined): Memory {
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
 * Opens the reservation behind a handle that came from elsewhere. Nothing in it is trusted before it was compared with what the two
 * sizes imply.
 * @throws ERR_SHADOW_HANDLE, ERR_SHADOW_HANDLE_VERSION, ERR_SHADOW_HANDLE_SIZE
 */
export function attachMemory(handle: unknown): Memory {
  if (typeof handle !== 'object' || handle === null || !('kind' in handle) || handle.kind !== 'umbra.store') {
    throw new ShadowError('ERR_SHADOW_HANDLE', `${describe(handle)} is not a store handle; pass store.handle as it is`);
  }
  if (!('layoutVersion' in handle) || handle.layoutVersion !== Layout.LAYOUT_VERSION) {
    const version = 'layoutVersion' in handle ? describe(handle.layoutVersion) : 'missing';
    throw new ShadowError(
      'ERR_SHADOW_HANDLE_VERSION',
      `the handle's layout version is ${version}, this build reads ${Layout.LAYOUT_VERSION}; run one version of umbra in all threads`,
    );
  }
  if (!('buffer' in handle) || !(handle.buffer instanceof SharedArrayBuffer)) {
    throw new ShadowError('ERR_SHADOW_HANDLE', 'the handle carries no SharedArrayBuffer; pass store.handle as it is');
  }
  const { buffer } = handle;
  if (buffer.growable) {
    throw new ShadowError('ERR_SHADOW_HANDLE', 'the buffer of a store is never growable');
  }
  if (buffer.byteLength < Layout.CLASSES_END * 4) {
    throw new ShadowError('ERR_SHADOW_HANDLE_SIZE', `the buffer has ${buffer.byteLength} bytes, less than the header of a store`);
  }
  const header = new Int32Array(buffer, 0, Layout.CLASSES_END);
  if (Atomics.load(header, Layout.HEADER_MAGIC) !== Layout.MAGIC) {
    throw new ShadowError('ERR_SHADOW_HANDLE', 'the buffer does not start with the magic number of a store');
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
  if (!sane) throw new ShadowError('ERR_SHADOW_HANDLE', `the header names ${maxThreads} threads in ${pages} pages`);
  const memory = new Memory(buffer, maxThreads);
  const regionsAgree =
    header[Layout.HEADER_PAGE_TABLE] === memory.pageTable &&
    header[Layout.HEADER_TYPES] === memory.types &&
    header[Layout.HEADER_THREADS] === memory.threads &&
    header[Layout.HEADER_COUNTERS] === memory.counters &&
    header[Layout.HEADER_BUCKETS] === memory.buckets;
  if (!regionsAgree) throw new ShadowError('ERR_SHADOW_HANDLE', 'the header names other regions than its sizes imply');
  return memory;
}
