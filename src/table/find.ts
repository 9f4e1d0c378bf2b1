/**
 * Owns the look-up: the only code that reads the table without a lock. Reads BUCKET_COUNT, keys, block words and identities with plain
 * loads; writes nothing. Imports layout and hash.
 *
 * Why plain loads are enough: an entry is published by its block word after everything it leads to was written, and the block is read
 * *through* the word just loaded. Whatever mixture of old and new words a look-up meets, a hit is only a block whose own identity says it is
 * the one asked for, and no block is reused before this thread's next safepoint. A miss counts only if no bucket was split meanwhile; inside
 * a chain no entry ever moves.
 *
 * The caller has entered the grace epoch.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import { STRONGLY_ORDERED } from '../memory/processor.js';
import { bucketIndex } from './hash.js';

/** Processors other than x86 may satisfy the second load of BUCKET_COUNT before the loads of the chain. */
const LOADS_IN_ORDER = STRONGLY_ORDERED;

// A local constant is folded into the compiled code; an imported binding is loaded and checked at every use.
const bucketOf = bucketIndex;

/**
 * The block of <object, type slot>, or 0 if there is none. `identity` holds the upper half of the object and the type slot; `hash` is of the object.
 *
 * Small enough to be inlined: this part looks at the two entries that the hash prefers (hash.ts), where nearly all variables stand. All index arithmetic
 * ends in `| 0`, which spares the overflow checks: how many look-ups the processor keeps under way while it waits for memory depends on how few instructions one
 * takes.
 */
export function findBlock(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number): WordAddress {
  const line = (buckets + (bucketOf(hash, words[Layout.BUCKET_COUNT]!) << Layout.BUCKET_SHIFT)) | 0;
  const key = (hash & ~Layout.TYPE_SLOT_MASK) | (identity & Layout.TYPE_SLOT_MASK);
  let entry = (line + Layout.BUCKET_KEYS + (((hash >>> 24) * Layout.PREFERENCES) >>> 8)) | 0;
  // One further if the second preference fits: clz32 is 32 for equal words and less for any others.
  entry = (entry + (Math.clz32(words[(entry + 1) | 0]! ^ key) >>> 5)) | 0;
  if (words[entry] === key) {
    const block = words[(entry + Layout.BUCKET_ENTRIES) | 0]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  }
  return findAnywhere(words, buckets, low, identity, hash) | 0;
}

/**
 * The whole chain, again for as long as splits run meanwhile.
 *
 * First the primary line without a branch per key: which one fits is as good as random, and a mispredicted branch keeps the processor from starting on the
 * next look-up while this one waits for memory. Written out here on purpose: it makes this function too large to be inlined into every caller of findBlock,
 * where it would crowd out what matters.
 */
function findAnywhere(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number): WordAddress {
  const countSeen = words[Layout.BUCKET_COUNT]!;
  const primary = (buckets + (bucketOf(hash, countSeen) << Layout.BUCKET_SHIFT)) | 0;
  const key = (hash & ~Layout.TYPE_SLOT_MASK) | (identity & Layout.TYPE_SLOT_MASK);
  // Bit 5 + i is set when key i fits.
  const fits =
    (Math.clz32(words[(primary + Layout.BUCKET_KEYS) | 0]! ^ key) & 32) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 1) | 0]! ^ key) & 32) << 1) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 2) | 0]! ^ key) & 32) << 2) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 3) | 0]! ^ key) & 32) << 3) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 4) | 0]! ^ key) & 32) << 4) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 5) | 0]! ^ key) & 32) << 5) |
    ((Math.clz32(words[(primary + Layout.BUCKET_KEYS + 6) | 0]! ^ key) & 32) << 6);
  if (fits !== 0) {
    const block = words[(primary + Layout.BUCKET_BLOCKS + 26 - Math.clz32(fits)) | 0]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  } else if (words[(primary + Layout.BUCKET_NEXT) | 0] === 0 && LOADS_IN_ORDER && words[Layout.BUCKET_COUNT] === countSeen) {
    return 0;
  }
  for (;;) {
    const count = words[Layout.BUCKET_COUNT]!;
    for (let line = (buckets + (bucketOf(hash, count) << Layout.BUCKET_SHIFT)) | 0, ordinal = 0; ;) {
      const end = (line + Layout.BUCKET_KEYS + Layout.BUCKET_ENTRIES) | 0;
      for (let entry = (line + Layout.BUCKET_KEYS) | 0; entry < end; entry = (entry + 1) | 0) {
        if (words[entry] !== key) continue;
        // Read once, and judged by what it leads to: without the lock it may change.
        const block = words[(entry + Layout.BUCKET_ENTRIES) | 0]! | 0;
        if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
      }
      line = words[(line + Layout.BUCKET_NEXT) | 0]! | 0;
      // A line says which one of its chain it is: no walk goes in circles, whatever the memory holds.
      if (line === 0 || words[line] !== (ordinal = (ordinal + 1) | 0)) break;
    }
    if (LOADS_IN_ORDER ? words[Layout.BUCKET_COUNT] === count : Atomics.or(words, Layout.BUCKET_COUNT, 0) === count) return 0;
  }
}
