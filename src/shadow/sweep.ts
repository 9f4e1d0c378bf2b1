/**
 * Owns collection: the sweep of the slots of an id whose last user is gone. The variables are invisible since the tags were raised; the sweep unlinks
 * them bucket by bucket, runs the destructor of the last user, and frees the slots in the end. Writes what variables.ts writes, and the slots under
 * TYPE_LOCK. Imports memory, destruction, release-slots, walk.
 */
import { enter } from '../memory/grace.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import { bucketAddress } from '../table/hash.js';
import { touchStack } from './destruction.js';
import { releaseSlots } from './release-slots.js';
import type { Variables } from './variables.js';
import { fetchBlocks, freeInBucket, type Target } from './walk.js';

/** Buckets that one step visits: well under a millisecond when few of them hold anything. */
const SLICE_BUCKETS = 1024;
/** Buckets whose blocks are fetched ahead, side by side. */
const FETCH_BUCKETS = 16;

/** One id being collected. Drive it with `step()` until that returns true. */
export class Collection {
  readonly id: number;
  readonly #variables: Variables;
  /** What was the slot in force first. Empty in the end: it keeps the declarations of the id alive. */
  #targets: readonly Target[];
  #next = 0;
  /** The first bucket whose blocks were not fetched yet. */
  #fetched = 0;
  #destroyed = 0;
  readonly #failures: unknown[] = [];

  /** @internal */
  constructor(variables: Variables, id: number, targets: readonly Target[]) {
    this.id = id;
    this.#variables = variables;
    this.#targets = targets;
  }

  /** The slot that stood for the id. */
  get slot(): TypeSlot | undefined {
    return this.#targets[0]?.slot;
  }

  /** Variables destroyed so far. */
  get variables(): number {
    return this.#destroyed;
  }

  /** What destructors threw. A failing destructor does not stop the sweep. */
  get failures(): readonly unknown[] {
    return this.#failures;
  }

  /** Visits the next buckets; true when the sweep is done. */
  step(buckets = SLICE_BUCKETS): boolean {
    if (this.#targets.length === 0) return true;
    const { table, thread } = this.#variables;
    if (thread.interval === 0) enter(thread);
    touchStack();
    for (const end = this.#next + buckets; this.#next < end; this.#next++) {
      if (this.#next >= table.bucketCount) {
        this.#finish();
        return true;
      }
      if (this.#next === this.#fetched) {
        this.#fetched = Math.min(this.#next + FETCH_BUCKETS, table.bucketCount);
        fetchBlocks(this.#variables, this.#next, this.#fetched, this.#targets);
      }
      this.#sweep(this.#next);
    }
    return false;
  }

  #sweep(index: number): void {
    const variables = this.#variables;
    const { table } = variables;
    const { words } = table;
    // An allocation that found the type alive may still be about to publish here. Once the lock was seen free (or was held by us), whoever locks
    // the bucket later sees the raised tag, and whoever held it before has published. Several slots settle their counts with each other in the end, so
    // whoever changed one has to have counted it, too: only having held the lock tells.
    const lock = bucketAddress(table.buckets, index) + Layout.BUCKET_LOCK;
    if (this.#targets.length > 1 || Atomics.load(words, lock) !== 0) table.unlock(table.lockIndex(index, Layout.INTENT_VISIT));
    this.#destroyed += freeInBucket(variables, index, this.#targets, this.#failures);
  }

  /** Gives the slots back. */
  #finish(): void {
    const { memory, thread } = this.#variables;
    const [inForce, ...older] = this.#targets.map(({ slot }) => slot);
    acquireNoted(thread, Layout.TYPE_LOCK);
    releaseSlots(memory, thread, inForce!, older, true);
    releaseNoted(thread, Layout.TYPE_LOCK);
    this.#targets = [];
  }
}
