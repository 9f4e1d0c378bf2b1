/**
 * Owns all bindings of one thread to one store, and brings them up to date. Holds no type alive: a binding lasts as long as its type, and a type as long
 * as somebody can still use it. Reads type slots; writes THREAD_UNREGISTERED. Imports memory, binding, slots, migration-path, type.
 */
import { ShadowError } from '../errors.js';
import type { Blocks } from '../memory/blocks.js';
import { Layout, type TypeSlot } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { Binding, NEVER } from './binding.js';
import { declarationOf, migrationPath, type Step } from './migration-path.js';
import type { Migrator } from './migrator.js';
import type { ObjectTable } from './objects.js';
import { findTypeSlot, NO_OLDER, type OlderSlot, olderSlots, typeAddress } from './slots.js';
import { type AnyShadowType, latestDeclaration, requireType } from './type.js';
import { warnUnregistered } from './unregistered.js';
import { WeakCollection } from './weak-collection.js';

/** All bindings of one thread to one store. */
export class Bindings {
  readonly memory: Memory;
  readonly thread: Thread;
  readonly objects: ObjectTable;
  /** Set by the store, once there are such. */
  migrator!: Migrator;
  blocks!: Blocks;
  /** One binding per type, pointed at another slot when its id is registered anew. Gone with its type. */
  readonly #byType = new WeakMap<AnyShadowType, Binding>();
  readonly #types = new WeakCollection<AnyShadowType>();
  /** The binding that used a slot last. */
  readonly #bySlot = new Map<TypeSlot, WeakRef<Binding>>();
  #known: readonly AnyShadowType[] = [];
  /** Ways to the version in force that were looked for among those types. */
  #paths = new WeakMap<OlderSlot, readonly Step[]>();

  constructor(memory: Memory, thread: Thread, objects: ObjectTable) {
    this.memory = memory;
    this.thread = thread;
    this.objects = objects;
  }

  /** The binding of a type, made if there is none; not necessarily up to date. @throws ERR_SHADOW_TYPE */
  of(type: AnyShadowType): Binding {
    requireType(type, 'the store');
    let binding = this.#byType.get(type);
    if (binding === undefined) {
      binding = new Binding(this, type);
      this.#byType.set(type, binding);
      this.#types.add(type);
    }
    type.$binding = binding;
    return binding;
  }

  /** Replaces the types among which migrations are looked for, besides a type itself and what it names as `previous`. */
  know(types: readonly AnyShadowType[]): void {
    this.#known = [...types];
    this.#paths = new WeakMap();
  }

  /** Lets go of types that will not be used again, at once and not only when they are garbage collected. */
  forget(types: Iterable<AnyShadowType>): void {
    const forgotten = new Set(types);
    for (const type of forgotten) {
      this.#byType.delete(type);
      if (type.$binding?.bindings === this) type.$binding = undefined;
    }
    for (const [slot, reference] of this.#bySlot) {
      const used = reference.deref();
      if (used === undefined || forgotten.has(used.type)) this.#bySlot.delete(slot);
    }
  }

  /**
   * Brings a binding up to date. Whoever changes a tag raises TYPE_EPOCH first, with TYPE_LOCK held until the tag is changed: so a binding that is brought up to
   * date meanwhile keeps no epoch, each operation looks at the tag itself, and the change is there for all operations of all threads with that one word.
   *
   * One of an id that nobody registered finds nothing; the use is counted, and the first one in the process gives a
   * warning.
   * @throws ERR_SHADOW_SIZE_MISMATCH, ERR_SHADOW_VERSION
   */
  resolve(binding: Binding): void {
    const { words, uwords } = this.memory;
    const { type } = binding;
    // Read before any tag, and before the lock: whatever changes after this raises it again.
    let epoch = Atomics.load(words, Layout.TYPE_EPOCH);
    if (Atomics.load(words, Layout.TYPE_LOCK) !== 0) epoch = NEVER;
    if (binding.registered && binding.current) {
      // The slots behind one are those it was opened with, or fewer.
      if (binding.older.length > 0) binding.older = olderSlots(this.memory, binding.slot);
      binding.epoch = epoch;
      return;
    }
    for (;;) {
      const slot = findTypeSlot(this.memory, type.id);
      if (slot === Layout.TYPE_SLOT_DEAD) {
        words[this.thread.address + Layout.THREAD_UNREGISTERED]!++;
        warnUnregistered(words, type.id);
        binding.point(slot, NEVER, NEVER, NO_OLDER);
        return;
      }
      const address = typeAddress(this.memory, slot);
      const tag = Atomics.load(words, address + Layout.TYPE_TAG);
      const size = words[address + Layout.TYPE_SIZE]!;
      const version = uwords[address + Layout.TYPE_VERSION]!;
      const id = uwords[address + Layout.TYPE_ID];
      const older = olderSlots(this.memory, slot);
      // Collected, or even given to another type, since the slot was found: only a tag in force that is unchanged vouches for what was read.
      const steady = Atomics.load(words, address + Layout.TYPE_TAG) === tag;
      const state = tag & Layout.TYPE_STATE_MASK;
      if (!steady || (state !== Layout.TYPE_STATE_LIVE && state !== Layout.TYPE_STATE_SUCCESSOR) || id !== type.id) continue;
      if (version !== type.version) throw versionMismatch(type, version);
      if (size !== type.size) throw sizeMismatch(type, size);
      this.#bySlot.set(slot, new WeakRef(binding));
      binding.point(slot, tag, epoch, older);
      return;
    }
  }

  /**
   * A binding by whose type variables of a slot are destroyed that were met in the table: the one this thread used last, else one of the same version that
   * leads from the latest declaration of the id in this thread, or that know() was told of. `tag` is the tag that was read for it.
   */
  ofSlot(slot: TypeSlot, tag: number): Binding | undefined {
    const used = this.#bySlot.get(slot)?.deref();
    if (used?.slot === slot && used.tag === tag) return used;
    const { words, uwords } = this.memory;
    const address = typeAddress(this.memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    return this.ofVersion(latestDeclaration(id), id, uwords[address + Layout.TYPE_VERSION]!, words[address + Layout.TYPE_SIZE]!);
  }

  /** A binding of the declaration of a version, of a size in bytes, as far as one is known: reached from `type`, or told to know(). */
  ofVersion(type: AnyShadowType | undefined, id: number, version: number, size: number): Binding | undefined {
    const declared = declarationOf(type, version, size, this.#known, id);
    return declared === undefined ? undefined : this.of(declared);
  }

  /** A declaration of this very version and size that this thread has used with the store, was told of, or made last. */
  declarationOf(id: number, version: number, size: number): AnyShadowType | undefined {
    return declarationOf(latestDeclaration(id), version, size, [...this.#types, ...this.#known], id);
  }

  /** The functions that lead from an older slot to the version of a binding. @throws ERR_SHADOW_MIGRATION */
  stepsFrom(older: OlderSlot, { type }: Binding): readonly Step[] {
    const steps = this.#paths.get(older) ?? migrationPath(type.id, older.version, type, this.#known, older.size);
    if (steps !== undefined) {
      this.#paths.set(older, steps);
      return steps;
    }
    throw new ShadowError(
      'ERR_SHADOW_MIGRATION',
      `a variable of type ${type.id} has version ${older.version} (${older.size} bytes), and nothing that this thread knows leads to version ` +
        `${type.version} (${type.size} bytes); declare previous and migrate, for the way down migrateBack`,
    );
  }

  /** Lets go of the store: types outlive it. */
  release(): void {
    for (const type of this.#types) if (type.$binding?.bindings === this) type.$binding = undefined;
    this.#bySlot.clear();
    this.know([]);
  }
}

/** ERR_SHADOW_SIZE_MISMATCH for a declaration of the version in force. */
export function sizeMismatch(type: AnyShadowType, stored: number): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_SIZE_MISMATCH',
    `type ${type.id} is stored with ${stored} bytes, this declaration has ${type.size}; all declarations of an id need the same size, or a ` +
      'higher version with migrate()',
  );
}

function versionMismatch(type: AnyShadowType, version: number): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_VERSION',
    `type ${type.id} is in force in version ${version}, this declaration is version ${type.version}; use the declaration of version ${version}, ` +
      'or enable the patch that brings yours',
  );
}
