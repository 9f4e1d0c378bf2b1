/**
 * Owns views: the JavaScript face of one variable's shared bytes. Reads and writes the data words of a block, and BLOCK_LOCK through
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
import { Layout, type WordAddress } from '../memory/layout.js';
import { acquireVariable, awaitVariable, isVersion, readVersion, releaseVariable } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { findBlock } from '../table/find.js';
import { hashObject } from '../table/hash.js';
import { type AtomicOperation, type AtomicPlace, BIG_OPERATIONS, OPERATIONS, requireBigint, requireInteger } from './atomics.js';
import type { Binding } from './binding.js';
import type { AtomicName, FieldAccess, Fields, FieldTarget, FieldValue, FieldValues } from './fields.js';
import { forgetUndo, noteUndo, noteUndoOfAll, type Span } from './undo.js';

/** Optimistic reads before read() takes the lock: a writer that holds it longer than this is not just passing. */
const READ_ATTEMPTS = 16;

type Operand<F extends Fields, N extends AtomicName<F>> = FieldValue<F[N]>;

/** A variable of live shared memory. Valid until the thread's next safepoint after the variable is freed; then ERR_SHADOW_STALE_VIEW. */
export class View<F extends Fields = Fields> implements FieldTarget {
  /** @internal On the prototype: every type has view classes of its own in every attached store. */
  declare readonly $binding: Binding;
  /** @internal Of the fields, in their order; on the prototype as well. */
  declare readonly $accessors: readonly FieldAccess[];
  /** @internal */ $block: WordAddress;
  /** @internal */ $interval: number;
  /** @internal */ $generation: number;

  /** @internal */
  constructor(block: WordAddress, interval: number, generation: number) {
    this.$block = block;
    this.$interval = interval;
    this.$generation = generation;
  }

  /** @internal */
  $touch(): Memory {
    const binding = this.$binding;
    if (this.$interval !== binding.thread.interval) this.$revalidate();
    return binding.memory;
  }

  /** @internal Looks the variable up again, once per interval. Throws ERR_SHADOW_STALE_VIEW. */
  $revalidate(): void {
    const binding = this.$binding;
    const { thread, words } = binding;
    const block = this.$block;
    if (block === 0) throw new ShadowError('ERR_SHADOW_STALE_VIEW', 'the cursor is on no variable; use it only after find() returned true');
    if (thread.interval === 0) enter(thread);
    // Whatever stands there by now: if the table leads from this identity to this very block, and the generation is ours, it is our variable.
    const low = words[block]!;
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    const live =
      binding.current &&
      (identity & Layout.TYPE_SLOT_MASK) === binding.slot &&
      findBlock(words, binding.buckets, low, identity, hashObject(low, identity >>> Layout.TYPE_SLOT_BITS)) === block &&
      words[block + Layout.BLOCK_GENERATION] === this.$generation;
    if (!live) {
      throw new ShadowError(
        'ERR_SHADOW_STALE_VIEW',
        `the variable of type ${binding.type.id} behind this view was freed before the last safepoint; get it again after each safepoint`,
      );
    }
    this.$interval = thread.interval;
  }

  /** Atomically adds `value` (wrapping) and returns what was there before. For 32- and 64-bit integer fields, like all six that follow; adder.ts has the fast way. */
  add<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('add', field, value) as Operand<F, N>;
  }

  /** Atomically subtracts `value` (wrapping) and returns what was there before. */
  sub<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('sub', field, value) as Operand<F, N>;
  }

  /** Atomically keeps the bits that `value` has too, and returns what was there before. */
  and<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('and', field, value) as Operand<F, N>;
  }

  /** Atomically sets the bits of `value` and returns what was there before. */
  or<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('or', field, value) as Operand<F, N>;
  }

  /** Atomically inverts the bits of `value` and returns what was there before. */
  xor<N extends AtomicName<F>>(field: N, value: Operand<F, N>): Operand<F, N> {
    return this.$atomic('xor', field, value) as Operand<F, N>;
  }

  /** Atomically stores `value` and returns what was there before. */
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

  /**
   * All fields as a plain object, consistent with every update() and withLock() of any thread. Takes the variable's lock when writers keep it busy.
   * @throws ERR_SHADOW_CONSTRUCTOR_WRITE inside the constructor of another variable, which must not wait, if this one is being written all the time
   */
  read(): FieldValues<F> {
    const { words } = this.$touch();
    const { thread } = this.$binding;
    if (thread.locked === this.$block) return this.$values() as FieldValues<F>;
    // In the body of another lock it goes on trying: it may take no second lock, and whoever holds this one waits for none.
    for (let attempt = 0; attempt < READ_ATTEMPTS || thread.locked !== 0; attempt++) {
      if (attempt >= READ_ATTEMPTS) awaitVariable(thread, this.$block);
      const version = readVersion(words, this.$block);
      if (version < 0) continue;
      const values = this.$values() as FieldValues<F>;
      if (isVersion(words, this.$block, version)) return values;
    }
    return this.$locked(() => this.$values() as FieldValues<F>);
  }

  /**
   * Changes several fields as one: `fn` gets a plain copy and changes it, or returns an object with the fields to set. Nothing is written if it
   * throws or if a value does not fit, or if the thread dies before it is done. Runs under the variable's lock.
   * @throws ERR_SHADOW_LOCK_NESTED, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_ASYNC, ERR_SHADOW_EXHAUSTED (of large variables)
   */
  update(fn: (draft: FieldValues<F>) => unknown): void {
    if (typeof fn !== 'function') throw new ShadowError('ERR_SHADOW_OPTION', `update takes a function of the draft, not ${describe(fn)}`);
    this.$locked(() => {
      const before = this.$snapshot();
      const draft = this.$draft(before);
      const returned = fn(draft as FieldValues<F>);
      refusePromise(returned, 'the function given to update()');
      this.$assign(typeof returned === 'object' && returned !== null ? returned : draft, before);
    });
  }

  /** @internal Runs fn under the variable's lock. */
  $locked<R>(fn: () => R): R {
    const { thread } = this.$binding;
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
      if (thread.deferred) {
        thread.deferred = false;
        thread.onUnlocked();
      }
    }
  }

  /** @internal All fields as a plain object. */
  $values(): Record<string, unknown> {
    return this.$draft(this.$snapshot());
  }

  /** @internal What the fields hold, in their order. */
  $snapshot(): readonly unknown[] {
    const accessors = this.$accessors;
    const values: unknown[] = [];
    for (let i = 0; i < accessors.length; i++) values.push(accessors[i]!.get.call(this));
    return values;
  }

  /** @internal */
  $draft(values: readonly unknown[]): Record<string, unknown> {
    const { fields } = this.$binding.type;
    const draft: Record<string, unknown> = {};
    for (let i = 0; i < fields.length; i++) draft[fields[i]!.name] = values[i];
    return draft;
  }

  /**
   * @internal Writes the fields that `values` has and that differ from what they held `before`, after checking all of them. What stays as it was is not touched:
   * it needs no place in the undo log, and another thread may be changing it atomically.
   */
  $assign(values: object, before: readonly unknown[]): void {
    const { fields } = this.$binding.type;
    const accessors = this.$accessors;
    const given = values as Record<string, unknown>;
    // Each value is read once: what was checked is what is written.
    const changed: number[] = [];
    const changes: unknown[] = [];
    let known = 0;
    for (let i = 0; i < fields.length; i++) {
      const { name, check } = fields[i]!;
      const value = given[name];
      if (value === undefined && !(name in given)) continue;
      known++;
      check(value);
      // Bytes may have been changed where they are: of them `before` is no copy.
      if (isSame(value instanceof Uint8Array ? accessors[i]!.get.call(this) : before[i], value)) continue;
      changed.push(i);
      changes.push(value);
    }
    this.$requireFields(given, known);
    const undo = this.$noteUndo(changed.length === fields.length ? undefined : changed.map((i) => fields[i]!));
    try {
      for (let i = 0; i < changes.length; i++) accessors[changed[i]!]!.set.call(this, changes[i] as never);
    } finally {
      if (undo) this.$forgetUndo();
    }
  }

  /** @internal Of the enumerable properties of an object, `known` are fields. @throws ERR_SHADOW_FIELD if there are others */
  $requireFields(given: object, known: number): void {
    let properties = 0;
    for (const _ in given) properties++;
    if (properties === known) return;
    const { fieldNames, id } = this.$binding.type;
    for (const name in given) {
      if (!fieldNames.has(name)) throw new ShadowError('ERR_SHADOW_FIELD', `type ${id} has no field ${describe(name)}`);
    }
  }

  /**
   * @internal Before these spans of a locked variable, or all of it, are written: all of that happens or none, even if the thread dies. False where nothing has
   * to be undone: what is under construction nobody will ever see unless it is finished.
   */
  $noteUndo(spans: readonly Span[] | undefined): boolean {
    const { thread, bindings, dataWords } = this.$binding;
    if (thread.locked !== this.$block) return false;
    if (spans === undefined) noteUndoOfAll(thread, bindings.blocks, this.$block, dataWords);
    else if (spans.length > 0) noteUndo(thread, bindings.blocks, this.$block, spans);
    else return false;
    return true;
  }

  /** @internal */
  $forgetUndo(): void {
    forgetUndo(this.$binding.thread);
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

/** Whether writing `value` would leave a field as it is. Bytes that a shorter value leaves out are zeros. */
function isSame(current: unknown, value: unknown): boolean {
  if (!(current instanceof Uint8Array) || !(value instanceof Uint8Array)) return Object.is(current, value);
  for (let i = 0; i < current.length; i++) if (current[i] !== (value[i] ?? 0)) return false;
  return true;
}

/** Throws ERR_SHADOW_ASYNC for a promise: the work it stands for would happen after the lock or the memory is gone. */
export function refusePromise(value: unknown, who: string): void {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function') return;
  if (value instanceof Promise) value.catch(() => undefined); // it is refused here; its own failure has nobody else to hear it
  throw new ShadowError('ERR_SHADOW_ASYNC', `${who} returned a promise; it has to finish before it returns`);
}
