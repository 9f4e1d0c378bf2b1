/**
 * Owns the locking of buckets and the count of entries. A thread changes a chain in **the writing order** (memory/layout.ts): intent, lock,
 * fields, publish, unlock, clear intent. Imports memory, bucket, find, hash and grow.
 */
import { ShadowError } from '../errors.js';
import type { Blocks } from '../memory/blocks.js';
import { closeIntent, hold, openIntent } from '../memory/intent.js';
import { LINE_CLASS } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { appendLine, type EntryAddress, unusedEntry } from './bucket.js';
import { growTable } from './grow.js';
import { bucketAddress, bucketIndex } from './hash.js';

export class Table {
  readonly memory: Memory;
  readonly thread: Thread;
  readonly blocks: Blocks;
  readonly words: Int32Array;
  readonly buckets: WordAddress;
  readonly #delta: WordAddress;

  constructor(memory: Memory, thread: Thread, blocks: Blocks) {
    this.memory = memory;
    this.thread = thread;
    this.blocks = blocks;
    this.words = memory.words;
    this.buckets = memory.buckets;
    this.#delta = thread.address + Layout.THREAD_ENTRY_DELTA;
  }

  /** @throws ERR_SHADOW_INVARIANT */
  get bucketCount(): number {
    const count = this.words[Layout.BUCKET_COUNT]!;
    // The address of a bucket far beyond the end would wrap and seem to be one.
    this.#requireBucket(count > 0 && count < this.words.length ? this.buckets + (count - 1) * Layout.BUCKET_WORDS : -1);
    return count;
  }

  /** Opens the intent and locks the bucket that is the hash's own at the moment the lock is held. Pair with `unlock`. */
  lock(hash: number, intent: number): WordAddress {
    const { words, thread } = this;
    for (let opened = false; ; opened = true) {
      const count = words[Layout.BUCKET_COUNT]!;
      const bucket = bucketAddress(this.buckets, bucketIndex(hash, count));
      if (opened) words[thread.address + Layout.THREAD_INTENT_BUCKET] = bucket;
      else openIntent(thread, intent, bucket);
      this.#acquire(bucket);
      // step: bucket.locked
      // Taking the lock is the fence. A split of this very bucket holds its lock, so the answer cannot change while we do.
      const now = words[Layout.BUCKET_COUNT]!;
      if (now === count || bucketAddress(this.buckets, bucketIndex(hash, now)) === bucket) return bucket;
      release(thread, bucket + Layout.BUCKET_LOCK);
    }
  }

  /** Any bucket address is computed from BUCKET_COUNT, which in a damaged store may be anything. @throws ERR_SHADOW_INVARIANT */
  #requireBucket(bucket: WordAddress): void {
    const { words, memory, buckets } = this;
    if (bucket >= buckets && bucket >>> Layout.PAGE_SHIFT < words[Layout.BUCKET_PAGE_LIMIT]! && bucket < words.length) return;
    throw new ShadowError(
      'ERR_SHADOW_INVARIANT',
      `a store of ${memory.pages} pages cannot have ${words[Layout.BUCKET_COUNT]} buckets; it is damaged, store.check() tells more`,
    );
  }

  unlock(bucket: WordAddress): void {
    // step: bucket.unlock
    release(this.thread, bucket + Layout.BUCKET_LOCK);
    // step: bucket.unlocked
    closeIntent(this.thread);
  }

  /** Locks the bucket at an index, for walks over the whole table. */
  lockIndex(index: number, intent: number): WordAddress {
    const bucket = bucketAddress(this.buckets, index);
    openIntent(this.thread, intent, bucket);
    this.#acquire(bucket);
    // step: bucket.locked
    return bucket;
  }

  /** Takes the lock of a bucket; where waiting is hopeless nothing stays open. */
  #acquire(bucket: WordAddress): void {
    try {
      this.#requireBucket(bucket);
      acquire(this.thread, bucket + Layout.BUCKET_LOCK);
    } catch (error) {
      closeIntent(this.thread);
      throw error;
    }
  }

  /** Room for one more entry of this key in a locked chain, or 0 when the memory for another line is missing. */
  roomIn(bucket: WordAddress, key: number): EntryAddress {
    const entry = unusedEntry(this.words, bucket, key);
    if (entry !== 0) return entry;
    const line = this.blocks.take(LINE_CLASS);
    if (line === 0) return 0;
    const first = appendLine(this.words, bucket, line);
    // step: bucket.line-appended
    hold(this.thread, 0);
    return first;
  }

  /** Counts an insertion or a removal. Called with no lock held, since it may split buckets. */
  count(change: 1 | -1): void {
    const { words } = this;
    const delta = words[this.#delta]! + change;
    words[this.#delta] = delta;
    if (delta >= Layout.ENTRY_BATCH || delta <= -Layout.ENTRY_BATCH) growTable(this, delta);
  }

  /** Counts an entry that comes or goes while its bucket is locked; the next count() acts on it. */
  note(change: 1 | -1): void {
    this.words[this.#delta]! += change;
  }
}
