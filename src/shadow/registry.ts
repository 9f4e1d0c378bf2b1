/**
 * Owns registration: which (owner, object) keeps which id alive, which version of it is in force, and the type slots. An id is registered by the application
 * when the store is created, and by each patch object that declares it; it is collected when the last of them unregisters. Counting by (owner, object, id),
 * not by type structure, is requirement H7 of the livepatch semantics; all-or-nothing is H4, refusing a second registration is H5.
 *
 * Writes type slots under TYPE_LOCK; TYPE_TAG is published with Atomics.store, after the words it covers. Internal: only the store and the
 * coordinator call it. Imports memory, bindings, migration, release-slots, slots, sweep.
 */
import { ShadowError } from '../errors.js';
import { graceHorizon, isPast, retirementEpoch } from '../memory/grace.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import { acquireNoted, releaseNoted } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress, threadState } from '../memory/threads.js';
import { type Bindings, sizeMismatch } from './bindings.js';
import { Migration } from './migration.js';
import { releaseVacated } from './release-slots.js';
import { findTypeSlot, olderSlots, typeAddress } from './slots.js';
import { Collection } from './sweep.js';
import { nextTag } from './tags.js';
import { type AnyShadowType, requireType } from './type.js';
import type { Variables } from './variables.js';
import type { Target } from './walk.js';

/** One (owner, object, id) that keeps the variables of the id alive. The owner is a patch or the application. */
export interface Registration {
  readonly id: number;
  readonly owner: string;
  readonly object: string;
}

/** One type as one owner declared it for one object. */
export interface Declaration {
  readonly owner: string;
  readonly object: string;
  readonly type: AnyShadowType;
}

/** What one object of one owner registered. */
interface Registered {
  readonly owner: string;
  readonly object: string;
  readonly ids: readonly number[];
  /** As they were declared; of restored registrations, whose declarations were code, there are none. */
  readonly types: readonly AnyShadowType[];
}

/** Who restored registrations that are not the application's are named after, and those of which nobody knows the owner. */
const RESTORED = 'restored';

export class TypeRegistry {
  readonly #variables: Variables;
  readonly #bindings: Bindings;
  readonly #registered = new Map<string, Registered>();

  constructor(variables: Variables, bindings: Bindings) {
    this.#variables = variables;
    this.#bindings = bindings;
  }

  /**
   * Registers all types of one object of one owner, or none of them. An id that is alive keeps the version it has: see changeVersion(); another begins
   * with the version of `inForce(id)`, by default with that of the type itself.
   * @throws ERR_SHADOW_DUPLICATE_ID when an id comes twice, or the object is registered already (EINVAL in the kernel's terms)
   * @throws ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_TYPES_FULL
   */
  register(
    owner: string,
    object: string,
    declared: readonly AnyShadowType[],
    inForce: (id: number) => AnyShadowType | undefined = () => undefined,
  ): void {
    const types = [...declared];
    const ids = new Set<number>();
    for (const type of types) {
      requireType(type, `the shadow types of ${owner}`);
      if (ids.has(type.id))
        throw new ShadowError('ERR_SHADOW_DUPLICATE_ID', `${owner} declares type ${type.id} twice for object ${object}`);
      ids.add(type.id);
    }
    const key = registrationKey(owner, object);
    if (this.#registered.has(key))
      throw new ShadowError('ERR_SHADOW_DUPLICATE_ID', `the types of ${owner} for object ${object} are registered already`);
    const { memory, thread } = this.#variables;
    acquireNoted(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory, thread);
      const slots = types.map((type) => this.#slotFor(type));
      const fresh = slots.filter((slot) => slot === Layout.TYPE_SLOT_DEAD).length;
      const free = this.#freeSlots(fresh);
      types.forEach((type, i) => {
        const slot = slots[i]!;
        if (slot === Layout.TYPE_SLOT_DEAD) this.#open(free.shift()!, inForce(type.id) ?? type, 1, 0, Layout.TYPE_STATE_LIVE);
        else memory.words[typeAddress(memory, slot) + Layout.TYPE_REGISTRATIONS]!++;
      });
    } finally {
      releaseNoted(thread, Layout.TYPE_LOCK);
    }
    this.#registered.set(key, { owner, object, ids: types.map(({ id }) => id), types });
  }

  /**
   * Takes back what one object of one owner registered. Ids left without a user are invisible to every thread when this returns; their variables
   * are destroyed by the collections returned, with the destructors of this owner, the last user; those of another version than it declares, with what its
   * declaration leads back to, or know() was told of. An owner or object that registered nothing gives none.
   */
  unregister(owner: string, object: string): Collection[] {
    const key = registrationKey(owner, object);
    const registered = this.#registered.get(key);
    if (registered === undefined) return [];
    this.#registered.delete(key);
    const { memory, thread } = this.#variables;
    const { words } = memory;
    const collections: Collection[] = [];
    acquireNoted(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory, thread);
      for (const id of registered.ids) {
        const type = registered.types.find((declared) => declared.id === id);
        const slot = findTypeSlot(memory, id);
        if (slot === Layout.TYPE_SLOT_DEAD) continue;
        const address = typeAddress(memory, slot);
        if (--words[address + Layout.TYPE_REGISTRATIONS]! > 0) continue;
        Atomics.add(words, Layout.TYPE_EPOCH, 1); // before the tags: see Bindings.resolve()
        // The slot in force last: at no instant is there an older one without it.
        const older = olderSlots(memory, slot).map((one) => this.#kill(one.slot, id, type));
        const targets = [this.#kill(slot, id, type), ...older];
        collections.push(new Collection(this.#variables, id, targets));
      }
    } finally {
      releaseNoted(thread, Layout.TYPE_LOCK);
    }
    return collections;
  }

  /** Knows of what another thread has registered, and the store counts already: see succession.ts. */
  adopt(owner: string, object: string, types: readonly AnyShadowType[]): void {
    this.#registered.set(registrationKey(owner, object), { owner, object, ids: types.map(({ id }) => id), types });
  }

  /** Who keeps which id alive, as far as it was registered through this object. */
  owners(): Registration[] {
    return [...this.#registered.values()].flatMap(({ owner, object, ids }) => ids.map((id) => ({ id, owner, object })));
  }

  /**
   * Takes over the registrations of a store that was restored from a snapshot. Those of patches go on under another owner, since the patches are not enabled:
   * they keep their ids alive until somebody unregisters them. So do those of which the snapshot does not know the owner. To be called once, before any other.
   */
  restore(registrations: readonly Registration[]): void {
    const { memory } = this.#variables;
    const { words, uwords } = memory;
    for (const { id, owner, object } of registrations) {
      if (findTypeSlot(memory, id) !== Layout.TYPE_SLOT_DEAD)
        this.#keep(owner.startsWith('patch ') ? `${RESTORED} ${owner}` : owner, object, id);
    }
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Layout.TYPE_SLOT_DEAD; slot++) {
      const address = typeAddress(memory, slot);
      const id = uwords[address + Layout.TYPE_ID]!;
      if (findTypeSlot(memory, id) !== slot) continue;
      const known = this.owners().filter((registration) => registration.id === id).length;
      if (words[address + Layout.TYPE_REGISTRATIONS]! > known) this.#keep(RESTORED, '', id);
      words[address + Layout.TYPE_REGISTRATIONS] = this.owners().filter((registration) => registration.id === id).length;
    }
  }

  /** Registrations that were restored and are in force still, with nobody behind them. */
  restored(): Registration[] {
    return this.owners().filter(
      ({ id, owner, object }) => !this.#registered.get(registrationKey(owner, object))!.types.some((type) => type.id === id),
    );
  }

  /** Registers the application's types in place of those that were restored under this owner and object; the others of those stay. */
  redeclare(owner: string, object: string, types: readonly AnyShadowType[]): void {
    const key = registrationKey(owner, object);
    const before = this.#registered.get(key);
    this.#registered.delete(key);
    try {
      this.register(owner, object, types);
    } catch (error) {
      if (before !== undefined) this.#registered.set(key, before);
      throw error;
    }
    const { memory } = this.#variables;
    for (const id of before?.ids ?? []) {
      if (types.some((type) => type.id === id)) memory.words[typeAddress(memory, findTypeSlot(memory, id)) + Layout.TYPE_REGISTRATIONS]!--;
      else this.#keep(`${RESTORED} ${owner}`, object, id);
    }
  }

  #keep(owner: string, object: string, id: number): void {
    const key = registrationKey(owner, object);
    const ids = this.#registered.get(key)?.ids ?? [];
    if (!ids.includes(id)) this.#registered.set(key, { owner, object, ids: [...ids, id], types: [] });
  }

  /** What was registered through this object, each type as it was declared there. */
  declarations(): Declaration[] {
    return [...this.#registered.values()].flatMap(({ owner, object, types }) => types.map((type) => ({ owner, object, type })));
  }

  /** The version that the variables of an id have, or come to have at their next access; undefined if nothing keeps the id alive. */
  versionInForce(id: number): number | undefined {
    const { memory } = this.#variables;
    const slot = findTypeSlot(memory, id);
    return slot === Layout.TYPE_SLOT_DEAD ? undefined : versionOf(memory, slot);
  }

  /** Every version of an id in which variables may be stored, that in force first: what a new version must be reachable from. */
  versionsStored(id: number): number[] {
    const { memory, thread } = this.#variables;
    acquireNoted(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory, thread);
      const slot = findTypeSlot(memory, id);
      if (slot === Layout.TYPE_SLOT_DEAD) return [];
      return [...new Set([versionOf(memory, slot), ...olderSlots(memory, slot).map(({ version }) => version)])];
    } finally {
      releaseNoted(thread, Layout.TYPE_LOCK);
    }
  }

  /**
   * Puts the version of this declaration in force; variables of other versions are migrated at their next access. From here on declarations of other
   * versions give ERR_SHADOW_VERSION. To be called while no task runs. Undefined if nothing keeps the id alive, or if the version is in force already.
   * Whether a migration leads there is for the caller to find out first, with migrationPath().
   * @throws ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_TYPES_FULL
   */
  changeVersion(type: AnyShadowType): Migration | undefined {
    requireType(type, 'changeVersion');
    const { memory, thread } = this.#variables;
    const { words } = memory;
    acquireNoted(thread, Layout.TYPE_LOCK);
    let from: number;
    try {
      releaseVacated(memory, thread);
      const slot = this.#slotFor(type);
      if (slot === Layout.TYPE_SLOT_DEAD) return undefined;
      from = versionOf(memory, slot);
      if (from === type.version) return undefined;
      const address = typeAddress(memory, slot);
      const [next] = this.#freeSlots(1);
      const registrations = words[address + Layout.TYPE_REGISTRATIONS]!;
      this.#open(next!, type, registrations, slot, Layout.TYPE_STATE_SUCCESSOR);
      Atomics.add(words, Layout.TYPE_EPOCH, 1); // before the tag: see Bindings.resolve()
      // With this word the new version is in force, and no binding of the old one is good any more.
      Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_MIGRATING));
      words[address + Layout.TYPE_DEAD_EPOCH] = retirementEpoch(words);
    } finally {
      releaseNoted(thread, Layout.TYPE_LOCK);
    }
    const binding = this.#bindings.of(type);
    binding.refresh();
    return new Migration(this.#variables, binding, from);
  }

  /** What migrates the variables that are stored in versions before that of this declaration, which is in force; undefined if there are no such versions. */
  leftOvers(type: AnyShadowType): Migration | undefined {
    const { memory, thread } = this.#variables;
    acquireNoted(thread, Layout.TYPE_LOCK);
    let from: number | undefined;
    try {
      releaseVacated(memory, thread);
      const slot = this.#slotFor(type);
      if (slot === Layout.TYPE_SLOT_DEAD || versionOf(memory, slot) !== type.version) return undefined;
      from = olderSlots(memory, slot)[0]?.version;
    } finally {
      releaseNoted(thread, Layout.TYPE_LOCK);
    }
    if (from === undefined) return undefined;
    const binding = this.#bindings.of(type);
    binding.refresh();
    return new Migration(this.#variables, binding, from);
  }

  /** The slot in force of a type's id, TYPE_SLOT_DEAD if there is none yet. */
  #slotFor(type: AnyShadowType): TypeSlot {
    const { memory } = this.#variables;
    const slot = findTypeSlot(memory, type.id);
    if (slot === Layout.TYPE_SLOT_DEAD) return slot;
    const stored = memory.words[typeAddress(memory, slot) + Layout.TYPE_SIZE]!;
    if (stored !== type.size && versionOf(memory, slot) === type.version) throw sizeMismatch(type, stored);
    return slot;
  }

  /** Makes the variables of a slot invisible in every thread; what destroys them. */
  #kill(slot: TypeSlot, id: number, type: AnyShadowType | undefined): Target {
    const { memory } = this.#variables;
    const { words } = memory;
    const address = typeAddress(memory, slot);
    const tag = nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_DYING);
    Atomics.store(words, address + Layout.TYPE_TAG, tag); // from here on every binding of the slot is out of date
    const size = words[address + Layout.TYPE_SIZE]!;
    return { binding: this.#bindings.ofVersion(type, id, versionOf(memory, slot), size), slot, tag };
  }

  /** So many free slots; one that was collected is free only when no thread can still be looking for its old variables. */
  #freeSlots(count: number): TypeSlot[] {
    const { memory } = this.#variables;
    const { words } = memory;
    const free: TypeSlot[] = [];
    const horizon = graceHorizon(memory);
    const owed = slotsOwedByTheDead(memory);
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Layout.TYPE_SLOT_RECORDS && free.length < count; slot++) {
      const address = typeAddress(memory, slot);
      if ((words[address + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) !== Layout.TYPE_STATE_FREE) continue;
      if (owed.has(slot)) continue;
      if (words[address + Layout.TYPE_TAG] === 0 || isPast(words[address + Layout.TYPE_DEAD_EPOCH]!, horizon)) free.push(slot);
    }
    if (free.length < count) {
      throw new ShadowError(
        'ERR_SHADOW_TYPES_FULL',
        `all ${Layout.TYPE_SLOT_RECORDS - 1} type slots are in use or being swept; disable patches that are not needed`,
      );
    }
    return free;
  }

  /** Fills a free slot and publishes it. */
  #open(slot: TypeSlot, type: AnyShadowType, registrations: number, previous: TypeSlot, state: number): void {
    const { memory } = this.#variables;
    const { words, uwords } = memory;
    const address = typeAddress(memory, slot);
    uwords[address + Layout.TYPE_ID] = type.id;
    words[address + Layout.TYPE_SIZE] = type.size;
    uwords[address + Layout.TYPE_VERSION] = type.version;
    words[address + Layout.TYPE_REGISTRATIONS] = registrations;
    words[address + Layout.TYPE_PREVIOUS] = previous;
    words[address + Layout.TYPE_MIGRATED] = 0;
    words[address + Layout.TYPE_HANDED] = 0;
    words[address + Layout.TYPE_FLAGS] = type.dtor === undefined ? 0 : Layout.TYPE_FLAG_DESTRUCTOR;
    if (words[Layout.TYPE_HIGH]! <= slot) Atomics.store(words, Layout.TYPE_HIGH, slot + 1);
    // step: type.open
    Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, state));
    // step: type.opened
  }
}

/** Type slots of variables whose destructors dead threads owe: by its slot the destructor will be found. The living hold back a slot by their grace epoch. */
function slotsOwedByTheDead(memory: Memory): Set<TypeSlot> {
  const { words } = memory;
  const owed = new Set<TypeSlot>();
  for (let thread = 0; thread < memory.maxThreads; thread++) {
    const address = threadSlotAddress(memory, thread);
    const state = threadState(words, address);
    if (state !== Layout.THREAD_DEAD && state !== Layout.THREAD_ADOPTED) continue;
    for (let i = 0; i < Layout.THREAD_DESTROYING_WORDS; i++) {
      const block = words[address + Layout.THREAD_DESTROYING + i]!;
      if (block !== 0) owed.add(words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK);
    }
  }
  return owed;
}

function versionOf({ uwords, types }: Memory, slot: TypeSlot): number {
  return uwords[types + slot * Layout.TYPE_WORDS + Layout.TYPE_VERSION]!;
}

function registrationKey(owner: string, object: string): string {
  return JSON.stringify([owner, object]);
}
