/**
 * Owns faults of the store itself: each takes one rule out of the protocol, in a copy of what the compiler made, and histories of real threads have to show it.
 * Imports plan.
 */
import type { ProfileName } from './plan.js';

export interface Mutation {
  readonly name: string;
  /** Path below dist/src. */
  readonly module: string;
  /** Text that is there exactly once, and what stands there instead. Blanks fit any blanks; `Layout.NAME` fits the number that the compiler wrote for it. */
  readonly find: string;
  readonly replace: string;
  /** Where it shows, and how many operations are far more than enough. */
  readonly profile: ProfileName;
  readonly operations: number;
  /** Shows within a moment: tried by every `npm test`. The others are when UMBRA_SOAK is above 1. */
  readonly quick?: boolean;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no second look under the lock before a variable is created',
    module: 'shadow/variables.js',
    find: 'if (findEntry(words, bucket, key, low, identity) !== 0) return EXISTS;',
    replace: '',
    profile: 'hot',
    operations: 90_000,
    quick: true,
  },
  {
    name: 'a variable is created though its type was collected meanwhile',
    module: 'shadow/variables.js',
    find: 'if (words[binding.tagAddress] !== binding.tag) return UNREGISTERED;',
    replace: '',
    profile: 'collection',
    operations: 800_000,
  },
  {
    name: 'a freed variable is looked for without the bucket lock',
    module: 'shadow/variables.js',
    find: 'let entry = mine ?',
    replace: 'this.table.unlock(bucket); let entry = mine ?',
    profile: 'hot',
    operations: 400_000,
  },
  {
    name: 'a writer stays in the bucket that was split while it waited',
    module: 'table/table.js',
    find: 'if (now === count || bucketAddress(this.buckets, bucketIndex(hash, now)) === bucket)',
    replace: '',
    profile: 'growth',
    operations: 2_000_000,
  },
  {
    name: 'a split locks its source for nobody',
    module: 'table/grow.js',
    find: 'acquire(thread, source + Layout.BUCKET_LOCK);',
    replace: '',
    profile: 'growth',
    operations: 2_000_000,
  },
  {
    name: 'two threads hold one variable lock',
    module: 'memory/lock.js',
    find: 'let seen = Atomics.load(words, lock); for (let spin',
    replace: 'let seen = Atomics.load(words, lock); if ((seen & OWNER_MASK) !== 0) return; for (let spin',
    profile: 'hot',
    operations: 400_000,
  },
  {
    name: 'read() believes what it has read while somebody wrote',
    module: 'memory/lock.js',
    find: 'return (seen & OWNER_MASK) === 0 && (seen & VERSION_MASK) === version;',
    replace: 'return true;',
    profile: 'hot',
    operations: 900_000,
  },
  {
    name: 'blocks are used again without a grace period',
    module: 'memory/grace.js',
    find: 'return ((horizon - epoch) | 0) > 0;',
    replace: 'return true;',
    profile: 'hot',
    operations: 180_000,
    quick: true,
  },
  {
    name: 'a binding is trusted while the tag of its type changes',
    module: 'shadow/bindings.js',
    find: 'if (Atomics.load(words, Layout.TYPE_LOCK) !== 0) epoch = NEVER;',
    replace: '',
    profile: 'collection',
    operations: 8_000_000,
  },
  {
    name: 'a sweep passes a bucket in which somebody is still creating',
    module: 'shadow/sweep.js',
    find: 'Atomics.load(words, lock) !== 0',
    replace: 'false',
    profile: 'collection',
    operations: 800_000,
  },
  {
    name: 'a freeAll takes what comes first for what was there',
    module: 'shadow/walk.js',
    find: '!left.delete(variables.objectOf(block))',
    replace: '(left.size === 0 || !left.delete([...left].at(-1)))',
    profile: 'one bucket',
    operations: 2_000_000,
  },
];
