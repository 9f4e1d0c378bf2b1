/**
 * Owns registration: which (owner, object) keeps which id alive, and the type slots. An id is registered by the application when the store is
 * created, and by each patch object that declares it; it is collected when the last of them unregisters. Counting by (owner, object, id), not by
 * type structure, is requirement H7 of the livepatch semantics; all-or-nothing is H4, refusing a second registration is H5.
 *
 * Writes type slots under TYPE_LOCK; TYPE_TAG is published with Atomics.store, after the words it covers. Internal: only the store and the
 * coordinator call it. Imports memory, binding, sweep.
 */
import { ShadowError } from '../errors.js';
import { graceHorizon, isPast } from '../memory/grace.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import { type Bindings, Binding, findTypeSlot, sizeMismatch, typeAddress } from './binding.js';
import { Collection } from './sweep.js';
import { nextTag } from './tags.js';
import { type AnyShadowType, requireType } from './type.js';
import type { Variables } from './variables.js';

export interface Registration {
  readonly id: number;
  readonly owner: string;
  readonly object: string;
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
   * Registers all types of one object of one owner, or none of them.
   * @throws ERR_SHADOW_DUPLICATE_ID when an id comes twice, or the object is registered already (EINVAL in the kernel's terms)
   * @throws ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_TYPES_FULL
   */
  register(owner: string, object: string, declared: readonly AnyShadowType[]): void {
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
      const slots = types.map((type) => this.#slotFor(type));
      const fresh = slots.filter((slot) => slot === Layout.TYPE_SLOT_DEAD).length;
      const free = this.#freeSlots(fresh);
      types.forEach((type, i) => {
        const slot = slots[i]!;
        if (slot === Layout.TYPE_SLOT_DEAD) this.#open(free.shift()!, type);
        else memory.words[typeAddress(memory, slot) + Layout.TYPE_REGISTRATIONS]!++;
      });
    } finally {
      release(thread, Layout.TYPE_LOCK);
    }
    this.#registered.set(key, { owner, object, types });
  }

  /**
   * Takes back what one object of one owner registered. Ids left without a user are invisible to every thread when this returns; their variables
   * are destroyed by the collections returned, with the destructors of this owner, the last user. An owner or object that registered nothing
   * gives none.
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
      for (const type of registered.types) {
        const slot = findTypeSlot(memory, type.id);
        if (slot === Layout.TYPE_SLOT_DEAD) continue;
        const address = typeAddress(memory, slot);
        if (--words[address + Layout.TYPE_REGISTRATIONS]! > 0) continue;
        const tag = nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_DYING);
        Atomics.store(words, address + Layout.TYPE_TAG, tag); // from here on every binding of the id is out of date
        Atomics.add(words, Layout.TYPE_EPOCH, 1);
        collections.push(new Collection(this.#variables, new Binding(this.#bindings, type).point(slot, tag, -1)));
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

  /** The live slot of a type's id, TYPE_SLOT_DEAD if there is none yet. */
  #slotFor(type: AnyShadowType): TypeSlot {
    const { memory } = this.#variables;
    const slot = findTypeSlot(memory, type.id);
    if (slot === Layout.TYPE_SLOT_DEAD) return slot;
    const stored = memory.words[typeAddress(memory, slot) + Layout.TYPE_SIZE]!;
    if (stored !== type.size) throw sizeMismatch(type, stored);
    return slot;
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

  #open(slot: TypeSlot, type: AnyShadowType): void {
    const { memory } = this.#variables;
    const { words, uwords } = memory;
    const address = typeAddress(memory, slot);
    uwords[address + Layout.TYPE_ID] = type.id;
    words[address + Layout.TYPE_SIZE] = type.size;
    words[address + Layout.TYPE_REGISTRATIONS] = 1;
    words[address + Layout.TYPE_FLAGS] = type.dtor === undefined ? 0 : Layout.TYPE_FLAG_DESTRUCTOR;
    Atomics.store(words, address + Layout.TYPE_TAG, nextTag(words[address + Layout.TYPE_TAG]!, Layout.TYPE_STATE_LIVE));
    if (words[Layout.TYPE_HIGH]! <= slot) Atomics.store(words, Layout.TYPE_HIGH, slot + 1);
  }
}

function registrationKey(owner: string, object: string): string {
  return JSON.stringify([owner, object]);
}
