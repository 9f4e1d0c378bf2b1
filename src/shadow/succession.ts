/**
 * Owns what a new coordinator does to the type table of a dead one: what keeps an id alive is counted anew, and what was being collected is collected to its end.
 * The dead thread may have stopped at any instruction; what it meant is told by its record, how far it had come by the table. Every step here can be taken again
 * by the next successor. Writes type slots under TYPE_LOCK. Imports memory, bindings, release-slots, slots, sweep.
 */
import { Layout, type TypeSlot } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Bindings } from './bindings.js';
import { releaseVacated } from './release-slots.js';
import { isHead, olderSlots, typeAddress, typeState } from './slots.js';
import { Collection } from './sweep.js';
import { nextTag } from './tags.js';
import type { AnyShadowType } from './type.js';
import type { Variables } from './variables.js';
import type { Target } from './walk.js';

/** An id whose variables are to be destroyed. */
export interface Inherited {
  readonly id: number;
  /** The slot that stands for it. */
  readonly slot: TypeSlot;
  readonly collection: Collection;
}

/** Registrations of each id that is alive. */
export function countRegistrations(memory: Memory): Map<number, number> {
  const { words, uwords } = memory;
  const counts = new Map<number, number>();
  for (const slot of heads(memory)) {
    const address = typeAddress(memory, slot);
    if (typeState(memory, slot) !== Layout.TYPE_STATE_DYING)
      counts.set(uwords[address + Layout.TYPE_ID]!, words[address + Layout.TYPE_REGISTRATIONS]!);
  }
  return counts;
}

/**
 * Sets the registrations of every id to what `wanted` says, 0 where it says nothing; @returns what is to be destroyed. An id whose last registration was being withdrawn
 * dies whatever is wanted: its count is 0, and threads may have seen parts of it gone. `destroyer`: by whose declaration the variables of an id are
 * destroyed, undefined if there is none.
 */
export function succeed(
  variables: Variables,
  bindings: Bindings,
  wanted: ReadonlyMap<number, number>,
  destroyer: (id: number, slot: TypeSlot) => AnyShadowType | undefined,
): Inherited[] {
  const { memory, thread } = variables;
  const { words, uwords } = memory;
  const inherited: Inherited[] = [];
  acquireNoted(thread, Layout.TYPE_LOCK);
  try {
    releaseVacated(memory, thread);
    for (const slot of heads(memory)) {
      const address = typeAddress(memory, slot);
      const id = uwords[address + Layout.TYPE_ID]!;
      const dying = typeState(memory, slot) === Layout.TYPE_STATE_DYING;
      const count = dying || words[address + Layout.TYPE_REGISTRATIONS] === 0 ? 0 : (wanted.get(id) ?? 0);
      words[address + Layout.TYPE_REGISTRATIONS] = count;
      if (count > 0) continue;
      const type = destroyer(id, slot);
      const behind = [Layout.TYPE_STATE_MIGRATING, Layout.TYPE_STATE_DYING].flatMap((state) => olderSlots(memory, slot, state));
      // The slot in force last, as always: at no instant is there an older one without it.
      const older = behind.map((one) => kill(memory, bindings, one.slot, id, type));
      const targets = [kill(memory, bindings, slot, id, type), ...older];
      Atomics.add(words, Layout.TYPE_EPOCH, 1);
      inherited.push({ id, slot, collection: new Collection(variables, id, targets) });
    }
  } finally {
    releaseNoted(thread, Layout.TYPE_LOCK);
  }
  return inherited;
}

/** Makes the variables of a slot invisible, if they are not; what destroys them. */
function kill(memory: Memory, bindings: Bindings, slot: TypeSlot, id: number, type: AnyShadowType | undefined): Target {
  const { words, uwords } = memory;
  const address = typeAddress(memory, slot);
  if (typeState(memory, slot) !== Layout.TYPE_STATE_DYING)
    Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_DYING));
  const binding = bindings.ofVersion(type, id, uwords[address + Layout.TYPE_VERSION]!, words[address + Layout.TYPE_SIZE]!);
  return { binding, slot, tag: words[address + Layout.TYPE_TAG]! };
}

/** The slots that stand for an id that is alive or was collected. */
function heads(memory: Memory): TypeSlot[] {
  const slots: TypeSlot[] = [];
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < memory.words[Layout.TYPE_HIGH]!; slot++) if (isHead(memory, slot)) slots.push(slot);
  return slots;
}
