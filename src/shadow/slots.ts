/**
 * Owns what can be read from the type table: which slot of an id is in force, and which slots hold its variables of older versions. Reads type slots,
 * writes none, takes no lock. Imports layout and reservation.
 *
 * An id has one slot per version that is in use. A change of version makes a successor for the new one, leading back to the old one by TYPE_PREVIOUS,
 * and raises the tag of the old one to MIGRATING: with that one word the successor is in force. So at every instant a living id has exactly one slot in
 * force, and behind it a chain of slots whose variables are not migrated yet. Variables only ever move towards the slot in force; whoever looks from
 * the oldest slot to the newest misses none that stays.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';

/** A slot with variables of a version that is no longer in force, as a binding remembers it. */
export interface OlderSlot {
  readonly slot: TypeSlot;
  readonly tag: number;
  readonly tagAddress: WordAddress;
  readonly version: number;
  /** Bytes of data. */
  readonly size: number;
}

/**
 * Looks at the type table before an id that has an older version, and nothing in force, counts as one that has not: a change of version makes one look in
 * vain, a damaged tag makes all of them.
 */
const LOOKS = 100;

/** Of nearly every type. */
export const NO_OLDER: readonly OlderSlot[] = [];

export function typeAddress(memory: Memory, slot: TypeSlot): WordAddress {
  return memory.types + slot * Layout.TYPE_WORDS;
}

/** One more than the highest type slot ever used; never more than there are, whatever the word says. */
export function typeHigh({ words }: Memory): TypeSlot {
  return Math.min(Atomics.load(words, Layout.TYPE_HIGH), Layout.TYPE_SLOTS);
}

/** One more than the highest thread slot ever used; never more than there are, whatever the word says. */
export function threadHigh({ words, maxThreads }: Memory): number {
  return Math.min(Atomics.load(words, Layout.THREAD_HIGH), maxThreads);
}

/** The slot that a slot leads back to, 0 if there is none or the word names no slot. */
function previousOf(memory: Memory, slot: TypeSlot): TypeSlot {
  const previous = memory.words[typeAddress(memory, slot) + Layout.TYPE_PREVIOUS]!;
  return previous > Layout.TYPE_SLOT_NAMES && previous < Layout.TYPE_SLOT_DEAD ? previous : 0;
}

export function typeState(memory: Memory, slot: TypeSlot): number {
  return memory.words[typeAddress(memory, slot) + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK;
}

/** The slot of an id that is in force, or TYPE_SLOT_DEAD. A walk over the slots in use: bindings make it rare. */
export function findTypeSlot(memory: Memory, id: number): TypeSlot {
  const { words, uwords } = memory;
  for (let attempt = 0; attempt < LOOKS; attempt++) {
    let changed = false;
    const high = typeHigh(memory);
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < high; slot++) {
      const address = typeAddress(memory, slot);
      const state = Atomics.load(words, address + Layout.TYPE_TAG) & Layout.TYPE_STATE_MASK;
      if (state === Layout.TYPE_STATE_FREE || state === Layout.TYPE_STATE_DYING || uwords[address + Layout.TYPE_ID] !== id) continue;
      if (state === Layout.TYPE_STATE_LIVE || (state === Layout.TYPE_STATE_SUCCESSOR && !isWaiting(memory, slot))) return slot;
      if (state === Layout.TYPE_STATE_MIGRATING) changed = true;
    }
    // Another slot came into force behind our back, at a place that was passed already.
    if (!changed) break;
  }
  return Layout.TYPE_SLOT_DEAD;
}

/** Whether a slot is a successor that is not in force yet. */
export function isWaiting(memory: Memory, slot: TypeSlot): boolean {
  if (typeState(memory, slot) !== Layout.TYPE_STATE_SUCCESSOR) return false;
  const previous = previousOf(memory, slot);
  const state = previous === 0 ? Layout.TYPE_STATE_FREE : typeState(memory, previous);
  return state === Layout.TYPE_STATE_LIVE || state === Layout.TYPE_STATE_SUCCESSOR;
}

/** Whether a slot stands for its id: in force, or the one that was in force when the id died. */
export function isHead(memory: Memory, slot: TypeSlot): boolean {
  const state = typeState(memory, slot);
  if (state === Layout.TYPE_STATE_SUCCESSOR) return !isWaiting(memory, slot);
  return state === Layout.TYPE_STATE_LIVE || (state === Layout.TYPE_STATE_DYING && newerThan(memory, slot) === 0);
}

/** The slots behind a slot, oldest first. In a thread that has entered the grace epoch or holds TYPE_LOCK: no slot is given to another id meanwhile. */
export function olderSlots(memory: Memory, slot: TypeSlot, state: number = Layout.TYPE_STATE_MIGRATING): readonly OlderSlot[] {
  const { words, uwords } = memory;
  let older: OlderSlot[] | undefined;
  let left: number = Layout.TYPE_SLOTS; // a damaged chain may run in a circle
  for (let at = previousOf(memory, slot); at !== 0 && left > 0; at = previousOf(memory, at), left--) {
    const address = typeAddress(memory, at);
    const tag = Atomics.load(words, address + Layout.TYPE_TAG);
    if ((tag & Layout.TYPE_STATE_MASK) !== state) continue; // collected, or freed a moment ago
    (older ??= []).unshift({
      slot: at,
      tag,
      tagAddress: address + Layout.TYPE_TAG,
      version: uwords[address + Layout.TYPE_VERSION]!,
      size: words[address + Layout.TYPE_SIZE]!,
    });
  }
  return older ?? NO_OLDER;
}

/** Whether slot `older` stands behind slot `newer`. */
export function isBehind(memory: Memory, older: TypeSlot, newer: TypeSlot): boolean {
  let left: number = Layout.TYPE_SLOTS;
  for (let at = newer; at !== 0 && left > 0; at = previousOf(memory, at), left--) if (at === older) return at !== newer;
  return false;
}

/** The slot that a slot stands right behind, 0 if there is none. */
export function newerThan(memory: Memory, slot: TypeSlot): TypeSlot {
  const { words } = memory;
  const high = typeHigh(memory);
  for (let newer = Layout.TYPE_SLOT_NAMES + 1; newer < high; newer++) {
    if (words[typeAddress(memory, newer) + Layout.TYPE_PREVIOUS] === slot && typeState(memory, newer) !== Layout.TYPE_STATE_FREE)
      return newer;
  }
  return 0;
}

/**
 * Variables created in a slot minus those freed from it: those that were migrated from here count, those that were migrated to here do not. Modulo 2^32: where one
 * thread creates and another frees, the count of each goes on for ever, and only the sum stays within what there is room for.
 */
export function createdCount(memory: Memory, slot: TypeSlot): number {
  const { words } = memory;
  let count = words[typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE]!;
  const high = threadHigh(memory);
  for (let thread = 0; thread < high; thread++) count += words[memory.counters + thread * Layout.COUNTER_WORDS_PER_THREAD + slot]!;
  return count | 0;
}

/** `createdCount()` of every slot. Thread by thread, as the counters lie in memory: with many threads and types that is several times as fast. */
export function createdCounts(memory: Memory): Int32Array {
  const { words, counters } = memory;
  const slots = typeHigh(memory);
  const counts = Int32Array.from({ length: slots }, (_, slot) => words[typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE]!);
  const high = threadHigh(memory);
  for (let thread = 0; thread < high; thread++) {
    const first = counters + thread * Layout.COUNTER_WORDS_PER_THREAD;
    for (let slot = 0; slot < slots; slot++) counts[slot]! += words[first + slot]!;
  }
  return counts;
}

/** Variables that stand in a slot. After a death in the middle of a migration it may be too high, never too low. */
export function standingCount(memory: Memory, slot: TypeSlot): number {
  const address = typeAddress(memory, slot);
  return (createdCount(memory, slot) - memory.words[address + Layout.TYPE_MIGRATED]! - memory.words[address + Layout.TYPE_HANDED]!) | 0;
}
