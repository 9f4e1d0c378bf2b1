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
import type { Unlinked } from './destruction.js';
import type { Variables } from './variables.js';
import type { View } from './view.js';

/** How many entries of a chain belong to the type, at a look without the lock. */
function countInChain(words: Int32Array, bucket: WordAddress, slot: TypeSlot): number {
  let count = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) === slot) count++;
  }
  return count;
}

/** Variables unlinked under one hold of a bucket lock: as many as leave room in THREAD_DESTROYING for what their destructors free. */
const UNLINK_BATCH = 8;

/**
 * Frees every variable of a slot in one bucket, which is locked only if a look before found any; returns how many. All destructors of a batch run, even
 * if one throws; then the first error goes on.
 */
export function freeInBucket(variables: Variables, index: number, binding: Binding): number {
  const { table } = variables;
  let freed = 0;
  // Not until none is left: a destructor may create the variable anew.
  const most = countInChain(table.words, bucketAddress(table.buckets, index), binding.slot);
  while (freed < most) {
    const bucket = table.lockIndex(index, Layout.INTENT_REMOVE);
    // Not current any more: a collection that began meanwhile owns them.
    const gone = unlinkBatch(variables, bucket, (key) =>
      (key & Layout.TYPE_SLOT_MASK) === binding.slot && binding.current ? binding : undefined,
    );
    if (gone.length === 0) break;
    freed += gone.length;
    variables.settle(gone);
  }
  return freed;
}

/** Frees every variable of a type that is there when the walk comes by. A throwing destructor ends it. */
export function freeType(variables: Variables, binding: Binding): number {
  let freed = 0;
  for (let index = 0; index < variables.table.bucketCount && binding.current; index++) freed += freeInBucket(variables, index, binding);
  return freed;
}

/** Frees every variable of one object, of all registered types, each with the destructor this thread knows for its id. */
export function freeParent(variables: Variables, bindings: Bindings, object: number): number {
  const { table, memory } = variables;
  const hash = hashObject(object | 0, objectHigh(object));
  let freed = 0;
  for (;;) {
    const bucket = table.lock(hash, Layout.INTENT_REMOVE);
    const gone = unlinkBatch(variables, bucket, (key, block) => {
      const slot = key & Layout.TYPE_SLOT_MASK;
      if (slot === Layout.TYPE_SLOT_NAMES || !keyHasHash(key, hash) || variables.objectOf(block) !== object) return undefined;
      const state = Atomics.load(memory.words, typeAddress(memory, slot) + Layout.TYPE_TAG) & Layout.TYPE_STATE_MASK;
      return state === Layout.TYPE_STATE_LIVE ? bindings.ofSlot(slot) : undefined; // else the sweep destroys it
    });
    freed += gone.length;
    variables.settle(gone);
    if (gone.length < UNLINK_BATCH) return freed;
  }
}

/** Unlinks up to UNLINK_BATCH entries of a locked chain, those that `bindingOf` knows, and unlocks it. */
function unlinkBatch(
  variables: Variables,
  bucket: WordAddress,
  bindingOf: (key: number, block: WordAddress) => Binding | undefined,
): Unlinked[] {
  const { table, objects } = variables;
  const { words } = table;
  const gone: Unlinked[] = [];
  try {
    for (let entry = nextEntry(words, bucket, 0); entry !== 0 && gone.length < UNLINK_BATCH; entry = nextEntry(words, bucket, entry)) {
      const block = entryBlock(words, entry);
      const binding = bindingOf(entryKey(words, entry), block);
      if (binding === undefined) continue;
      const parent = objects.parent(variables.objectOf(block)); // before its name goes with the last variable
      const destructor = binding.type.dtor;
      variables.unlink(bucket, entry, binding, destructor);
      gone.push({ block, parent, binding, destructor });
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
  const first = words[Layout.BUCKET_COUNT]!;
  for (let home = 0; home < first && binding.current; home++) {
    if (thread.interval === 0) enter(thread);
    for (const block of blocksOfHome(variables, binding, home, first)) {
      if (thread.interval === 0) enter(thread); // the consumer may have passed a safepoint
      const object = variables.objectOf(block);
      const view = variables.view(binding, object);
      if (view?.$block === block) yield [objects.parent(object), view];
    }
  }
}

const NONE: readonly WordAddress[] = [];

/** Blocks of one bucket of `count` and of everything split off it since; read again if a split ran meanwhile. */
function blocksOfHome(variables: Variables, binding: Binding, home: number, count: number): readonly WordAddress[] {
  const { words, buckets } = variables.table;
  const level = splitLevel(count);
  const step = home + level < count || home >= level ? 2 * level : level;
  for (;;) {
    const now = words[Layout.BUCKET_COUNT]!;
    let found: WordAddress[] | undefined;
    for (let index = home; index < now; index += step) {
      const bucket = bucketAddress(buckets, index);
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== binding.slot) continue;
        const block = entryBlock(words, entry);
        if (block !== 0) (found ??= []).push(block);
      }
    }
    if (Atomics.load(words, Layout.BUCKET_COUNT) === now) return found ?? NONE;
  }
}
