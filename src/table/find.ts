/**
 * Owns the look-up: the only code that reads the table without a lock. Reads BUCKET_COUNT, keys, block words and identities with plain
 * loads; writes nothing. Imports layout, bucket and hash.
 *
 * Why plain loads are enough: an entry is published by its block word after everything it leads to was written, and the block is read
 * *through* the word just loaded. Whatever mixture of old and new words a look-up meets, a hit is only a block whose own identity says it is
 * the one asked for, and no block is reused before this thread's next safepoint. A miss counts only if no bucket was split meanwhile; inside
 * a chain no entry ever moves.
 *
 * The caller has entered the grace epoch.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import { fittingEntry, fittingKeys } from './bucket.js';
import { bucketIndex } from './hash.js';

/** Processors other than x86 may satisfy the second load of BUCKET_COUNT before the loads of the chain. */
const LOADS_IN_ORDER = process.arch === 'x64' || process.arch === 'ia32';

// Local constants are folded into the compiled code; an imported binding is loaded and checked at every use.
const bucketOf = bucketIndex;
const fitsOf = fittingKeys;
const entryOf = fittingEntry;

/**
 * The block of <object, type slot>, or 0. `identity` holds the upper half of the object and the type slot; `hash` is of the object.
 *
 * Small enough to be inlined: this part looks at the two entries that the hash prefers (hash.ts), where nearly all variables stand. All index arithmetic
 * ends in `| 0`, which spares the overflow checks.
 */
export function findBlock(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number): WordAddress {
  const count = words[Layout.BUCKET_COUNT]!;
  const line = (buckets + (bucketOf(hash, count) << Layout.BUCKET_SHIFT)) | 0;
  const key = (hash & ~Layout.TYPE_SLOT_MASK) | (identity & Layout.TYPE_SLOT_MASK);
  let entry = (line + Layout.BUCKET_KEYS + (((hash >>> 24) * Layout.PREFERENCES) >>> 8)) | 0;
  // One further if the second preference fits: clz32 is 32 for equal words and less for any others.
  entry = (entry + (Math.clz32(words[(entry + 1) | 0]! ^ key) >>> 5)) | 0;
  if (words[entry] === key) {
    const block = words[(entry + Layout.BUCKET_ENTRIES) | 0]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  }
  return findInLine(words, buckets, low, identity, hash, line, count);
}

/** The whole primary line. Anything but a hit there, or an empty rest, goes the plain way. */
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
  const fits = fitsOf(words, line, key);
  if (fits !== 0) {
    const block = words[entryOf(line, fits)]! | 0;
    if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return block;
  } else if (words[(line + Layout.BUCKET_NEXT) | 0] === 0 && LOADS_IN_ORDER && words[Layout.BUCKET_COUNT] === count) {
    return 0;
  }
  return findInChain(words, buckets, low, identity, hash, key);
}

/** The whole chain, again for as long as splits run meanwhile. */
function findInChain(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number, key: number): WordAddress {
  for (;;) {
    const count = words[Layout.BUCKET_COUNT]!;
    const line = (buckets + (bucketOf(hash, count) << Layout.BUCKET_SHIFT)) | 0;
    const block = blockInChain(words, line, low, identity, key);
    if (block !== 0) return block;
    if (LOADS_IN_ORDER ? words[Layout.BUCKET_COUNT] === count : Atomics.or(words, Layout.BUCKET_COUNT, 0) === count) return 0;
  }
}

/** Unlike findEntry() without a lock: the block word is read once and judged by what it leads to. */
function blockInChain(words: Int32Array, bucket: WordAddress, low: number, identity: number, key: number): WordAddress {
  for (let line = bucket; line !== 0; line = words[line + Layout.BUCKET_NEXT]!) {
    for (let entry = line + Layout.BUCKET_KEYS; entry < line + Layout.BUCKET_KEYS + Layout.BUCKET_ENTRIES; entry++) {
      if (words[entry] !== key) continue;
      const block = words[entry + Layout.BUCKET_ENTRIES]!;
      if (block !== 0 && words[block] === low && words[block + Layout.BLOCK_IDENTITY] === identity) return block;
    }
  }
  return 0;
}
