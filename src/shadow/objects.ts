/**
 * Owns the object table: from a parent as the user writes it to its number in the 53-bit space, and back. Numbers below 2^52 are the user's own;
 * strings go through names.ts; JS objects get a handle made of a number counted up in OBJECT_SEQUENCE, so that it is never given to another object, and of
 * the slot of the thread that has the object: when that dies, recovery frees what its objects have. Imports memory, names and errors.
 */
import { describe, invariant, ShadowError } from '../errors.js';
import { Layout, type ThreadSlot } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { MAX_NAME_UNITS, type NameHash, NameTable } from './names.js';

/** What data can be attached to: a number 0…2^52−1, null for one global variable per type, a string, or any JS object. */
export type Parent = number | null | string | object;

/** More would not fit below NULL_OBJECT. */
const MOST_HANDLES = (Layout.NULL_OBJECT - Layout.FIRST_OBJECT_HANDLE) / Layout.HANDLE_SLOTS - 1;

/** Handles for JS objects as parents; `store.objects`. */
export class ObjectTable {
  /** @internal */
  readonly names: NameTable;
  readonly #memory: Memory;
  readonly #thread: Thread;
  readonly #handles = new WeakMap<object, number>();
  readonly #collected: FinalizationRegistry<number>;
  readonly #owned = new Set<number>();

  /** @internal `onCollected` is called with the handle of an object that was garbage collected in this thread. */
  constructor(memory: Memory, thread: Thread, hash: NameHash, onCollected: (handle: number) => void) {
    this.#memory = memory;
    this.#thread = thread;
    this.names = new NameTable(memory, hash);
    this.#collected = new FinalizationRegistry((handle) => {
      this.#owned.delete(handle);
      onCollected(handle);
    });
  }

  /**
   * The handle of a JS object: a number in 2^52…2^53−1 that goes to other threads as it is and stands for this object for ever. When the object is
   * garbage collected in this thread, its variables are freed with their destructors. One object has one handle per thread that asks.
   * @throws ERR_SHADOW_OBJECT
   */
  handle(object: object): number {
    if ((typeof object !== 'object' && typeof object !== 'function') || (object as unknown) === null) {
      throw new ShadowError(
        'ERR_SHADOW_OBJECT',
        `handle() takes an object, not ${describe(object)}; numbers, strings and null need no handle`,
      );
    }
    const known = this.#handles.get(object);
    if (known !== undefined) return known;
    const { words, address, slot } = this.#thread;
    words[address + Layout.THREAD_HANDLES] = 1; // recovery reads this
    // step: object.handle
    const sequence = Number(Atomics.add(this.#memory.longs, Layout.OBJECT_SEQUENCE / 2, 1n));
    invariant(sequence >= 0 && sequence < MOST_HANDLES, `the store cannot have made ${sequence} handles; it is damaged, or used up`);
    const handle = Layout.FIRST_OBJECT_HANDLE + sequence * Layout.HANDLE_SLOTS + slot;
    this.#handles.set(object, handle);
    this.#collected.register(object, handle);
    this.#owned.add(handle);
    return handle;
  }

  /** @internal The number of a parent, or −1 if it is a string or an object that nothing is attached to. @throws ERR_SHADOW_OBJECT */
  find(parent: Parent): number {
    if (typeof parent === 'number') return this.#number(parent);
    if (parent === null) return Layout.NULL_OBJECT;
    if (typeof parent === 'string') return this.names.find(requireName(parent));
    return this.#handles.get(requireObject(parent)) ?? -1;
  }

  /** @internal The number to create variables under. @throws ERR_SHADOW_OBJECT */
  place(parent: Parent): number {
    if (typeof parent === 'string') return this.names.place(requireName(parent));
    if (typeof parent === 'number' || parent === null) return this.find(parent);
    return this.handle(requireObject(parent));
  }

  /** @internal The parent behind a number; a JS object stays a handle, since only its own thread ever had the object. */
  parent(object: number): Parent {
    if (object === Layout.NULL_OBJECT) return null;
    if (isName(object)) return this.names.text(object) ?? object;
    return object;
  }

  /** @internal Handles made by this thread whose objects were not collected yet. */
  get owned(): Iterable<number> {
    return this.#owned;
  }

  #number(value: number): number {
    if (Number.isInteger(value) && value >= 0) {
      if (value < Layout.FIRST_NAME_HANDLE) return value;
      const { words } = this.#memory;
      const handedOut = Number(Atomics.load(this.#memory.longs, Layout.OBJECT_SEQUENCE / 2));
      if (isObjectHandle(value) && handleSequence(value) < handedOut && handleSlot(value) < words[Layout.THREAD_HIGH]!) return value;
    }
    throw new ShadowError(
      'ERR_SHADOW_OBJECT',
      `${value} cannot be a parent: numbers are whole, 0 to 2^52−1, or handles from store.objects.handle()`,
    );
  }
}

/** Whether a number is the handle of a JS object. */
export function isObjectHandle(object: number): boolean {
  return object >= Layout.FIRST_OBJECT_HANDLE && object < Layout.NULL_OBJECT;
}

/** The how manieth handle of the store it is. */
export function handleSequence(handle: number): number {
  return Math.floor((handle - Layout.FIRST_OBJECT_HANDLE) / Layout.HANDLE_SLOTS);
}

/** The slot of the thread that made it. */
export function handleSlot(handle: number): ThreadSlot {
  return (handle - Layout.FIRST_OBJECT_HANDLE) % Layout.HANDLE_SLOTS;
}

export function isName(object: number): boolean {
  return object >= Layout.FIRST_NAME_HANDLE && object < Layout.FIRST_OBJECT_HANDLE;
}

function requireName(name: string): string {
  if (name.length <= MAX_NAME_UNITS) return name;
  throw new ShadowError('ERR_SHADOW_OBJECT', `a string of ${name.length} code units is too long for a parent; at most ${MAX_NAME_UNITS}`);
}

function requireObject(parent: unknown): object {
  if ((typeof parent === 'object' && parent !== null) || typeof parent === 'function') return parent;
  throw new ShadowError('ERR_SHADOW_OBJECT', `${describe(parent)} cannot be a parent; use a number, null, a string or an object`);
}
