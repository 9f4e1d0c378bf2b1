/**
 * Owns the proof of what must hold of the type table: one slot of an id is in force, those of older versions stand behind it, and their counts come to what
 * was found. Reads type slots and counters while TYPE_LOCK and all bucket locks are held. Imports layout, slots.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { createdCount, isHead, newerThan, standingCount, typeAddress, typeState } from './slots.js';

type Report = (rule: 'count' | 'type', address: WordAddress, what: string) => void;
type Counts = ReadonlyMap<TypeSlot, number>;

/** `found` counts the linked blocks of each slot, `leftOvers` those of them whose variable stands in a later slot, too. */
export function checkTypes(memory: Memory, found: Counts, leftOvers: Counts, report: Report): void {
  const { words, uwords } = memory;
  const inForce = new Map<number, TypeSlot>();
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < words[Layout.TYPE_HIGH]!; slot++) {
    const address = typeAddress(memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    if (words[address + Layout.TYPE_SIZE]! < 0) report('count', address, `type ${id} has a negative size`);
    const state = typeState(memory, slot);
    if (state === Layout.TYPE_STATE_MIGRATING && newerThan(memory, slot) === 0)
      report('type', address, `type ${id}: slot ${slot} has an older version, but stands behind no other`);
    const head = isHead(memory, slot);
    if (state === Layout.TYPE_STATE_SUCCESSOR && !head && (found.get(slot) ?? 0) > 0)
      report('type', address, `type ${id}: slot ${slot} has variables, but is not in force yet`);
    if (state !== Layout.TYPE_STATE_FREE && !head) continue;
    const slots = state === Layout.TYPE_STATE_FREE ? [slot] : chainOf(memory, slot, report);
    if (state === Layout.TYPE_STATE_LIVE || state === Layout.TYPE_STATE_SUCCESSOR) {
      if (inForce.has(id)) report('type', address, `type ${id}: slots ${inForce.get(id)} and ${slot} are both in force`);
      inForce.set(id, slot);
    }
    const counted = sum(slots, (one) => createdCount(memory, one));
    const linked = sum(slots, (one) => (found.get(one) ?? 0) - (leftOvers.get(one) ?? 0));
    if (linked !== counted) report('count', address, `type ${id} counts ${counted} variables, ${linked} are linked`);
    // Of one slot alone the count may be too high after a death.
    for (const one of slots) {
      const standing = standingCount(memory, one);
      if (slots.length > 1 && (found.get(one) ?? 0) > standing)
        report('count', typeAddress(memory, one), `type ${id}: slot ${one} counts ${standing} variables, ${found.get(one)} are linked`);
    }
  }
}

/** A slot and those behind it, which must be of the same id and in the state of slots behind. */
function chainOf(memory: Memory, head: TypeSlot, report: Report): TypeSlot[] {
  const { words, uwords } = memory;
  const idAt = (slot: TypeSlot): number => uwords[typeAddress(memory, slot) + Layout.TYPE_ID]!;
  const expected = typeState(memory, head) === Layout.TYPE_STATE_DYING ? Layout.TYPE_STATE_DYING : Layout.TYPE_STATE_MIGRATING;
  const chain = [head];
  for (let slot = words[typeAddress(memory, head) + Layout.TYPE_PREVIOUS]!; slot !== 0;) {
    const address = typeAddress(memory, slot);
    const broken = slot < 0 || slot >= Layout.TYPE_SLOT_DEAD || chain.includes(slot);
    if (broken || idAt(slot) !== idAt(head) || typeState(memory, slot) !== expected) {
      report(
        'type',
        typeAddress(memory, head),
        `type ${idAt(head)}: slot ${head} leads back to slot ${slot}, which is no older version of it`,
      );
      break;
    }
    chain.push(slot);
    slot = words[address + Layout.TYPE_PREVIOUS]!;
  }
  return chain;
}

function sum(slots: readonly TypeSlot[], of: (slot: TypeSlot) => number): number {
  return slots.reduce((total, slot) => total + of(slot), 0);
}
