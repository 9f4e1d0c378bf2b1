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
import type { Unlinked, Variables } from './variables.js';
import type { View } from './view.js';

/** Whether an entry of the chain may belong to the type. A plain look; the caller looks again under the lock if it matters. */
export function chainHasType(words: Int32Array, bucket: WordAddress, slot: TypeSlot): boolean {
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) === slot) return true;
  }
  return false;
}

/** Unlinks every variable of a slot in one bucket, which is locked only if a look before found any. `settleAll` has to follow. */
export function unlinkInBucket(variables: Variables, index: number, binding: Binding): Unlinked[] {
  const { table } = variables;
  const { words } = table;
  const gone: Unlinked[] = [];
  if (!chainHasType(words, bucketAddress(table.buckets, index), binding.slot)) return gone;
  const bucket = table.lockIndex(index, Layout.INTENT_REMOVE);
  try {
    if (!binding.current) return gone; // a collection that began meanwhile owns them
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== binding.slot) continue;
      const object = variables.objectOf(entryBlock(words, entry));
      gone.push(variables.unlink(bucket, entry, binding, binding.type.dtor, variables.objects.parent(object)));
    }
  } finally {
    table.unlock(bucket);
  }
  return gone;
}

/** Frees every variable of a type that is there when the walk comes by. A throwing destructor ends it after its bucket. */
export function freeType(variables: Variables, binding: Binding): number {
  let freed = 0;
  for (let index = 0; index < variables.table.bucketCount && binding.current; index++) {
    const gone = unlinkInBucket(variables, index, binding);
    freed += gone.length;
    settleAll(variables, gone);
  }
  return freed;
}

/** Frees every variable of one object, of all registered types, each with the destructor this thread knows for its id. */
export function freeParent(variables: Variables, bindings: Bindings, object: number, parent: Parent): number {
  const { table, memory } = variables;
  const { words } = table;
  const hash = hashObject(object | 0, objectHigh(object));
  const gone: Unlinked[] = [];
  const bucket = table.lock(hash, Layout.INTENT_REMOVE);
  try {
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      const slot = entryKey(words, entry) & Layout.TYPE_SLOT_MASK;
      if (slot === Layout.TYPE_SLOT_NAMES || !keyHasHash(entryKey(words, entry), hash)) continue;
      if (variables.objectOf(entryBlock(words, entry)) !== object) continue;
      const tag = Atomics.load(words, typeAddress(memory, slot) + Layout.TYPE_TAG);
      if ((tag & Layout.TYPE_STATE_MASK) !== Layout.TYPE_STATE_LIVE) continue; // being collected: the sweep destroys it
      const binding = bindings.ofSlot(slot);
      gone.push(variables.unlink(bucket, entry, binding, binding.type.dtor, parent));
    }
  } finally {
    table.unlock(bucket);
  }
  settleAll(variables, gone);
  return gone.length;
}

/** Destroys what was unlinked. Every variable is settled, even if a destructor throws; then the first error goes on. */
export function settleAll(variables: Variables, gone: readonly Unlinked[]): void {
  let failure: { error: unknown } | undefined;
  for (const unlinked of gone) {
    try {
      variables.settle(unlinked);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
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
    const found = collectHome(variables, binding, home, first);
    for (const [block, object] of found) {
      const view = variables.view(binding, object);
      if (view !== undefined && view.$block === block) yield [objects.parent(object), view];
      if (thread.interval === 0) enter(thread);
    }
  }
}

/** Blocks and objects of one bucket of `count` and of everything split off it; read again if a split ran meanwhile. */
function collectHome(variables: Variables, binding: Binding, home: number, count: number): Map<WordAddress, number> {
  const { table } = variables;
  const { words, buckets } = table;
  for (;;) {
    const now = words[Layout.BUCKET_COUNT]!;
    const found = new Map<WordAddress, number>();
    for (const index of descendants(home, count, now)) {
      const bucket = bucketAddress(buckets, index);
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== binding.slot) continue;
        const block = entryBlock(words, entry);
        if (block === 0) continue;
        found.set(block, variables.objectOf(block));
      }
    }
    if (Atomics.load(words, Layout.BUCKET_COUNT) === now) return found;
  }
}

/** The buckets that hold, among `now`, the hashes that bucket `home` held among `count`. */
function* descendants(home: number, count: number, now: number): Generator<number> {
  const level = splitLevel(count);
  const step = home + level < count || home >= level ? 2 * level : level;
  for (let index = home; index < now; index += step) yield index;
}
