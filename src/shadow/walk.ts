/**
 * Owns walks over the whole table: iteration, freeing by type or by parent. A walk visits buckets in rising order up to the number there is when it
 * gets there; splits only ever move entries upwards, so nothing that stays is missed.
 *
 * Imports memory, table, variables, binding.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import { enter } from '../memory/grace.js';
import { entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import { bucketAddress, bucketIndex, hashObject, keyHasHash, objectHigh, splitLevel } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { Bindings } from './bindings.js';
import { touchStack, type Unlinked } from './destruction.js';
import { dropLeftOvers } from './left-overs.js';
import { isName, type Parent } from './objects.js';
import { typeAddress, typeState } from './slots.js';
import type { Variables } from './variables.js';
import type { View } from './view.js';

/** Variables unlinked under one hold of a bucket lock: as many as leave room in THREAD_DESTROYING for what their destructors free. */
const UNLINK_BATCH = 8;

/** A type slot as it was when a walk began, and the binding whose type destroys its variables: undefined if no declaration of the version is known. */
export interface Target {
  readonly binding: Binding | undefined;
  readonly slot: TypeSlot;
  readonly tag: number;
}

/** The slots that hold variables of a binding's id: that in force, then those of older versions. */
function targetsOf(binding: Binding): Target[] {
  const { slot, tag, older, bindings, type } = binding;
  const behind = older.map((one) => ({ binding: bindings.ofVersion(type, type.id, one.version, one.size), slot: one.slot, tag: one.tag }));
  return [{ binding, slot, tag }, ...behind];
}

function isCurrent(variables: Variables, { slot, tag }: { readonly slot: TypeSlot; readonly tag: number }): boolean {
  return variables.table.words[typeAddress(variables.memory, slot) + Layout.TYPE_TAG] === tag;
}

/**
 * Fetches the blocks that a range of buckets leads to, of these slots: all at once, where whoever comes to one after the other waits for each. What is read counts
 * for nothing, and may be anything.
 */
export function fetchBlocks(variables: Variables, first: number, end: number, targets: readonly Target[]): void {
  const { words, buckets } = variables.table;
  let sum = 0;
  for (let index = first; index < end; index++) {
    const keys = bucketAddress(buckets, index) + Layout.BUCKET_KEYS;
    for (let at = keys; at < keys + Layout.BUCKET_ENTRIES; at++) {
      if (targetOf(targets, words[at]!) !== undefined) sum ^= words[words[at + Layout.BUCKET_ENTRIES]! + Layout.BLOCK_IDENTITY]!;
    }
  }
  variables.fetched = sum; // or the compiler would leave it all out
}

/**
 * Frees the variables of the slots of one id that stand in one bucket when it is locked, which is done only if a look before found any; returns how many. What
 * destructors throw is added to `failures` and stops nothing. The caller has touched the stack.
 */
export function freeInBucket(variables: Variables, index: number, targets: readonly Target[], failures: unknown[]): number {
  const { table } = variables;
  const { words } = table;
  if (!holdsMore(words, bucketAddress(table.buckets, index), targets, 0)) return 0;
  let freed = 0;
  // Each of those that stand there now, once: a destructor may create its variable anew, and other threads may create others. Undefined if one hold is enough.
  let left: Set<number> | undefined;
  for (;;) {
    const bucket = table.lockIndex(index, Layout.INTENT_REMOVE);
    if (targets.length > 1) dropLeftOvers(variables, bucket);
    // One line holds fewer than a batch.
    if (freed === 0 && words[bucket + Layout.BUCKET_NEXT] !== 0 && holdsMore(words, bucket, targets, UNLINK_BATCH)) {
      left = collectEntries(words, bucket, (key, block) => (targetOf(targets, key) === undefined ? undefined : variables.objectOf(block)));
    }
    const gone: Unlinked[] = [];
    const unlinked = unlinkTargets(variables, bucket, targets, left, gone);
    freed += unlinked;
    variables.settle(unlinked, gone, failures);
    if (unlinked < UNLINK_BATCH || left === undefined || left.size === 0) return freed;
  }
}

/** Unlinks up to UNLINK_BATCH variables of a locked chain, of these slots and, if given, of the objects that are left; adds those to destroy to `gone`; unlocks it. */
function unlinkTargets(
  variables: Variables,
  bucket: WordAddress,
  targets: readonly Target[],
  left: Set<number> | undefined,
  gone: Unlinked[],
): number {
  const { table, objects } = variables;
  const { words } = table;
  let unlinked = 0;
  try {
    for (let entry = nextEntry(words, bucket, 0); entry !== 0 && unlinked < UNLINK_BATCH; entry = nextEntry(words, bucket, entry)) {
      const target = targetOf(targets, entryKey(words, entry));
      // Not current any more: a collection that began meanwhile owns them.
      if (target === undefined || !isCurrent(variables, target)) continue;
      const block = entryBlock(words, entry);
      if (left !== undefined && !left.delete(variables.objectOf(block))) continue;
      const { binding } = target;
      const destructor = binding?.type.dtor;
      const parent = destructor === undefined ? null : objects.parent(variables.objectOf(block));
      variables.unlink(bucket, entry, destructor);
      unlinked++;
      if (destructor !== undefined) gone.push({ block, name: variables.keptName, binding, parent, destructor });
    }
  } finally {
    table.unlock(bucket);
  }
  return unlinked;
}

function targetOf(targets: readonly Target[], key: number): Target | undefined {
  for (let i = 0; i < targets.length; i++) if ((key & Layout.TYPE_SLOT_MASK) === targets[i]!.slot) return targets[i];
  return undefined;
}

/** Frees every variable of a type that is there when the walk comes by. All destructors run, even if one throws; then the first error goes on. */
export function freeType(variables: Variables, binding: Binding): number {
  const targets = targetsOf(binding);
  const failures: unknown[] = [];
  let freed = 0;
  touchStack();
  for (let index = 0; index < variables.table.bucketCount && isCurrent(variables, targets[0]!); index++) {
    freed += freeInBucket(variables, index, targets, failures);
  }
  if (failures.length > 0) throw failures[0];
  if (!isCurrent(variables, targets[0]!)) binding.requireVersion();
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
    (key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_RECORDS &&
    variables.objectOf(block) === object &&
    isAlive(typeState(memory, key & Layout.TYPE_SLOT_MASK)) &&
    variables.isStill(object, parent);
  const idAt = (key: number): number => memory.uwords[typeAddress(memory, key & Layout.TYPE_SLOT_MASK) + Layout.TYPE_ID]!;
  const failures: unknown[] = [];
  let freed = 0;
  // Each of the ids that it has now, once: destructors may create variables of the parent anew, and other threads may create others.
  let left: Set<number> | undefined;
  for (;;) {
    touchStack();
    const bucket = table.lock(hash, Layout.INTENT_REMOVE);
    dropLeftOvers(variables, bucket, object);
    left ??= collectEntries(words, bucket, (key, block) => (isOurs(key, block) ? idAt(key) : undefined));
    const gone = unlinkBatch(variables, bucket, (key, block) => {
      if (!isOurs(key, block)) return undefined;
      const slot = key & Layout.TYPE_SLOT_MASK;
      const tag = words[typeAddress(memory, slot) + Layout.TYPE_TAG]!;
      // In the hands of a collection: its sweep destroys it.
      if (!isAlive(tag & Layout.TYPE_STATE_MASK) || !left!.delete(idAt(key))) return undefined;
      const binding = bindings.ofSlot(slot, tag);
      return { block, name: 0, binding, parent, destructor: binding?.type.dtor };
    });
    freed += gone.length;
    variables.settle(gone.length, gone, failures);
    if (gone.length < UNLINK_BATCH || left.size === 0) break;
  }
  if (failures.length > 0) throw failures[0];
  return freed;
}

/** Whether variables of a slot in this state are variables of a living id, be it in an older version. */
function isAlive(state: number): boolean {
  return state !== Layout.TYPE_STATE_FREE && state !== Layout.TYPE_STATE_DYING;
}

/** Whether a chain holds more than so many entries of these slots. */
function holdsMore(words: Int32Array, bucket: WordAddress, targets: readonly Target[], than: number): boolean {
  let held = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    if (targetOf(targets, entryKey(words, entry)) !== undefined && ++held > than) return true;
  }
  return false;
}

/** What `of` says of the entries of a locked chain, undefined left out. */
function collectEntries(words: Int32Array, bucket: WordAddress, of: (key: number, block: WordAddress) => number | undefined): Set<number> {
  const found = new Set<number>();
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    const value = of(entryKey(words, entry), entryBlock(words, entry));
    if (value !== undefined) found.add(value);
  }
  return found;
}

/** Unlinks up to UNLINK_BATCH entries of a locked chain, those that `choose` takes, and unlocks it. */
function unlinkBatch(
  variables: Variables,
  bucket: WordAddress,
  choose: (key: number, block: WordAddress) => Unlinked | undefined,
): Unlinked[] {
  const { table } = variables;
  const { words } = table;
  const gone: Unlinked[] = [];
  try {
    for (let entry = nextEntry(words, bucket, 0); entry !== 0 && gone.length < UNLINK_BATCH; entry = nextEntry(words, bucket, entry)) {
      const chosen = choose(entryKey(words, entry), entryBlock(words, entry));
      if (chosen === undefined) continue;
      variables.unlink(bucket, entry, chosen.destructor);
      gone.push(variables.keptName === 0 ? chosen : { ...chosen, name: variables.keptName });
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
  const { slot, tag, older } = binding;
  const target = { slot, tag };
  const slots = [...older.map((one) => one.slot), slot];
  const first = table.bucketCount;
  for (let home = 0; home < first && isCurrent(variables, target); home++) {
    if (thread.interval === 0) enter(thread);
    for (const found of variablesOfHome(variables, slots, home, first)) {
      if (thread.interval === 0) enter(thread); // the consumer may have passed a safepoint
      if (!isCurrent(variables, target)) break;
      const { block, object } = found;
      if (found.slot !== slot) {
        const parent = objects.parent(object);
        const migrated = isName(object) && typeof parent !== 'string' ? undefined : binding.get(parent);
        if (migrated !== undefined && variables.objectOf(migrated.$block) === object) yield [parent, migrated];
        continue;
      }
      // The block may be another variable's by now, which comes at its own place or came after us.
      const view = variables.view(binding, object);
      // An odd generation: it is being freed at this moment, so that it proves nothing about a name read afterwards.
      if (view?.$block !== block || (view.$generation & 1) === 1) continue;
      const parent = objects.parent(object);
      // Linked while its name was read: the name is its own.
      if (words[block + Layout.BLOCK_GENERATION] === view.$generation) yield [parent, view];
    }
  }
  if (!isCurrent(variables, target) && binding.slot === slot) binding.requireVersion();
}

interface Found {
  readonly slot: TypeSlot;
  readonly block: WordAddress;
  readonly object: number;
}

const NONE: readonly Found[] = [];

/**
 * The variables in one bucket of `count` and in everything split off it since; read again if a split ran meanwhile. Slots come oldest first: a variable that
 * is migrated meanwhile comes towards us, and counts as found where it was seen first.
 */
function variablesOfHome(variables: Variables, slots: readonly TypeSlot[], home: number, count: number): readonly Found[] {
  const { words, buckets } = variables.table;
  const level = splitLevel(count);
  const step = home + level < count || home >= level ? 2 * level : level;
  for (;;) {
    const now = variables.table.bucketCount;
    let found: Found[] | undefined;
    for (const slot of slots) {
      for (let index = home; index < now; index += step) {
        const bucket = bucketAddress(buckets, index);
        for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
          const key = entryKey(words, entry);
          if ((key & Layout.TYPE_SLOT_MASK) !== slot) continue;
          // Split off before the walk began, and not yet cleared here: it is visited at its own place.
          if (bucketIndex((key & ~Layout.TYPE_SLOT_MASK) | (home & Layout.TYPE_SLOT_MASK), count) !== home) continue;
          const block = entryBlock(words, entry);
          if (block === 0) continue;
          const object = variables.objectOf(block);
          if ((words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK) !== slot) continue; // freed a moment ago: that was no object
          // Between the publication of a split and its end an entry stands in both buckets.
          if (found?.some((other) => other.block === block || other.object === object)) continue;
          (found ??= []).push({ slot, block, object });
        }
      }
    }
    if (Atomics.load(words, Layout.BUCKET_COUNT) === now) return found ?? NONE;
  }
}
