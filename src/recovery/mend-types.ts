/**
 * Owns the repair of the type table: states that contradict what is registered and linked, chains of versions, and the counts. What no other word tells —
 * id, size and version of a slot — stays as it is. Called with every lock held; imports layout, slots, tags, repairs.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { threadState, threadSlotAddress } from '../memory/threads.js';
import { PIECE_BYTES } from '../shadow/records.js';
import { createdCount, newerThan, standingCount, typeAddress, typeHigh, typeState } from '../shadow/slots.js';
import { addedByCounts, addedEntries } from './check-threads.js';
import { agrees, entriesOf, linesOf } from './evidence.js';
import type { Mending } from './repairs.js';

/** The store's own. */
const OWN_SLOTS: readonly TypeSlot[] = [Layout.TYPE_SLOT_NAMES, Layout.TYPE_SLOT_RECORDS];

const ALL_BUT_STATE = 0x7fffffff & ~Layout.TYPE_STATE_MASK;

/** One more than the highest slot ever used for a type of the user's. */
function userHigh(memory: Memory): TypeSlot {
  return Math.min(typeHigh(memory), Layout.TYPE_SLOT_RECORDS);
}

/** By type slot, how many variables stand in it whose place and key agree. */
export function linkedByTable({ memory, words }: Mending, count: number): Float64Array {
  const linked = new Float64Array(Layout.TYPE_SLOTS);
  for (let index = 0; index < count; index++) {
    for (const line of linesOf(memory, index)) {
      for (const entry of entriesOf(memory, line))
        if (agrees(memory, entry, words[entry]!, index, count))
          linked[words[words[entry]! + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK]!++;
    }
  }
  return linked;
}

export function mendTypes(mending: Mending, linked: Readonly<Float64Array>): void {
  const before = mending.kept.length + mending.omitted;
  const { memory, words } = mending;
  for (const slot of OWN_SLOTS) {
    const tag = typeAddress(memory, slot) + Layout.TYPE_TAG;
    mending.set('type', tag, (words[tag]! & ALL_BUT_STATE) | Layout.TYPE_STATE_LIVE, `the tag of type slot ${slot}`);
  }
  mending.set('type', typeAddress(memory, Layout.TYPE_SLOT_RECORDS) + Layout.TYPE_SIZE, PIECE_BYTES, 'the size of pieces of records');
  mendHigh(mending, linked);
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < userHigh(memory); slot++) mendPrevious(mending, slot);
  // Twice: what a slot is depends on that before which it stands.
  for (let round = 0; round < 2; round++)
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < userHigh(memory); slot++) mendState(mending, slot, linked[slot]!);
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < userHigh(memory); slot++) adoptOlder(mending, slot);
  if (mending.kept.length + mending.omitted > before) Atomics.add(words, Layout.TYPE_EPOCH, 1); // every binding looks again
}

/** One more than the highest slot that was ever used: a tag is never zero again. */
function mendHigh(mending: Mending, linked: Readonly<Float64Array>): void {
  const { memory, words } = mending;
  let high = 0;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Layout.TYPE_SLOT_RECORDS; slot++) {
    const address = typeAddress(memory, slot);
    if (words[address + Layout.TYPE_TAG] === 0) continue;
    if (words[address + Layout.TYPE_ID] !== 0 || words[address + Layout.TYPE_SIZE] !== 0 || linked[slot]! > 0) high = slot + 1;
    else mending.set('type', address + Layout.TYPE_TAG, 0, `the tag of type slot ${slot}, which was never used`);
  }
  const dead = typeAddress(memory, Layout.TYPE_SLOT_DEAD) + Layout.TYPE_TAG;
  mending.set('type', dead, 0, 'the tag of the type slot of the dead');
  const before = words[Layout.TYPE_HIGH]!;
  if (before < high || before > Layout.TYPE_SLOT_RECORDS) mending.set('header', Layout.TYPE_HIGH, high, 'the number of type slots used');
}

/** Leads back to a slot of the same id, or to none. */
function mendPrevious(mending: Mending, slot: TypeSlot): void {
  const {
    memory,
    words,
    memory: { uwords },
  } = mending;
  const address = typeAddress(memory, slot);
  const previous = words[address + Layout.TYPE_PREVIOUS]!;
  if (previous === 0) return;
  const fits =
    previous > Layout.TYPE_SLOT_NAMES &&
    previous < userHigh(memory) &&
    previous !== slot &&
    uwords[typeAddress(memory, previous) + Layout.TYPE_ID] === uwords[address + Layout.TYPE_ID] &&
    !isCircle(mending, slot);
  if (!fits || typeState(memory, slot) === Layout.TYPE_STATE_FREE)
    mending.set('type', address + Layout.TYPE_PREVIOUS, 0, `where type slot ${slot} leads back to`);
}

function isCircle({ memory, words }: Mending, slot: TypeSlot): boolean {
  const seen = new Set<TypeSlot>();
  for (let at = slot; at > 0 && at < Layout.TYPE_SLOTS; at = words[typeAddress(memory, at) + Layout.TYPE_PREVIOUS]!) {
    if (seen.has(at)) return true;
    seen.add(at);
  }
  return false;
}

/** What a slot is that holds variables is told by who is registered, and whether it stands behind another. */
function mendState(mending: Mending, slot: TypeSlot, linked: number): void {
  const { memory, words } = mending;
  const address = typeAddress(memory, slot);
  const tag = words[address + Layout.TYPE_TAG]!;
  const state = tag & Layout.TYPE_STATE_MASK;
  const registrations = words[address + Layout.TYPE_REGISTRATIONS]!;
  const alive = registrations > 0 ? Layout.TYPE_STATE_LIVE : Layout.TYPE_STATE_DYING;
  const newer = newerThan(memory, slot);
  let right = state;
  if (newer !== 0 && (state !== Layout.TYPE_STATE_FREE || linked > 0)) {
    // Nobody is changing a version now: what stands behind another is migrated to it, or dies with it.
    right = typeState(memory, newer) === Layout.TYPE_STATE_DYING ? Layout.TYPE_STATE_DYING : Layout.TYPE_STATE_MIGRATING;
  } else if (state > Layout.TYPE_STATE_SUCCESSOR || (state === Layout.TYPE_STATE_FREE && linked > 0)) {
    right = alive;
  } else if ((state === Layout.TYPE_STATE_MIGRATING || state === Layout.TYPE_STATE_DYING) && headOf(memory, slot) === 0) {
    right = alive;
  }
  if (right === Layout.TYPE_STATE_DYING && linked === 0 && state > Layout.TYPE_STATE_SUCCESSOR) right = Layout.TYPE_STATE_FREE;
  mending.set('type', address + Layout.TYPE_TAG, (tag & ALL_BUT_STATE) | right, `the state of type slot ${slot}`);
  if (right === Layout.TYPE_STATE_FREE) return;
  const flags = words[address + Layout.TYPE_FLAGS]!;
  mending.set('type', address + Layout.TYPE_FLAGS, flags & Layout.TYPE_FLAG_DESTRUCTOR, `the flags of type slot ${slot}`);
  if (registrations < 1 && (right === Layout.TYPE_STATE_LIVE || right === Layout.TYPE_STATE_SUCCESSOR))
    mending.set('type', address + Layout.TYPE_REGISTRATIONS, 1, `the registrations of type slot ${slot}`);
}

/** Another slot of the id that is in force. */
function headOf(memory: Memory, slot: TypeSlot): TypeSlot {
  const id = memory.uwords[typeAddress(memory, slot) + Layout.TYPE_ID];
  for (let other = Layout.TYPE_SLOT_NAMES + 1; other < userHigh(memory); other++) {
    const state = typeState(memory, other);
    const inForce = state === Layout.TYPE_STATE_LIVE || state === Layout.TYPE_STATE_SUCCESSOR;
    if (other !== slot && inForce && memory.uwords[typeAddress(memory, other) + Layout.TYPE_ID] === id) return other;
  }
  return 0;
}

/** A slot with an older version that stands behind none comes behind the last of its id. */
function adoptOlder(mending: Mending, slot: TypeSlot): void {
  const { memory, words } = mending;
  if (typeState(memory, slot) !== Layout.TYPE_STATE_MIGRATING || newerThan(memory, slot) !== 0) return;
  let last = headOf(memory, slot);
  if (last === 0) return;
  for (let left = Layout.TYPE_SLOTS as number; left > 0 && words[typeAddress(memory, last) + Layout.TYPE_PREVIOUS] !== 0; left--)
    last = words[typeAddress(memory, last) + Layout.TYPE_PREVIOUS]!;
  mending.set('type', typeAddress(memory, last) + Layout.TYPE_PREVIOUS, slot, `where type slot ${last} leads back to`);
}

/** Every count comes to what was found. Of counts that lie with threads the difference goes to the slot. */
export function mendCounts(mending: Mending, linked: Readonly<Float64Array>, leftOvers: Readonly<Float64Array>): void {
  const { memory, words } = mending;
  dropImpossible(mending);
  for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) {
    const address = typeAddress(memory, slot);
    const isChained = words[address + Layout.TYPE_PREVIOUS] !== 0 || (slot !== Layout.TYPE_SLOT_NAMES && newerThan(memory, slot) !== 0);
    if (isChained) continue;
    const wrong = linked[slot]! - createdCount(memory, slot);
    if (wrong !== 0)
      mending.set(
        'count',
        address + Layout.TYPE_LIVE_BASE,
        words[address + Layout.TYPE_LIVE_BASE]! + wrong,
        `the count of type slot ${slot}`,
      );
  }
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < userHigh(memory); slot++) {
    if (words[typeAddress(memory, slot) + Layout.TYPE_PREVIOUS] !== 0 && newerThan(memory, slot) === 0)
      mendChain(mending, slot, linked, leftOvers);
  }
  mendEntryCount(mending);
}

/** Counts that no store ever comes to would make the others overflow. All of them stand still while every bucket is locked. */
function dropImpossible(mending: Mending): void {
  const { memory, words } = mending;
  const drop = (address: WordAddress, what: string): void => {
    if (Math.abs(words[address]!) >= IMPOSSIBLE) mending.set('count', address, 0, what);
  };
  for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) {
    for (const word of [Layout.TYPE_LIVE_BASE, Layout.TYPE_MIGRATED, Layout.TYPE_HANDED])
      drop(typeAddress(memory, slot) + word, `a count of type slot ${slot}`);
    for (let thread = 0; thread < memory.maxThreads; thread++)
      drop(memory.counters + thread * Layout.COUNTER_WORDS_PER_THREAD + slot, `the count of type slot ${slot} in thread slot ${thread}`);
  }
}

/** No store has room for so many variables. */
const IMPOSSIBLE = 2 ** 30;

/** Variables are counted where they were created; what has left a slot since makes up the difference. */
function mendChain(mending: Mending, head: TypeSlot, linked: Readonly<Float64Array>, leftOvers: Readonly<Float64Array>): void {
  const { memory, words } = mending;
  const chain: TypeSlot[] = [];
  for (let slot = head; slot !== 0 && chain.length < Layout.TYPE_SLOTS; slot = words[typeAddress(memory, slot) + Layout.TYPE_PREVIOUS]!)
    chain.push(slot);
  const sum = (of: (slot: TypeSlot) => number): number => chain.reduce((total, slot) => total + of(slot), 0);
  const wrong = sum((slot) => linked[slot]! - leftOvers[slot]!) - sum((slot) => createdCount(memory, slot));
  const base = typeAddress(memory, head) + Layout.TYPE_LIVE_BASE;
  if (wrong !== 0) mending.set('count', base, words[base]! + wrong, `the count of type slot ${head}`);
  for (const slot of chain) {
    const missing = linked[slot]! - standingCount(memory, slot);
    const migrated = typeAddress(memory, slot) + Layout.TYPE_MIGRATED;
    if (missing > 0) mending.set('count', migrated, words[migrated]! - missing, `the count of what has left type slot ${slot}`);
  }
}

/** The count by which the table grows. A thread at work may add to what it has not counted yet meanwhile, but nobody adds to the count of all. */
function mendEntryCount(mending: Mending): void {
  const { memory } = mending;
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    const added = threadState(memory.words, address) === Layout.THREAD_FREE ? undefined : addedByCounts(memory, slot);
    if (added !== undefined)
      mending.set('count', address + Layout.THREAD_ENTRIES_ADDED, added, `the count of entries that thread slot ${slot} has added`);
  }
  mending.set('count', Layout.ENTRY_COUNT, addedEntries(memory), 'the count of entries');
}
