/**
 * Owns the proof of what must hold of the type table: one slot of an id is in force, those of older versions stand behind it, and their counts come to what
 * was found. Reads type slots and counters while TYPE_LOCK and all bucket locks are held. Imports layout, classes, slots, violations.
 */
import { MAX_DATA_BYTES } from '../memory/classes.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { createdCount, isHead, newerThan, standingCount, typeAddress, typeHigh, typeState } from '../shadow/slots.js';
import type { Findings } from './violations.js';

/** The store's own slots, and what stands there. */
const OWN_SLOTS: readonly (readonly [TypeSlot, string])[] = [
  [Layout.TYPE_SLOT_NAMES, 'names'],
  [Layout.TYPE_SLOT_RECORDS, 'pieces of records'],
];

/** By type slot. */
type Counts = Readonly<Float64Array>;

/** `found` counts the linked blocks of each slot, `leftOvers` those of them whose variable stands in a later slot, too. */
export function checkTypes(memory: Memory, found: Counts, leftOvers: Counts, findings: Findings): void {
  const { uwords } = memory;
  const high = typeHigh(memory);
  const inForce = new Map<number, TypeSlot>();
  for (const [slot, what] of OWN_SLOTS) {
    const address = typeAddress(memory, slot);
    if (typeState(memory, slot) !== Layout.TYPE_STATE_LIVE) findings.add('type', address, () => `the type slot of ${what} is not in use`);
    const counted = createdCount(memory, slot);
    if (counted !== found[slot]) findings.add('count', address, () => `${counted} ${what} are counted, ${found[slot]} are linked`);
  }
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < high; slot++) {
    const address = typeAddress(memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    const state = typeState(memory, slot);
    checkWords(memory, slot, findings);
    if (state === Layout.TYPE_STATE_MIGRATING && newerThan(memory, slot) === 0)
      findings.add('type', address, () => `type ${id}: slot ${slot} has an older version, but stands behind no other`);
    const head = isHead(memory, slot);
    const registrations = memory.words[address + Layout.TYPE_REGISTRATIONS]!;
    if (head && state === Layout.TYPE_STATE_DYING && registrations > 0)
      findings.add('type', address, () => `type ${id}: slot ${slot} is being collected with ${registrations} registrations`);
    if (state === Layout.TYPE_STATE_SUCCESSOR && !head && found[slot]! > 0)
      findings.add('type', address, () => `type ${id}: slot ${slot} has variables, but is not in force yet`);
    if (state !== Layout.TYPE_STATE_FREE && !head) continue;
    const slots = state === Layout.TYPE_STATE_FREE ? [slot] : chainOf(memory, slot, findings);
    if (state === Layout.TYPE_STATE_LIVE || state === Layout.TYPE_STATE_SUCCESSOR) {
      const other = inForce.get(id);
      if (other !== undefined) findings.add('type', address, () => `type ${id}: slots ${other} and ${slot} are both in force`);
      inForce.set(id, slot);
    }
    checkCounts(memory, slots, found, leftOvers, findings);
  }
  checkUnused(memory, high, found, findings);
}

function checkWords({ types, words, uwords }: Memory, slot: TypeSlot, findings: Findings): void {
  const address = types + slot * Layout.TYPE_WORDS;
  const tag = words[address + Layout.TYPE_TAG]!;
  const state = tag & Layout.TYPE_STATE_MASK;
  const id = uwords[address + Layout.TYPE_ID];
  if (state > Layout.TYPE_STATE_SUCCESSOR || tag < 0)
    findings.add('type', address, () => `type ${id}: slot ${slot} is in state ${state}, tag ${tag}`);
  if (state === Layout.TYPE_STATE_FREE) return;
  const size = words[address + Layout.TYPE_SIZE]!;
  if (size < 1 || size > MAX_DATA_BYTES) findings.add('type', address, () => `type ${id}: slot ${slot} has variables of ${size} bytes`);
  if (words[address + Layout.TYPE_VERSION] === 0) findings.add('type', address, () => `type ${id}: slot ${slot} has version 0`);
  const flags = words[address + Layout.TYPE_FLAGS]!;
  if ((flags & ~Layout.TYPE_FLAG_DESTRUCTOR) !== 0) findings.add('type', address, () => `type ${id}: slot ${slot} has flags ${flags}`);
  const registrations = words[address + Layout.TYPE_REGISTRATIONS]!;
  const alive = state === Layout.TYPE_STATE_LIVE || state === Layout.TYPE_STATE_SUCCESSOR;
  if (alive && registrations < 1)
    findings.add('type', address, () => `type ${id}: slot ${slot} is in force with ${registrations} registrations`);
}

/** A slot and those behind it, which must be of the same id and in the state of slots behind. */
function chainOf(memory: Memory, head: TypeSlot, findings: Findings): TypeSlot[] {
  const { words, uwords } = memory;
  const idAt = (slot: TypeSlot): number => uwords[typeAddress(memory, slot) + Layout.TYPE_ID]!;
  const expected = typeState(memory, head) === Layout.TYPE_STATE_DYING ? Layout.TYPE_STATE_DYING : Layout.TYPE_STATE_MIGRATING;
  const chain = [head];
  for (let slot = words[typeAddress(memory, head) + Layout.TYPE_PREVIOUS]!; slot !== 0;) {
    const broken = slot < 0 || slot >= Layout.TYPE_SLOT_DEAD || chain.includes(slot);
    if (broken || idAt(slot) !== idAt(head) || typeState(memory, slot) !== expected) {
      findings.add(
        'type',
        typeAddress(memory, head),
        () => `type ${idAt(head)}: slot ${head} leads back to slot ${slot}, which is no older version of it`,
      );
      break;
    }
    chain.push(slot);
    slot = words[typeAddress(memory, slot) + Layout.TYPE_PREVIOUS]!;
  }
  return chain;
}

function checkCounts(memory: Memory, slots: readonly TypeSlot[], found: Counts, leftOvers: Counts, findings: Findings): void {
  const head = typeAddress(memory, slots[0]!);
  const id = memory.uwords[head + Layout.TYPE_ID];
  const counted = sum(slots, (one) => createdCount(memory, one));
  const linked = sum(slots, (one) => found[one]! - leftOvers[one]!);
  if (linked !== counted) findings.add('count', head, () => `type ${id} counts ${counted} variables, ${linked} are linked`);
  // Of one slot alone the count may be too high after a death.
  for (const one of slots) {
    const standing = standingCount(memory, one);
    if (slots.length > 1 && found[one]! > standing)
      findings.add(
        'count',
        typeAddress(memory, one),
        () => `type ${id}: slot ${one} counts ${standing} variables, ${found[one]} are linked`,
      );
  }
}

/** Slots that were never used are empty. */
function checkUnused(memory: Memory, high: TypeSlot, found: Counts, findings: Findings): void {
  for (let slot = Math.max(high, Layout.TYPE_SLOT_NAMES + 1); slot < Layout.TYPE_SLOTS; slot++) {
    const address = typeAddress(memory, slot);
    const tag = memory.words[address + Layout.TYPE_TAG]!;
    if (slot === Layout.TYPE_SLOT_RECORDS) continue;
    if (tag !== 0) findings.add('type', address, () => `type slot ${slot} lies behind the end of those in use and has tag ${tag}`);
    const counted = createdCount(memory, slot);
    if (counted !== 0 || found[slot]! > 0)
      findings.add('count', address, () => `type slot ${slot} was never used and counts ${counted} variables, ${found[slot]} are linked`);
  }
}

function sum(slots: readonly TypeSlot[], of: (slot: TypeSlot) => number): number {
  return slots.reduce((total, slot) => total + of(slot), 0);
}
