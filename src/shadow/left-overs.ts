/**
 * Owns left-overs: a thread that dies between publishing a migrated variable and unlinking what it was made of leaves both in the chain. The newer one
 * counts; the older one is dropped by whoever changes the chain next, without a destructor, since the variable lives on. Every function here is called by
 * the holder of the bucket lock, with an intent open. Imports memory, table, slots.
 */
import { beginChange, endChange } from '../memory/intent.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { clearEntry, type EntryAddress, entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import { isBehind, typeAddress, typeState } from './slots.js';
import type { Variables } from './variables.js';

/** Drops all left-overs of a chain, or those of one object; returns how many. */
export function dropLeftOvers(variables: Variables, bucket: WordAddress, object = -1): number {
  const { words } = variables.table;
  let dropped = 0;
  for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
    if (!isLeftOver(variables, bucket, entry, object)) continue;
    dropMigrated(variables, entry);
    dropped++;
  }
  return dropped;
}

/**
 * Unlinks what was migrated. Counted as gone from its slot only after it is: see standingCount(). Its generation ends after the unlink, not before as when a
 * variable is freed: a left-over is as good as any linked block, and the name of a string stays, since the newer variable has it.
 */
export function dropMigrated(variables: Variables, entry: EntryAddress): void {
  const { memory, table, blocks, thread } = variables;
  const { words } = table;
  const block = entryBlock(words, entry);
  const slot = words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
  beginChange(thread, Layout.CHANGE_DROP, block, 0);
  // step: drop.begun
  clearEntry(words, entry);
  // step: drop.unlinked
  words[block + Layout.BLOCK_GENERATION] = words[block + Layout.BLOCK_GENERATION]! | 1;
  blocks.retire(block);
  endChange(thread);
  // step: drop.retired
  Atomics.add(words, typeAddress(memory, slot) + Layout.TYPE_MIGRATED, 1);
}

/** Whether a later version of the same variable stands in the same chain. */
function isLeftOver(variables: Variables, bucket: WordAddress, entry: EntryAddress, object: number): boolean {
  const { memory, table } = variables;
  const { words } = table;
  const slot = entryKey(words, entry) & Layout.TYPE_SLOT_MASK;
  const state = typeState(memory, slot);
  if (state !== Layout.TYPE_STATE_MIGRATING && state !== Layout.TYPE_STATE_DYING) return false;
  const mine = variables.objectOf(entryBlock(words, entry));
  if (object >= 0 && mine !== object) return false;
  for (let other = nextEntry(words, bucket, 0); other !== 0; other = nextEntry(words, bucket, other)) {
    const newer = entryKey(words, other) & Layout.TYPE_SLOT_MASK;
    if (newer !== slot && variables.objectOf(entryBlock(words, other)) === mine && isBehind(memory, slot, newer)) return true;
  }
  return false;
}
