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
import { bucketAddress, bucketIndex } from './hash.js';

const KEYS_TO_BLOCKS = 7; // BUCKET_BLOCKS − BUCKET_KEYS
/** Processors other than x86 may satisfy the second load of BUCKET_COUNT before the loads of the chain. */
const LOADS_IN_ORDER = process.arch === 'x64' || process.arch === 'ia32';

/**
 * The block of <object, type slot>, or 0. `identity` holds the upper half of the object and the type slot; `hash` is of the object.
 *
 * Small enough to be inlined: this part looks at the one entry that the hash prefers (hash.ts), where four of five variables stand. All index arithmetic
 * ends in `| 0`, which spares the overflow checks.
 */
export function findBlock(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number): WordAddress {
  const count = words[Layout.BUCKET_COUNT]!;
  const mask = -1 >>> Math.clz32(count);
  let index = hash & mask;
  // Clears the top bit if the index is not below the count: a branch would be mispredicted every other time.
  index ^= ((count - 1 - index) >> 31) & ((mask + 1) >>> 1);
  const line = (buckets + (index << Layout.BUCKET_SHIFT)) | 0;
  const key = (hash & ~Layout.TYPE_SLOT_MASK) | (identity & Layout.TYPE_SLOT_MASK);
  let entry = (line + Layout.BUCKET_KEYS + (((hash >>> 24) * Layout.PREFERENCES) >>> 8)) | 0;
  // One further if the second preference fits: clz32 is 32 for equal words and less for any others.
  entry = (entry + (Math.clz32(words[(entry + 1) | 0]! ^ key) >>> 5)) | 0;
  if (words[entry] === key) {
    const block = words[(entry + KEYS_TO_BLOCKS) | 0]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  }
  return findInLine(words, buckets, low, identity, hash, line, count);
}

/**
 * The whole primary line, compared without a branch per key: a mispredicted one keeps the processor from starting on the next look-up while this one
 * waits for memory. Anything but a hit there, or an empty rest, goes the plain way.
 */
function findInLine(
  words: Int32Array,
  buckets: WordAddress,
  low: number,
  identity: number,
  hash: number,
  line: WordAddress,
  count: number,
): WordAddress {
  const key = (hash & ~Layout.TYPE_SLOT_MASK) | (identity & Layout.TYPE_SLOT_MASK);
  // clz32 is 32 for equal words and less for any others: bit 5 + i is set when key i fits.
  const fits =
    (Math.clz32(words[(line + Layout.BUCKET_KEYS) | 0]! ^ key) & 32) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 1) | 0]! ^ key) & 32) << 1) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 2) | 0]! ^ key) & 32) << 2) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 3) | 0]! ^ key) & 32) << 3) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 4) | 0]! ^ key) & 32) << 4) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 5) | 0]! ^ key) & 32) << 5) |
    ((Math.clz32(words[(line + Layout.BUCKET_KEYS + 6) | 0]! ^ key) & 32) << 6);
  if (fits !== 0) {
    const block = words[(line + Layout.BUCKET_BLOCKS + 26 - Math.clz32(fits)) | 0]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  } else if (words[(line + Layout.BUCKET_NEXT) | 0] === 0 && LOADS_IN_ORDER && words[Layout.BUCKET_COUNT] === count) {
    return 0;
  }
  return findInChain(words, buckets, low, identity, hash, key);
}

/** The same, entry by entry, for chains with overflow lines, keys that fit more than one entry, and splits under way. */
function findInChain(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number, key: number): WordAddress {
  for (;;) {
    const count = words[Layout.BUCKET_COUNT]!;
    let line = bucketAddress(buckets, bucketIndex(hash, count));
    do {
      const end = line + Layout.BUCKET_KEYS + Layout.BUCKET_ENTRIES;
      for (let entry = line + Layout.BUCKET_KEYS; entry < end; entry++) {
        if (words[entry] !== key) continue;
        const block = words[entry + KEYS_TO_BLOCKS]!;
        if (block !== 0 && words[block] === low && words[block + Layout.BLOCK_IDENTITY] === identity) return block;
      }
      line = words[line + Layout.BUCKET_NEXT]!;
    } while (line !== 0);
    if (LOADS_IN_ORDER ? words[Layout.BUCKET_COUNT] === count : Atomics.or(words, Layout.BUCKET_COUNT, 0) === count) return 0;
  }
}
