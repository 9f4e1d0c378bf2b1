/**
 * Owns the judgement of entries: whether key, place and block of an entry tell of one and the same variable, and which word has to be wrong if they do not. A
 * variable is named three times: by the identity in its block, by the key beside the entry, and by the bucket it stands in; together the last two are the whole
 * hash of its object. So a single bit that was flipped in any of them is found, and put back. Reads only; imports memory, table, census.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { readName } from '../shadow/names.js';
import type { Variables } from '../shadow/variables.js';
import { bucketAddress, bucketIndex, hashObject, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import type { Census } from './census.js';

const BITS = 32;

/** The hash of the object that a block's identity names. */
function hashOf(low: number, identity: number): number {
  return hashObject(low, identity >>> Layout.TYPE_SLOT_BITS);
}

/** Whether an object of this identity belongs into a bucket, under a key. */
export function fits(low: number, identity: number, key: number, index: number, count: number): boolean {
  const hash = hashOf(low, identity);
  return keyOf(hash, identity & Layout.TYPE_SLOT_MASK) === key && bucketIndex(hash, count) === index;
}

/** Whether the block of an entry is the variable that key and bucket tell of; for any block word. */
export function agrees({ words }: Memory, entry: WordAddress, block: WordAddress, index: number, count: number): boolean {
  if (!(block > 0 && block < words.length - Layout.BLOCK_DATA)) return false;
  return fits(words[block]!, words[block + Layout.BLOCK_IDENTITY]!, words[entry - Layout.BUCKET_ENTRIES]!, index, count);
}

/** The block word that an entry had before one bit of it was flipped; 0 if that explains nothing. `isFree`: whether a block may be this entry's. */
export function unflippedBlock(
  memory: Memory,
  entry: WordAddress,
  index: number,
  count: number,
  isFree: (block: WordAddress) => boolean,
): WordAddress {
  const block = memory.words[entry]!;
  for (let bit = 0; bit < BITS; bit++) {
    const candidate = block ^ (1 << bit);
    if (isFree(candidate) && agrees(memory, entry, candidate, index, count)) return candidate;
  }
  return 0;
}

/** A word, and what it was. */
export interface Former {
  readonly address: WordAddress;
  readonly value: number;
}

/** The word of a block's identity (its first or its second) that had one bit flipped, and what it was; undefined if that explains nothing. */
export function unflippedIdentity({ words }: Memory, entry: WordAddress, index: number, count: number): Former | undefined {
  const block = words[entry]!;
  const key = words[entry - Layout.BUCKET_ENTRIES]!;
  const low = words[block]!;
  const identity = words[block + Layout.BLOCK_IDENTITY]!;
  for (let bit = 0; bit < BITS; bit++) {
    const flip = 1 << bit;
    if (fits(low ^ flip, identity, key, index, count)) return { address: block, value: low ^ flip };
    if (fits(low, identity ^ flip, key, index, count)) return { address: block + Layout.BLOCK_IDENTITY, value: identity ^ flip };
  }
  return undefined;
}

/** The same for the type slot in it, of which any bits may be wrong: the key names another one. */
export function identityByKey({ words }: Memory, entry: WordAddress, index: number, count: number): Former | undefined {
  const block = words[entry]!;
  const key = words[entry - Layout.BUCKET_ENTRIES]!;
  const value = (words[block + Layout.BLOCK_IDENTITY]! & ~Layout.TYPE_SLOT_MASK) | (key & Layout.TYPE_SLOT_MASK);
  return fits(words[block]!, value, key, index, count) ? { address: block + Layout.BLOCK_IDENTITY, value } : undefined;
}

/** Whether a line holds entries of this bucket rather than of others; one without any holds none of others. */
export function belongs(memory: Memory, census: Census, line: WordAddress, index: number, count: number): boolean {
  const { words } = memory;
  let ours = 0;
  let others = 0;
  for (let entry = line + Layout.BUCKET_BLOCKS; entry < line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES; entry++) {
    const block = words[entry]!;
    if (block === 0) continue;
    if (census.classAt(block) > 0 && agrees(memory, entry, block, index, count)) ours++;
    else others++;
  }
  return ours >= others;
}

/** Whether the text of a name record leads to the object that its block names. */
export function leadsHere({ memory, objects }: Variables, block: WordAddress): boolean {
  const text = readName(memory, block);
  const object = objectNumber(memory.words[block]!, memory.words[block + Layout.BLOCK_IDENTITY]!);
  const { names } = objects;
  return text !== undefined && (names.firstHandle(text) === object || (names.collided && names.secondHandle(text) === object));
}

/** All lines of a chain as look-ups follow it: only to the line with the next ordinal. */
export function* linesOf({ words, buckets }: Memory, index: number): Generator<WordAddress, void, undefined> {
  let line = bucketAddress(buckets, index);
  for (let ordinal = 0; ; ordinal++) {
    yield line;
    const next = words[line + Layout.BUCKET_NEXT]!;
    if (!(next > 0 && next <= words.length - Layout.BUCKET_WORDS) || words[next + Layout.LINE_ORDINAL] !== ordinal + 1) return;
    line = next;
  }
}

/** Entries in use of a line. */
export function* entriesOf({ words }: Memory, line: WordAddress): Generator<WordAddress, void, undefined> {
  for (let entry = line + Layout.BUCKET_BLOCKS; entry < line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES; entry++)
    if (words[entry] !== 0) yield entry;
}

/** The object that a block's identity names. */
export function objectHash(object: number): number {
  return hashObject(object | 0, objectHigh(object));
}
