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
/** Index of a slot in the type table, 1…TYPE_SLOTS − 3. */
export type TypeSlot = number;
/** Index of a slot in the thread table, 0…maxThreads − 1. */
export type ThreadSlot = number;

/**
 * A const enum, because the compiler writes its values into the code: an imported constant is a load and a check at every use, which made a look-up
 * a quarter slower.
 */
export const enum Layout {
  WORD_BYTES = 4,
  LINE_WORDS = 16, // a cache line of 64 bytes
  PAGE_WORDS = 16384, // 64 KiB: the unit in which blocks and bucket space are handed out
  PAGE_SHIFT = 14, // word address → page index
  PAGE_BYTES = PAGE_WORDS * WORD_BYTES,
  MAX_RESERVATION_BYTES = 2 ** 33, // word addresses stay in int32

  // --- Header -----------------------------------------------------------------------------------------------------------------------
  MAGIC = 0x41524255 | 0, // 'UBRA'
  LAYOUT_VERSION = 4, // raised by every change of this file that moves or reinterprets a word

  /** Line 0: written once by create(), before the handle exists; read by attach(). */
  HEADER_MAGIC = 0,
  HEADER_VERSION = 1,
  HEADER_PAGES = 2, // size of the reservation in pages
  HEADER_MAX_THREADS = 3,
  HEADER_PAGE_TABLE = 4, // word addresses of the regions
  HEADER_TYPES = 5,
  HEADER_THREADS = 6,
  HEADER_COUNTERS = 7,
  HEADER_BUCKETS = 8,
  HEADER_STORE_ID = 9, // random, two words: tells stores apart in channel names and logs
  HEADER_NAME_SEED = 11, // random: seed of the string hash

  /** Line 1: number of buckets. The commit word of a split: written with Atomics.store under GROW_LOCK, read plainly by every look-up. */
  BUCKET_COUNT = 16,
  /**
   * Raised before every change of a type's tag that is not a registration (its end, another version), while TYPE_LOCK is held: one compare tells a reader that no
   * type it knows has changed since.
   */
  TYPE_EPOCH = 17,
  /** Line 2: the grace epoch: odd, counts by 2, wraps. Advanced by compare-exchange when no thread is still in an older one. */
  GRACE_EPOCH = 32,
  /** 1 after an allocation failed: threads give freed blocks to the global lists at once. 0 again once a page was found. */
  MEMORY_PRESSURE = 36,
  /** How often blocks were given to a global list: looking for whole free pages again is in vain before it changes. Atomics.add. */
  BLOCKS_GIVEN = 37,
  /** Line 3: SPACE_LOCK guards the rest of its line. */
  SPACE_LOCK = 48,
  BUCKET_PAGE_LIMIT = 49, // first page that does not belong to the bucket region
  PAGE_FLOOR = 50, // lowest page handed out for blocks; pages at or above it are in use or on the free-page list
  FREE_PAGE_HEAD = 51, // page index of the first free page, 0 = none; linked through PAGE_NEXT
  FREE_PAGE_COUNT = 52,
  /** Line 4: GROW_LOCK guards the rest of its line. It is held while a thread adds to the number of entries, and for the splits that follow. */
  GROW_LOCK = 64,
  SPLIT_TARGET = 65, // index of the bucket being made + 1, 0 = none; below BUCKET_COUNT once it is published. Recovery reads this
  /**
   * Entries over all buckets, as far as their threads have added them: at every moment the sum of all TYPE_LIVE_BASE and all THREAD_ENTRIES_ADDED. Threads add
   * in batches of ENTRY_BATCH, so it is off by about that much per thread.
   */
  ENTRY_COUNT = 66,
  ENTRY_BATCH = 16,
  /** Line 5: locks that are rarely taken, and what they guard. */
  TYPE_LOCK = 80, // all type slots
  THREAD_LOCK = 81, // the orphan list
  THREAD_HIGH = 82, // one more than the highest thread slot ever used
  TYPE_HIGH = 83, // one more than the highest type slot ever used
  /** Recovery of dead threads, see recovery/. Both hold who is at it as threads.ts tells a thread: no slot is needed to recover another. */
  REPAIR_LOCK = 84, // held while a slot is repaired, which waits for nothing
  SETTLE_LOCK = 85, // only ever tried: held while what a dead thread leaves is given back
  DEAD_SLOTS = 86, // slots in THREAD_DEAD that anybody may settle; under REPAIR_LOCK
  RECOVERED_THREADS = 87, // threads that died and were recovered, since the store was created; Atomics.add
  NAME_LOCK = 88, // taken to create names once NAME_COLLIDED is set
  NAME_COLLIDED = 89, // 1 once two strings had the same primary handle; never cleared
  OBJECT_SEQUENCE = 90, // 64-bit: sequence of the next handle for a JS object; Atomics on BigInt64Array, so 8-byte aligned
  /** Line 6: livepatch control words, written by the coordinator only. */
  PATCH_EPOCH = 96, // raised by every change of what the workers should run; read at each task entry
  PATCH_TARGET = 97, // −1 no transition, 0 unpatched, 1 patched
  PATCH_WAKE = 98, // raised and notified by a worker that has loaded, switched or left; the coordinator waits on it
  PATCH_COORDINATOR = 99, // COORDINATOR_NONE, _LIVE or _CLOSED: whether anybody answers a thread that asks what to run
  PATCH_COORDINATOR_SLOT = 100, // slot + 1 of the coordinator's thread, whose destructors run there
  PATCH_COORDINATOR_CLAIM = 101, // the coordinator's thread: the low bits of THREAD_GENERATION, and slot + 1; 0 = none. Compare-exchange
  PATCH_RECORD = 102, // number of the newest record, 0 = none, RECORD_LOST: the commit word of shadow/records.ts
  RECORD_LOST = -1,
  TASK_OBSERVERS = 103, // the sum of all THREAD_OBSERVING: while it is 0, no task is timed. Atomics.add; each task reads it once, plainly
  COORDINATOR_NONE = 0,
  COORDINATOR_LIVE = 1,
  COORDINATOR_CLOSED = 2,
  /** Lines 7–10: ids that were used without a registration and already gave their process warning; id + 1, 0 = empty. Compare-exchange. */
  WARNED_IDS = 112,
  WARNED_ID_WORDS = 64,
  WARNED_LAST_ID = 190, // 1 once the id 2^32−1, whose entry would be 0, has given its warning
  /** Lines 11–: what the counters THREAD_LOCK_WAITS … THREAD_SPLITS of threads that left came to. Atomics.add. */
  DEPARTED_COUNTERS = 176,
  /** Line 12: retired blocks that their threads left to others: two lists like THREAD_RETIRED, guarded by THREAD_LOCK. */
  ORPHANS = 192,
  HEADER_WORDS = 256,

  // --- Size classes -----------------------------------------------------------------------------------------------------------------
  /** Global free list of a size class, guarded by its own lock. A list member is a block linked through BLOCK_NEXT. */
  CLASSES = HEADER_WORDS,
  CLASS_LOCK = 0,
  CLASS_HEAD = 1,
  CLASS_COUNT = 2,
  CLASS_WORDS = 4,
  MAX_CLASSES = 48,
  CLASSES_END = CLASSES + CLASS_WORDS * MAX_CLASSES,

  // --- Pages ------------------------------------------------------------------------------------------------------------------------
  /** One entry per page of the reservation, guarded by SPACE_LOCK. */
  PAGE_CLASS = 0, // size class + 1 while the page holds blocks, 0 otherwise; −owner while that thread gives the page back
  PAGE_NEXT = 1, // free-page list: index of the next free page
  PAGE_GENERATION = 2, // where the generations of its blocks begin: above all that any block of the page ever had; under CLASS_LOCK
  PAGE_ENTRY_WORDS = 3,

  // --- Types ------------------------------------------------------------------------------------------------------------------------
  /** Guarded by TYPE_LOCK for writers; TYPE_TAG is published with Atomics.store and read plainly by every operation. */
  TYPE_SLOTS = 2048,
  TYPE_SLOT_BITS = 11,
  TYPE_SLOT_MASK = TYPE_SLOTS - 1,
  TYPE_SLOT_NAMES = 0, // the store's own: string names of the object table
  TYPE_SLOT_RECORDS = TYPE_SLOTS - 2, // the store's own: what the coordinator keeps for its successor, see shadow/records.ts
  TYPE_SLOT_DEAD = TYPE_SLOTS - 1, // never a type: marks the identity of a retired block
  TYPE_TAG = 0, // generation × 8 + state; a binding is good as long as the tag is the one it was made with
  TYPE_ID = 1, // as uint32
  TYPE_SIZE = 2, // bytes of data
  TYPE_REGISTRATIONS = 3, // how many (owner, object) keep the id alive
  TYPE_LIVE_BASE = 4, // live variables counted by threads that left; under TYPE_LOCK
  TYPE_DEAD_EPOCH = 5, // grace epoch in which the slot was freed (not reused before it has passed) or its version was replaced
  TYPE_FLAGS = 6,
  TYPE_VERSION = 7, // version of the variables in this slot, as uint32
  TYPE_PREVIOUS = 8, // slot of the same id whose version was in force before, as long as it has variables; 0 = none
  TYPE_MIGRATED = 9, // variables that left this slot for a later version; Atomics.add. The counters of both slots stay as they are
  TYPE_HANDED = 10, // variables whose count was handed over by the slots behind, although they were migrated here; under TYPE_LOCK
  TYPE_WORDS = 11,
  TYPE_STATE_FREE = 0,
  TYPE_STATE_LIVE = 1,
  TYPE_STATE_DYING = 2, // collected: invisible, being swept
  TYPE_STATE_MIGRATING = 3, // another version is in force; what still stands here is migrated at its first access
  TYPE_STATE_SUCCESSOR = 4, // like LIVE, but waits for as long as the slot in TYPE_PREVIOUS is in force: that one's tag puts it in force
  TYPE_STATE_MASK = 7,
  TYPE_FLAG_DESTRUCTOR = 1, // some declaration of the id has a destructor

  // --- Threads ----------------------------------------------------------------------------------------------------------------------
  /** A thread slot. Unless said otherwise written by its own thread only, plainly; recovery reads all of it once that thread is gone. */
  THREAD_STATE = 0, // a state, and above THREAD_STATE_BITS the OS thread id, 0 = unknown: one compare-exchange claims a slot and says for whom
  THREAD_GENERATION = 1, // raised at each claim
  THREAD_FIRST_HANDLE = 2, // OBJECT_SEQUENCE at the claim, modulo 2^32: handles of this slot before it are of earlier claims
  THREAD_OS_START_LOW = 3, // start time of that OS thread in clock ticks since boot: tells a reused id apart
  THREAD_OS_START_HIGH = 4,
  THREAD_NODE_ID = 5, // node:worker_threads threadId
  THREAD_EPOCH = 6, // 0 = quiescent, else the (odd) grace epoch in which the thread entered; Atomics.store
  /** The intent record: what the thread is about to change. Written before the lock is taken, cleared after it is released. */
  THREAD_INTENT = 7, // INTENT_*; 0 = none
  THREAD_INTENT_BUCKET = 8, // word address of the primary bucket, or of the lock
  THREAD_INTENT_BLOCK = 9, // word address of the block in hand
  THREAD_INTENT_SEQUENCE = 10, // raised when an intent is set and when it is cleared: even = nothing in hand
  THREAD_INTENT_CHANGE = 11, // CHANGE_*: what is about to happen to the block in hand; 0 = it is merely in hand
  THREAD_INTENT_COUNTER = 12, // the count of its type in this thread before that change
  /** Locks that no intent tells of. */
  THREAD_VARIABLE = 13, // block whose variable lock the thread holds or waits for
  THREAD_VARIABLE_INNER = 27, // a second one, which it only tries for
  /** Counters for stats(), THREAD_COUNTERS of them from THREAD_LOCK_WAITS on. */
  THREAD_COUNTERS = 6,
  THREAD_LOCK_WAITS = 14,
  THREAD_UNREGISTERED = 15,
  THREAD_ALLOCATED = 16,
  THREAD_FREED = 17,
  THREAD_RECLAIMED = 18,
  THREAD_SPLITS = 19,
  THREAD_ENTRY_DELTA = 28, // entries inserted minus removed since the last addition to ENTRY_COUNT; after a death the counters by type tell
  /** Livepatch, see livepatch/agent.ts. Written by the owner with Atomics, read by the coordinator. */
  THREAD_AGENT = 20, // THREAD_GENERATION of the claim for which a patch agent answers; cleared by the coordinator after exit
  THREAD_PATCH_EPOCH = 21, // the PATCH_EPOCH that the thread has acted on
  THREAD_PATCH_LOADED = 22, // the PATCH_EPOCH for which the thread has loaded the code, negative = loading failed
  THREAD_PATCH_VERSION = 23, // version number of the code that the thread's tasks run, PATCH_NOT_RUNNING = none yet
  THREAD_TASKS = 24, // tasks in flight
  THREAD_FLIPPING = 25, // 1 while the thread changes its version: only when it is 0 does THREAD_PATCH_VERSION tell for certain
  THREAD_TASK_SERIAL = 26, // number of the task admitted last: counts the tasks of all threads that had the slot, wraps
  THREAD_LEAVING = 29, // size class + 1 of which the thread gives whole pages back, 0 = none
  THREAD_HANDLES = 30, // handles it made for JS objects, at most 1: whether there are any
  /** What update() is about to overwrite, see shadow/undo.ts. */
  THREAD_UNDO = 31, // the block, 0 = nothing
  THREAD_UNDO_LENGTH = 32, // words of the log
  THREAD_UNDO_BLOCK = 33, // block that the thread keeps for logs that are too long for THREAD_UNDO_LOG, 0 = none
  THREAD_SETTLED = 34, // 1 in a dead slot of which nothing is left but what others have to do: destructors, variables of objects
  THREAD_HELD = 35, // TYPE_LOCK, NAME_LOCK or GROW_LOCK while the thread holds it, tries it or waits for it: a waiter reads this
  THREAD_ENTRIES_ADDED = 36, // what the thread has added to ENTRY_COUNT of the entries that its counters by type tell
  THREAD_OBSERVING = 37, // meters that the thread has open, see observe/task-meter.ts; in TASK_OBSERVERS before it is here, and after
  PATCH_NOT_RUNNING = -1,
  PATCH_MIXED = -2, // tasks of two versions are in flight: a pinned switch is under way
  /**
   * Blocks retired by this thread, linked through BLOCK_NEXT: those of the epoch in RETIRED_EPOCH, and all older ones. A list is reused as
   * a whole once its epoch, the latest of its blocks, is past.
   */
  THREAD_RETIRED = 40,
  RETIRED_OLDER = 4, // from the list of the current epoch to the older one
  RETIRED_HEAD = 0,
  RETIRED_TAIL = 1,
  RETIRED_COUNT = 2,
  RETIRED_EPOCH = 3,
  /** Per size class: the thread's own free blocks and the page it is carving. */
  THREAD_CLASSES = 48,
  CACHE_HEAD = 0, // first free block, linked through BLOCK_NEXT
  CACHE_COUNT = 1,
  CARVE_NEXT = 2, // next block of the page that was never handed out
  CARVE_LAST = 3, // word address of the last whole block of that page
  CACHE_WORDS = 4,
  /** Blocks whose destructor is owed, outermost first; deeper nesting than fits runs unrecorded. Recovery runs these again. */
  THREAD_DESTROYING_COUNT = THREAD_CLASSES + CACHE_WORDS * MAX_CLASSES, // current depth, may exceed THREAD_DESTROYING_WORDS
  THREAD_DESTROYING = THREAD_DESTROYING_COUNT + 1,
  THREAD_DESTROYING_WORDS = 127,
  /**
   * Tasks in flight, for whoever wants to know what holds up a transition; plain, owner only. An entry with serial 0 is empty; tasks that
   * find no empty entry run unrecorded.
   */
  THREAD_TASK_TABLE = THREAD_DESTROYING + THREAD_DESTROYING_WORDS,
  TASK_ENTRIES = 16,
  TASK_SERIAL = 0,
  TASK_KIND = 1, // index of the task's name; the agent tells the names
  TASK_STARTED = 2, // ms since the epoch, modulo 2^32
  TASK_WORDS = 4,
  /** A change of several words, see memory/journal.ts: pairs of word address and value. */
  THREAD_JOURNAL_COUNT = THREAD_TASK_TABLE + TASK_ENTRIES * TASK_WORDS, // pairs to be written, 0 = none: the commit word
  THREAD_JOURNAL = THREAD_JOURNAL_COUNT + 1,
  JOURNAL_PAIRS = 15,
  /** Log of update() for variables that need no more. */
  THREAD_UNDO_LOG = THREAD_JOURNAL + JOURNAL_PAIRS * 2 + 1,
  UNDO_WORDS = 64,
  /** Activation counters: calls of one version of one patchable function that have not ended; the agent tells which. Plain, owner only. */
  THREAD_ACTIVATIONS = THREAD_UNDO_LOG + UNDO_WORDS,
  ACTIVATION_COUNTERS = 1024 - THREAD_ACTIVATIONS,
  /**
   * How long tasks took, of those that began while TASK_OBSERVERS was not 0: bucket 0 counts those below 1 µs, bucket i those below 2^(i/4) µs, the last
   * one all others. Plain, owner only. Never cleared: the next thread of the slot counts on, so that sums over all slots only ever grow.
   */
  THREAD_TASK_HISTOGRAM = THREAD_ACTIVATIONS + ACTIVATION_COUNTERS,
  HISTOGRAM_BUCKETS = 126, // up to 2^31 µs, 36 minutes
  BUCKETS_PER_OCTAVE = 4,
  /** What they took together, ms: a 64-bit float, 8-byte aligned. Kept like the buckets. */
  THREAD_TASK_TIME = THREAD_TASK_HISTOGRAM + HISTOGRAM_BUCKETS,
  THREAD_WORDS = THREAD_TASK_TIME + 2,
  THREAD_FREE = 0,
  THREAD_LIVE = 1,
  THREAD_DEAD = 2, // repaired: holds no lock and changes nothing, but still has memory, counts and owed destructors
  THREAD_ADOPTED = 3, // a living thread acts in the name of the dead one, to give all that back; the OS thread id is its own
  THREAD_STATE_BITS = 2,
  THREAD_STATE_MASK = 2 ** THREAD_STATE_BITS - 1,

  INTENT_INSERT = 1,
  INTENT_REMOVE = 2,
  INTENT_SPLIT = 3,
  INTENT_MEMORY = 4, // moving blocks between the thread's cache, its retired list and the global lists
  INTENT_MIGRATE = 5, // replacing a variable by its next version in the same chain; holds the variable's own lock too
  INTENT_VISIT = 6, // holds a bucket's lock and changes nothing
  INTENT_CHECK = 7, // holds any number of bucket locks

  CHANGE_INSERT = 1, // publishing the block
  CHANGE_REMOVE = 2, // unlinking it
  CHANGE_MIGRATE = 3, // publishing it as the next version of a variable, which counts where it was created
  CHANGE_DROP = 4, // unlinking what was migrated

  // --- Counters ---------------------------------------------------------------------------------------------------------------------
  /**
   * Per thread slot and type slot: variables allocated minus variables freed by that thread, and for TYPE_SLOT_NAMES the names. Plain, owner only; the sum
   * is the truth.
   */
  COUNTER_WORDS_PER_THREAD = TYPE_SLOTS,

  // --- Buckets ----------------------------------------------------------------------------------------------------------------------
  /**
   * A bucket is one cache line: lock, overflow link, 7 keys, 7 block words. Keys and the link belong to the holder of the *primary* line's
   * BUCKET_LOCK; an entry is published and removed by its block word alone, so a key is dead while its block word is 0.
   *
   * The key holds bits 11–31 of the object's hash and the type slot. The low bits of the hash are the bucket's index, of which there are
   * always at least 11: key and index together are the whole hash, so splits, sweeps and misses never touch a block.
   */
  BUCKET_WORDS = LINE_WORDS,
  BUCKET_SHIFT = 4, // index → words
  BUCKET_LOCK = 0, // 0, or owner slot + 1; bit 31: someone waits
  /**
   * In an overflow line instead of a lock: the how manieth of its chain it is, from 1. A link is followed only to a line with the next ordinal, so every walk
   * along a chain ends, whatever the memory holds.
   */
  LINE_ORDINAL = 0,
  BUCKET_NEXT = 1, // word address of the overflow line, 0 = none; written once, under BUCKET_LOCK
  BUCKET_KEYS = 2,
  BUCKET_BLOCKS = 9, // BUCKET_KEYS + BUCKET_ENTRIES: the block word of a key is BUCKET_ENTRIES behind it
  BUCKET_ENTRIES = 7,
  PREFERENCES = 6, // pairs of neighbouring entries, of which the hash prefers one
  FIRST_BUCKETS = 2048, // 2 ** TYPE_SLOT_BITS: see above
  /** A split follows when the variables per bucket, over all buckets, exceed this: with more, fewer stand where their hash prefers; with fewer, lines cost memory. */
  LOAD_FACTOR = 3.125,

  // --- Blocks -----------------------------------------------------------------------------------------------------------------------
  /** A block: identity, generation, lock, then the data, 8-byte aligned. */
  BLOCK_OBJECT_LOW = 0, // identity: low 32 bits of the object number
  BLOCK_IDENTITY = 1, // identity: object bits 32–52, shifted by TYPE_SLOT_BITS, and the type slot
  BLOCK_GENERATION = 2, // even while the variable lives, odd from its free to the next allocation
  BLOCK_LOCK = 3, // the variable's own lock and version, see memory/lock.ts
  BLOCK_DATA = 4,
  BLOCK_HEADER_BYTES = BLOCK_DATA * WORD_BYTES,
  /** While retired or free, word 0 links the list the block is on, and the identity holds TYPE_SLOT_DEAD, which no look-up asks for. */
  BLOCK_NEXT = 0,

  // --- Objects ----------------------------------------------------------------------------------------------------------------------
  /** Object numbers: 0…2^52−1 are the user's; the upper half of the 53-bit space is the object table's. */
  FIRST_NAME_HANDLE = 2 ** 52, // strings: 2^52 + 51 bits of hash
  FIRST_OBJECT_HANDLE = 2 ** 52 + 2 ** 51, // JS objects: + sequence × HANDLE_SLOTS + the slot of the thread that made it; never reused
  HANDLE_SLOTS = 1024, // 41 bits are left for the sequence
  NULL_OBJECT = 2 ** 53 - 1,
}
