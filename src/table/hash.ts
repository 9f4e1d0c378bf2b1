/**
 * Owns the hash of an object number and the arithmetic of linear hashing. Pure functions; imports layout only.
 *
 * The hash is over the object alone, so that all variables of a parent, and its name if it is a string, stand in one chain under one lock.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';

const TWO_32 = 2 ** 32;

/** Bits 32–52 of an object number. */
export function objectHigh(object: number): number {
  return (object / TWO_32) | 0;
}

/** The number again, from its two halves. */
export function objectNumber(low: number, identity: number): number {
  return (identity >>> Layout.TYPE_SLOT_BITS) * TWO_32 + (low >>> 0);
}

/** Word 1 of a block: upper half of the object, and the type slot. */
export function identityOf(high: number, slot: TypeSlot): number {
  return (high << Layout.TYPE_SLOT_BITS) | slot;
}

/**
 * 32 bits from 53: two rounds of multiply and xorshift, a bijection of the low word, so numbers that differ in their low half alone never share a whole
 * hash. With one round, numbers at some regular distances gather in long chains.
 */
export function hashObject(low: number, high: number): number {
  let h = low ^ Math.imul(high, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}

/** What a bucket holds of an entry: the hash bits that its index does not imply, and the type slot. */
export function keyOf(hash: number, slot: TypeSlot): number {
  return (hash & ~Layout.TYPE_SLOT_MASK) | slot;
}

/**
 * The first of the two neighbouring entries of a line, 0…5, of which a variable takes the first free one: bits 24–31 of the hash, which key and hash
 * share.
 */
export function preferredEntry(key: number): number {
  return ((key >>> 24) * Layout.PREFERENCES) >>> 8;
}

/** Whether a key in a bucket belongs to an object of this hash, whatever its type. */
export function keyHasHash(key: number, hash: number): boolean {
  return ((key ^ hash) & ~Layout.TYPE_SLOT_MASK) === 0;
}

/** Largest power of two not above the number of buckets. */
export function splitLevel(bucketCount: number): number {
  return 1 << (31 - Math.clz32(bucketCount));
}

/** Index of the bucket of a hash among so many buckets. Without a branch: it would be mispredicted every other time. */
export function bucketIndex(hash: number, bucketCount: number): number {
  const mask = -1 >>> Math.clz32(bucketCount);
  const index = hash & mask;
  // Clears the top bit if the index is not below the count.
  return index ^ (((bucketCount - 1 - index) >> 31) & ((mask + 1) >>> 1));
}

export function bucketAddress(buckets: WordAddress, index: number): WordAddress {
  return (buckets + (index << Layout.BUCKET_SHIFT)) | 0;
}
