/**
 * Owns collection: the sweep of a type slot whose last user is gone. The variables are invisible since the slot's tag was raised; the sweep unlinks
 * them bucket by bucket, runs the destructor of the last user, and frees the slot in the end. Writes what variables.ts writes, and the slot under
 * TYPE_LOCK. Imports memory, binding, walk.
 */
import { enter, retirementEpoch } from '../memory/grace.js';
import { Layout } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import { bucketAddress } from '../table/hash.js';
import { type Binding, typeAddress } from './binding.js';
import { nextTag } from './tags.js';
import type { Variables } from './variables.js';
import { freeInBucket, type Target, targetOf } from './walk.js';

/** Buckets that one step visits: well under a millisecond when few of them hold anything. */
const SLICE_BUCKETS = 1024;

/** One id being collected. Drive it with `step()` until that returns true. */
export class Collection {
  readonly id: number;
  readonly #variables: Variables;
  readonly #target: Target;
  #next = 0;
  #destroyed = 0;
  readonly #failures: unknown[] = [];
  #done = false;

  /** @internal */
  constructor(variables: Variables, binding: Binding) {
    this.id = binding.type.id;
    this.#variables = variables;
    this.#target = targetOf(binding);
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
    if (this.#done) return true;
    const { table, thread } = this.#variables;
    if (thread.interval === 0) enter(thread);
    for (const end = this.#next + buckets; this.#next < end; this.#next++) {
      if (this.#next >= table.bucketCount) {
        this.#finish();
        return true;
      }
      this.#sweep(this.#next);
    }
    return false;
  }

  #sweep(index: number): void {
    const variables = this.#variables;
    const { table, thread } = variables;
    const { words } = table;
    // An allocation that found the type alive may still be about to publish here. Once the lock was seen free (or was held by us), whoever locks
    // the bucket later sees the raised tag, and whoever held it before has published.
    const lock = bucketAddress(table.buckets, index) + Layout.BUCKET_LOCK;
    if (Atomics.load(words, lock) !== 0) {
      acquire(thread, lock);
      release(thread, lock);
    }
    this.#destroyed += freeInBucket(variables, index, this.#target, this.#failures);
  }

  /** Gives the slot back. Its counters stay as they are: every variable is gone, so their sum is zero. */
  #finish(): void {
    const { memory, thread } = this.#variables;
    const { words } = memory;
    const { slot } = this.#target;
    const address = typeAddress(memory, slot);
    acquire(thread, Layout.TYPE_LOCK);
    words[address + Layout.TYPE_DEAD_EPOCH] = retirementEpoch(words);
    Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_FREE));
    release(thread, Layout.TYPE_LOCK);
    this.#done = true;
  }
}
