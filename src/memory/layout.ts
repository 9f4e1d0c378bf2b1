/**
 * The one place where every word of the shared memory is named. Imports nothing; touches no memory.
 *
 * The reservation is one SharedArrayBuffer seen as 32-bit words. A *word address* is an index into that Int32Array and fits a signed
 * int32, because a reservation is at most 8 GiB. From the bottom up:
 *
 *   header │ classes │ page table │ types │ threads │ counters │ buckets →        … free …        ← pages
 *
 * Buckets grow up from the bottom, pages of blocks come down from the top; SPACE_LOCK guards the border. Everything between is
 * untouched memory that the operating system has not committed yet.
 *
 * Rule of order, referred to elsewhere as **the writing order**: intent, lock, fields, publish, unlock, clear intent. Every change
 * commits with one word; what was written before that word counts for nothing until it is there.
 */

/** The address of a 32-bit word: an index into the reservation's Int32Array. */
export type WordAddress = number;
/** Index of a slot in the type table, 1…TYPE_SLOTS − 2. */
export type TypeSlot = number;
/** Index of a slot in the thread table, 0…maxThreads − 1. */
export type ThreadSlot = number;

export const WORD_BYTES = 4;
export const LINE_WORDS = 16; // a cache line of 64 bytes
export const PAGE_WORDS = 16384; // 64 KiB: the unit in which blocks and bucket space are handed out
export const PAGE_SHIFT = 14; // word address → page index
export const PAGE_BYTES = PAGE_WORDS * WORD_BYTES;
export const MAX_RESERVATION_BYTES = 2 ** 33; // word addresses stay in int32

// --- Header -----------------------------------------------------------------------------------------------------------------------
export const MAGIC = 0x41524255 | 0; // 'UBRA'
export const LAYOUT_VERSION = 1; // raised by every change of this file that moves or reinterprets a word

/** Line 0: written once by create(), before the handle exists; read by attach(). */
export const HEADER_MAGIC = 0;
export const HEADER_VERSION = 1;
export const HEADER_PAGES = 2; // size of the reservation in pages
export const HEADER_MAX_THREADS = 3;
export const HEADER_PAGE_TABLE = 4; // word addresses of the regions
export const HEADER_TYPES = 5;
export const HEADER_THREADS = 6;
export const HEADER_COUNTERS = 7;
export const HEADER_BUCKETS = 8;
export const HEADER_STORE_ID = 9; // random, two words: tells stores apart in channel names and logs
export const HEADER_NAME_SEED = 11; // random: seed of the string hash
export const HEADER_HASH_SEED = 12; // 0 in this version; mixed into the object hash

/** Line 1: number of buckets. The commit word of a split: written with Atomics.store under GROW_LOCK, read plainly by every look-up. */
export const BUCKET_COUNT = 16;
/** Live entries over all buckets; threads add their differences in batches of ENTRY_BATCH, so it is off by that much per thread. */
export const ENTRY_COUNT = 20;
export const ENTRY_BATCH = 8;
/** Line 2: the grace epoch: odd, counts by 2, wraps. Advanced by compare-exchange when no thread is still in an older one. */
export const GRACE_EPOCH = 32;
/** 1 after an allocation failed: threads give freed blocks to the global lists at once. 0 again once a page was found. */
export const MEMORY_PRESSURE = 36;
/** Line 3: SPACE_LOCK guards the rest of its line. */
export const SPACE_LOCK = 48;
export const BUCKET_PAGE_LIMIT = 49; // first page that does not belong to the bucket region
export const PAGE_FLOOR = 50; // lowest page handed out for blocks; pages at or above it are in use or on the free-page list
export const FREE_PAGE_HEAD = 51; // page index of the first free page, 0 = none; linked through PAGE_NEXT
export const FREE_PAGE_COUNT = 52;
/** Line 4: GROW_LOCK is held for the length of one split. */
export const GROW_LOCK = 64;
export const SPLIT_BUCKET = 65; // the bucket being split + 1, 0 = none; recovery reads this
/** Line 5: locks that are rarely taken, and what they guard. */
export const TYPE_LOCK = 80; // all type slots
export const THREAD_LOCK = 81; // the orphan list
export const THREAD_HIGH = 82; // one more than the highest thread slot ever used
export const TYPE_HIGH = 83; // one more than the highest type slot ever used
export const ORPHANS = 84; // retired blocks of threads that left: RETIRED_* words, guarded by THREAD_LOCK
export const NAME_LOCK = 88; // taken to create names once NAME_COLLIDED is set
export const NAME_COLLIDED = 89; // 1 once two strings had the same primary handle; never cleared
export const OBJECT_SEQUENCE = 90; // 64-bit: next handle for a JS object; Atomics on BigInt64Array, so 8-byte aligned
/** Line 6: livepatch control words, written by the coordinator only. */
export const PATCH_EPOCH = 96; // raised by every change of what the workers should run; read at each task entry
export const PATCH_TARGET = 97; // −1 no transition, 0 unpatched, 1 patched
export const PATCH_WAKE = 98; // raised and notified by a worker that has loaded, switched or left; the coordinator waits on it
export const PATCH_COORDINATOR = 99; // COORDINATOR_NONE, _LIVE or _CLOSED: whether anybody answers a thread that asks what to run
export const COORDINATOR_NONE = 0;
export const COORDINATOR_LIVE = 1;
export const COORDINATOR_CLOSED = 2;
/** Lines 7–10: ids that were used without a registration and already gave their process warning; id + 1, 0 = empty. Compare-exchange. */
export const WARNED_IDS = 112;
export const WARNED_ID_WORDS = 64;
/** Lines 11–: what the counters THREAD_LOCK_WAITS … THREAD_SPLITS of threads that left came to. Atomics.add. */
export const DEPARTED_COUNTERS = 176;
export const HEADER_WORDS = 256;

// --- Size classes -----------------------------------------------------------------------------------------------------------------
/** Global free list of a size class, guarded by its own lock. A list member is a block linked through BLOCK_NEXT. */
export const CLASSES = HEADER_WORDS;
export const CLASS_LOCK = 0;
export const CLASS_HEAD = 1;
export const CLASS_COUNT = 2;
export const CLASS_WORDS = 4;
export const MAX_CLASSES = 48;
export const CLASSES_END = CLASSES + CLASS_WORDS * MAX_CLASSES;

// --- Pages ------------------------------------------------------------------------------------------------------------------------
/** One entry per page of the reservation, guarded by SPACE_LOCK. */
export const PAGE_CLASS = 0; // size class + 1 while the page holds blocks, 0 otherwise
export const PAGE_NEXT = 1; // free-page list: index of the next free page
export const PAGE_ENTRY_WORDS = 2;

// --- Types ------------------------------------------------------------------------------------------------------------------------
/** Guarded by TYPE_LOCK for writers; TYPE_TAG is published with Atomics.store and read plainly by every operation. */
export const TYPE_SLOTS = 2048;
export const TYPE_SLOT_BITS = 11;
export const TYPE_SLOT_MASK = TYPE_SLOTS - 1;
export const TYPE_SLOT_NAMES = 0; // the store's own: string names of the object table
export const TYPE_SLOT_DEAD = TYPE_SLOTS - 1; // never a type: marks the identity of a retired block
export const TYPE_TAG = 0; // generation × 4 + state; a binding is good as long as the tag is the one it was made with
export const TYPE_ID = 1; // as uint32
export const TYPE_SIZE = 2; // bytes of data
export const TYPE_REGISTRATIONS = 3; // how many (owner, object) keep the id alive
export const TYPE_LIVE_BASE = 4; // live variables counted by threads that left; Atomics.add
export const TYPE_DEAD_EPOCH = 5; // grace epoch in which the sweep of this slot ended: the slot is not reused before it has passed
export const TYPE_FLAGS = 6;
export const TYPE_WORDS = 8;
export const TYPE_STATE_FREE = 0;
export const TYPE_STATE_LIVE = 1;
export const TYPE_STATE_DYING = 2; // collected: invisible, being swept
export const TYPE_STATE_MASK = 3;
export const TYPE_FLAG_DESTRUCTOR = 1; // some declaration of the id has a destructor

// --- Threads ----------------------------------------------------------------------------------------------------------------------
/** A thread slot. Unless said otherwise written by its own thread only, plainly; recovery reads all of it once that thread is gone. */
export const THREAD_STATE = 0; // THREAD_FREE, THREAD_LIVE; changed under THREAD_LOCK
export const THREAD_GENERATION = 1; // raised at each claim
export const THREAD_OS_ID = 2; // OS thread id, 0 = unknown
export const THREAD_OS_START_LOW = 3; // start time of that OS thread in clock ticks since boot: tells a reused id apart
export const THREAD_OS_START_HIGH = 4;
export const THREAD_NODE_ID = 5; // node:worker_threads threadId
export const THREAD_EPOCH = 6; // 0 = quiescent, else the (odd) grace epoch in which the thread entered; Atomics.store
/** The intent record: what the thread is about to change. Written before the lock is taken, cleared after it is released. */
export const THREAD_INTENT = 7; // INTENT_*; 0 = none
export const THREAD_INTENT_BUCKET = 8; // word address of the primary bucket, or of the lock
export const THREAD_INTENT_BLOCK = 9; // word address of the block in hand
export const THREAD_INTENT_SEQUENCE = 10; // raised when an intent is set and when it is cleared: even = nothing in hand
/** Counters for stats(), THREAD_COUNTERS of them from THREAD_LOCK_WAITS on. */
export const THREAD_COUNTERS = 6;
export const THREAD_LOCK_WAITS = 14;
export const THREAD_UNREGISTERED = 15;
export const THREAD_ALLOCATED = 16;
export const THREAD_FREED = 17;
export const THREAD_RECLAIMED = 18;
export const THREAD_SPLITS = 19;
export const THREAD_ENTRY_DELTA = 28; // entries inserted minus removed since the last addition to ENTRY_COUNT
/** Livepatch, see livepatch/agent.ts. Written by the owner with Atomics, read by the coordinator. */
export const THREAD_AGENT = 20; // THREAD_GENERATION of the claim for which a patch agent answers; cleared by the coordinator after exit
export const THREAD_PATCH_EPOCH = 21; // the PATCH_EPOCH that the thread has acted on
export const THREAD_PATCH_LOADED = 22; // the PATCH_EPOCH for which the thread has loaded the code, negative = loading failed
export const THREAD_PATCH_VERSION = 23; // version number of the code that the thread's tasks run, PATCH_NOT_RUNNING = none yet
export const THREAD_TASKS = 24; // tasks in flight
export const THREAD_PATCH_SPARE = 25; // to THREAD_DESTROYING − 1
export const PATCH_NOT_RUNNING = -1;
/** Blocks whose destructor is running, outermost first; deeper nesting than fits runs unrecorded. Recovery runs these again. */
export const THREAD_DESTROYING = 40;
export const THREAD_DESTROYING_WORDS = 16;
export const THREAD_DESTROYING_COUNT = 56; // current depth, may exceed THREAD_DESTROYING_WORDS
/**
 * Blocks retired by this thread, linked through BLOCK_NEXT: those of the epoch in RETIRED_EPOCH, and all older ones. A list is reused as
 * a whole once its epoch, the latest of its blocks, is past.
 */
export const THREAD_RETIRED = 64;
export const THREAD_RETIRED_OLDER = 68;
export const RETIRED_HEAD = 0;
export const RETIRED_TAIL = 1;
export const RETIRED_COUNT = 2;
export const RETIRED_EPOCH = 3;
/** Per size class: the thread's own free blocks and the page it is carving. */
export const THREAD_CLASSES = 80;
export const CACHE_HEAD = 0; // first free block, linked through BLOCK_NEXT
export const CACHE_COUNT = 1;
export const CARVE_NEXT = 2; // next block of the page that was never handed out
export const CARVE_END = 3; // word address behind the last whole block of that page
export const CACHE_WORDS = 4;
export const THREAD_WORDS = THREAD_CLASSES + CACHE_WORDS * MAX_CLASSES;
export const THREAD_FREE = 0;
export const THREAD_LIVE = 1;

export const INTENT_INSERT = 1;
export const INTENT_REMOVE = 2;
export const INTENT_SPLIT = 3;
export const INTENT_MEMORY = 4; // moving blocks between the thread's cache, its retired list and the global lists

// --- Counters ---------------------------------------------------------------------------------------------------------------------
/** Per thread slot and type slot: variables allocated minus variables freed by that thread. Plain, owner only; the sum is the truth. */
export const COUNTER_WORDS_PER_THREAD = TYPE_SLOTS;

// --- Buckets ----------------------------------------------------------------------------------------------------------------------
/**
 * A bucket is one cache line: lock, overflow link, 7 keys, 7 block words. Keys and the link belong to the holder of the *primary* line's
 * BUCKET_LOCK; an entry is published and removed by its block word alone, so a key is dead while its block word is 0.
 *
 * The key holds bits 11–31 of the object's hash and the type slot. The low bits of the hash are the bucket's index, of which there are
 * always at least 11: key and index together are the whole hash, so splits, sweeps and misses never touch a block.
 */
export const BUCKET_WORDS = LINE_WORDS;
export const BUCKET_LOCK = 0; // 0, or owner slot + 1; bit 31: someone waits. Unused in an overflow line
export const BUCKET_NEXT = 1; // word address of the overflow line, 0 = none; written once, under BUCKET_LOCK
export const BUCKET_KEYS = 2;
export const BUCKET_BLOCKS = 9;
export const BUCKET_ENTRIES = 7;
export const FIRST_BUCKETS = 2048; // 2 ** TYPE_SLOT_BITS: see above
/** A split follows when the variables per bucket, over all buckets, exceed this; measured in bench/, see docs of table/grow.ts. */
export const LOAD_FACTOR = 3.75;

// --- Blocks -----------------------------------------------------------------------------------------------------------------------
/** A block: identity, generation, lock, then the data, 8-byte aligned. */
export const BLOCK_OBJECT_LOW = 0; // identity: low 32 bits of the object number
export const BLOCK_IDENTITY = 1; // identity: object bits 32–52, shifted by TYPE_SLOT_BITS, and the type slot
export const BLOCK_GENERATION = 2; // even while the variable lives, odd from its free to the next allocation
export const BLOCK_LOCK = 3; // the variable's own lock and version, see memory/lock.ts
export const BLOCK_DATA = 4;
export const BLOCK_HEADER_BYTES = BLOCK_DATA * WORD_BYTES;
/** While retired or free, word 0 links the list the block is on, and the identity holds TYPE_SLOT_DEAD, which no look-up asks for. */
export const BLOCK_NEXT = 0;

// --- Objects ----------------------------------------------------------------------------------------------------------------------
/** Object numbers: 0…2^52−1 are the user's; the upper half of the 53-bit space is the object table's. */
export const FIRST_NAME_HANDLE = 2 ** 52; // strings: 2^52 + 51 bits of hash
export const FIRST_OBJECT_HANDLE = 2 ** 52 + 2 ** 51; // JS objects: counted up, never reused
export const NULL_OBJECT = 2 ** 53 - 1;
