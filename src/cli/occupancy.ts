/** Owns how full a snapshot is: its bytes by use, and how long the chains of its buckets are. Reads the memory plainly; imports memory, table, and the store. */
import { Layout } from '../memory/layout.js';
import type { StoreStats } from '../shadow/stats.js';
import type { ShadowStore } from '../shadow/store.js';
import { lineAfter, nextEntry } from '../table/bucket.js';
import { bucketAddress } from '../table/hash.js';

export interface Occupancy {
  readonly buckets: number;
  /** Variables and names that stand in the buckets. */
  readonly entries: number;
  readonly pages: StoreStats['pages'];
  readonly bytes: StoreStats['bytes'];
  /** How many buckets have how many lines, and how many have how many entries; by rising number. */
  readonly chains: {
    readonly lines: readonly { readonly lines: number; readonly buckets: number }[];
    readonly entries: readonly { readonly entries: number; readonly buckets: number }[];
  };
}

/** `stats`: of this store, as it is now. */
export function occupancyOf(store: ShadowStore, { pages, bytes, growth }: StoreStats): Occupancy {
  const { words, buckets } = store.internals.memory;
  const byLines = new Map<number, number>();
  const byEntries = new Map<number, number>();
  let entries = 0;
  for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++) {
    const bucket = bucketAddress(buckets, index);
    let lines = 0;
    for (let line = bucket; line !== 0; line = lineAfter(words, line, lines - 1)) lines++;
    let inChain = 0;
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) inChain++;
    byLines.set(lines, (byLines.get(lines) ?? 0) + 1);
    byEntries.set(inChain, (byEntries.get(inChain) ?? 0) + 1);
    entries += inChain;
  }
  return {
    buckets: growth.buckets,
    entries,
    pages,
    bytes,
    chains: {
      lines: rising(byLines).map(([lines, count]) => ({ lines, buckets: count })),
      entries: rising(byEntries).map(([inChain, count]) => ({ entries: inChain, buckets: count })),
    },
  };
}

function rising(counts: ReadonlyMap<number, number>): (readonly [number, number])[] {
  return [...counts].sort(([a], [b]) => a - b);
}
