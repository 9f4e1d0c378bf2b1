/**
 * Owns the accessors of typed fields: how each kind is checked, read and written in shared memory. Made once per field; monomorphic, because each closes
 * over its own offset and touches one typed array. Imports errors, memory and (as types) fields.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { BigKind, Field, FieldKind, FieldTarget } from './fields.js';

/** Bytes in front of the text of a `string` field: its length. */
export const STRING_HEADER_BYTES = 4;
const DATA_BYTES = Layout.BLOCK_DATA * 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Access = Pick<Field, 'check' | 'get' | 'set'>;

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

/** The field of a kind at a byte offset of the data. */
export function makeField(name: string, kind: FieldKind, offset: number): Field {
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
  const bits = kind === 'i8' || kind === 'u8' ? 8 : 16;
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
