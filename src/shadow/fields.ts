/**
 * Owns the typed layout of a shadow type: which field lies at which byte, what values it takes, and the accessors through which views reach
 * shared memory. Accessors are made once per type and put on the prototype of its views; they allocate nothing but what they return.
 *
 * Fields are laid out by falling alignment, each kind in declared order, so there is padding at the end at most. Numbers and words are aligned
 * and therefore never tear; `bytes` and `string` are copied in and out and are consistent only through `read()`, `update()` and `withLock()`.
 *
 * Imports errors and memory.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';

export type IntegerKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32';
export type NumberKind = IntegerKind | 'f32' | 'f64';
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
export type FieldKind = NumberKind | BigKind | BytesField | StringField;
export type Fields = Readonly<Record<string, FieldKind>>;

/** What a field holds in JavaScript. */
export type FieldValue<K extends FieldKind> = K extends NumberKind
  ? number
  : K extends BigKind
    ? bigint
    : K extends BytesField
      ? Uint8Array
      : string;
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
  /** Makes sure that the variable may still be touched, and returns the memory. */
  $touch(): Memory;
}

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Bytes from the start of the variable's data. */
  readonly offset: number;
  /** Throws ERR_SHADOW_FIELD_VALUE for a value that the field cannot hold. */
  check(value: unknown): void;
  get(this: FieldTarget): unknown;
  set(this: FieldTarget, value: unknown): void;
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

const NUMBER_BYTES: Readonly<Record<NumberKind | BigKind, number>> = {
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
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DATA_BYTES = Layout.BLOCK_DATA * 4;
const STRING_HEADER_BYTES = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Lays out the fields of a declaration. @throws ERR_SHADOW_TYPE */
export function layoutFields(declared: unknown, id: number, reserved: ReadonlySet<string>, maxBytes: number): FieldLayout {
  if (typeof declared !== 'object' || declared === null || Array.isArray(declared)) {
    throw new ShadowError('ERR_SHADOW_TYPE', `fields of type ${id} is ${describe(declared)}; give an object like { count: 'u32' }`);
  }
  const entries = Object.entries(declared).map(([name, kind]) => {
    if (!NAME.test(name) || reserved.has(name)) {
      throw new ShadowError(
        'ERR_SHADOW_TYPE',
        `type ${id} cannot have a field named ${describe(name)}; views use that name or it is no identifier`,
      );
    }
    return { name, kind: kind as FieldKind, ...measure(kind, name, id) };
  });
  if (entries.length === 0)
    throw new ShadowError('ERR_SHADOW_TYPE', `type ${id} declares no fields; give at least one, or a size in bytes`);
  const fields: Field[] = [];
  let offset = 0;
  for (const alignment of [8, 4, 2, 1]) {
    for (const entry of entries) {
      if (entry.alignment !== alignment) continue;
      offset = Math.ceil(offset / alignment) * alignment;
      fields.push(makeField(entry.name, entry.kind, offset));
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

function measure(kind: unknown, name: string, id: number): { bytes: number; alignment: number } {
  if (typeof kind === 'string' && Object.hasOwn(NUMBER_BYTES, kind)) {
    const size = NUMBER_BYTES[kind as NumberKind];
    return { bytes: size, alignment: size };
  }
  if (typeof kind === 'object' && kind !== null && 'kind' in kind && 'length' in kind) {
    const { length } = kind;
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 1) {
      throw new ShadowError(
        'ERR_SHADOW_TYPE',
        `field ${name} of type ${id} has length ${describe(length)}; give a whole number of bytes from 1`,
      );
    }
    if (kind.kind === 'bytes') return { bytes: length, alignment: 1 };
    if (kind.kind === 'string') return { bytes: STRING_HEADER_BYTES + length, alignment: 4 };
  }
  throw new ShadowError(
    'ERR_SHADOW_TYPE',
    `field ${name} of type ${id} is ${describe(kind)}; kinds are ${Object.keys(NUMBER_BYTES).join(', ')}, bytes(n) and string(n)`,
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

function refuse(name: string, value: unknown, rule: string): never {
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `field ${name} cannot hold ${describe(value)}; it takes ${rule}`);
}

function integerCheck(name: string, least: number, most: number): (value: unknown) => void {
  return (value) => {
    if (typeof value !== 'number' || !(value >= least && value <= most) || !Number.isInteger(value)) {
      refuse(name, value, `whole numbers from ${least} to ${most}`);
    }
  };
}

function makeField(name: string, kind: FieldKind, offset: number): Field {
  const word = Layout.BLOCK_DATA + (offset >> 2);
  const byte = DATA_BYTES + offset;
  const field = { name, kind, offset };
  switch (kind) {
    case 'i32': {
      const check = integerCheck(name, -(2 ** 31), 2 ** 31 - 1);
      return {
        ...field,
        check,
        get() {
          return this.$touch().words[this.$block + word];
        },
        set(value: number) {
          if ((value | 0) !== value) check(value);
          this.$touch().words[this.$block + word] = value;
        },
      };
    }
    case 'u32': {
      const check = integerCheck(name, 0, 2 ** 32 - 1);
      return {
        ...field,
        check,
        get() {
          return this.$touch().uwords[this.$block + word];
        },
        set(value: number) {
          if (value >>> 0 !== value) check(value);
          this.$touch().uwords[this.$block + word] = value;
        },
      };
    }
    case 'f64':
    case 'f32':
      return { ...field, ...floatField(name, kind, offset) };
    case 'i64':
    case 'u64':
      return { ...field, ...bigField(name, kind, offset) };
    case 'i16':
    case 'u16':
    case 'i8':
    case 'u8':
      return { ...field, ...smallField(name, kind, byte) };
    default:
      return { ...field, ...(kind.kind === 'bytes' ? bytesField(name, kind.length, byte) : stringField(name, kind.length, byte)) };
  }
}

type Access = Pick<Field, 'check' | 'get' | 'set'>;

function floatField(name: string, kind: 'f32' | 'f64', offset: number): Access {
  const check = (value: unknown): void => {
    if (typeof value !== 'number') refuse(name, value, 'numbers');
  };
  if (kind === 'f32') {
    const word = Layout.BLOCK_DATA + (offset >> 2);
    return {
      check,
      get() {
        return this.$touch().singles[this.$block + word];
      },
      set(value: number) {
        if (typeof value !== 'number') check(value);
        this.$touch().singles[this.$block + word] = value;
      },
    };
  }
  const double = (Layout.BLOCK_DATA + (offset >> 2)) >> 1;
  return {
    check,
    get() {
      return this.$touch().doubles[(this.$block >> 1) + double];
    },
    set(value: number) {
      if (typeof value !== 'number') check(value);
      this.$touch().doubles[(this.$block >> 1) + double] = value;
    },
  };
}

function bigField(name: string, kind: BigKind, offset: number): Access {
  const long = (Layout.BLOCK_DATA + (offset >> 2)) >> 1;
  const signed = kind === 'i64';
  const check = (value: unknown): void => {
    if (typeof value !== 'bigint' || (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) !== value) {
      refuse(name, value, signed ? 'bigints from −2^63 to 2^63−1' : 'bigints from 0 to 2^64−1');
    }
  };
  return {
    check,
    get() {
      const memory = this.$touch();
      return signed ? memory.longs[(this.$block >> 1) + long] : memory.ulongs[(this.$block >> 1) + long];
    },
    set(value: bigint) {
      check(value);
      this.$touch().longs[(this.$block >> 1) + long] = value;
    },
  };
}

function smallField(name: string, kind: 'i8' | 'u8' | 'i16' | 'u16', byte: number): Access {
  const bits = NUMBER_BYTES[kind] * 8;
  const check =
    kind === 'i8' || kind === 'i16' ? integerCheck(name, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) : integerCheck(name, 0, 2 ** bits - 1);
  if (bits === 16) {
    const short = byte >> 1;
    const signed = kind === 'i16';
    return {
      check,
      get() {
        const memory = this.$touch();
        return signed ? memory.shorts[this.$block * 2 + short] : memory.ushorts[this.$block * 2 + short];
      },
      set(value: number) {
        check(value);
        this.$touch().shorts[this.$block * 2 + short] = value;
      },
    };
  }
  const signed = kind === 'i8';
  return {
    check,
    get() {
      const memory = this.$touch();
      return signed ? memory.bytes.getInt8(this.$block * 4 + byte) : memory.bytes.getUint8(this.$block * 4 + byte);
    },
    set(value: number) {
      check(value);
      this.$touch().bytes.setInt8(this.$block * 4 + byte, value);
    },
  };
}

/** The bytes behind a field, for copying only: a subarray that left this file would outlive the variable. */
function span(target: FieldTarget, byte: number, length: number): Uint8Array {
  return new Uint8Array(target.$touch().buffer, target.$block * 4 + byte, length);
}

function bytesField(name: string, length: number, byte: number): Access {
  const check = (value: unknown): void => {
    if (!(value instanceof Uint8Array) || value.length > length) refuse(name, value, `a Uint8Array of at most ${length} bytes`);
  };
  return {
    check,
    get() {
      return new Uint8Array(span(this, byte, length));
    },
    set(value: Uint8Array) {
      check(value);
      const target = span(this, byte, length);
      target.set(value);
      target.fill(0, value.length);
    },
  };
}

function stringField(name: string, length: number, byte: number): Access {
  const word = byte >> 2;
  const encode = (value: unknown): Uint8Array => {
    if (typeof value !== 'string' || value.length > length || !value.isWellFormed()) {
      refuse(name, value, `well-formed strings of at most ${length} bytes in UTF-8`);
    }
    const encoded = encoder.encode(value);
    if (encoded.length > length) refuse(name, value, `strings of at most ${length} bytes in UTF-8, this one has ${encoded.length}`);
    return encoded;
  };
  return {
    check: (value) => void encode(value),
    get() {
      const used = Math.min(this.$touch().uwords[this.$block + word] ?? 0, length);
      return decoder.decode(new Uint8Array(span(this, byte + STRING_HEADER_BYTES, used)));
    },
    set(value: string) {
      const encoded = encode(value);
      this.$touch().uwords[this.$block + word] = encoded.length;
      const target = span(this, byte + STRING_HEADER_BYTES, length);
      target.set(encoded);
      target.fill(0, encoded.length);
    },
  };
}
