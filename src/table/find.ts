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
import {
  BLOCK_IDENTITY,
  BLOCK_OBJECT_LOW,
  BUCKET_BLOCKS,
  BUCKET_COUNT,
  BUCKET_ENTRIES,
  BUCKET_KEYS,
  BUCKET_NEXT,
  BUCKET_WORDS,
  TYPE_SLOT_MASK,
  type WordAddress,
} from '../memory/layout.js';

const KEYS_TO_BLOCKS = BUCKET_BLOCKS - BUCKET_KEYS;
/** Processors other than x86 may satisfy the second load of BUCKET_COUNT before the loads of the chain. */
const LOADS_IN_ORDER = process.arch === 'x64' || process.arch === 'ia32';

/** The block of <object, type slot>, or 0. `identity` holds the upper half of the object and the type slot; `hash` is of the object. */
export function findBlock(words: Int32Array, buckets: WordAddress, low: number, identity: number, hash: number): WordAddress {
  const key = (hash & ~TYPE_SLOT_MASK) | (identity & TYPE_SLOT_MASK);
  for (;;) {
    const count = words[BUCKET_COUNT]!;
    const level = 1 << (31 - Math.clz32(count));
    let index = hash & (level + level - 1);
    if (index >= count) index &= level - 1;
    let line = (buckets + index * BUCKET_WORDS) | 0;
    do {
      const end = line + BUCKET_KEYS + BUCKET_ENTRIES;
      for (let entry = line + BUCKET_KEYS; entry < end; entry++) {
        if (words[entry] !== key) continue;
        const block = words[entry + KEYS_TO_BLOCKS]!;
        if (block !== 0 && words[block + BLOCK_OBJECT_LOW] === low && words[block + BLOCK_IDENTITY] === identity) return block;
      }
      line = words[line + BUCKET_NEXT]!;
    } while (line !== 0);
    if (LOADS_IN_ORDER ? words[BUCKET_COUNT] === count : Atomics.or(words, BUCKET_COUNT, 0) === count) return 0;
  }
}
