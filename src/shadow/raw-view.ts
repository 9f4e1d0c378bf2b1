/**
 * Owns the view of variables declared by `size`: bytes, and numbers at byte offsets. Reads and writes the data words of a block. Imports memory,
 * atomics and view.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { type AtomicPlace, requireBigint, requireRange } from './atomics.js';
import type { RawFields } from './type.js';
import { View } from './view.js';

const DATA_BYTES = Layout.BLOCK_DATA * 4;

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

  /** An integer of one byte, −128…127. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getInt8(offset: number): number {
    return this.$touch().bytes.getInt8(this.$at(offset, 1, 1));
  }

  /** An integer of one byte, 0…255. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getUint8(offset: number): number {
    return this.$touch().bytes.getUint8(this.$at(offset, 1, 1));
  }

  /** An integer of 4 bytes, −2^31…2^31−1. `offset` is a multiple of 4. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getInt32(offset: number): number {
    return this.$touch().words[this.$at(offset, 4, 4) / 4]!;
  }

  /** An integer of 4 bytes, 0…2^32−1. `offset` is a multiple of 4. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getUint32(offset: number): number {
    return this.$touch().uwords[this.$at(offset, 4, 4) / 4]!;
  }

  /** A floating-point number of 8 bytes. `offset` is a multiple of 8. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getFloat64(offset: number): number {
    return this.$touch().doubles[this.$at(offset, 8, 8) / 8]!;
  }

  /** An integer of 8 bytes, −2^63…2^63−1. `offset` is a multiple of 8. @throws ERR_SHADOW_FIELD, ERR_SHADOW_STALE_VIEW */
  getBigInt64(offset: number): bigint {
    return this.$touch().longs[this.$at(offset, 8, 8) / 8]!;
  }

  /** Writes an integer of one byte, −128…127. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
  setInt8(offset: number, value: number): void {
    requireRange(value, -128, 127);
    this.$touch().bytes.setInt8(this.$at(offset, 1, 1), value);
  }

  /** Writes an integer of one byte, 0…255. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
  setUint8(offset: number, value: number): void {
    requireRange(value, 0, 255);
    this.$touch().bytes.setUint8(this.$at(offset, 1, 1), value);
  }

  /** Writes an integer of 4 bytes, −2^31…2^31−1. `offset` is a multiple of 4. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
  setInt32(offset: number, value: number): void {
    requireRange(value, -(2 ** 31), 2 ** 31 - 1);
    this.$touch().words[this.$at(offset, 4, 4) / 4] = value;
  }

  /** Writes an integer of 4 bytes, 0…2^32−1. `offset` is a multiple of 4. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
  setUint32(offset: number, value: number): void {
    requireRange(value, 0, 2 ** 32 - 1);
    this.$touch().uwords[this.$at(offset, 4, 4) / 4] = value;
  }

  /** Writes a floating-point number of 8 bytes. `offset` is a multiple of 8. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
  setFloat64(offset: number, value: number): void {
    if (typeof value !== 'number') throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `setFloat64 takes a number, not ${describe(value)}`);
    this.$touch().doubles[this.$at(offset, 8, 8) / 8] = value;
  }

  /** Writes an integer of 8 bytes, −2^63…2^63−1. `offset` is a multiple of 8. @throws ERR_SHADOW_FIELD, ERR_SHADOW_FIELD_VALUE, ERR_SHADOW_STALE_VIEW */
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
  override $snapshot(): readonly unknown[] {
    return [this.toBytes()];
  }

  /** @internal */
  override $draft([bytes]: readonly unknown[]): Record<string, unknown> {
    return { bytes };
  }

  /** @internal */
  override $assign(values: object): void {
    for (const name in values) {
      if (name !== 'bytes') throw new ShadowError('ERR_SHADOW_FIELD', `a raw variable has bytes and nothing else, not ${describe(name)}`);
    }
    if (!('bytes' in values)) return;
    const bytes = values.bytes as Uint8Array;
    const undo = this.$noteUndo(bytes instanceof Uint8Array && bytes.length > 0 ? [{ offset: 0, bytes: bytes.length }] : []);
    try {
      this.setBytes(bytes);
    } finally {
      if (undo) this.$forgetUndo();
    }
  }
}
