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
import { acquire, release } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { type Bindings, sizeMismatch } from './bindings.js';
import { Migration } from './migration.js';
import { releaseVacated } from './release-slots.js';
import { findTypeSlot, olderSlots, typeAddress } from './slots.js';
import { Collection } from './sweep.js';
import { nextTag } from './tags.js';
import { type AnyShadowType, requireType } from './type.js';
import type { Variables } from './variables.js';
import type { Target } from './walk.js';

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

export class TypeRegistry {
  readonly #variables: Variables;
  readonly #bindings: Bindings;
  readonly #registered = new Map<string, { owner: string; object: string; types: readonly AnyShadowType[] }>();

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
    acquire(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory);
      const slots = types.map((type) => this.#slotFor(type));
      const fresh = slots.filter((slot) => slot === Layout.TYPE_SLOT_DEAD).length;
      const free = this.#freeSlots(fresh);
      types.forEach((type, i) => {
        const slot = slots[i]!;
        if (slot === Layout.TYPE_SLOT_DEAD) this.#open(free.shift()!, inForce(type.id) ?? type, 1, 0, Layout.TYPE_STATE_LIVE);
        else memory.words[typeAddress(memory, slot) + Layout.TYPE_REGISTRATIONS]!++;
      });
    } finally {
      release(thread, Layout.TYPE_LOCK);
    }
    this.#registered.set(key, { owner, object, types });
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
    acquire(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory);
      for (const type of registered.types) {
        const slot = findTypeSlot(memory, type.id);
        if (slot === Layout.TYPE_SLOT_DEAD) continue;
        const address = typeAddress(memory, slot);
        if (--words[address + Layout.TYPE_REGISTRATIONS]! > 0) continue;
        // The slot in force last: at no instant is there an older one without it.
        const older = olderSlots(memory, slot).map((one) => this.#kill(one.slot, type));
        const targets = [this.#kill(slot, type), ...older];
        Atomics.add(words, Layout.TYPE_EPOCH, 1);
        collections.push(new Collection(this.#variables, type.id, targets));
      }
    } finally {
      release(thread, Layout.TYPE_LOCK);
    }
    return collections;
  }

  /** Who keeps which id alive, as far as it was registered through this object. */
  owners(): Registration[] {
    return [...this.#registered.values()].flatMap(({ owner, object, types }) => types.map(({ id }) => ({ id, owner, object })));
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
    acquire(thread, Layout.TYPE_LOCK);
    try {
      releaseVacated(memory);
      const slot = findTypeSlot(memory, id);
      if (slot === Layout.TYPE_SLOT_DEAD) return [];
      return [...new Set([versionOf(memory, slot), ...olderSlots(memory, slot).map(({ version }) => version)])];
    } finally {
      release(thread, Layout.TYPE_LOCK);
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
    acquire(thread, Layout.TYPE_LOCK);
    let from: number;
    try {
      releaseVacated(memory);
      const slot = this.#slotFor(type);
      if (slot === Layout.TYPE_SLOT_DEAD) return undefined;
      from = versionOf(memory, slot);
      if (from === type.version) return undefined;
      const address = typeAddress(memory, slot);
      const [next] = this.#freeSlots(1);
      const registrations = words[address + Layout.TYPE_REGISTRATIONS]!;
      this.#open(next!, type, registrations, slot, Layout.TYPE_STATE_SUCCESSOR);
      // With this word the new version is in force, and no binding of the old one is good any more.
      Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_MIGRATING));
      Atomics.add(words, Layout.TYPE_EPOCH, 1);
      words[address + Layout.TYPE_DEAD_EPOCH] = retirementEpoch(words);
    } finally {
      release(thread, Layout.TYPE_LOCK);
    }
    const binding = this.#bindings.of(type);
    binding.refresh();
    return new Migration(this.#variables, binding, from);
  }

  /** What migrates the variables that are stored in versions before that of this declaration, which is in force; undefined if there are no such versions. */
  leftOvers(type: AnyShadowType): Migration | undefined {
    const { memory, thread } = this.#variables;
    acquire(thread, Layout.TYPE_LOCK);
    let from: number | undefined;
    try {
      releaseVacated(memory);
      const slot = this.#slotFor(type);
      if (slot === Layout.TYPE_SLOT_DEAD || versionOf(memory, slot) !== type.version) return undefined;
      from = olderSlots(memory, slot)[0]?.version;
    } finally {
      release(thread, Layout.TYPE_LOCK);
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
  #kill(slot: TypeSlot, type: AnyShadowType): Target {
    const { memory } = this.#variables;
    const { words } = memory;
    const address = typeAddress(memory, slot);
    const tag = nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_DYING);
    Atomics.store(words, address + Layout.TYPE_TAG, tag); // from here on every binding of the slot is out of date
    const size = words[address + Layout.TYPE_SIZE]!;
    return { binding: this.#bindings.ofVersion(type, type.id, versionOf(memory, slot), size), slot, tag };
  }

  /** So many free slots; one that was collected is free only when no thread can still be looking for its old variables. */
  #freeSlots(count: number): TypeSlot[] {
    const { memory } = this.#variables;
    const { words } = memory;
    const free: TypeSlot[] = [];
    const horizon = graceHorizon(memory);
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < Layout.TYPE_SLOT_DEAD && free.length < count; slot++) {
      const address = typeAddress(memory, slot);
      if ((words[address + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) !== Layout.TYPE_STATE_FREE) continue;
      if (words[address + Layout.TYPE_TAG] === 0 || isPast(words[address + Layout.TYPE_DEAD_EPOCH]!, horizon)) free.push(slot);
    }
    if (free.length < count) {
      throw new ShadowError(
        'ERR_SHADOW_TYPES_FULL',
        `all ${Layout.TYPE_SLOT_DEAD - 1} type slots are in use or being swept; disable patches that are not needed`,
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
    words[address + Layout.TYPE_FLAGS] = type.dtor === undefined ? 0 : Layout.TYPE_FLAG_DESTRUCTOR;
    Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, state));
    if (words[Layout.TYPE_HIGH]! <= slot) Atomics.store(words, Layout.TYPE_HIGH, slot + 1);
  }
}

function versionOf({ uwords, types }: Memory, slot: TypeSlot): number {
  return uwords[types + slot * Layout.TYPE_WORDS + Layout.TYPE_VERSION]!;
}

function registrationKey(owner: string, object: string): string {
  return JSON.stringify([owner, object]);
}
