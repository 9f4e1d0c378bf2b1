/**
 * Owns the numbers a store tells about itself. Reads all regions plainly; writes nothing. Imports memory and binding.
 */
import { CLASS_BLOCK_WORDS, LINE_CLASS } from '../memory/blocks.js';
import {
  BUCKET_COUNT,
  BUCKET_PAGE_LIMIT,
  BUCKET_WORDS,
  COUNTER_WORDS_PER_THREAD,
  DEPARTED_COUNTERS,
  ENTRY_COUNT,
  FREE_PAGE_COUNT,
  GRACE_EPOCH,
  MEMORY_PRESSURE,
  ORPHANS,
  PAGE_BYTES,
  PAGE_CLASS,
  PAGE_ENTRY_WORDS,
  PAGE_FLOOR,
  RETIRED_COUNT,
  THREAD_ALLOCATED,
  THREAD_CLASSES,
  CACHE_COUNT,
  CACHE_WORDS,
  THREAD_EPOCH,
  THREAD_FREED,
  THREAD_HIGH,
  THREAD_LIVE,
  THREAD_LOCK_WAITS,
  THREAD_NODE_ID,
  THREAD_OS_ID,
  THREAD_RECLAIMED,
  THREAD_RETIRED,
  THREAD_RETIRED_OLDER,
  THREAD_SPLITS,
  THREAD_STATE,
  THREAD_UNREGISTERED,
  TYPE_HIGH,
  TYPE_ID,
  TYPE_LIVE_BASE,
  TYPE_REGISTRATIONS,
  TYPE_SIZE,
  TYPE_SLOT_NAMES,
  TYPE_STATE_DYING,
  TYPE_STATE_FREE,
  TYPE_STATE_MASK,
  TYPE_TAG,
  WORD_BYTES,
  type TypeSlot,
} from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress } from '../memory/threads.js';
import { typeAddress } from './binding.js';
import type { Variables } from './variables.js';

export interface TypeStats {
  readonly id: number;
  /** Bytes of data per variable. */
  readonly size: number;
  /** Variables that exist now, those still to be swept included. */
  readonly live: number;
  /** How many (owner, object) keep the id alive. */
  readonly registrations: number;
  readonly state: 'live' | 'collecting';
}

export interface ThreadStats {
  readonly slot: number;
  /** `threadId` of node:worker_threads. */
  readonly threadId: number;
  /** Linux thread id, 0 elsewhere. */
  readonly osThreadId: number;
  /** Whether the thread is between two safepoints and holds back reuse. */
  readonly inside: boolean;
  /** Grace epochs that have begun since it entered. */
  readonly epochsBehind: number;
  readonly allocated: number;
  readonly freed: number;
  readonly reclaimed: number;
  /** Blocks that wait for their grace period. */
  readonly retired: number;
  /** Free blocks in the thread's own lists. */
  readonly cached: number;
  readonly lockWaits: number;
  readonly unregisteredLookups: number;
  readonly splits: number;
}

export interface StoreStats {
  readonly schemaVersion: 1;
  readonly types: readonly TypeStats[];
  /** Live variables of all types. */
  readonly live: number;
  readonly bytes: {
    readonly reserved: number;
    /** Header, types, threads, counters: fixed at creation. */
    readonly fixed: number;
    /** Primary bucket lines in use. */
    readonly buckets: number;
    /** Pages of overflow lines. */
    readonly overflow: number;
    /** Pages of variables and names. */
    readonly blocks: number;
    /** Never handed out, and pages given back. */
    readonly free: number;
  };
  readonly pages: { readonly total: number; readonly buckets: number; readonly blocks: number; readonly free: number };
  readonly growth: { readonly buckets: number; readonly entries: number; readonly splits: number };
  readonly retired: number;
  /** Totals since the store was created, threads that left included. */
  readonly allocated: number;
  readonly freed: number;
  readonly reclaimed: number;
  readonly lockWaits: number;
  readonly unregisteredLookups: number;
  readonly graceEpoch: number;
  /** Whether an allocation has failed since a page was last found. */
  readonly memoryPressure: boolean;
  readonly threads: readonly ThreadStats[];
}

export function storeStats(variables: Variables): StoreStats {
  const { memory } = variables;
  const { words } = memory;
  const threads = threadStats(memory);
  const sum = (of: (thread: ThreadStats) => number, counter = -1): number =>
    threads.reduce((total, thread) => total + of(thread), counter < 0 ? 0 : words[DEPARTED_COUNTERS + counter - THREAD_LOCK_WAITS]!);
  const types = typeStats(memory);
  const buckets = words[BUCKET_COUNT]!;
  const pages = countPages(memory);
  return {
    schemaVersion: 1,
    types,
    live: types.reduce((total, { live }) => total + live, 0),
    bytes: {
      reserved: memory.buffer.byteLength,
      fixed: memory.buckets * WORD_BYTES,
      buckets: buckets * BUCKET_WORDS * WORD_BYTES,
      overflow: pages.lines * PAGE_BYTES,
      blocks: pages.blocks * PAGE_BYTES,
      free: pages.free * PAGE_BYTES,
    },
    pages: { total: memory.pages, buckets: words[BUCKET_PAGE_LIMIT]!, blocks: pages.lines + pages.blocks, free: pages.free },
    growth: { buckets, entries: words[ENTRY_COUNT]!, splits: sum((thread) => thread.splits, THREAD_SPLITS) },
    retired: sum((thread) => thread.retired) + words[ORPHANS + RETIRED_COUNT]!,
    allocated: sum((thread) => thread.allocated, THREAD_ALLOCATED),
    freed: sum((thread) => thread.freed, THREAD_FREED),
    reclaimed: sum((thread) => thread.reclaimed, THREAD_RECLAIMED),
    lockWaits: sum((thread) => thread.lockWaits, THREAD_LOCK_WAITS),
    unregisteredLookups: sum((thread) => thread.unregisteredLookups, THREAD_UNREGISTERED),
    graceEpoch: words[GRACE_EPOCH]!,
    memoryPressure: words[MEMORY_PRESSURE] !== 0,
    threads,
  };
}

/** Live variables of a slot: what threads that left have counted, and what each thread counts now. */
export function liveCount(memory: Memory, slot: TypeSlot): number {
  const { words } = memory;
  let live = words[typeAddress(memory, slot) + TYPE_LIVE_BASE]!;
  for (let thread = 0; thread < words[THREAD_HIGH]!; thread++) live += words[memory.counters + thread * COUNTER_WORDS_PER_THREAD + slot]!;
  return live;
}

function typeStats(memory: Memory): TypeStats[] {
  const { words, uwords } = memory;
  const types: TypeStats[] = [];
  for (let slot = TYPE_SLOT_NAMES + 1; slot < words[TYPE_HIGH]!; slot++) {
    const address = typeAddress(memory, slot);
    const state = words[address + TYPE_TAG]! & TYPE_STATE_MASK;
    if (state === TYPE_STATE_FREE) continue;
    types.push({
      id: uwords[address + TYPE_ID]!,
      size: words[address + TYPE_SIZE]!,
      live: liveCount(memory, slot),
      registrations: words[address + TYPE_REGISTRATIONS]!,
      state: state === TYPE_STATE_DYING ? 'collecting' : 'live',
    });
  }
  return types;
}

function threadStats(memory: Memory): ThreadStats[] {
  const { words } = memory;
  const threads: ThreadStats[] = [];
  for (let slot = 0; slot < words[THREAD_HIGH]!; slot++) {
    const address = threadSlotAddress(memory, slot);
    if (words[address + THREAD_STATE] !== THREAD_LIVE) continue;
    const entered = words[address + THREAD_EPOCH]!;
    let cached = 0;
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      cached += words[address + THREAD_CLASSES + sizeClass * CACHE_WORDS + CACHE_COUNT]!;
    }
    threads.push({
      slot,
      threadId: words[address + THREAD_NODE_ID]!,
      osThreadId: words[address + THREAD_OS_ID]!,
      inside: entered !== 0,
      epochsBehind: entered === 0 ? 0 : ((words[GRACE_EPOCH]! - entered) | 0) / 2,
      allocated: words[address + THREAD_ALLOCATED]!,
      freed: words[address + THREAD_FREED]!,
      reclaimed: words[address + THREAD_RECLAIMED]!,
      retired: words[address + THREAD_RETIRED + RETIRED_COUNT]! + words[address + THREAD_RETIRED_OLDER + RETIRED_COUNT]!,
      cached,
      lockWaits: words[address + THREAD_LOCK_WAITS]!,
      unregisteredLookups: words[address + THREAD_UNREGISTERED]!,
      splits: words[address + THREAD_SPLITS]!,
    });
  }
  return threads;
}

function countPages(memory: Memory): { lines: number; blocks: number; free: number } {
  const { words } = memory;
  let lines = 0;
  let blocks = 0;
  for (let page = words[PAGE_FLOOR]!; page < memory.pages; page++) {
    const owner = words[memory.pageTable + page * PAGE_ENTRY_WORDS + PAGE_CLASS]! - 1;
    if (owner === LINE_CLASS) lines++;
    else if (owner > LINE_CLASS) blocks++;
  }
  return { lines, blocks, free: words[PAGE_FLOOR]! - words[BUCKET_PAGE_LIMIT]! + words[FREE_PAGE_COUNT]! };
}
