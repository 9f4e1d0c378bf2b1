/**
 * Owns name records inside a locked chain: making one with the first variable of a string, dropping it with the last. Every function here is called by the
 * holder of the bucket lock, with an intent open. Imports memory, table, names.
 */
import { type Blocks, prepareBlock } from '../memory/blocks.js';
import { classOfDataBytes } from '../memory/classes.js';
import { beginChange, endChange } from '../memory/intent.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
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
  // step: name.made
  const counter = counterOf(memory, table.thread, Layout.TYPE_SLOT_NAMES);
  beginChange(table.thread, Layout.CHANGE_INSERT, block, counter);
  publishEntry(words, entry, key, block);
  // step: name.published
  words[counter]!++;
  endChange(table.thread);
  table.note(1);
  return 'made';
}

/**
 * Drops the record of a string when no variable of it is left in its chain; returns its block, 0 if it stays. With `owe` the block is not retired but put on
 * the record of what is being destroyed: a destructor that a death interrupts is called again with the same string.
 */
export function dropUnusedName(
  table: Table,
  blocks: Blocks,
  bucket: WordAddress,
  object: number,
  owe?: (block: WordAddress) => void,
): WordAddress {
  const { words } = table;
  const hash = hashObject(object | 0, objectHigh(object));
  let record = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    const key = entryKey(words, entry);
    const block = entryBlock(words, entry);
    if (!keyHasHash(key, hash)) continue;
    if (objectNumber(words[block + Layout.BLOCK_OBJECT_LOW]!, words[block + Layout.BLOCK_IDENTITY]!) !== object) continue;
    if ((key & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_NAMES) return 0;
    record = entry;
  }
  if (record === 0) return 0;
  const block = entryBlock(words, record);
  const counter = counterOf(table.memory, table.thread, Layout.TYPE_SLOT_NAMES);
  beginChange(table.thread, Layout.CHANGE_REMOVE, block, counter);
  owe?.(block);
  // step: name.drop
  words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
  clearEntry(words, record);
  // step: name.unlinked
  words[counter]!--;
  table.note(-1);
  if (owe === undefined) blocks.retire(block);
  endChange(table.thread);
  return block;
}

/** Where a thread counts the variables of a type slot, and the names. */
export function counterOf(memory: Memory, thread: Thread, slot: TypeSlot): WordAddress {
  return memory.counters + thread.slot * Layout.COUNTER_WORDS_PER_THREAD + slot;
}
