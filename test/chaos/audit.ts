/**
 * Owns the look at a store's words that is independent of `store.check()`: which locks are held, which thread slots are taken, and whether every block of
 * every page is accounted for. For a store in which nobody is at work. Reads only.
 */
import { CLASS_BLOCK_WORDS, classAddress } from '../../src/memory/classes.js';
import { Layout } from '../../src/memory/layout.js';
import { osThreadOf, threadSlotAddress } from '../../src/memory/threads.js';
import { createdCount } from '../../src/shadow/slots.js';
import type { ShadowStore } from '../../src/shadow/store.js';
import { bucketAddress } from '../../src/table/hash.js';

const LOCKS = {
  space: Layout.SPACE_LOCK,
  grow: Layout.GROW_LOCK,
  type: Layout.TYPE_LOCK,
  thread: Layout.THREAD_LOCK,
  name: Layout.NAME_LOCK,
};
/** Owner bits of a variable's lock, see memory/lock.ts. */
const VARIABLE_OWNER = 0x3ff;
/** The bits of THREAD_STATE that tell the state. */
const STATE_BITS = 3;

/** Every lock that somebody holds. */
export function heldLocks(store: ShadowStore): string[] {
  const { words, memory } = store.internals;
  const held: string[] = [];
  const look = (name: string, address: number): void => {
    const owner = words[address]! & 0x7fffffff;
    if (owner !== 0) held.push(`the ${name} lock is held by slot ${owner - 1}`);
  };
  for (const [name, address] of Object.entries(LOCKS)) look(name, address);
  for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++)
    look(`class ${sizeClass}`, classAddress(sizeClass) + Layout.CLASS_LOCK);
  for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++) {
    const bucket = bucketAddress(memory.buckets, index);
    look(`bucket ${index}`, bucket + Layout.BUCKET_LOCK);
    for (let line = bucket, lines = 0; line !== 0 && lines < 100; line = words[line + Layout.BUCKET_NEXT]!, lines++) {
      for (let entry = line + Layout.BUCKET_BLOCKS; entry < line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES; entry++) {
        const owner = words[entry] === 0 ? 0 : words[words[entry]! + Layout.BLOCK_LOCK]! & VARIABLE_OWNER;
        if (owner !== 0) held.push(`the lock of the variable at ${words[entry]} is held by slot ${owner - 1}`);
      }
    }
  }
  return held;
}

/** Of a slot whose thread has not said who it is. */
export const ANONYMOUS = -1;

/** Thread slots that are not free, with the thread that took each. */
export function takenSlots(store: ShadowStore): { readonly slot: number; readonly thread: number; readonly epoch: number }[] {
  const { words, memory } = store.internals;
  const taken = [];
  for (let slot = 0; slot < words[Layout.THREAD_HIGH]!; slot++) {
    const address = threadSlotAddress(memory, slot);
    if ((words[address + Layout.THREAD_STATE]! & STATE_BITS) === Layout.THREAD_FREE) continue;
    const anonymous = osThreadOf(words, address) !== 0 && words[address + Layout.THREAD_OS_START_LOW] === 0;
    taken.push({
      slot,
      thread: anonymous ? ANONYMOUS : words[address + Layout.THREAD_NODE_ID]!,
      epoch: words[address + Layout.THREAD_EPOCH]!,
    });
  }
  return taken;
}

/** What is wrong with the store's invariants and with its accounts of memory. */
export function brokenInvariants(store: ShadowStore): string[] {
  const { ok, violations, found } = store.check();
  const broken = violations.map(({ rule, what, address }) => `${rule}: ${what} (at ${address})`);
  if (!ok && broken.length === 0) broken.push('check() is not ok, and does not say why');
  const { memory, words } = store.internals;
  let blocks = 0;
  for (let page = words[Layout.PAGE_FLOOR]!; page < memory.pages; page++) {
    const size = CLASS_BLOCK_WORDS[words[memory.pageTable + page * Layout.PAGE_ENTRY_WORDS + Layout.PAGE_CLASS]! - 1];
    if (size !== undefined) blocks += Math.floor(Layout.PAGE_WORDS / size);
  }
  const accounted =
    found.variables +
    found.names +
    found.leftOvers +
    found.overflowLines +
    found.freeBlocks +
    found.retiredBlocks +
    found.destroying +
    found.uncarvedBlocks +
    createdCount(memory, Layout.TYPE_SLOT_RECORDS); // what a coordinator keeps for its successor
  if (accounted !== blocks) broken.push(`${blocks} blocks are in pages of their classes, ${accounted} are accounted for`);
  return broken;
}
