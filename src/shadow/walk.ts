/**
 * Owns walks over the whole table: iteration, freeing by type or by parent. A walk visits buckets in rising order up to the number there is when it
 * gets there; splits only ever move entries upwards, so nothing that stays is missed.
 *
 * Imports memory, table, variables, binding.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import { enter } from '../memory/grace.js';
import { entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import { bucketAddress, hashObject, keyHasHash, objectHigh, splitLevel } from '../table/hash.js';
import { type Binding, type Bindings, typeAddress } from './binding.js';
import type { Parent } from './objects.js';
import { touchStack, type Unlinked } from './destruction.js';
import type { Variables } from './variables.js';
import type { View } from './view.js';

/** How many entries of a chain belong to the type, at a look without the lock. */
function countInChain(words: Int32Array, bucket: WordAddress, slot: TypeSlot): number {
  return countEntries(words, bucket, (key) => (key & Layout.TYPE_SLOT_MASK) === slot);
}

/** Variables unlinked under one hold of a bucket lock: as many as leave room in THREAD_DESTROYING for what their destructors free. */
const UNLINK_BATCH = 8;

/** A type slot as it was when a walk began: a destructor may have its binding pointed elsewhere. */
export interface Target {
  readonly binding: Binding;
  readonly slot: TypeSlot;
  readonly tag: number;
}

export function targetOf(binding: Binding): Target {
  return { binding, slot: binding.slot, tag: binding.tag };
}

function isCurrent({ binding, slot, tag }: Target): boolean {
  return binding.words[typeAddress(binding.memory, slot) + Layout.TYPE_TAG] === tag;
}

/**
 * Frees the variables of a slot in one bucket, which is locked only if a look before found any; returns how many. What destructors throw is added to
 * `failures` and stops nothing.
 */
export function freeInBucket(variables: Variables, index: number, target: Target, failures: unknown[]): number {
  const { table, objects } = variables;
  let freed = 0;
  // Not until none is left: a destructor may create the variable anew.
  const most = countInChain(table.words, bucketAddress(table.buckets, index), target.slot);
  while (freed < most) {
    touchStack();
    const bucket = table.lockIndex(index, Layout.INTENT_REMOVE);
    const gone = unlinkBatch(variables, bucket, Math.min(UNLINK_BATCH, most - freed), (key, block) => {
      // Not current any more: a collection that began meanwhile owns them.
      if ((key & Layout.TYPE_SLOT_MASK) !== target.slot || !isCurrent(target)) return undefined;
      return { block, binding: target.binding, parent: objects.parent(variables.objectOf(block)), destructor: target.binding.type.dtor };
    });
    if (gone.length === 0) break;
    freed += gone.length;
    variables.settle(gone, failures);
  }
  return freed;
}

/** Frees every variable of a type that is there when the walk comes by. All destructors run, even if one throws; then the first error goes on. */
export function freeType(variables: Variables, binding: Binding): number {
  const target = targetOf(binding);
  const failures: unknown[] = [];
  let freed = 0;
  for (let index = 0; index < variables.table.bucketCount && isCurrent(target); index++) {
    freed += freeInBucket(variables, index, target, failures);
  }
  if (failures.length > 0) throw failures[0];
  return freed;
}

/**
 * Frees every variable of one object, of all registered types, each with the destructor this thread knows for its id. All destructors run, even if one
 * throws; then the first error goes on.
 */
export function freeParent(variables: Variables, bindings: Bindings, object: number, parent: Parent): number {
  const { table, memory } = variables;
  const { words } = table;
  const hash = hashObject(object | 0, objectHigh(object));
  const isOurs = (key: number, block: WordAddress): boolean =>
    keyHasHash(key, hash) &&
    (key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES &&
    variables.objectOf(block) === object &&
    (words[typeAddress(memory, key & Layout.TYPE_SLOT_MASK) + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) === Layout.TYPE_STATE_LIVE &&
    variables.isStill(object, parent);
  const failures: unknown[] = [];
  let freed = 0;
  let most = -1;
  while (freed !== most) {
    touchStack();
    const bucket = table.lock(hash, Layout.INTENT_REMOVE);
    // Not until none is left: destructors may create variables of the parent anew.
    if (most < 0) most = countEntries(words, bucket, isOurs);
    const gone = unlinkBatch(variables, bucket, Math.min(UNLINK_BATCH, most - freed), (key, block) => {
      if (!isOurs(key, block)) return undefined;
      const slot = key & Layout.TYPE_SLOT_MASK;
      const tag = words[typeAddress(memory, slot) + Layout.TYPE_TAG]!;
      if ((tag & Layout.TYPE_STATE_MASK) !== Layout.TYPE_STATE_LIVE) return undefined; // the sweep destroys it
      const binding = bindings.ofSlot(slot, tag);
      return { block, binding, parent, destructor: binding.type.dtor };
    });
    if (gone.length === 0) break;
    freed += gone.length;
    variables.settle(gone, failures);
  }
  if (failures.length > 0) throw failures[0];
  return freed;
}

function countEntries(words: Int32Array, bucket: WordAddress, counts: (key: number, block: WordAddress) => boolean): number {
  let count = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    if (counts(entryKey(words, entry), entryBlock(words, entry))) count++;
  }
  return count;
}

/** Unlinks up to `most` entries of a locked chain, those that `choose` takes, and unlocks it. */
function unlinkBatch(
  variables: Variables,
  bucket: WordAddress,
  most: number,
  choose: (key: number, block: WordAddress) => Unlinked | undefined,
): Unlinked[] {
  const { table } = variables;
  const { words } = table;
  const gone: Unlinked[] = [];
  try {
    for (let entry = nextEntry(words, bucket, 0); entry !== 0 && gone.length < most; entry = nextEntry(words, bucket, entry)) {
      const chosen = choose(entryKey(words, entry), entryBlock(words, entry));
      if (chosen === undefined) continue;
      variables.unlink(bucket, entry, chosen.destructor);
      gone.push(chosen);
    }
  } finally {
    table.unlock(bucket);
  }
  return gone;
}

/**
 * Visits all variables of a type: each one that stays throughout exactly once, those that come or go meanwhile at most once. Works by the buckets
 * there were at the start; whatever has been split off one of them since is visited together with it.
 */
export function* walkType(variables: Variables, binding: Binding): Generator<[Parent, View], void, undefined> {
  const { table, thread, objects } = variables;
  const { words } = table;
  const target = targetOf(binding);
  const first = words[Layout.BUCKET_COUNT]!;
  for (let home = 0; home < first && isCurrent(target); home++) {
    if (thread.interval === 0) enter(thread);
    for (const { block, object } of variablesOfHome(variables, target.slot, home, first)) {
      if (thread.interval === 0) enter(thread); // the consumer may have passed a safepoint
      if (!isCurrent(target)) return;
      // The block may be another variable's by now, which comes at its own place or came after us.
      const view = variables.view(binding, object);
      if (view?.$block !== block) continue;
      const parent = objects.parent(object);
      // Linked while its name was read: the name is its own.
      if (words[block + Layout.BLOCK_GENERATION] === view.$generation) yield [parent, view];
    }
  }
}

interface Found {
  readonly block: WordAddress;
  readonly object: number;
}

const NONE: readonly Found[] = [];

/** The variables in one bucket of `count` and in everything split off it since; read again if a split ran meanwhile. */
function variablesOfHome(variables: Variables, slot: TypeSlot, home: number, count: number): readonly Found[] {
  const { words, buckets } = variables.table;
  const level = splitLevel(count);
  const step = home + level < count || home >= level ? 2 * level : level;
  for (;;) {
    const now = words[Layout.BUCKET_COUNT]!;
    let found: Found[] | undefined;
    for (let index = home; index < now; index += step) {
      const bucket = bucketAddress(buckets, index);
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== slot) continue;
        const block = entryBlock(words, entry);
        // Between the publication of a split and its end an entry stands in both buckets.
        if (block === 0 || found?.some((other) => other.block === block)) continue;
        (found ??= []).push({ block, object: variables.objectOf(block) });
      }
    }
    if (Atomics.load(words, Layout.BUCKET_COUNT) === now) return found ?? NONE;
  }
}
