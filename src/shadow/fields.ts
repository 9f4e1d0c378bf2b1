/**
 * Owns the typed layout of a shadow type: the kinds of field, and which field lies at which byte. The accessors are made in field-access.ts and
 * stand on the prototype of the views.
 *
 * Fields are laid out by falling alignment, each kind in declared order, so there is padding at the end at most. Numbers and words are aligned
 * and therefore never tear; `bytes` and `string` are copied in and out and are consistent only through `read()`, `update()` and `withLock()`.
 *
 * Imports errors and memory.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { fieldCheck, STRING_HEADER_BYTES } from './field-access.js';

/** Integers that fit a JavaScript number. */
export type IntegerKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32';
/** Fields that hold a JavaScript number. */
export type NumberKind = IntegerKind | 'f32' | 'f64';
/** Integers of 64 bits, which are bigints in JavaScript. */
export type BigKind = 'i64' | 'u64';
/** Fixed number of raw bytes. */
export interface BytesField {
  readonly kind: 'bytes';
  readonly length: number;
}
/** UTF-8 text of at most `length` bytes. */
export interface StringField {
  readonly kind: 'string';
  readonly length: number;
}
/** What a field can hold; `bytes(n)` and `string(n)` make the last two. */
export type FieldKind = NumberKind | BigKind | BytesField | StringField;
/** The fields of a shadow type by name. */
export type Fields = Readonly<Record<string, FieldKind>>;

/** What a field holds in JavaScript. */
export type FieldValue<K extends FieldKind> = K extends NumberKind
  ? number
  : K extends BigKind
    ? bigint
    : K extends BytesField
      ? Uint8Array
      : string;
/** A plain object with the values of all fields. */
export type FieldValues<F extends Fields> = { -readonly [N in keyof F]: FieldValue<F[N]> };
/** Names of the fields with atomic operations: those of 32 and 64 bits. */
export type AtomicName<F extends Fields> = { [N in keyof F]: F[N] extends 'i32' | 'u32' | BigKind ? N : never }[keyof F] & string;

/** A field of `length` raw bytes, 1…65520. Reading gives a copy; writing takes up to `length` bytes and fills the rest with zeros. */
export function bytes(length: number): BytesField {
  return { kind: 'bytes', length };
}

/** A field of UTF-8 text, at most `length` bytes long when encoded. */
export function string(length: number): StringField {
  return { kind: 'string', length };
}

/** The view an accessor works on, as far as it needs to know it. */
export interface FieldTarget {
  readonly $block: WordAddress;
  readonly $interval: number;
  /** Makes sure that the variable may still be touched. */
  $revalidate(): void;
}

export interface FieldAccess {
  readonly get: (this: FieldTarget) => unknown;
  /** Takes what the field's `check` admits. */
  readonly set: (this: FieldTarget, value: never) => void;
}

/** Where a field lies in a variable. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Bytes from the start of the variable's data. */
  readonly offset: number;
  readonly bytes: number;
  /** Throws ERR_SHADOW_FIELD_VALUE for a value that the field cannot hold. */
  readonly check: (value: unknown) => void;
}

/** The fields of a type that have atomic operations, by position in parallel arrays so that finding one costs a few compares. */
export interface AtomicFields {
  readonly names: readonly string[];
  /** Words from the start of the block. */
  readonly words: readonly number[];
  readonly kinds: readonly ('i32' | 'u32' | BigKind)[];
}

export interface FieldLayout {
  readonly size: number;
  readonly fields: readonly Field[];
  readonly atomics: AtomicFields;
}

/** Bytes of a number, which is also how it is aligned. */
export const NUMBER_BYTES: Readonly<Record<NumberKind | BigKind, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f32: 4,
  f64: 8,
  i64: 8,
  u64: 8,
};
/** Names that a field may have, but for those that views have for themselves. */
export const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Lays out the fields of a declaration. @throws ERR_SHADOW_TYPE */
export function layoutFields(declared: unknown, id: number, reserved: ReadonlySet<string>, maxBytes: number): FieldLayout {
  if (typeof declared !== 'object' || declared === null || Array.isArray(declared)) {
    throw new ShadowError('ERR_SHADOW_TYPE', `fields of type ${id} is ${describe(declared)}; give an object like { count: 'u32' }`);
  }
  const entries = Object.entries(declared).map(([name, kind]) => {
    if (!FIELD_NAME.test(name) || reserved.has(name)) {
      throw new ShadowError(
        'ERR_SHADOW_TYPE',
        `type ${id} cannot have a field named ${describe(name)}; views use that name or it is no identifier`,
      );
    }
    return { name, ...measure(kind, name, id) };
  });
  if (entries.length === 0)
    throw new ShadowError('ERR_SHADOW_TYPE', `type ${id} declares no fields; give at least one, or a size in bytes`);
  const fields: Field[] = [];
  let offset = 0;
  for (const alignment of [8, 4, 2, 1]) {
    for (const entry of entries) {
      if (entry.alignment !== alignment) continue;
      offset = Math.ceil(offset / alignment) * alignment;
      fields.push({ name: entry.name, kind: entry.kind, offset, bytes: entry.bytes, check: fieldCheck(entry.name, entry.kind) });
      offset += entry.bytes;
    }
  }
  if (offset > maxBytes) {
    throw new ShadowError('ERR_SHADOW_TYPE_SIZE', `the fields of type ${id} take ${offset} bytes; a variable has at most ${maxBytes}`);
  }
  const order = entries.map(({ name }) => name);
  fields.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return { size: offset, fields, atomics: atomicFields(fields) };
}

/** Reads what was declared once: the object it came in is the user's and may change. */
function measure(declared: unknown, name: string, id: number): { kind: FieldKind; bytes: number; alignment: number } {
  if (typeof declared === 'string' && Object.hasOwn(NUMBER_BYTES, declared)) {
    const kind = declared as NumberKind;
    const size = NUMBER_BYTES[kind];
    return { kind, bytes: size, alignment: size };
  }
  if (typeof declared === 'object' && declared !== null && 'kind' in declared && 'length' in declared) {
    const { kind, length } = declared;
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 1) {
      throw new ShadowError(
        'ERR_SHADOW_TYPE',
        `field ${name} of type ${id} has length ${describe(length)}; give a whole number of bytes from 1`,
      );
    }
    if (kind === 'bytes') return { kind: bytes(length), bytes: length, alignment: 1 };
    if (kind === 'string') return { kind: string(length), bytes: STRING_HEADER_BYTES + length, alignment: 4 };
  }
  throw new ShadowError(
    'ERR_SHADOW_TYPE',
    `field ${name} of type ${id} is ${describe(declared)}; kinds are ${Object.keys(NUMBER_BYTES).join(', ')}, bytes(n) and string(n)`,
  );
}

function atomicFields(fields: readonly Field[]): AtomicFields {
  const names: string[] = [];
  const words: number[] = [];
  const kinds: ('i32' | 'u32' | BigKind)[] = [];
  for (const { name, kind, offset } of fields) {
    if (kind !== 'i32' && kind !== 'u32' && kind !== 'i64' && kind !== 'u64') continue;
    names.push(name);
    words.push(Layout.BLOCK_DATA + offset / 4);
    kinds.push(kind);
  }
  return { names, words, kinds };
}
