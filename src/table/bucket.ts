/**
 * Owns what happens inside one locked chain: finding, adding and clearing entries, adding overflow lines. Every function here is called by
 * the holder of the primary line's BUCKET_LOCK. Imports layout and hash.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import { STRONGLY_ORDERED } from '../memory/processor.js';
import { preferredEntry } from './hash.js';

/** An entry is named by the address of its block word. */
export type EntryAddress = WordAddress;

const BLOCKS_TO_KEYS = Layout.BUCKET_KEYS - Layout.BUCKET_BLOCKS;

export function entryKey(words: Int32Array, entry: EntryAddress): number {
  return words[entry + BLOCKS_TO_KEYS]!;
}

export function entryBlock(words: Int32Array, entry: EntryAddress): WordAddress {
  return words[entry]!;
}

/** The overflow line behind the line of an ordinal (0 for the primary line), or 0. A link that leads to no such line is none: see LINE_ORDINAL. */
export function lineAfter(words: Int32Array, line: WordAddress, ordinal: number): WordAddress {
  const next = words[(line + Layout.BUCKET_NEXT) | 0]! | 0;
  return next !== 0 && words[next + Layout.LINE_ORDINAL] === ordinal + 1 ? next : 0;
}

/** The entry of exactly this variable, or 0. */
export function findEntry(words: Int32Array, bucket: WordAddress, key: number, low: number, identity: number): EntryAddress {
  for (let line = bucket, ordinal = 0; line !== 0; line = lineAfter(words, line, ordinal++)) {
    const end = (line + Layout.BUCKET_KEYS + Layout.BUCKET_ENTRIES) | 0;
    for (let at = (line + Layout.BUCKET_KEYS) | 0; at < end; at = (at + 1) | 0) {
      if (words[at] !== key) continue;
      const block = words[(at + Layout.BUCKET_ENTRIES) | 0]! | 0;
      if (block !== 0 && words[block] === low && words[(block + Layout.BLOCK_IDENTITY) | 0] === identity) return at + Layout.BUCKET_ENTRIES;
    }
  }
  return 0;
}

/** The first entry in use after `previous` (0 = from the start), or 0. Every line is aligned to its size. */
export function nextEntry(words: Int32Array, bucket: WordAddress, previous: EntryAddress): EntryAddress {
  let line = previous === 0 ? bucket : previous & -Layout.BUCKET_WORDS;
  let ordinal = line === bucket ? 0 : words[line + Layout.LINE_ORDINAL]!;
  let entry = previous === 0 ? line + Layout.BUCKET_BLOCKS : previous + 1;
  for (;;) {
    for (; entry < line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES; entry++) if (words[entry] !== 0) return entry;
    line = lineAfter(words, line, ordinal++);
    if (line === 0) return 0;
    entry = line + Layout.BUCKET_BLOCKS;
  }
}

/** An unused entry of the chain for this key, the preferred one of a line if it is free; 0 if every line is full. */
export function unusedEntry(words: Int32Array, bucket: WordAddress, key: number): EntryAddress {
  for (let line = bucket, ordinal = 0; line !== 0; line = lineAfter(words, line, ordinal++)) {
    const first = line + Layout.BUCKET_BLOCKS;
    const preferred = first + preferredEntry(key);
    if (words[preferred] === 0) return preferred;
    if (words[preferred + 1] === 0) return preferred + 1;
    for (let entry = first; entry < first + Layout.BUCKET_ENTRIES; entry++) if (words[entry] === 0) return entry;
  }
  return 0;
}

/** Empties a fresh line and links it at the end of the chain. The line is empty before it can be seen. */
export function appendLine(words: Int32Array, bucket: WordAddress, line: WordAddress): EntryAddress {
  words.fill(0, line, line + Layout.BUCKET_WORDS);
  let last = bucket;
  let ordinal = 0;
  for (let next = lineAfter(words, last, ordinal); next !== 0; next = lineAfter(words, last, ordinal)) {
    last = next;
    ordinal++;
  }
  words[line + Layout.LINE_ORDINAL] = ordinal + 1;
  // step: bucket.line-empty
  Atomics.store(words, last + Layout.BUCKET_NEXT, line);
  return line + Layout.BUCKET_BLOCKS;
}

/** Processors whose stores are seen in the order they were made: there a plain store publishes, and costs 8 ns less. */
const STORES_IN_ORDER = STRONGLY_ORDERED;

/** Publishes a finished block: the key first, then the one word that makes it visible. */
export function publishEntry(words: Int32Array, entry: EntryAddress, key: number, block: WordAddress): void {
  words[entry + BLOCKS_TO_KEYS] = key;
  // step: entry.publish
  if (STORES_IN_ORDER) words[entry] = block;
  else Atomics.store(words, entry, block);
}

/** Unlinks: from here on no look-up that starts finds the block. The key stays and is dead. */
export function clearEntry(words: Int32Array, entry: EntryAddress): void {
  // step: entry.clear
  Atomics.store(words, entry, 0);
}
