/**
 * Owns the classes of views and cursors that each type gets of its own, with one accessor per field on the prototype. Imports fields, view, cursor,
 * raw-view.
 */
import type { WordAddress } from '../memory/layout.js';
import type { Binding } from './binding.js';
import { Cursor } from './cursor.js';
import type { Field, Fields, FieldValues } from './fields.js';
import { RawView } from './raw-view.js';
import type { RawFields } from './type.js';
import { View } from './view.js';

/** The view of a variable, with one property per declared field. */
export type ViewOf<F extends Fields> = F extends RawFields ? RawView : View<F> & FieldValues<F>;
/** A view that can be pointed at one variable after another. */
export type CursorOf<F extends Fields> = F extends RawFields ? RawView & Cursor<F> : Cursor<F> & FieldValues<F>;

export type ViewConstructor = new (binding: Binding, block: WordAddress, interval: number, generation: number) => View;
export type CursorConstructor = new (binding: Binding) => Cursor;

/** What a field may not be called: everything a view or cursor has of its own. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(
  [Object.prototype, View.prototype, Cursor.prototype].flatMap((prototype) => Object.getOwnPropertyNames(prototype)),
);

/** The class of views over these fields. No fields means raw bytes. */
export function viewClass(fields: readonly Field[]): ViewConstructor {
  // A constructor function, not a class: `super()` in a derived class is not inlined and costs more than the whole look-up.
  const TypedView = function (this: View, binding: Binding, block: WordAddress, interval: number, generation: number): void {
    this.$binding = binding;
    this.$block = block;
    this.$interval = interval;
    this.$generation = generation;
  } as unknown as ViewConstructor & { prototype: View };
  TypedView.prototype = Object.create(fields.length === 0 ? RawView.prototype : View.prototype) as View;
  addAccessors(TypedView.prototype, fields);
  return TypedView;
}

/** The class of cursors over these fields. */
export function cursorClass(fields: readonly Field[]): CursorConstructor {
  class TypedCursor extends Cursor {}
  if (fields.length === 0) copyMethods(TypedCursor.prototype, RawView.prototype);
  addAccessors(TypedCursor.prototype, fields);
  return TypedCursor;
}

function addAccessors(prototype: object, fields: readonly Field[]): void {
  for (const { name, get, set } of fields) Object.defineProperty(prototype, name, { get, set, enumerable: true, configurable: false });
}

function copyMethods(to: object, from: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
    if (name !== 'constructor') Object.defineProperty(to, name, descriptor);
  }
}
