/**
 * Owns the eager sweep after a change of version: migrates bucket by bucket what nobody has accessed yet, and frees the slots of the older versions in the
 * end. Nobody has to drive it; variables are migrated at their first access all the same. Writes what migrator.ts writes, and the slots under TYPE_LOCK.
 * Imports memory, table, slots, release-slots.
 */
import { enter } from '../memory/grace.js';
import { Layout } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import { entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import type { Binding } from './binding.js';
import { isName } from './objects.js';
import { releaseSlots } from './release-slots.js';
import { type OlderSlot, olderSlots } from './slots.js';
import type { Variables } from './variables.js';

/** Buckets that one step visits. */
const SLICE_BUCKETS = 1024;

/** One id whose version has changed. Drive it with `step()` until that returns true. */
export class Migration {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly #variables: Variables;
  readonly #slot: number;
  readonly #tag: number;
  #binding: Binding | undefined;
  readonly #failures: unknown[] = [];
  #next = 0;
  #migrated = 0;
  #left = 0;

  /** @internal The binding is up to date. */
  constructor(variables: Variables, binding: Binding, from: number) {
    this.id = binding.type.id;
    this.from = from;
    this.to = binding.type.version;
    this.#variables = variables;
    this.#binding = binding;
    this.#slot = binding.slot;
    this.#tag = binding.tag;
  }

  /** Variables that this sweep migrated so far; others may have been migrated by their first access. */
  get variables(): number {
    return this.#migrated;
  }

  /** Why variables could not be migrated: they stay in their version and are tried again at each access. A failure does not stop the sweep. */
  get failures(): readonly unknown[] {
    return this.#failures;
  }

  /** Visits the next buckets; true when the sweep is done, or void because the id was collected or has changed its version again. */
  step(buckets = SLICE_BUCKETS): boolean {
    const { table, thread } = this.#variables;
    if (this.#binding === undefined) return true;
    if (thread.interval === 0) enter(thread);
    for (const end = this.#next + buckets; this.#next < end; this.#next++) {
      const older = this.#isCurrent(this.#binding) ? olderSlots(this.#variables.memory, this.#slot) : [];
      if (older.length === 0 || this.#next >= table.bucketCount) {
        if (older.length > 0) this.#finish(this.#binding);
        this.#binding = undefined;
        return true;
      }
      this.#sweep(this.#binding, this.#next, older);
    }
    return false;
  }

  #isCurrent({ words, memory }: Binding): boolean {
    return words[memory.types + this.#slot * Layout.TYPE_WORDS + Layout.TYPE_TAG] === this.#tag;
  }

  /**
   * Only a look under the lock tells that nothing of an older version is left: an allocation that found it in force may have been about to publish here,
   * and whoever removes an entry counts it before unlocking.
   */
  #sweep(binding: Binding, index: number, older: readonly OlderSlot[]): void {
    const objects = this.#objectsIn(index, older);
    if (objects.length === 0) return;
    for (const object of objects) {
      const parent = this.#variables.objects.parent(object);
      if (isName(object) && typeof parent !== 'string') continue; // its last variable was freed meanwhile
      try {
        if (binding.find(parent) === 0 && binding.late(parent) !== 0) this.#migrated++;
      } catch (error) {
        this.#failures.push(error);
      }
    }
    this.#left += this.#objectsIn(index, older).length;
  }

  /** The objects that have variables of an older version in a bucket, at a look under its lock. */
  #objectsIn(index: number, older: readonly OlderSlot[]): number[] {
    const { table } = this.#variables;
    const { words } = table;
    const objects: number[] = [];
    const bucket = table.lockIndex(index, Layout.INTENT_VISIT);
    try {
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        const slot = entryKey(words, entry) & Layout.TYPE_SLOT_MASK;
        if (older.some((one) => one.slot === slot)) objects.push(this.#variables.objectOf(entryBlock(words, entry)));
      }
    } finally {
      table.unlock(bucket);
    }
    return objects;
  }

  /** Gives back the slots of the older versions, unless variables are left that could not be migrated. */
  #finish({ memory }: Binding): void {
    if (this.#left > 0) return;
    const { thread } = this.#variables;
    acquireNoted(thread, Layout.TYPE_LOCK);
    const older = olderSlots(memory, this.#slot).map(({ slot }) => slot);
    releaseSlots(memory, thread, this.#slot, older, false);
    releaseNoted(thread, Layout.TYPE_LOCK);
  }
}
