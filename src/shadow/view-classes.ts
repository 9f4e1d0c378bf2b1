/**
 * Owns the classes of views and cursors that each type has of its own in each attached store. What never changes for one attached store — the memory, the
 * thread, the place of the buckets — is closed over, not carried by each view: compiled code then holds the address of the memory itself, which nearly
 * halves the cost of a look-up. Reads what table/find.ts reads. Imports memory, table, fields, view, cursor, raw-view.
 */
import { Layout, type WordAddress } from '../memory/layout.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf } from '../table/hash.js';
import { adder } from './adder.js';
import { type Binding, refuseBlock } from './binding.js';
import { Cursor } from './cursor.js';
import { fieldAccess } from './field-access.js';
import type { Fields, FieldValues } from './fields.js';
import { type GetMany, manyGetter } from './many.js';
import type { Parent } from './objects.js';
import { RawView } from './raw-view.js';
import type { RawFields } from './type.js';
import { View } from './view.js';

/** The view of a variable, with one property per declared field. */
export type ViewOf<F extends Fields> = F extends RawFields ? RawView : View<F> & FieldValues<F>;
/** A view that can be pointed at one variable after another. */
export type CursorOf<F extends Fields> = F extends RawFields ? RawView & Cursor<F> : Cursor<F> & FieldValues<F>;

export type ViewConstructor = new (block: WordAddress, interval: number, generation: number) => View;
type CursorConstructor = new () => Cursor;

/** How one thread reaches the variables of one type. */
export interface Access {
  readonly View: ViewConstructor;
  readonly Cursor: CursorConstructor;
  /** The view of a parent's variable. */
  readonly get: (obj: Parent) => View | undefined;
  readonly getMany: GetMany;
  /** Whether a parent has a variable, be it in an older version. */
  readonly has: (obj: Parent) => boolean;
}

// Local constants are folded into the compiled code; an imported binding is loaded and checked at every use, which a look-up would notice.
const find = findBlock;
const hash = hashObject;
const identity = identityOf;

const TWO_32 = 2 ** 32;
/** A power of two: multiplying by it is exact. */
const INVERSE_OF_2_32 = 2 ** -32;
/** The upper half of the first number that is not the user's own. */
const NAMES_HIGH = Layout.FIRST_NAME_HANDLE / TWO_32;

export function makeAccess(binding: Binding): Access {
  const TypedView = viewClass(binding);
  const locate = locator(binding);
  const get = getter(binding, locate, TypedView);
  return {
    View: TypedView,
    Cursor: cursorClass(binding, locate),
    get,
    getMany: manyGetter(binding, TypedView, get),
    has: (obj) => locate(obj) !== 0 || binding.lingers(obj),
  };
}

function viewClass(binding: Binding): ViewConstructor {
  // A constructor function, not a class: `super()` in a derived class is not inlined and costs more than the whole look-up.
  const TypedView = function (this: View, block: WordAddress, interval: number, generation: number): void {
    this.$block = block;
    this.$interval = interval;
    this.$generation = generation;
  } as unknown as ViewConstructor & { prototype: View };
  const raw = binding.type.fields.length === 0;
  TypedView.prototype = Object.create(raw ? RawView.prototype : View.prototype) as View;
  addAccessors(TypedView.prototype, binding);
  return TypedView;
}

/** The look-up itself: brings the binding up to date, enters the grace epoch if need be, and returns the block of a parent's variable or 0. */
function locator(binding: Binding): (obj: Parent) => WordAddress {
  const { words, thread, buckets } = binding;
  return (obj) => {
    if (thread.interval === 0 || words[Layout.TYPE_EPOCH] !== binding.epoch) binding.refresh();
    if (typeof obj !== 'number') return binding.find(obj);
    const low = obj | 0;
    let high = 0;
    if (low !== obj || low < 0) {
      high = (obj * INVERSE_OF_2_32) | 0;
      // Equal only if it is whole and neither half was cut off.
      if (high * TWO_32 + (low >>> 0) !== obj || high >>> 0 >= NAMES_HIGH) return binding.find(obj);
    }
    return find(words, buckets, low, identity(high, binding.slot), hash(low, high));
  };
}

function getter(binding: Binding, locate: (obj: Parent) => WordAddress, TypedView: ViewConstructor): Access['get'] {
  const { words, thread, lastBlock } = binding;
  const missed = (obj: Parent): View | undefined => {
    const block = binding.late(obj);
    return block === 0 ? undefined : binding.view(block);
  };
  return (obj) => {
    const block = locate(obj);
    if (block > lastBlock) refuseBlock(block);
    return block === 0 ? missed(obj) : new TypedView(block, thread.interval, words[(block + Layout.BLOCK_GENERATION) | 0]!);
  };
}

function cursorClass(binding: Binding, locate: (obj: Parent) => WordAddress): CursorConstructor {
  const { words, thread, buckets, lastBlock } = binding;
  class TypedCursor extends Cursor {
    /**
     * The common case calls nothing and stores what it found in one place: the parent is a number, the binding is up to date, the thread is inside its epoch, and the
     * variable stands where its hash prefers. Parents and threads of which that is not true are left to findAnywhere, misses to move.
     */
    override find(obj: Parent): boolean {
      if (typeof obj === 'number' && words[Layout.TYPE_EPOCH] === binding.epoch && thread.interval !== 0) {
        const low = obj | 0;
        let high = 0;
        if (low !== obj || low < 0) {
          high = (obj * INVERSE_OF_2_32) | 0;
          // Equal only if it is whole and neither half was cut off.
          if (high * TWO_32 + (low >>> 0) !== obj || high >>> 0 >= NAMES_HIGH) return findAnywhere(this, obj);
        }
        const block = find(words, buckets, low, identity(high, binding.slot), hash(low, high));
        if (block === 0 || block > lastBlock) return move(this, obj, block);
        this.$block = block;
        this.$interval = thread.interval;
        this.$generation = words[(block + Layout.BLOCK_GENERATION) | 0]!;
        return true;
      }
      return findAnywhere(this, obj);
    }
  }
  const findAnywhere = (cursor: TypedCursor, obj: Parent): boolean => {
    cursor.$block = 0; // on no variable, also if the parent is refused
    cursor.$interval = -1;
    return move(cursor, obj, locate(obj));
  };
  /** To the block that a look-up came to, or to that of an older version where it came to none. */
  const move = (cursor: TypedCursor, obj: Parent, found: WordAddress): boolean => {
    cursor.$block = 0;
    cursor.$interval = -1;
    const block = found || binding.late(obj);
    if (block === 0) return false;
    if (block > lastBlock) refuseBlock(block);
    cursor.$block = block;
    cursor.$interval = thread.interval;
    cursor.$generation = words[(block + Layout.BLOCK_GENERATION) | 0]!;
    return true;
  };
  if (binding.type.fields.length === 0) copyMethods(TypedCursor.prototype, RawView.prototype);
  addAccessors(TypedCursor.prototype, binding);
  return TypedCursor;
}

function addAccessors(prototype: object, binding: Binding): void {
  Object.defineProperty(prototype, '$binding', { value: binding });
  Object.defineProperty(prototype, 'add', { value: adder(binding.type.fields, binding.memory, binding.thread) });
  const accessors = binding.type.fields.map(({ name, kind, offset, check }) => {
    const access = fieldAccess(name, kind, offset, check, binding.memory, binding.thread);
    Object.defineProperty(prototype, name, { get: access.get, set: access.set, enumerable: true, configurable: false });
    return access;
  });
  Object.defineProperty(prototype, '$accessors', { value: accessors });
}

function copyMethods(to: object, from: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
    if (name !== 'constructor') Object.defineProperty(to, name, descriptor);
  }
}
