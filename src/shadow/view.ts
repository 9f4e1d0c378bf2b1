/**
 * Owns views and cursors: the JavaScript face of one variable's shared bytes. Reads and writes the data words of a block, and BLOCK_LOCK through
 * memory/lock.ts.
 *
 * A view remembers the *interval* (stretch between two safepoints of its thread) in which it was validated. Within that interval its block cannot
 * be reused, whether it is freed or not, so one comparison of two local numbers makes every access safe. In a later interval the variable is looked
 * up again once: the same block with the same generation is the same variable; anything else is a stale view.
 *
 * Names that start with `$` are internal: fields of the user's cannot collide with them.
 */
import { describe, ShadowError } from '../errors.js';
import { enter } from '../memory/grace.js';
import { BLOCK_DATA, BLOCK_GENERATION, type WordAddress } from '../memory/layout.js';
import { acquireVariable, readVersion, releaseVariable } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, objectHigh } from '../table/hash.js';
import type { Binding } from './binding.js';
import type { AtomicName, Field, Fields, FieldTarget, FieldValue, FieldValues } from './fields.js';
import type { Parent } from './objects.js';
import type { RawFields } from './type.js';

/** Optimistic reads before read() takes the lock: a writer that holds it longer than this is not just passing. */
const READ_ATTEMPTS = 16;
const DATA_BYTES = BLOCK_DATA * 4;

/** The view of a variable, with one property per declared field. */
export type ViewOf<F extends Fields> = F extends RawFields ? RawView : View<F> & FieldValues<F>;
/** A view that can be pointed at one variable after another. */
export type CursorOf<F extends Fields> = F extends RawFields ? RawView & Cursor<F> : Cursor<F> & FieldValues<F>;

export type ViewConstructor = new (
  thread: Thread,
  binding: Binding,
  block: WordAddress,
  interval: number,
  generation: number,
  object: number,
) => View;
export type CursorConstructor = new (thread: Thread, binding: Binding) => Cursor;

type Operand<F extends Fields, N extends AtomicName<F>> = FieldValue<F[N]>;

/** A variable of live shared memory. Valid until the thread's next safepoint after the variable is freed; then ERR_SHADOW_STALE_VIEW. */
export class View<F extends Fields = Fields> implements FieldTarget {
  /** @internal */ $thread: Thread;
  /** @internal */ $binding: Binding;
  /** @internal */ $block: WordAddress;
  /** @internal */ $interval: number;
  /** @internal */ $generation: number;
  /** @internal */ $object: number;

  /** @internal */
  constructor(thread: Thread, binding: Binding, block: WordAddress, interval: number, generation: number, object: number) {
    this.$thread = thread;
    this.$binding = binding;
    this.$block = block;
    this.$interval = interval;
    this.$generation = generation;
    this.$object = object;
  }

  /** @internal */
  $touch(): Memory {
    const thread = this.$thread;
    if (this.$interval !== thread.interval) this.$revalidate();
    return thread.memory;
  }

  /** @internal Looks the variable up again, once per interval. Throws ERR_SHADOW_STALE_VIEW. */
  $revalidate(): void {
    const { $thread: thread, $binding: binding, $object: object } = this;
    if (this.$block === 0)
      throw new ShadowError('ERR_SHADOW_STALE_VIEW', 'the cursor is on no variable; use it only after find() returned true');
    if (thread.interval === 0) enter(thread);
    const low = object | 0;
    const high = objectHigh(object);
    const current = binding.current
      ? findBlock(thread.words, binding.buckets, low, identityOf(high, binding.slot), hashObject(low, high))
      : 0;
    if (current !== this.$block || thread.words[current + BLOCK_GENERATION] !== this.$generation) {
      throw new ShadowError(
        'ERR_SHADOW_STALE_VIEW',
        `the variable of type ${binding.type.id} behind this view was freed before the last safepoint; get it again after each safepoint`,
      );
    }
    this.$interval = thread.interval;
  }

  /** Atomically adds `value` (wrapping) and returns what was there before. For 32- and 64-bit integer fields, like all six that follow. */
  add<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    const memory = this.$touch();
    const { names, words, kinds } = this.$binding.type.$atomics;
    // The one operation that hot loops use: 32-bit additions are spelled out, everything else goes through atomic().
    for (let i = 0; i < names.length; i++) {
      if (names[i] !== field) continue;
      if (kinds[i] === 'u32' && ((value as number) | 0) === value) {
        return Atomics.add(memory.uwords, this.$block + words[i]!, value as number) as Operand<F, N>;
      }
      if (kinds[i] === 'i32' && ((value as number) | 0) === value) {
        return Atomics.add(memory.words, this.$block + words[i]!, value as number) as Operand<F, N>;
      }
      break;
    }
    return this.$atomic('add', field, value) as Operand<F, N>;
  }

  sub<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('sub', field, value) as Operand<F, N>;
  }

  and<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('and', field, value) as Operand<F, N>;
  }

  or<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('or', field, value) as Operand<F, N>;
  }

  xor<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('xor', field, value) as Operand<F, N>;
  }

  exchange<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('exchange', field, value) as Operand<F, N>;
  }

  /** Stores `replacement` if the field holds `expected`; returns what it held. */
  compareExchange<N extends AtomicName<F>>(field: N, expected: Operand<F, N>, replacement: Operand<F, N>): Operand<F, N> {
    const memory = this.$touch();
    const [array, index, kind] = this.$locate(memory, 'compareExchange', field);
    if (kind === 'i64' || kind === 'u64') {
      requireBigint('compareExchange', field, expected);
      requireBigint('compareExchange', field, replacement);
      return Atomics.compareExchange(array as BigInt64Array, index, expected, replacement) as Operand<F, N>;
    }
    requireInteger('compareExchange', field, expected);
    requireInteger('compareExchange', field, replacement);
    return Atomics.compareExchange(array as Int32Array, index, expected, replacement) as Operand<F, N>;
  }

  /** All fields as a plain object, consistent with every update() and withLock() of any thread. */
  read(): FieldValues<F> {
    const { words } = this.$touch();
    if (this.$thread.locked !== this.$block) {
      for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        const version = readVersion(words, this.$block);
        if (version < 0) continue;
        const values = this.$values() as FieldValues<F>;
        if (readVersion(words, this.$block) === version) return values;
      }
      return this.$locked(() => this.$values() as FieldValues<F>);
    }
    return this.$values() as FieldValues<F>;
  }

  /**
   * Changes several fields as one: `fn` gets a plain copy and changes it, or returns an object with the fields to set. Nothing is written if it
   * throws or if a value does not fit. Runs under the variable's lock.
   * @throws ERR_SHADOW_LOCK_NESTED, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_ASYNC
   */
  update(fn: (draft: FieldValues<F>) => Partial<FieldValues<F>> | void): void {
    this.$locked(() => {
      const draft = this.$values();
      const returned: unknown = fn(draft as FieldValues<F>);
      refusePromise(returned, 'the function given to update()');
      this.$assign(typeof returned === 'object' && returned !== null ? returned : draft);
    });
  }

  /** @internal Runs fn under the variable's lock. */
  $locked<R>(fn: () => R): R {
    const thread = this.$thread;
    this.$touch();
    const block = this.$block;
    if (thread.constructing === block) return fn(); // nobody else can see it yet
    if (thread.constructing !== 0) {
      throw new ShadowError(
        'ERR_SHADOW_CONSTRUCTOR_WRITE',
        'a constructor may lock no variable but its own: it already holds a bucket lock',
      );
    }
    if (thread.locked !== 0) {
      throw new ShadowError(
        'ERR_SHADOW_LOCK_NESTED',
        'this thread already holds a variable lock; finish that update() or withLock() first',
      );
    }
    acquireVariable(thread, block);
    thread.locked = block;
    try {
      return fn();
    } finally {
      thread.locked = 0;
      releaseVariable(thread, block);
    }
  }

  /** @internal */
  $values(): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const field of this.$binding.type.fields) values[field.name] = field.get.call(this);
    return values;
  }

  /** @internal */
  $assign(values: object): void {
    const { fields, id } = this.$binding.type;
    for (const [name, value] of Object.entries(values)) {
      const field = fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw new ShadowError('ERR_SHADOW_FIELD', `type ${id} has no field ${describe(name)}`);
      field.check(value);
    }
    for (const field of fields) {
      if (Object.hasOwn(values, field.name)) field.set.call(this, (values as Record<string, unknown>)[field.name]);
    }
  }

  /** @internal */
  $atomic(operation: AtomicOperation, field: string, value: unknown): number | bigint {
    const memory = this.$touch();
    const [array, index, kind] = this.$locate(memory, operation, field);
    if (kind === 'i64' || kind === 'u64') {
      requireBigint(operation, field, value);
      return BIG_OPERATIONS[operation](array as BigInt64Array, index, value);
    }
    requireInteger(operation, field, value);
    return OPERATIONS[operation](array as Int32Array, index, value);
  }

  /** @internal The array and index behind an atomic field. */
  $locate(memory: Memory, operation: string, field: string): AtomicPlace {
    const { names, words, kinds } = this.$binding.type.$atomics;
    const i = names.indexOf(field);
    if (i < 0) {
      throw new ShadowError(
        'ERR_SHADOW_FIELD',
        `${operation} on field ${describe(field)} of type ${this.$binding.type.id}: atomic fields are ${names.join(', ') || '(none)'}`,
      );
    }
    const word = this.$block + words[i]!;
    const kind = kinds[i]!;
    if (kind === 'i32') return [memory.words, word, kind];
    if (kind === 'u32') return [memory.uwords, word, kind];
    return [kind === 'i64' ? memory.longs : memory.ulongs, word >> 1, kind];
  }
}

/** A cursor allocates nothing: point it at a variable with find(), then use it like a view until the next find(). */
export class Cursor<F extends Fields = Fields> extends View<F> {
  /** @internal */
  constructor(thread: Thread, binding: Binding) {
    super(thread, binding, 0, -1, 0, 0);
  }

  /** Moves to the variable of an object; false if there is none, and then the cursor is on no variable. */
  find(obj: Parent): boolean {
    const thread = this.$thread;
    let binding = this.$binding;
    const { words } = thread;
    if (thread.interval === 0) enter(thread);
    if (words[binding.tagAddress] !== binding.tag) {
      binding = binding.renewed();
      this.$binding = binding;
    }
    let object: number;
    let low: number;
    let high = 0;
    if (typeof obj === 'number' && (obj | 0) === obj && obj >= 0) {
      object = obj;
      low = obj;
    } else {
      object = binding.objects.find(obj);
      low = object | 0;
      high = objectHigh(object);
    }
    const block = object < 0 ? 0 : findBlock(words, binding.buckets, low, identityOf(high, binding.slot), hashObject(low, high));
    this.$block = block;
    if (block === 0) {
      this.$interval = -1;
      return false;
    }
    this.$interval = thread.interval;
    this.$generation = words[block + BLOCK_GENERATION]!;
    this.$object = object;
    return true;
  }
}

/** The view of a variable declared by `size`: bytes, and numbers (little-endian) at byte offsets. */
export class RawView extends View<RawFields> {
  /** A copy of all bytes. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.$span());
  }

  /** Copies bytes in, from byte `offset` on. */
  setBytes(source: Uint8Array, offset = 0): void {
    if (!(source instanceof Uint8Array)) {
      throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `setBytes takes a Uint8Array, not ${describe(source)}`);
    }
    this.$at(offset, source.length, 1);
    this.$span().set(source, offset);
  }

  getInt8(offset: number): number {
    return this.$touch().bytes.getInt8(this.$at(offset, 1, 1));
  }

  getUint8(offset: number): number {
    return this.$touch().bytes.getUint8(this.$at(offset, 1, 1));
  }

  getInt32(offset: number): number {
    return this.$touch().words[this.$at(offset, 4, 4) / 4]!;
  }

  getUint32(offset: number): number {
    return this.$touch().uwords[this.$at(offset, 4, 4) / 4]!;
  }

  getFloat64(offset: number): number {
    return this.$touch().doubles[this.$at(offset, 8, 8) / 8]!;
  }

  getBigInt64(offset: number): bigint {
    return this.$touch().longs[this.$at(offset, 8, 8) / 8]!;
  }

  setInt8(offset: number, value: number): void {
    requireRange(value, -128, 127);
    this.$touch().bytes.setInt8(this.$at(offset, 1, 1), value);
  }

  setUint8(offset: number, value: number): void {
    requireRange(value, 0, 255);
    this.$touch().bytes.setUint8(this.$at(offset, 1, 1), value);
  }

  setInt32(offset: number, value: number): void {
    requireRange(value, -(2 ** 31), 2 ** 31 - 1);
    this.$touch().words[this.$at(offset, 4, 4) / 4] = value;
  }

  setUint32(offset: number, value: number): void {
    requireRange(value, 0, 2 ** 32 - 1);
    this.$touch().uwords[this.$at(offset, 4, 4) / 4] = value;
  }

  setFloat64(offset: number, value: number): void {
    if (typeof value !== 'number') throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `setFloat64 takes a number, not ${describe(value)}`);
    this.$touch().doubles[this.$at(offset, 8, 8) / 8] = value;
  }

  setBigInt64(offset: number, value: bigint): void {
    requireBigint('setBigInt64', `at byte ${offset}`, value);
    this.$touch().longs[this.$at(offset, 8, 8) / 8] = value;
  }

  /** @internal The byte address of an offset, after checking that the value lies inside the variable and is aligned (so it cannot tear). */
  $at(offset: number, length: number, alignment: number): number {
    const { size, id } = this.$binding.type;
    if (!Number.isInteger(offset) || offset < 0 || offset + length > size || offset % alignment !== 0) {
      throw new ShadowError(
        'ERR_SHADOW_FIELD',
        `${length} bytes at offset ${describe(offset)} of type ${id}: it has ${size} bytes, and values are aligned to their size`,
      );
    }
    return this.$block * 4 + DATA_BYTES + offset;
  }

  /** @internal */
  $span(): Uint8Array {
    return new Uint8Array(this.$touch().buffer, this.$block * 4 + DATA_BYTES, this.$binding.type.size);
  }

  /** @internal */
  override $locate(memory: Memory, _operation: string, field: string): AtomicPlace {
    return [memory.words, this.$at(Number(field), 4, 4) / 4, 'i32'];
  }

  /** @internal */
  override $values(): Record<string, unknown> {
    return { bytes: this.toBytes() };
  }

  /** @internal */
  override $assign(values: object): void {
    if ('bytes' in values) this.setBytes(values.bytes as Uint8Array);
  }
}

/** What a field may not be called: everything a view or cursor has of its own. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(
  [Object.prototype, View.prototype, Cursor.prototype].flatMap((prototype) => Object.getOwnPropertyNames(prototype)),
);

/** The class of views over these fields. No fields means raw bytes. */
export function viewClass(fields: readonly Field[]): ViewConstructor {
  if (fields.length === 0) return class extends RawView {} as unknown as ViewConstructor;
  class TypedView extends View {
    constructor(thread: Thread, binding: Binding, block: WordAddress, interval: number, generation: number, object: number) {
      super(thread, binding, block, interval, generation, object);
    }
  }
  addAccessors(TypedView.prototype, fields);
  return TypedView;
}

export function cursorClass(fields: readonly Field[]): CursorConstructor {
  class TypedCursor extends Cursor {}
  if (fields.length > 0) {
    addAccessors(TypedCursor.prototype, fields);
    return TypedCursor;
  }
  for (const name of Object.getOwnPropertyNames(RawView.prototype)) {
    if (name === 'constructor') continue;
    Object.defineProperty(TypedCursor.prototype, name, Object.getOwnPropertyDescriptor(RawView.prototype, name)!);
  }
  return TypedCursor;
}

function addAccessors(prototype: object, fields: readonly Field[]): void {
  for (const { name, get, set } of fields) Object.defineProperty(prototype, name, { get, set, enumerable: true, configurable: false });
}

/** Throws ERR_SHADOW_ASYNC for a promise: the work it stands for would happen after the lock or the memory is gone. */
export function refusePromise(value: unknown, who: string): void {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function') return;
  if (value instanceof Promise) value.catch(() => undefined); // it is refused here; its own failure has nobody else to hear it
  throw new ShadowError('ERR_SHADOW_ASYNC', `${who} returned a promise; it has to finish before it returns`);
}

type AtomicKind = 'i32' | 'u32' | 'i64' | 'u64';
type AtomicPlace = [Int32Array | Uint32Array | BigInt64Array | BigUint64Array, number, AtomicKind];
type AtomicOperation = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange';

const OPERATIONS: Readonly<Record<AtomicOperation, (array: Int32Array, index: number, value: number) => number>> = {
  add: (array, index, value) => Atomics.add(array, index, value),
  sub: (array, index, value) => Atomics.sub(array, index, value),
  and: (array, index, value) => Atomics.and(array, index, value),
  or: (array, index, value) => Atomics.or(array, index, value),
  xor: (array, index, value) => Atomics.xor(array, index, value),
  exchange: (array, index, value) => Atomics.exchange(array, index, value),
};
const BIG_OPERATIONS: Readonly<Record<AtomicOperation, (array: BigInt64Array, index: number, value: bigint) => bigint>> = {
  add: (array, index, value) => Atomics.add(array, index, value),
  sub: (array, index, value) => Atomics.sub(array, index, value),
  and: (array, index, value) => Atomics.and(array, index, value),
  or: (array, index, value) => Atomics.or(array, index, value),
  xor: (array, index, value) => Atomics.xor(array, index, value),
  exchange: (array, index, value) => Atomics.exchange(array, index, value),
};

function requireInteger(operation: string, field: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${operation} on field ${field} takes a 32-bit whole number, not ${describe(value)}`);
}

function requireBigint(operation: string, field: string, value: unknown): asserts value is bigint {
  if (typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 64n) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${operation} on field ${field} takes a 64-bit bigint, not ${describe(value)}`);
}

function requireRange(value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${describe(value)} does not fit; give a whole number from ${least} to ${most}`);
}
