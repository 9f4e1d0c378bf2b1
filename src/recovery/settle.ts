/**
 * Owns the settlement of a repaired slot: everything that the dead thread still has is given back by a living one that acts in its name. It adopts the slot,
 * so that a waiter who meets it sees a living owner, and whatever it does there is done by the ordinary operations, which are recovered like any thread's if it
 * dies as well. Called with no lock held but SETTLE_LOCK. Imports memory, table and shadow.
 */
import { messageOf, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { freeLeavingPages } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { releaseThread, type Thread } from '../memory/threads.js';
import { enter } from '../memory/grace.js';
import { entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import { bucketAddress } from '../table/hash.js';
import type { Bindings } from '../shadow/bindings.js';
import { settleCounters } from '../shadow/counters.js';
import { finishDestruction } from '../shadow/destruction.js';
import { readName } from '../shadow/names.js';
import { handleSequence, handleSlot, isName, isObjectHandle, type ObjectTable, type Parent } from '../shadow/objects.js';
import { typeAddress } from '../shadow/slots.js';
import { Variables } from '../shadow/variables.js';
import { refusePromise } from '../shadow/view.js';
import { freeParent } from '../shadow/walk.js';

/** What the settler is itself, if it is attached. */
export interface Settler {
  readonly variables: Variables;
  readonly bindings: Bindings;
}

export interface Settled {
  destructorsRun: number;
  /** Destructors that are still owed, since this thread may not run them or knows no declaration of their type. */
  destructorsOwed: number;
  /** Variables freed because they belonged to JS objects of the dead thread. */
  variablesFreed: number;
  /** Blocks that were in its lists. */
  blocksReturned: number;
  readonly failures: unknown[];
}

/**
 * Gives back what the thread of an adopted slot had. True if nothing is left and the slot is free; else it waits for somebody who can do more.
 * `settler` is undefined for a thread that has no slot of its own yet: then neither destructors nor variables of objects are dealt with.
 */
export function settleSlot(
  memory: Memory,
  thread: Thread,
  objects: ObjectTable,
  settler: Settler | undefined,
  mayDestroy: boolean,
  settled: Settled,
): boolean {
  const { words } = memory;
  const { address } = thread;
  const variables = new Variables(memory, thread, objects);
  if (settler !== undefined) {
    if (settler.variables.thread.interval === 0) enter(settler.variables.thread);
    if (mayDestroy) destroyOwed(variables, settler, settled);
    if (words[address + Layout.THREAD_HANDLES] !== 0) {
      freeObjects(settler, thread, settled);
      words[address + Layout.THREAD_HANDLES] = 0;
    }
    // step: settle.destroyed
  }
  if (words[address + Layout.THREAD_LEAVING] !== 0) freeLeavingPages(memory, thread);
  settled.blocksReturned += blocksOf(words, address);
  variables.blocks.abandon();
  // step: settle.abandoned
  settleCounters(memory, thread);
  // step: settle.counted
  settled.destructorsOwed = variables.owed.length;
  if (settled.destructorsOwed > 0 || words[address + Layout.THREAD_HANDLES] !== 0) {
    words[address + Layout.THREAD_SETTLED] = 1;
    return false;
  }
  Atomics.add(words, Layout.RECOVERED_THREADS, 1);
  releaseThread(thread);
  return true;
}

/** Calls the destructors that the dead thread owed, once more or for the first time, and retires their blocks. */
function destroyOwed(dead: Variables, settler: Settler, settled: Settled): void {
  const { words } = dead.table;
  const { memory } = dead;
  for (const block of dead.owed) {
    const slot = words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
    if (slot === Layout.TYPE_SLOT_NAMES) continue; // kept for the others
    const binding = settler.bindings.ofSlot(slot, words[typeAddress(memory, slot) + Layout.TYPE_TAG]!);
    if (binding === undefined) continue; // somebody else may know the type
    const own = settler.variables.thread;
    own.destroying++;
    try {
      const returned: unknown = binding.type.dtor?.(parentOf(dead, block), binding.view(block) as never);
      refusePromise(returned, `the destructor of type ${binding.type.id}`);
    } catch (cause) {
      const why = messageOf(cause);
      settled.failures.push(new ShadowError('ERR_SHADOW_DESTRUCTOR', `a destructor of type ${binding.type.id} threw: ${why}`, { cause }));
    } finally {
      own.destroying--;
    }
    settled.destructorsRun++;
    // step: settle.destructor-run
    finishDestruction(dead.thread, dead.blocks, block);
  }
  const left = dead.owed;
  const names = left.filter((block) => (words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK) === Layout.TYPE_SLOT_NAMES);
  if (names.length === left.length) for (const name of names) finishDestruction(dead.thread, dead.blocks, name);
}

/** The parent of a block whose destructor is owed: its string may have lost its record, which was kept then. */
function parentOf(dead: Variables, block: WordAddress): Parent {
  const { words } = dead.table;
  const object = dead.objectOf(block);
  if (!isName(object)) return dead.objects.parent(object);
  const kept = dead.owed.find(
    (one) => (words[one + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK) === Layout.TYPE_SLOT_NAMES && dead.objectOf(one) === object,
  );
  return (kept === undefined ? undefined : readName(dead.memory, kept)) ?? dead.objects.parent(object);
}

/** Frees the variables of the JS objects that the dead thread had: nobody else ever can. */
function freeObjects({ variables, bindings }: Settler, thread: Thread, settled: Settled): void {
  const { table } = variables;
  const { words } = table;
  const first = words[thread.address + Layout.THREAD_FIRST_HANDLE]!;
  for (let index = 0; index < table.bucketCount; index++) {
    const bucket = bucketAddress(table.buckets, index);
    const handles = new Set<number>();
    for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
      const block = entryBlock(words, entry);
      if (block === 0 || (entryKey(words, entry) & Layout.TYPE_SLOT_MASK) === Layout.TYPE_SLOT_NAMES) continue;
      const object = variables.objectOf(block);
      if (isObjectHandle(object) && handleSlot(object) === thread.slot && (handleSequence(object) | 0) - first >= 0) handles.add(object);
    }
    for (const handle of handles) {
      try {
        settled.variablesFreed += freeParent(variables, bindings, handle, handle);
      } catch (error) {
        settled.failures.push(error);
      }
    }
  }
}

function blocksOf(words: Int32Array, address: WordAddress): number {
  let count = 0;
  for (const list of [Layout.THREAD_RETIRED, Layout.THREAD_RETIRED + Layout.RETIRED_OLDER])
    count += words[address + list + Layout.RETIRED_COUNT]!;
  for (let sizeClass = 0; sizeClass < Layout.MAX_CLASSES; sizeClass++)
    count += words[address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS + Layout.CACHE_COUNT]!;
  return count;
}
