/**
 * Owns the declaration of shadow types. A type is a constant of the module that declares it; what identifies variables in the store is its
 * numeric id alone (as in the kernel), so two modules that declare one id share its variables, and each runs its own constructor and
 * destructor on them. Touches no shared memory; imports fields, view and errors.
 */
import { describe, ShadowError } from '../errors.js';
import { MAX_DATA_BYTES } from '../memory/classes.js';
import type { Binding } from './binding.js';
import { type Field, type Fields, type AtomicFields, layoutFields } from './fields.js';
import { type Parent } from './objects.js';
import { RESERVED_NAMES } from './reserved-names.js';
import type { ViewOf } from './view-classes.js';

/** Marks a type declared by `size`: its views are raw bytes. */
export interface RawFields extends Fields {
  readonly [RAW]: never;
}
declare const RAW: unique symbol;

/** What `defineShadowType` takes. Constructor and destructor are synchronous. */
export interface ShadowTypeDeclaration<F extends Fields, Data> {
  /** 0…2^32−1. */
  readonly id: number;
  readonly fields: F;
  /**
   * Runs once per created variable, before anybody can see it, on zeroed memory, under the bucket lock: it may read the store but not write to
   * it. Throwing publishes nothing.
   */
  readonly ctor?: (obj: Parent, view: ViewOf<F>, data: Data) => void;
  /**
   * Runs after the variable was unlinked, in the thread that freed it or on the coordinator. It may do anything. After the death of the thread
   * that ran it, it runs again: at least once, not exactly once.
   */
  readonly dtor?: (obj: Parent, view: ViewOf<F>) => void;
}

export interface RawShadowTypeDeclaration<Data> extends Omit<ShadowTypeDeclaration<RawFields, Data>, 'fields'> {
  /** Bytes of data, 1…65520. */
  readonly size: number;
}

/** A declared shadow type. Made by `defineShadowType`. */
export class ShadowType<F extends Fields = Fields, Data = unknown> {
  readonly id: number;
  /** Bytes of data in every variable of this type. */
  readonly size: number;
  /** In declared order; empty for a raw type. */
  readonly fields: readonly Field[];
  readonly fieldNames: ReadonlySet<string>;
  readonly ctor: ((obj: Parent, view: ViewOf<F>, data: Data) => void) | undefined;
  readonly dtor: ((obj: Parent, view: ViewOf<F>) => void) | undefined;
  /** @internal */
  readonly $atomics: AtomicFields;
  /** @internal The binding to the store that used this type last; nearly always the only one. */
  $binding: Binding | undefined = undefined;

  /** @internal */
  constructor(declaration: ShadowTypeDeclaration<F, Data> | RawShadowTypeDeclaration<Data>) {
    if (typeof declaration !== 'object' || (declaration as unknown) === null) {
      throw new ShadowError('ERR_SHADOW_TYPE', `a shadow type is declared by an object, not by ${describe(declaration)}`);
    }
    const { id, ctor, dtor } = declaration;
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 32) {
      throw new ShadowError('ERR_SHADOW_TYPE', `the id of a shadow type is a whole number from 0 to 2^32−1, not ${describe(id)}`);
    }
    for (const [name, fn] of Object.entries({ ctor, dtor })) {
      if (fn !== undefined && typeof fn !== 'function') {
        throw new ShadowError('ERR_SHADOW_TYPE', `${name} of type ${id} is ${describe(fn)}; give a function or leave it out`);
      }
    }
    const layout =
      'size' in declaration ? rawLayout(id, declaration) : layoutFields(declaration.fields, id, RESERVED_NAMES, MAX_DATA_BYTES);
    this.id = id;
    this.size = layout.size;
    this.fields = layout.fields;
    this.fieldNames = new Set(layout.fields.map(({ name }) => name));
    this.ctor = ctor as typeof this.ctor;
    this.dtor = dtor as typeof this.dtor;
    this.$atomics = layout.atomics;
  }
}

/** The latest declaration of each id in this thread: whose destructor runs when a parent is freed with all its variables. */
const declared = new Map<number, AnyShadowType>();

/** @internal */
export function latestDeclaration(id: number): AnyShadowType | undefined {
  return declared.get(id);
}

function rawLayout(id: number, declaration: object): { size: number; fields: readonly Field[]; atomics: AtomicFields } {
  const { size } = declaration as { size: unknown };
  if ('fields' in declaration && declaration.fields !== undefined) {
    throw new ShadowError('ERR_SHADOW_TYPE', `type ${id} declares both size and fields; fields imply the size`);
  }
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > MAX_DATA_BYTES) {
    throw new ShadowError(
      'ERR_SHADOW_TYPE_SIZE',
      `the size of type ${id} is ${describe(size)}; give a whole number of bytes from 1 to ${MAX_DATA_BYTES}`,
    );
  }
  return { size, fields: [], atomics: { names: [], words: [], kinds: [] } };
}

/**
 * Declares a shadow type: an id, and either typed `fields` or a raw `size` in bytes.
 * @throws ERR_SHADOW_TYPE, ERR_SHADOW_TYPE_SIZE
 */
export function defineShadowType<const F extends Fields, Data = unknown>(declaration: ShadowTypeDeclaration<F, Data>): ShadowType<F, Data>;
export function defineShadowType<Data = unknown>(declaration: RawShadowTypeDeclaration<Data>): ShadowType<RawFields, Data>;
export function defineShadowType<F extends Fields, Data>(
  declaration: ShadowTypeDeclaration<F, Data> | RawShadowTypeDeclaration<Data>,
): ShadowType<F, Data> {
  const type = new ShadowType<F, Data>(declaration);
  declared.set(type.id, type);
  return type;
}

/** Any shadow type, where only its identity matters. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Fields and Data appear in both directions, so no other bound admits every type
export type AnyShadowType = ShadowType<any, any>;

/** @throws ERR_SHADOW_TYPE when the value was not made by defineShadowType */
export function requireType(value: unknown, operation: string): asserts value is AnyShadowType {
  if (value instanceof ShadowType) return;
  throw new ShadowError('ERR_SHADOW_TYPE', `${operation} takes a type made by defineShadowType, not ${describe(value)}`);
}
