/**
 * Owns name records inside a locked chain: making one with the first variable of a string, dropping it with the last. Every function here is called by the
 * holder of the bucket lock, with an intent open. Imports memory, table, names.
 */
import { type Blocks, prepareBlock } from '../memory/blocks.js';
import { classOfDataBytes } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { clearEntry, entryBlock, entryKey, findEntry, nextEntry, publishEntry } from '../table/bucket.js';
import { hashObject, identityOf, keyHasHash, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import type { Table } from '../table/table.js';
import { holdsName, nameDataBytes, type NameTable, writeName } from './names.js';

/**
 * Makes sure that the record of a string stands in the chain. 'taken': the place belongs to another string by now. 'unlocked': names have to be created
 * under NAME_LOCK since two of them collided.
 */
export function ensureName(
  table: Table,
  blocks: Blocks,
  names: NameTable,
  bucket: WordAddress,
  object: number,
  name: string,
  nameLocked: boolean,
): 'made' | 'present' | 'taken' | 'unlocked' | 'exhausted' {
  const { words, memory } = table;
  const low = object | 0;
  const high = objectHigh(object);
  const identity = identityOf(high, Layout.TYPE_SLOT_NAMES);
  const key = keyOf(hashObject(low, high), Layout.TYPE_SLOT_NAMES);
  const found = findEntry(words, bucket, key, low, identity);
  if (found !== 0) return holdsName(memory, entryBlock(words, found), name) ? 'present' : 'taken';
  if (!nameLocked && names.collided) return 'unlocked';
  const entry = table.roomIn(bucket, key);
  const block = entry === 0 ? 0 : blocks.take(classOfDataBytes(nameDataBytes(name)));
  if (block === 0) return 'exhausted';
  prepareBlock(words, block, 0);
  writeName(memory, block, name);
  words[block + Layout.BLOCK_OBJECT_LOW] = low;
  words[block + Layout.BLOCK_IDENTITY] = identity;
  publishEntry(words, entry, key, block);
  table.note(1);
  return 'made';
}

/** Drops the record of a string when no variable of it is left in its chain. */
export function dropUnusedName(table: Table, blocks: Blocks, bucket: WordAddress, object: number): void {
  const { words } = table;
  const hash = hashObject(object | 0, objectHigh(object));
  let record = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    const key = entryKey(words, entry);
    const block = entryBlock(words, entry);
    if (!keyHasHash(key, hash)) continue;
    if (objectNumber(words[block + Layout.BLOCK_OBJECT_LOW]!, words[block + Layout.BLOCK_IDENTITY]!) !== object) continue;
    if ((key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) return;
    record = entry;
  }
  if (record === 0) return;
  const block = entryBlock(words, record);
  words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
  clearEntry(words, record);
  table.note(-1);
  blocks.retire(block);
}
