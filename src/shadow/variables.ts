/**
 * Owns the life of a variable in one thread: creation under the bucket lock, removal, destruction, retirement. The only code that inserts into the
 * table or unlinks from it. Imports memory, table, binding, names, objects and view.
 *
 * Creation: intent, bucket lock, second look, type still registered?, room in the chain, block, identity, constructor, publish, unlock.
 * Removal: intent, bucket lock, generation made odd, unlink, unlock; then the destructor, outside every lock; then retirement. A block whose
 * destructor is pending stands in THREAD_DESTROYING, put there before it is unlinked, so that a death in between loses nothing.
 */
import { describe, ShadowError } from '../errors.js';
import { Blocks, classOfDataBytes, closeIntent, openIntent, prepareBlock } from '../memory/blocks.js';
import { enter, leave } from '../memory/grace.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { clearEntry, type EntryAddress, entryBlock, entryKey, findEntry, nextEntry, publishEntry } from '../table/bucket.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, keyHasHash, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import { Table } from '../table/table.js';
import type { Binding } from './binding.js';
import { holdsName, nameDataBytes, writeName } from './names.js';
import { isName, type ObjectTable, type Parent } from './objects.js';
import type { AnyShadowType } from './type.js';
import { refusePromise, type View } from './view.js';

/** A variable that was unlinked and waits for its destructor. */
export interface Unlinked {
  readonly block: WordAddress;
  readonly object: number;
  readonly parent: Parent;
  /** Undefined when no declaration of the id is known in this thread: then there is no destructor to run. */
  readonly binding: Binding;
  readonly destructor: AnyShadowType['dtor'];
}

/** What an attempt to create under the lock came to, when it is not a view. */
const EXISTS = 'exists';
const EXHAUSTED = 'exhausted';
const RETRY = 'retry';
const UNREGISTERED = 'unregistered';
type Outcome = View | typeof EXISTS | typeof EXHAUSTED | typeof RETRY | typeof UNREGISTERED;

export class Variables {
  readonly memory: Memory;
  readonly thread: Thread;
  readonly blocks: Blocks;
  readonly table: Table;
  readonly objects: ObjectTable;
  readonly #words: Int32Array;
  /** Freed while this thread held a variable lock: destroyed once it is released, so that a destructor may take any lock. */
  readonly #deferred: Unlinked[] = [];

  constructor(memory: Memory, thread: Thread, objects: ObjectTable) {
    this.memory = memory;
    this.thread = thread;
    this.blocks = new Blocks(memory, thread);
    this.table = new Table(memory, thread, this.blocks);
    this.objects = objects;
    this.#words = memory.words;
  }

  /** The view of an existing variable, or undefined. The caller has entered the grace epoch. */
  view(binding: Binding, object: number): View | undefined {
    const low = object | 0;
    const high = objectHigh(object);
    const block = findBlock(this.#words, binding.buckets, low, identityOf(high, binding.slot), hashObject(low, high));
    return block === 0 ? undefined : this.viewOf(binding, block);
  }

  viewOf(binding: Binding, block: WordAddress): View {
    return new binding.type.$view(binding, block, this.thread.interval, this.#words[block + Layout.BLOCK_GENERATION]!);
  }

  /**
   * Creates the variable of <parent, type>; for an existing one returns its view, or throws if `mustBeNew`.
   * @throws ERR_SHADOW_EXISTS, ERR_SHADOW_UNREGISTERED, ERR_SHADOW_EXHAUSTED, ERR_SHADOW_ASYNC, and whatever the constructor throws
   */
  create(binding: Binding, parent: Parent, data: unknown, mustBeNew: boolean): View {
    this.requireWritable(mustBeNew ? 'alloc' : 'getOrAlloc');
    let nameLocked = false;
    let scraped = false;
    try {
      for (;;) {
        if (this.thread.interval === 0) enter(this.thread);
        if (!binding.current) binding = binding.renewed();
        if (!binding.registered) throw unregistered(binding);
        const object = this.objects.place(parent);
        const existing = this.view(binding, object);
        const outcome = existing ?? this.#createLocked(binding, object, parent, data, nameLocked);
        if (typeof outcome === 'object') {
          if (outcome !== existing) this.table.count(1);
          else if (mustBeNew) throw alreadyExists(binding, parent);
          return outcome;
        }
        if (outcome === EXISTS) continue; // the look-up finds it now, or it is gone again
        if (outcome === RETRY) {
          if (!nameLocked && this.objects.names.collided) {
            acquire(this.thread, Layout.NAME_LOCK);
            nameLocked = true;
          }
          continue;
        }
        if (outcome === UNREGISTERED) continue; // binds anew at the top
        if (scraped) throw exhausted(binding, this.memory);
        scraped = true;
        this.scrape();
      }
    } finally {
      if (nameLocked) release(this.thread, Layout.NAME_LOCK);
    }
  }

  /**
   * Frees the variable and runs the destructor. False if there is none. Inside a lock body the destructor waits until the lock is released.
   */
  remove(binding: Binding, object: number, parent: Parent): boolean {
    const low = object | 0;
    const high = objectHigh(object);
    const hash = hashObject(low, high);
    const identity = identityOf(high, binding.slot);
    if (findBlock(this.#words, binding.buckets, low, identity, hash) === 0) return false;
    const bucket = this.table.lock(hash, Layout.INTENT_REMOVE);
    let unlinked: Unlinked | undefined;
    try {
      // A collection that began meanwhile owns the variable, and destroys it with the destructor of the last user.
      const entry = binding.current ? findEntry(this.#words, bucket, keyOf(hash, binding.slot), low, identity) : 0;
      if (entry !== 0) unlinked = this.unlink(bucket, entry, binding, binding.type.dtor, parent);
    } finally {
      this.table.unlock(bucket);
    }
    if (unlinked === undefined) return false;
    this.settle(unlinked);
    return true;
  }

  /**
   * Unlinks one entry of a locked chain, and the parent's name with its last variable. Without destructor the block is retired at once;
   * either way `settle` has to follow once the bucket is unlocked.
   */
  unlink(bucket: WordAddress, entry: EntryAddress, binding: Binding, destructor: AnyShadowType['dtor'], parent: Parent): Unlinked {
    const words = this.#words;
    const block = entryBlock(words, entry);
    const object = this.objectOf(block);
    if (destructor !== undefined) this.#push(block);
    words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
    clearEntry(words, entry);
    words[binding.counter]!--;
    words[this.thread.address + Layout.THREAD_FREED]!++;
    if (destructor === undefined) this.blocks.retire(block);
    if (isName(object)) this.#dropUnusedName(bucket, object);
    return { block, object, parent, binding, destructor };
  }

  /** Counts the removal, runs the destructor, retires the block. Called without any bucket lock. */
  settle(unlinked: Unlinked): void {
    this.table.count(-1);
    if (unlinked.destructor === undefined) return;
    if (this.thread.locked !== 0) this.#deferred.push(unlinked);
    else this.#destroy(unlinked);
  }

  /** Runs what was deferred by a lock body that has ended. All of it, even if one destructor throws; then the first error goes on. */
  destroyDeferred(): void {
    let failure: { error: unknown } | undefined;
    for (let unlinked = this.#deferred.shift(); unlinked !== undefined; unlinked = this.#deferred.shift()) {
      try {
        this.#destroy(unlinked);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** The object number of a linked block. */
  objectOf(block: WordAddress): number {
    const words = this.#words;
    return objectNumber(words[block + Layout.BLOCK_OBJECT_LOW]!, words[block + Layout.BLOCK_IDENTITY]!);
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
    const bucket = table.lock(hash, Layout.INTENT_INSERT);
    let unpublished: WordAddress = 0;
    let named = false;
    try {
      if (findEntry(words, bucket, key, low, identity) !== 0) return EXISTS;
      // Under the lock: a collection marks the type first and then visits every bucket, so it either sees our entry or we see its mark.
      if (Atomics.load(words, binding.tagAddress) !== binding.tag) return UNREGISTERED;
      if (isName(object)) {
        const place = this.#name(bucket, object, parent as string, hash, nameLocked);
        if (typeof place === 'string') return place;
        named = place;
      }
      const entry = table.roomIn(bucket, key);
      const block = entry === 0 ? 0 : blocks.take(binding.sizeClass);
      if (block === 0) return EXHAUSTED;
      unpublished = block;
      prepareBlock(words, block, binding.dataWords);
      words[block + Layout.BLOCK_OBJECT_LOW] = low;
      words[block + Layout.BLOCK_IDENTITY] = identity;
      const view = this.viewOf(binding, block);
      if (binding.type.ctor !== undefined) this.#construct(binding.type, block, parent, view, data);
      publishEntry(words, entry, key, block);
      unpublished = 0;
      named = false;
      words[binding.counter]!++;
      words[this.thread.address + Layout.THREAD_ALLOCATED]!++;
      return view;
    } finally {
      if (unpublished !== 0) {
        // Not simply put back: the constructor may have kept its view, which is good until the next safepoint.
        words[unpublished + Layout.BLOCK_GENERATION] = words[unpublished + Layout.BLOCK_GENERATION]! | 1;
        blocks.retire(unpublished);
      }
      if (named) this.#dropUnusedName(bucket, object);
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

  /**
   * Makes sure that the record of a string stands in the locked chain; true if it was made here. RETRY: the place belongs to another string by
   * now, or names have to be created under NAME_LOCK.
   */
  #name(bucket: WordAddress, object: number, name: string, hash: number, nameLocked: boolean): boolean | typeof RETRY | typeof EXHAUSTED {
    const words = this.#words;
    const low = object | 0;
    const identity = identityOf(objectHigh(object), Layout.TYPE_SLOT_NAMES);
    const key = keyOf(hash, Layout.TYPE_SLOT_NAMES);
    const found = findEntry(words, bucket, key, low, identity);
    if (found !== 0) return holdsName(this.memory, entryBlock(words, found), name) ? false : RETRY;
    if (!nameLocked && this.objects.names.collided) return RETRY;
    const bytes = nameDataBytes(name);
    const entry = this.table.roomIn(bucket, key);
    const block = entry === 0 ? 0 : this.blocks.take(classOfDataBytes(bytes));
    if (block === 0) return EXHAUSTED;
    prepareBlock(words, block, 0);
    writeName(this.memory, block, name);
    words[block + Layout.BLOCK_OBJECT_LOW] = low;
    words[block + Layout.BLOCK_IDENTITY] = identity;
    publishEntry(words, entry, key, block);
    this.table.note(1);
    return true;
  }

  /** Drops the record of a string from a locked chain when no variable of it is left there. */
  #dropUnusedName(bucket: WordAddress, object: number): void {
    const words = this.#words;
    const low = object | 0;
    const high = objectHigh(object);
    const hash = hashObject(low, high);
    let record = 0;
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      if (!keyHasHash(entryKey(words, entry), hash) || this.objectOf(entryBlock(words, entry)) !== object) continue;
      if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) return;
      record = entry;
    }
    if (record === 0) return;
    const block = entryBlock(words, record);
    words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
    clearEntry(words, record);
    this.table.note(-1);
    this.blocks.retire(block);
  }

  #destroy(unlinked: Unlinked): void {
    const { block, parent, binding, destructor } = unlinked;
    const { thread } = this;
    thread.destroying++;
    try {
      const returned: unknown = destructor?.(parent, this.viewOf(binding, block) as never);
      refusePromise(returned, `the destructor of type ${binding.type.id}`);
    } finally {
      thread.destroying--;
      openIntent(thread, Layout.INTENT_MEMORY, 0);
      this.blocks.retire(block);
      this.#pop(block);
      closeIntent(thread);
    }
  }

  /** Records that the destructor of a block is owed. Recovery reads this. */
  #push(block: WordAddress): void {
    const words = this.#words;
    const { address } = this.thread;
    const depth = words[address + Layout.THREAD_DESTROYING_COUNT]!;
    if (depth < Layout.THREAD_DESTROYING_WORDS) words[address + Layout.THREAD_DESTROYING + depth] = block;
    words[address + Layout.THREAD_DESTROYING_COUNT] = depth + 1;
  }

  #pop(block: WordAddress): void {
    const words = this.#words;
    const { address } = this.thread;
    const depth = words[address + Layout.THREAD_DESTROYING_COUNT]! - 1;
    const recorded = Math.min(depth + 1, Layout.THREAD_DESTROYING_WORDS);
    const list = address + Layout.THREAD_DESTROYING;
    for (let i = recorded - 1; i >= 0; i--) {
      if (words[list + i] !== block) continue;
      words.copyWithin(list + i, list + i + 1, list + recorded);
      words[list + recorded - 1] = 0;
      break;
    }
    words[address + Layout.THREAD_DESTROYING_COUNT] = depth;
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

function exhausted(binding: Binding, memory: Memory): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_EXHAUSTED',
    `no memory for a variable of type ${binding.type.id} (${binding.type.size} bytes) in a store of ${memory.buffer.byteLength} bytes; ` +
      'free some and pass a safepoint, or create the store with a larger maxBytes',
  );
}
