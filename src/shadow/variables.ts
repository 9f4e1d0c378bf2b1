/**
 * Owns creation and removal of variables in one thread. With name-records.ts the only code that inserts into the table or unlinks from it. Imports memory,
 * table, binding, destruction, name-records, objects and view.
 *
 * Creation: intent, bucket lock, second look, type still registered?, room in the chain, block, identity, constructor, publish, unlock.
 * Removal: intent, bucket lock, generation made odd, unlink, unlock; the rest is destruction.ts.
 */
import { describe, ShadowError } from '../errors.js';
import { Blocks, prepareBlock } from '../memory/blocks.js';
import { enter, leave } from '../memory/grace.js';
import { beginChange, endChange } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { clearEntry, type EntryAddress, entryBlock, findEntry, publishEntry } from '../table/bucket.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import { Table } from '../table/table.js';
import type { Binding } from './binding.js';
import { Destruction, touchStack, type Unlinked } from './destruction.js';
import { counterOf, dropUnusedName, ensureName } from './name-records.js';
import { dropLeftOvers } from './left-overs.js';
import { isName, type ObjectTable, type Parent } from './objects.js';
import { PendingMigration } from './pending.js';
import type { OlderSlot } from './slots.js';
import type { AnyShadowType } from './type.js';
import { refusePromise, type View } from './view.js';

/** What an attempt to create under the lock came to, when it is not a view. */
const EXISTS = 'exists';
const EXHAUSTED = 'exhausted';
const RETRY = 'retry';
const UNREGISTERED = 'unregistered';
const PENDING = 'pending';
type Outcome = View | typeof EXISTS | typeof EXHAUSTED | typeof RETRY | typeof UNREGISTERED | typeof PENDING;

/** Attempts to create one variable: in a store that is not damaged each that fails has met another thread's success. */
const MOST_ATTEMPTS = 1_000_000;

export class Variables {
  readonly memory: Memory;
  readonly thread: Thread;
  readonly blocks: Blocks;
  readonly table: Table;
  readonly objects: ObjectTable;
  readonly #words: Int32Array;
  readonly #destruction: Destruction;
  /** What ended the constructor of an attempt that came to PENDING. */
  #pending: PendingMigration | undefined;
  /** The name record that went with the last variable that was unlinked, and stays until the destructor has run; 0 = none. */
  keptName: WordAddress = 0;
  /** Nothing that counts: see fetchBlocks() in walk.ts. */
  fetched = 0;
  /** Puts a block on the record of what is being destroyed. */
  readonly owe = (block: WordAddress): void => {
    this.#destruction.owe(block);
  };

  constructor(memory: Memory, thread: Thread, objects: ObjectTable) {
    this.memory = memory;
    this.thread = thread;
    this.blocks = new Blocks(memory, thread);
    this.table = new Table(memory, thread, this.blocks);
    this.#destruction = new Destruction(thread, this.blocks);
    this.objects = objects;
    this.#words = memory.words;
  }

  /** The view of an existing variable, or undefined. The caller has entered the grace epoch. */
  view(binding: Binding, object: number): View | undefined {
    const low = object | 0;
    const high = objectHigh(object);
    const block = findBlock(this.#words, binding.buckets, low, identityOf(high, binding.slot), hashObject(low, high));
    return block === 0 ? undefined : binding.view(block);
  }

  /**
   * Creates the variable of <parent, type>, whose binding is up to date; for an existing one returns its view, or throws if `mustBeNew`.
   * @throws ERR_SHADOW_EXISTS, ERR_SHADOW_UNREGISTERED, ERR_SHADOW_EXHAUSTED, ERR_SHADOW_ASYNC, and whatever the constructor throws
   */
  create(binding: Binding, parent: Parent, data: unknown, mustBeNew: boolean): View {
    const { thread } = this;
    if (thread.constructing !== 0) this.requireWritable('alloc');
    if (!binding.registered) throw unregistered(binding);
    // The common case at the least cost: a number that needs no table, and nothing in the way.
    if (typeof parent === 'number' && (parent | 0) === parent && parent >= 0) {
      const outcome = this.#createLocked(binding, parent, parent, data, false);
      if (typeof outcome === 'object') {
        this.table.count(1);
        return outcome;
      }
    }
    return this.#createSlowly(binding, parent, data, mustBeNew);
  }

  #createSlowly(binding: Binding, parent: Parent, data: unknown, mustBeNew: boolean): View {
    let nameLocked = false;
    let scraped = false;
    const unlockNames = (): void => {
      if (nameLocked) releaseNoted(this.thread, Layout.NAME_LOCK);
      nameLocked = false;
    };
    try {
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        if (this.#pending !== undefined || binding.older.length > 0) unlockNames(); // a migration waits for a variable lock
        this.#migratePending();
        if (!binding.registered) throw unregistered(binding);
        if (mustBeNew) {
          if (binding.has(parent)) throw alreadyExists(binding, parent);
        } else {
          const existing = binding.find(parent) || binding.late(parent);
          if (existing !== 0) return binding.view(existing);
        }
        const object = this.objects.place(parent);
        const outcome = this.#createLocked(binding, object, parent, data, nameLocked);
        if (typeof outcome === 'object') {
          unlockNames();
          this.table.count(1);
          return outcome;
        }
        if (outcome === RETRY && !nameLocked && this.objects.names.collided) {
          acquireNoted(this.thread, Layout.NAME_LOCK);
          nameLocked = true;
        }
        if (outcome === UNREGISTERED) binding.bindings.resolve(binding);
        // EXISTS: the look-up finds it now, in whatever version, or it is gone again.
        if (outcome !== EXHAUSTED) continue;
        if (scraped) {
          Atomics.store(this.#words, Layout.MEMORY_PRESSURE, 1); // a page may have been found for the name alone, which cleared it
          throw exhausted(binding, this.memory);
        }
        scraped = true;
        this.scrape();
      }
      throw neverAgreed(binding, parent);
    } finally {
      unlockNames();
    }
  }

  /** Does what the constructor of the last attempt has to wait for. */
  #migratePending(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.migrate();
  }

  /**
   * Frees the variable and runs the destructor. False if there is none. Inside a lock body the destructor waits until the lock is released. One of an older
   * version is not migrated first, which could fail: the destructor of that version runs, as far as a declaration is known.
   */
  remove(binding: Binding, object: number, parent: Parent): boolean {
    const low = object | 0;
    const high = objectHigh(object);
    const hash = hashObject(low, high);
    const { older } = binding;
    let by: Binding | undefined = binding;
    if (by.type.dtor !== undefined || older.length > 0) touchStack();
    const bucket = this.table.lock(hash, Layout.INTENT_REMOVE);
    let block = 0;
    try {
      // A collection that began meanwhile owns the variable, and destroys it with the destructor of the last user.
      const mine = binding.current && this.isStill(object, parent);
      if (mine && older.length > 0) dropLeftOvers(this, bucket, object);
      let entry = mine ? findEntry(this.#words, bucket, keyOf(hash, binding.slot), low, identityOf(high, binding.slot)) : 0;
      if (mine && entry === 0 && older.length > 0) {
        const place = this.#entryInOlder(binding, bucket, hash, low, high);
        if (place !== undefined) {
          entry = place.entry;
          by = binding.bindings.ofVersion(binding.type, binding.type.id, place.older.version, place.older.size);
        }
      }
      if (entry !== 0) block = this.unlink(bucket, entry, by?.type.dtor);
    } finally {
      this.table.unlock(bucket);
    }
    if (block === 0) {
      if (!binding.current) binding.requireVersion();
      return false;
    }
    this.table.count(-1);
    if (by?.type.dtor !== undefined) this.#destruction.run({ block, name: this.keptName, parent, binding: by, destructor: by.type.dtor });
    return true;
  }

  /** Where a variable of an older version stands in a locked chain. */
  #entryInOlder(
    { older }: Binding,
    bucket: WordAddress,
    hash: number,
    low: number,
    high: number,
  ): { readonly entry: EntryAddress; readonly older: OlderSlot } | undefined {
    const words = this.#words;
    for (const one of older) {
      const entry =
        words[one.tagAddress] === one.tag ? findEntry(words, bucket, keyOf(hash, one.slot), low, identityOf(high, one.slot)) : 0;
      if (entry !== 0) return { entry, older: one };
    }
    return undefined;
  }

  /**
   * Unlinks one entry of a locked chain, and the parent's name with its last variable; returns the block. Without destructor it is retired at once;
   * either way `settle` has to follow once the bucket is unlocked.
   */
  unlink(bucket: WordAddress, entry: EntryAddress, destructor: AnyShadowType['dtor']): WordAddress {
    const words = this.#words;
    const block = entryBlock(words, entry);
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    const object = identity >>> Layout.TYPE_SLOT_BITS === 0 ? 0 : this.objectOf(block);
    const counter = counterOf(this.memory, this.thread, identity & Layout.TYPE_SLOT_MASK);
    beginChange(this.thread, Layout.CHANGE_REMOVE, block, counter);
    // step: unlink.begun
    if (destructor !== undefined) this.owe(block);
    // step: unlink.owed
    words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
    clearEntry(words, entry);
    // step: unlink.unlinked
    words[counter]!--;
    words[this.thread.address + Layout.THREAD_FREED]!++;
    if (destructor === undefined) this.blocks.retire(block);
    endChange(this.thread);
    // step: unlink.done
    this.keptName = 0;
    if (isName(object)) {
      const name = dropUnusedName(this.table, this.blocks, bucket, object, destructor === undefined ? undefined : this.owe);
      if (destructor !== undefined) this.keptName = name;
    }
    return block;
  }

  /** Counts removals and runs the destructors, without any bucket lock. What they throw is added to `failures` and stops nothing. */
  settle(unlinked: number, gone: readonly Unlinked[], failures: unknown[]): void {
    for (let i = 0; i < unlinked; i++) this.table.count(-1);
    this.#destruction.runAll(gone, failures);
  }

  /** Whether a string still has the number it had before its bucket was locked; anything else has it for ever. */
  isStill(object: number, parent: Parent): boolean {
    return typeof parent !== 'string' || this.objects.names.holds(object, parent);
  }

  /** The object number of a linked block. */
  objectOf(block: WordAddress): number {
    const words = this.#words;
    return objectNumber(words[block + Layout.BLOCK_OBJECT_LOW]!, words[block + Layout.BLOCK_IDENTITY]!);
  }

  /** The blocks whose destructor this thread owes, and names kept for them: outermost first. */
  get owed(): WordAddress[] {
    const record = this.thread.address + Layout.THREAD_DESTROYING;
    return [...this.#words.subarray(record, record + Layout.THREAD_DESTROYING_WORDS)].filter((block) => block !== 0);
  }

  /** Whether this thread owes the destructor of a variable of the object. */
  owesFor(object: number): boolean {
    return this.owed.some((block) => this.objectOf(block) === object);
  }

  /** @throws ERR_SHADOW_CONSTRUCTOR_WRITE */
  requireWritable(operation: string): void {
    if (this.thread.constructing === 0) return;
    throw new ShadowError('ERR_SHADOW_CONSTRUCTOR_WRITE', `${operation} inside a constructor: it may read the store but not write to it`);
  }

  /** Passes a safepoint if this thread may, and looks everywhere for memory that can be used again. */
  scrape(): void {
    const { thread } = this;
    if (thread.destroying === 0 && thread.locked === 0) {
      leave(thread);
      this.blocks.reclaimEverything();
      enter(thread);
    } else {
      this.blocks.reclaimEverything();
    }
  }

  #createLocked(binding: Binding, object: number, parent: Parent, data: unknown, nameLocked: boolean): Outcome {
    const words = this.#words;
    const { table, blocks } = this;
    const low = object | 0;
    const high = objectHigh(object);
    const hash = hashObject(low, high);
    const identity = identityOf(high, binding.slot);
    const key = keyOf(hash, binding.slot);
    const counter = counterOf(this.memory, this.thread, binding.slot);
    const bucket = table.lock(hash, Layout.INTENT_INSERT);
    let unpublished: WordAddress = 0;
    let named = false;
    try {
      if (findEntry(words, bucket, key, low, identity) !== 0) return EXISTS;
      // Under the lock, which is the fence: a collection marks the type first and then visits every bucket, so it either sees our entry or we see
      // its mark.
      if (words[binding.tagAddress] !== binding.tag) return UNREGISTERED;
      if (binding.older.length !== 0 && this.#entryInOlder(binding, bucket, hash, low, high) !== undefined) return EXISTS;
      if (isName(object)) {
        const record = ensureName(table, blocks, this.objects.names, bucket, object, parent as string, nameLocked);
        if (record === 'exhausted') return EXHAUSTED;
        if (record === 'taken' || record === 'unlocked') return RETRY;
        named = record === 'made';
      }
      const entry = table.roomIn(bucket, key);
      const block = entry === 0 ? 0 : blocks.take(binding.sizeClass);
      if (block === 0) return EXHAUSTED;
      unpublished = block;
      prepareBlock(words, block, binding.dataWords);
      words[block + Layout.BLOCK_OBJECT_LOW] = low;
      words[block + Layout.BLOCK_IDENTITY] = identity;
      const view = binding.view(block);
      // step: insert.prepared
      if (binding.type.ctor !== undefined) this.#construct(binding.type, block, parent, view, data);
      // step: insert.constructed
      beginChange(this.thread, Layout.CHANGE_INSERT, block, counter);
      publishEntry(words, entry, key, block);
      // step: insert.published
      unpublished = 0;
      named = false;
      words[counter]!++;
      endChange(this.thread);
      // step: insert.counted
      words[this.thread.address + Layout.THREAD_ALLOCATED]!++;
      return view;
    } catch (error) {
      if (!(error instanceof PendingMigration)) throw error;
      this.#pending = error;
      return PENDING;
    } finally {
      if (unpublished !== 0) {
        // Not simply put back: the constructor may have kept its view, which is good until the next safepoint.
        words[unpublished + Layout.BLOCK_GENERATION] = words[unpublished + Layout.BLOCK_GENERATION]! | 1;
        blocks.retire(unpublished);
      }
      if (named) dropUnusedName(table, blocks, bucket, object);
      table.unlock(bucket);
    }
  }

  #construct(type: AnyShadowType, block: WordAddress, parent: Parent, view: View, data: unknown): void {
    this.thread.constructing = block;
    try {
      const returned: unknown = type.ctor?.(parent, view as never, data);
      refusePromise(returned, `the constructor of type ${type.id}`);
    } finally {
      this.thread.constructing = 0;
    }
  }
}

function alreadyExists(binding: Binding, parent: Parent): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_EXISTS',
    `${describe(parent)} already has a variable of type ${binding.type.id}; use getOrAlloc, or free it first`,
  );
}

function unregistered(binding: Binding): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_UNREGISTERED',
    `type ${binding.type.id} is not registered; give it to ShadowStore.create({ types }) or declare it in an enabled patch`,
  );
}

/** ERR_SHADOW_INVARIANT for a variable that is there and is not, as often as one looks. */
export function neverAgreed(binding: Binding, parent: Parent): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_INVARIANT',
    `look-ups with and without lock do not agree about the variable of type ${binding.type.id} on ${describe(parent)}; the store is damaged, ` +
      'store.check() tells more',
  );
}

/** ERR_SHADOW_EXHAUSTED for one variable. */
export function exhausted(binding: Binding, memory: Memory): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_EXHAUSTED',
    `no memory for a variable of type ${binding.type.id} (${binding.type.size} bytes) in a store of ${memory.buffer.byteLength} bytes; ` +
      'free some and pass a safepoint, or create the store with a larger maxBytes',
  );
}
