/**
 * Owns the number of entries and growth: linear hashing, one bucket at a time. Writes ENTRY_COUNT and BUCKET_COUNT under GROW_LOCK, and the two chains of a
 * split under both their bucket locks. Imports memory, bucket, hash and (as a type) table.
 *
 * A split copies the entries that move into the new bucket, publishes the new number of buckets, and only then clears them from the old one:
 * at every instant a look-up by the old number or by the new one finds each of them. GROW_LOCK is only ever tried: a thread that finds it taken
 * goes on with its own work and adds its entries later, so nobody waits for a rehash, and one insertion pays for a few splits at most.
 */
import { invariant } from '../errors.js';
import { closeIntent, hold, openIntent } from '../memory/intent.js';
import { LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { writeTogether } from '../memory/journal.js';
import { acquire, release, releaseNoted, tryAcquireNoted } from '../memory/lock.js';
import { extendBuckets } from '../memory/pages.js';
import type { Thread } from '../memory/threads.js';
import { appendLine, clearEntry, entryBlock, entryKey, lineAfter, nextEntry, publishEntry, unusedEntry } from './bucket.js';
import { bucketAddress, splitLevel } from './hash.js';
import type { Table } from './table.js';

/** Splits one caller makes at most: a batch of entries needs four or five, the rest catches up after others held the lock. */
const SPLITS_AT_ONCE = 12;
/** A key holds the hash from bit 11 up, and an index in an int32 reservation never needs more than 27 bits. */
const MAX_BUCKETS = 2 ** 27;

/** Adds to the number of entries what this thread has counted, and splits buckets if that makes too many. Does nothing while another thread is at it. */
export function growTable(table: Table, delta: number): void {
  const { words, thread } = table;
  if (Atomics.load(words, Layout.GROW_LOCK) !== 0 || !tryAcquireNoted(thread, Layout.GROW_LOCK)) return;
  // step: grow.locked
  try {
    addEntries(thread, delta);
    const entries = words[Layout.ENTRY_COUNT]!;
    if (delta > 0 && isCrowded(words, entries)) splitBuckets(table, entries);
  } finally {
    // step: grow.unlock
    releaseNoted(thread, Layout.GROW_LOCK);
  }
}

/** Adds entries to their number in the name of a thread, which holds GROW_LOCK: in the count of all and in its own, or in neither. */
export function addEntries(thread: Thread, delta: number): void {
  const { words, address } = thread;
  const added = address + Layout.THREAD_ENTRIES_ADDED;
  writeTogether(thread, [
    Layout.ENTRY_COUNT,
    words[Layout.ENTRY_COUNT]! + delta,
    added,
    words[added]! + delta,
    address + Layout.THREAD_ENTRY_DELTA,
    0,
  ]);
}

function isCrowded(words: Int32Array, entries: number): boolean {
  return entries > words[Layout.BUCKET_COUNT]! * Layout.LOAD_FACTOR;
}

function splitBuckets(table: Table, entries: number): void {
  openIntent(table.thread, Layout.INTENT_SPLIT, Layout.GROW_LOCK);
  try {
    for (let splits = 0; splits < SPLITS_AT_ONCE && isCrowded(table.words, entries); splits++) {
      if (!splitNext(table)) break;
    }
  } finally {
    closeIntent(table.thread);
  }
}

/** Splits the next bucket in turn; false when there is no memory for it, which leaves longer chains and nothing worse. */
function splitNext(table: Table): boolean {
  const { words, thread, buckets } = table;
  const count = words[Layout.BUCKET_COUNT]!;
  if (count < Layout.FIRST_BUCKETS || count >= MAX_BUCKETS || !reserveBucket(table, count)) return false;
  const bit = splitLevel(count);
  const source = bucketAddress(buckets, count - bit);
  const target = bucketAddress(buckets, count);
  // Recovery reads this: both buckets follow from it, whether there is anything to do from the source's lock, and what from BUCKET_COUNT.
  words[Layout.SPLIT_TARGET] = count + 1;
  // step: split.noted
  acquire(thread, source + Layout.BUCKET_LOCK);
  // step: split.source-locked
  words[target + Layout.BUCKET_LOCK] = thread.owner; // nobody else can reach it before the count is published
  // step: split.begun
  let published = false;
  try {
    if (!reserveLines(table, source, target, bit)) return false;
    for (let entry = nextEntry(words, source, 0); entry !== 0; entry = nextEntry(words, source, entry)) {
      if ((entryKey(words, entry) & bit) === 0) continue;
      const key = entryKey(words, entry);
      const free = unusedEntry(words, target, key);
      invariant(free !== 0, 'the chain of a bucket that is split is damaged; store.check() tells more');
      publishEntry(words, free, key, entryBlock(words, entry));
      // step: split.copied
    }
    // step: split.publish
    published = true;
    Atomics.store(words, Layout.BUCKET_COUNT, count + 1);
    // step: split.published
    clearMoved(words, source, bit);
    words[thread.address + Layout.THREAD_SPLITS]!++;
    return true;
  } finally {
    if (published) release(thread, target + Layout.BUCKET_LOCK);
    else dropTarget(words, target);
    // step: split.cleared
    release(thread, source + Layout.BUCKET_LOCK);
    // step: split.unlocked
    words[Layout.SPLIT_TARGET] = 0;
  }
}

/** Clears from the source of a split that is published what stands in the target now. */
export function clearMoved(words: Int32Array, source: WordAddress, bit: number): void {
  for (let entry = nextEntry(words, source, 0); entry !== 0; entry = nextEntry(words, source, entry)) {
    if ((entryKey(words, entry) & bit) !== 0) clearEntry(words, entry);
    // step: split.entry-cleared
  }
}

/** Leaves the target of a split that is not published as it was: zero. Its overflow lines have been given back, or never were there. */
export function dropTarget(words: Int32Array, target: WordAddress): void {
  words.fill(0, target, target + Layout.BUCKET_WORDS);
}

/** Overflow lines for what will not fit into the new primary line, taken before anything is copied. */
function reserveLines(table: Table, source: WordAddress, target: WordAddress, bit: number): boolean {
  const { words, blocks } = table;
  let moving = 0;
  for (let entry = nextEntry(words, source, 0); entry !== 0; entry = nextEntry(words, source, entry)) {
    if ((entryKey(words, entry) & bit) !== 0) moving++;
  }
  for (let room = Layout.BUCKET_ENTRIES; room < moving; room += Layout.BUCKET_ENTRIES) {
    const line = blocks.take(LINE_CLASS);
    if (line === 0) {
      giveBackLines(table, target, (taken) => {
        blocks.put(taken, LINE_CLASS);
      });
      return false;
    }
    appendLine(words, target, line);
    // step: split.line-appended
    hold(table.thread, 0);
  }
  return true;
}

/** Takes the overflow lines off the target of a split that will not be published; `giveBack` gets each while it is in hand. */
export function giveBackLines({ words, thread }: Table, target: WordAddress, giveBack: (line: WordAddress) => void): void {
  for (let line = lineAfter(words, target, 0); line !== 0; line = words[target + Layout.BUCKET_NEXT]!) {
    hold(thread, line);
    words[target + Layout.BUCKET_NEXT] = words[line + Layout.BUCKET_NEXT]!;
    // step: split.line-returned
    giveBack(line);
  }
}

/** Makes sure the bucket region reaches this far, over memory that is zero. */
function reserveBucket(table: Table, index: number): boolean {
  const { words, thread, buckets, memory } = table;
  const end = bucketAddress(buckets, index) + Layout.BUCKET_WORDS;
  return end <= words[Layout.BUCKET_PAGE_LIMIT]! * Layout.PAGE_WORDS || extendBuckets(memory, thread);
}
