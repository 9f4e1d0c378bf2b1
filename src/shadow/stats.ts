/**
 * Owns the numbers a store tells about itself. Reads all regions plainly; writes nothing. Imports memory and binding.
 */
import { retiredCount } from '../memory/blocks.js';
import { CLASS_BLOCK_WORDS, LINE_CLASS } from '../memory/classes.js';
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { osThreadOf, threadSlotAddress, threadState } from '../memory/threads.js';
import { createdCounts, isHead, olderSlots, standingCount, threadHigh, typeAddress, typeHigh } from './slots.js';
import type { Variables } from './variables.js';

/** One shadow type in `store.stats()`. Plain JSON. */
export interface TypeStats {
  readonly id: number;
  /** The version in force. */
  readonly version: number;
  /** Bytes of data per variable of that version. */
  readonly size: number;
  /** Variables that exist now, those still to be swept included. */
  readonly live: number;
  /** Those of them that still have an older version. */
  readonly unmigrated: number;
  /** How many (owner, object) keep the id alive. */
  readonly registrations: number;
  readonly state: 'live' | 'collecting';
}

/** One attached thread in `store.stats()`. Plain JSON. */
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

/** What `store.stats()` gives. Plain JSON. */
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
  /** Totals since the store was created, threads that left included. They are counted modulo 2^32, as those of each thread: take differences. */
  readonly allocated: number;
  readonly freed: number;
  readonly reclaimed: number;
  readonly lockWaits: number;
  readonly unregisteredLookups: number;
  /** Threads that died attached and were recovered, since the store was created. */
  readonly recoveredThreads: number;
  readonly graceEpoch: number;
  /** Whether an allocation has failed since a page was last found. */
  readonly memoryPressure: boolean;
  readonly threads: readonly ThreadStats[];
}

export function storeStats(variables: Variables): StoreStats {
  const { memory } = variables;
  const { words } = memory;
  const threads = threadStats(memory);
  const sum = (of: (thread: ThreadStats) => number): number => threads.reduce((total, thread) => total + of(thread), 0);
  const total = (of: (thread: ThreadStats) => number, counter: number): number =>
    (sum(of) + words[Layout.DEPARTED_COUNTERS + counter - Layout.THREAD_LOCK_WAITS]!) >>> 0;
  const types = typeStats(memory);
  const buckets = words[Layout.BUCKET_COUNT]!;
  const pages = countPages(memory);
  return {
    schemaVersion: 1,
    types,
    live: types.reduce((total, { live }) => total + live, 0),
    bytes: {
      reserved: memory.buffer.byteLength,
      fixed: memory.buckets * Layout.WORD_BYTES,
      buckets: buckets * Layout.BUCKET_WORDS * Layout.WORD_BYTES,
      overflow: pages.lines * Layout.PAGE_BYTES,
      blocks: pages.blocks * Layout.PAGE_BYTES,
      free: pages.free * Layout.PAGE_BYTES,
    },
    pages: { total: memory.pages, buckets: words[Layout.BUCKET_PAGE_LIMIT]!, blocks: pages.lines + pages.blocks, free: pages.free },
    growth: { buckets, entries: words[Layout.ENTRY_COUNT]!, splits: total((thread) => thread.splits, Layout.THREAD_SPLITS) },
    retired: sum((thread) => thread.retired) + retiredCount(words, Layout.ORPHANS),
    allocated: total((thread) => thread.allocated, Layout.THREAD_ALLOCATED),
    freed: total((thread) => thread.freed, Layout.THREAD_FREED),
    reclaimed: total((thread) => thread.reclaimed, Layout.THREAD_RECLAIMED),
    lockWaits: total((thread) => thread.lockWaits, Layout.THREAD_LOCK_WAITS),
    unregisteredLookups: total((thread) => thread.unregisteredLookups, Layout.THREAD_UNREGISTERED),
    recoveredThreads: words[Layout.RECOVERED_THREADS]!,
    graceEpoch: words[Layout.GRACE_EPOCH]! >>> 0,
    memoryPressure: words[Layout.MEMORY_PRESSURE] !== 0,
    threads,
  };
}

function typeStats(memory: Memory): TypeStats[] {
  const { words, uwords } = memory;
  const types: TypeStats[] = [];
  const high = typeHigh(memory);
  const created = createdCounts(memory);
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < high; slot++) {
    const address = typeAddress(memory, slot);
    // A slot of an older version counts for the one it stands behind.
    if (!isHead(memory, slot)) continue;
    const state = words[address + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK;
    const older = olderSlots(memory, slot, state === Layout.TYPE_STATE_DYING ? state : Layout.TYPE_STATE_MIGRATING);
    types.push({
      id: uwords[address + Layout.TYPE_ID]!,
      version: uwords[address + Layout.TYPE_VERSION]!,
      size: words[address + Layout.TYPE_SIZE]!,
      live: older.reduce((live, one) => live + (created[one.slot] ?? 0), created[slot]!),
      unmigrated: older.reduce((standing, one) => standing + standingCount(memory, one.slot), 0),
      registrations: words[address + Layout.TYPE_REGISTRATIONS]!,
      state: state === Layout.TYPE_STATE_DYING ? 'collecting' : 'live',
    });
  }
  return types;
}

function threadStats(memory: Memory): ThreadStats[] {
  const { words } = memory;
  const threads: ThreadStats[] = [];
  const high = threadHigh(memory);
  for (let slot = 0; slot < high; slot++) {
    const address = threadSlotAddress(memory, slot);
    if (threadState(words, address) !== Layout.THREAD_LIVE) continue;
    const entered = words[address + Layout.THREAD_EPOCH]!;
    let cached = 0;
    for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
      cached += words[address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS + Layout.CACHE_COUNT]!;
    }
    threads.push({
      slot,
      threadId: words[address + Layout.THREAD_NODE_ID]!,
      osThreadId: osThreadOf(words, address),
      inside: entered !== 0,
      epochsBehind: entered === 0 ? 0 : ((words[Layout.GRACE_EPOCH]! - entered) | 0) / 2,
      allocated: words[address + Layout.THREAD_ALLOCATED]! >>> 0,
      freed: words[address + Layout.THREAD_FREED]! >>> 0,
      reclaimed: words[address + Layout.THREAD_RECLAIMED]! >>> 0,
      retired: retiredCount(words, address + Layout.THREAD_RETIRED),
      cached,
      lockWaits: words[address + Layout.THREAD_LOCK_WAITS]! >>> 0,
      unregisteredLookups: words[address + Layout.THREAD_UNREGISTERED]! >>> 0,
      splits: words[address + Layout.THREAD_SPLITS]! >>> 0,
    });
  }
  return threads;
}

function countPages(memory: Memory): { lines: number; blocks: number; free: number } {
  const { words } = memory;
  let lines = 0;
  let blocks = 0;
  for (let page = Math.max(words[Layout.PAGE_FLOOR]!, 0); page < memory.pages; page++) {
    const owner = words[memory.pageTable + page * Layout.PAGE_ENTRY_WORDS + Layout.PAGE_CLASS]! - 1;
    if (owner === LINE_CLASS) lines++;
    else if (owner > LINE_CLASS) blocks++;
  }
  return { lines, blocks, free: words[Layout.PAGE_FLOOR]! - words[Layout.BUCKET_PAGE_LIMIT]! + words[Layout.FREE_PAGE_COUNT]! };
}
