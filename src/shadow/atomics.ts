/**
 * Owns the atomic operations on single words of a variable, and what operands they take. Imports errors.
 */
import { describe, ShadowError } from '../errors.js';

type AtomicKind = 'i32' | 'u32' | 'i64' | 'u64';
export type AtomicPlace = [Int32Array | Uint32Array | BigInt64Array | BigUint64Array, number, AtomicKind];
export type AtomicOperation = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange';

export const OPERATIONS: Readonly<Record<AtomicOperation, (array: Int32Array, index: number, value: number) => number>> = {
  add: (array, index, value) => Atomics.add(array, index, value),
  sub: (array, index, value) => Atomics.sub(array, index, value),
  and: (array, index, value) => Atomics.and(array, index, value),
  or: (array, index, value) => Atomics.or(array, index, value),
  xor: (array, index, value) => Atomics.xor(array, index, value),
  exchange: (array, index, value) => Atomics.exchange(array, index, value),
};
export const BIG_OPERATIONS: Readonly<Record<AtomicOperation, (array: BigInt64Array, index: number, value: bigint) => bigint>> = {
  add: (array, index, value) => Atomics.add(array, index, value),
  sub: (array, index, value) => Atomics.sub(array, index, value),
  and: (array, index, value) => Atomics.and(array, index, value),
  or: (array, index, value) => Atomics.or(array, index, value),
  xor: (array, index, value) => Atomics.xor(array, index, value),
  exchange: (array, index, value) => Atomics.exchange(array, index, value),
};

export function requireInteger(operation: string, field: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${operation} on field ${field} takes a 32-bit whole number, not ${describe(value)}`);
}

export function requireBigint(operation: string, field: string, value: unknown): asserts value is bigint {
  if (typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 64n) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${operation} on field ${field} takes a 64-bit bigint, not ${describe(value)}`);
}

export function requireRange(value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return;
  throw new ShadowError('ERR_SHADOW_FIELD_VALUE', `${describe(value)} does not fit; give a whole number from ${least} to ${most}`);
}
