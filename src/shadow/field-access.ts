/**
 * Owns the accessors of typed fields: how each kind is checked, read and written in shared memory. They are made once per type and attached store, and
 * close over everything that never changes for it, so that compiled code holds the address of the memory itself. Imports errors and memory.
 *
 * An accessor first makes sure that the view was validated in this interval (see view.ts), then touches the memory.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import type { FieldAccess, FieldKind, FieldTarget } from './fields.js';

/** Bytes in front of the text of a `string` field: its length. */
export const STRING_HEADER_BYTES = 4;
const DATA_BYTES = Layout.BLOCK_DATA * 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // or it would swallow a leading U+FEFF

/** What a field of this kind holds, as a test that throws ERR_SHADOW_FIELD_VALUE. */
export function fieldCheck(name: string, kind: FieldKind): (value: unknown) => void {
  switch (kind) {
    case 'i8':
    case 'i16':
    case 'i32':
    case 'u8':
    case 'u16':
    case 'u32': {
      const bits = Number(kind.slice(1));
      return kind.startsWith('i') ? integerCheck(name, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) : integerCheck(name, 0, 2 ** bits - 1);
    }
    case 'f32':
    case 'f64':
      return (value) => {
        if (typeof value !== 'number') refuse(name, value, 'numbers');
      };
    case 'i64':
      return bigintCheck(name, (value) => BigInt.asIntN(64, value), 'bigints from −2^63 to 2^63−1');
    case 'u64':
      return bigintCheck(name, (value) => BigInt.asUintN(64, value), 'bigints from 0 to 2^64−1');
    default:
      return kind.kind === 'bytes' ? bytesCheck(name, kind.length) : (value) => void encode(name, kind.length, value);
  }
}

/** The accessors of a field at a byte offset of the data, for one attached store. `check` guards what is written. */
export function fieldAccess(
  name: string,
  kind: FieldKind,
  offset: number,
  check: (value: unknown) => void,
  memory: Memory,
  thread: Thread,
): FieldAccess {
  switch (kind) {
    case 'i32':
      return int32Access(offset, check, memory, thread);
    case 'u32':
      return uint32Access(offset, check, memory, thread);
    case 'f64':
      return doubleAccess(offset, check, memory, thread);
    case 'f32':
      return elementAccess(memory.singles, (DATA_BYTES + offset) / 4, 1, check, thread);
    case 'i64':
      return elementAccess(memory.longs, (DATA_BYTES + offset) / 8, 0.5, check, thread);
    case 'u64':
      return elementAccess(memory.ulongs, (DATA_BYTES + offset) / 8, 0.5, check, thread);
    case 'i16':
      return elementAccess(memory.shorts, (DATA_BYTES + offset) / 2, 2, check, thread);
    case 'u16':
      return elementAccess(memory.ushorts, (DATA_BYTES + offset) / 2, 2, check, thread);
    case 'i8':
    case 'u8':
      return byteAccess(kind === 'i8', DATA_BYTES + offset, check, memory, thread);
    default:
      return kind.kind === 'bytes'
        ? bytesAccess(kind.length, DATA_BYTES + offset, check, memory, thread)
        : stringAccess(name, kind.length, DATA_BYTES + offset, memory, thread);
  }
}

function int32Access(offset: number, check: (value: unknown) => void, { words }: Memory, thread: Thread): FieldAccess {
  const word = Layout.BLOCK_DATA + (offset >> 2);
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      return words[(this.$block + word) | 0];
    },
    set(value: number) {
      if (typeof value !== 'number' || (value | 0) !== value) check(value);
      if (this.$interval !== thread.interval) this.$revalidate();
      words[(this.$block + word) | 0] = value;
    },
  };
}

function uint32Access(offset: number, check: (value: unknown) => void, { words }: Memory, thread: Thread): FieldAccess {
  const word = Layout.BLOCK_DATA + (offset >> 2);
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      return words[(this.$block + word) | 0]! >>> 0;
    },
    set(value: number) {
      if (typeof value !== 'number' || value >>> 0 !== value) check(value);
      if (this.$interval !== thread.interval) this.$revalidate();
      words[(this.$block + word) | 0] = value;
    },
  };
}

function doubleAccess(offset: number, check: (value: unknown) => void, { doubles }: Memory, thread: Thread): FieldAccess {
  const double = (Layout.BLOCK_DATA + (offset >> 2)) >> 1;
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      return doubles[((this.$block >> 1) + double) | 0];
    },
    set(value: number) {
      if (typeof value !== 'number') check(value);
      if (this.$interval !== thread.interval) this.$revalidate();
      doubles[((this.$block >> 1) + double) | 0] = value;
    },
  };
}

/** The kinds that are rarer in hot loops share one shape; `perWord` elements of the array make a word of the block's address. */
function elementAccess(
  array: Float32Array | Int16Array | Uint16Array | BigInt64Array | BigUint64Array,
  first: number,
  perWord: number,
  check: (value: unknown) => void,
  thread: Thread,
): FieldAccess {
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      return array[this.$block * perWord + first];
    },
    set(value: never) {
      check(value);
      if (this.$interval !== thread.interval) this.$revalidate();
      array[this.$block * perWord + first] = value;
    },
  };
}

function byteAccess(signed: boolean, first: number, check: (value: unknown) => void, { bytes }: Memory, thread: Thread): FieldAccess {
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      return signed ? bytes.getInt8(this.$block * 4 + first) : bytes.getUint8(this.$block * 4 + first);
    },
    set(value: number) {
      check(value);
      if (this.$interval !== thread.interval) this.$revalidate();
      bytes.setInt8(this.$block * 4 + first, value);
    },
  };
}

/** The bytes behind a field, for copying only: a subarray that left this file would outlive the variable. */
function span(target: FieldTarget, first: number, length: number, memory: Memory, thread: Thread): Uint8Array {
  if (target.$interval !== thread.interval) target.$revalidate();
  return new Uint8Array(memory.buffer, target.$block * 4 + first, length);
}

function bytesAccess(length: number, first: number, check: (value: unknown) => void, memory: Memory, thread: Thread): FieldAccess {
  return {
    get() {
      return new Uint8Array(span(this, first, length, memory, thread));
    },
    set(value: Uint8Array) {
      check(value);
      const target = span(this, first, length, memory, thread);
      target.set(value);
      target.fill(0, value.length);
    },
  };
}

function stringAccess(name: string, length: number, first: number, memory: Memory, thread: Thread): FieldAccess {
  const { uwords } = memory;
  const word = first >> 2;
  return {
    get() {
      if (this.$interval !== thread.interval) this.$revalidate();
      const used = Math.min(uwords[this.$block + word] ?? 0, length);
      return decoder.decode(new Uint8Array(span(this, first + STRING_HEADER_BYTES, used, memory, thread)));
    },
    set(value: string) {
      const encoded = encode(name, length, value);
      const target = span(this, first + STRING_HEADER_BYTES, length, memory, thread);
      uwords[this.$block + word] = encoded.length;
      target.set(encoded);
      target.fill(0, encoded.length);
    },
  };
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

function bigintCheck(name: string, wrap: (value: bigint) => bigint, rule: string): (value: unknown) => void {
  return (value) => {
    if (typeof value !== 'bigint' || wrap(value) !== value) refuse(name, value, rule);
  };
}

function bytesCheck(name: string, length: number): (value: unknown) => void {
  return (value) => {
    if (!(value instanceof Uint8Array) || value.length > length) refuse(name, value, `a Uint8Array of at most ${length} bytes`);
  };
}

function encode(name: string, length: number, value: unknown): Uint8Array {
  if (typeof value !== 'string' || value.length > length || !value.isWellFormed()) {
    refuse(name, value, `well-formed strings of at most ${length} bytes in UTF-8`);
  }
  const encoded = encoder.encode(value);
  if (encoded.length > length) refuse(name, value, `strings of at most ${length} bytes in UTF-8, this one has ${encoded.length}`);
  return encoded;
}
