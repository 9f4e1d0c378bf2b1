/**
 * Owns what a round does: which types and parents, how many workers, how often which operation, all of it drawn from a seed. Pure functions; plain data that
 * goes to the workers as it is. Imports history, operations, table/hash, concurrency/random.
 */
import type { Parent } from '../../src/shadow/objects.js';
import { bucketIndex, hashObject } from '../../src/table/hash.js';
import { Layout } from '../../src/memory/layout.js';
import { Random } from '../concurrency/random.js';
import type { FaultName } from './faults.js';
import type { Group } from './history.js';
import { Kind } from './operations.js';

/** How the values of a type are changed: with atomic operations on one word, or several words under the variable's lock. */
export type Discipline = 'atomic' | 'locked';

/** One type, and its keys. */
export interface GroupPlan extends Group {
  readonly id: number;
  readonly discipline: Discipline;
  /** Bytes of payload besides: the size class. */
  readonly fill: number;
}

/** Of so many operations so many are of this kind. */
export type Weights = readonly (readonly [kind: Kind, weight: number])[];

export interface RoundPlan {
  readonly name: ProfileName;
  readonly seed: number;
  readonly workers: number;
  /** Operations of each worker. */
  readonly operations: number;
  readonly groups: readonly GroupPlan[];
  readonly parents: ParentKind;
  readonly weights: Weights;
  readonly maxBytes: number;
  /** Each worker passes a safepoint after so many operations: what is freed can be used again. */
  readonly safepointEvery: number;
  /** The table grows: after so many operations of a worker it creates a variable that counts for nothing else; 0 = never. */
  readonly ballastEvery: number;
  /** Whether registrations end and come back meanwhile. */
  readonly collects: boolean;
  /** Whether workers are killed meanwhile. */
  readonly deaths: boolean;
  readonly fault?: FaultName | undefined;
}

export type ParentKind = 'mixed' | 'names' | 'one bucket' | 'by bucket';
export type ProfileName = 'hot' | 'names' | 'one bucket' | 'collection' | 'growth' | 'reuse' | 'deaths';

/** Buckets that a growing table gets in a round, and keys of each type there: one in each bucket that is split. */
export const GROWN_BUCKETS = 1500;
/** Variables that fill a table of the first size so that it grows with the next ones. */
export const FIRST_BALLAST = Layout.FIRST_BUCKETS * Layout.LOAD_FACTOR;
/** Keys that the workers are at while the table grows: those around the bucket that is split next. */
export const SPLIT_WINDOW = 4;

type Profile = Pick<RoundPlan, 'parents' | 'weights' | 'maxBytes' | 'collects' | 'deaths'> & {
  /** Keys of each of the two types: least and most. */
  readonly keys: readonly [number, number];
  readonly safepoints: readonly [number, number];
  readonly fills: readonly number[];
};

const LIVELY: Weights = [
  [Kind.GET, 280],
  [Kind.ALLOC, 140],
  [Kind.GET_OR_ALLOC, 160],
  [Kind.ADD, 120],
  [Kind.EXCHANGE, 120],
  [Kind.FREE, 175],
  [Kind.FREE_ALL, 5],
];
/** Rarely a walk: with this many keys it is a long one. */
const GROWING: Weights = LIVELY.map(([kind, weight]) => [kind, kind === Kind.FREE_ALL ? 1 : 2 * weight]);
const WALKING: Weights = LIVELY.map(([kind, weight]) => [kind, kind === Kind.FREE_ALL ? 3 * weight : weight]);
const REUSING: Weights = LIVELY.map(([kind, weight]) => [kind, kind === Kind.FREE || kind === Kind.ALLOC ? 3 * weight : weight]);

const SMALL = { maxBytes: 2 ** 23, safepoints: [1, 64], fills: [0, 20], collects: false, deaths: false } as const;

const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  /** A few keys that everybody wants. */
  hot: { ...SMALL, parents: 'mixed', keys: [2, 8], weights: LIVELY },
  /** The same with strings for parents, whose names come and go with their variables. */
  names: { ...SMALL, parents: 'names', keys: [2, 8], weights: LIVELY },
  /** Keys that share a bucket, and more of them than fit into its line; walks meet them all at once. */
  'one bucket': { ...SMALL, parents: 'one bucket', keys: [4, 14], weights: WALKING },
  /** Registrations that end and come back, during the sweep or after it. */
  collection: { ...SMALL, parents: 'mixed', keys: [2, 10], weights: LIVELY, collects: true },
  /** A table that splits one bucket after another, with all workers in the very buckets that are split. */
  growth: { ...SMALL, parents: 'by bucket', keys: [GROWN_BUCKETS, GROWN_BUCKETS], weights: GROWING },
  /** Large variables in a store with hardly any memory: each block is used again as soon as it may be, and often there is none. */
  reuse: { ...SMALL, parents: 'mixed', keys: [3, 12], weights: REUSING, maxBytes: 0, safepoints: [1, 6], fills: [3000, 9000] },
  /** Workers that are killed at any moment: what they were at has happened, or not, and nobody is held up by it. */
  deaths: { ...SMALL, parents: 'mixed', keys: [4, 12], weights: LIVELY, deaths: true },
};

export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];

/** The order in which rounds take them; what matters most comes more often. */
const ROTATION: readonly ProfileName[] = ['hot', 'collection', 'one bucket', 'growth', 'hot', 'names', 'reuse', 'deaths', 'collection'];

const FIRST_ID = 0x71;

/** What a run asks of its rounds. */
export interface RunPlan {
  readonly seed: number;
  /** Undefined: 2 to 8, different in each round. */
  readonly workers: number | undefined;
  readonly fault?: FaultName | undefined;
  /** Only rounds of this profile. */
  readonly profile?: ProfileName | undefined;
}

/** The plan of one round of a run, with about so many operations. */
export function planRound(run: RunPlan, round: number, operations: number): RoundPlan {
  const seed = (run.seed + Math.imul(round + 1, 0x9e3779b1)) >>> 0;
  const random = new Random(seed);
  const between = ([least, most]: readonly [number, number]): number => least + random.below(most - least + 1);
  const workers = run.workers ?? 2 + random.below(7);
  const name = run.profile ?? ROTATION[round % ROTATION.length]!;
  const { keys, safepoints, fills, maxBytes, ...profile } = PROFILES[name];
  let first = 0;
  const groups = (['atomic', 'locked'] as const).map((discipline, i): GroupPlan => {
    const group = { id: FIRST_ID + i, discipline, fill: random.pick(fills), first, keys: between(keys) };
    first += group.keys;
    return group;
  });
  return {
    ...profile,
    name,
    seed,
    workers,
    operations: Math.ceil(operations / workers),
    ballastEvery: name === 'growth' ? Math.max(1, Math.floor(operations / (GROWN_BUCKETS * Layout.LOAD_FACTOR))) : 0,
    groups,
    safepointEvery: between(safepoints),
    maxBytes: maxBytes === 0 ? leastBytes(workers + 1) : maxBytes,
    fault: run.fault,
  };
}

/** Threads that a round's store has room for. */
export const MOST_THREADS = 12;

/** A store that has just a few pages for blocks: with each thread holding on to some, now and then there are none. */
function leastBytes(threads: number): number {
  const fixed =
    Layout.CLASSES_END +
    Layout.TYPE_SLOTS * Layout.TYPE_WORDS +
    MOST_THREADS * (Layout.THREAD_WORDS + Layout.COUNTER_WORDS_PER_THREAD) +
    Layout.FIRST_BUCKETS * Layout.BUCKET_WORDS;
  return (Math.ceil(fixed / Layout.PAGE_WORDS) + 12 + 4 * threads) * Layout.PAGE_BYTES;
}

/** The parents of all keys of a round. Two groups never meet: their types differ. */
export function parentsOf({ seed, groups, parents }: RoundPlan): readonly Parent[] {
  const random = new Random(seed ^ 0x7a9e);
  return groups.flatMap(({ keys }) => {
    if (parents === 'names') return Array.from({ length: keys }, (_, i): Parent => `name ${i}`);
    if (parents === 'one bucket') return inOneBucket(keys, random.below(Layout.FIRST_BUCKETS));
    if (parents === 'by bucket') return byBucket(keys);
    return Array.from({ length: keys }, (_, i): Parent => {
      if (i % 8 === 1) return 2 ** 40 + i;
      if (i % 8 === 2) return i < 64 ? `name ${i}` : 2 ** 51 - i;
      return i === 3 ? null : i;
    });
  });
}

function bucketOf(number: number): number {
  return bucketIndex(hashObject(number, 0), Layout.FIRST_BUCKETS);
}

/** So many numbers that share a bucket of a table of the first size. */
function inOneBucket(keys: number, bucket: number): Parent[] {
  const found: number[] = [];
  for (let number = 0; found.length < keys; number++) if (bucketOf(number) === bucket) found.push(number);
  return found;
}

/** One number for each of the first buckets of a table of the first size, in their order, which is that of the splits. */
function byBucket(keys: number): Parent[] {
  const found = new Map<number, number>();
  for (let number = 0; found.size < keys; number++) {
    const bucket = bucketOf(number);
    if (bucket < keys && !found.has(bucket)) found.set(bucket, number);
  }
  return Array.from({ length: keys }, (_, bucket) => found.get(bucket)!);
}
