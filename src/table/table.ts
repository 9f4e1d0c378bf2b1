/**
 * Owns the locking of buckets and the count of entries. A thread changes a chain in **the writing order** (memory/layout.ts): intent, lock,
 * fields, publish, unlock, clear intent. Imports memory, bucket, find, hash and grow.
 */
import type { Blocks } from '../memory/blocks.js';
import { closeIntent, openIntent } from '../memory/intent.js';
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

  get bucketCount(): number {
    return this.words[Layout.BUCKET_COUNT]!;
  }

  /** Opens the intent and locks the bucket that is the hash's own at the moment the lock is held. Pair with `unlock`. */
  lock(hash: number, intent: number): WordAddress {
    const { words, thread } = this;
    for (let opened = false; ; opened = true) {
      const count = words[Layout.BUCKET_COUNT]!;
      const bucket = bucketAddress(this.buckets, bucketIndex(hash, count));
      if (opened) words[thread.address + Layout.THREAD_INTENT_BUCKET] = bucket;
      else openIntent(thread, intent, bucket);
      acquire(thread, bucket + Layout.BUCKET_LOCK);
      // Taking the lock is the fence. A split of this very bucket holds its lock, so the answer cannot change while we do.
      const now = words[Layout.BUCKET_COUNT]!;
      if (now === count || bucketAddress(this.buckets, bucketIndex(hash, now)) === bucket) return bucket;
      release(thread, bucket + Layout.BUCKET_LOCK);
    }
  }

  unlock(bucket: WordAddress): void {
    release(this.thread, bucket + Layout.BUCKET_LOCK);
    closeIntent(this.thread);
  }

  /** Locks the bucket at an index, for walks over the whole table. */
  lockIndex(index: number, intent: number): WordAddress {
    const bucket = bucketAddress(this.buckets, index);
    openIntent(this.thread, intent, bucket);
    acquire(this.thread, bucket + Layout.BUCKET_LOCK);
    return bucket;
  }

  /** Room for one more entry of this key in a locked chain, or 0 when the memory for another line is missing. */
  roomIn(bucket: WordAddress, key: number): EntryAddress {
    const entry = unusedEntry(this.words, bucket, key);
    if (entry !== 0) return entry;
    const line = this.blocks.take(LINE_CLASS);
    return line === 0 ? 0 : appendLine(this.words, bucket, line);
  }

  /** Counts an insertion or a removal. Called with no lock held, since it may split buckets. */
  count(change: 1 | -1): void {
    const { words } = this;
    const delta = words[this.#delta]! + change;
    words[this.#delta] = delta;
    if (delta < Layout.ENTRY_BATCH && delta > -Layout.ENTRY_BATCH) return;
    words[this.#delta] = 0;
    const total = Atomics.add(words, Layout.ENTRY_COUNT, delta) + delta;
    if (delta > 0) growTable(this, total);
  }

  /** Counts an entry that comes or goes while its bucket is locked; the next count() acts on it. */
  note(change: 1 | -1): void {
    this.words[this.#delta]! += change;
  }

  /** Adds what is not yet counted, before the thread leaves. */
  settleCount(): void {
    Atomics.add(this.words, Layout.ENTRY_COUNT, this.words[this.#delta]!);
    this.words[this.#delta] = 0;
  }
}
