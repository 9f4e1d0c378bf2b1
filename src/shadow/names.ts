/**
 * Owns string parents: the records that tie a string to its object number. A name record is an entry of the reserved type slot TYPE_SLOT_NAMES
 * whose block holds the string; since the hash is over the object alone, it stands in the same chain as the variables of that object. So one
 * bucket lock covers both: the record is created with the first variable and dropped with the last, and no count is needed that a death could
 * leave wrong.
 *
 * The number of a string is 2^52 + a 51-bit seeded hash. Two strings with one hash are told apart by comparing the text: the second one takes
 * its number from a second hash, and from then on (NAME_COLLIDED) names are created under NAME_LOCK only, so that no string ever gets both.
 *
 * Imports memory and table.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { findBlock } from '../table/find.js';
import { hashObject, identityOf, objectHigh } from '../table/hash.js';

/** Longest string that can be a parent, in UTF-16 code units. */
export const MAX_NAME_UNITS = 16384;
/** Data words of a name record: the length in code units, then the units, two to a word. */
const NAME_LENGTH = Layout.BLOCK_DATA;
const NAME_UNITS = Layout.BLOCK_DATA + 1;

/** Turns a string and a seed into 51 bits. A parameter only so that tests can make strings collide. */
export type NameHash = (name: string, seed: number) => number;

export function nameDataBytes(name: string): number {
  return 4 + name.length * 2;
}

export function writeName(memory: Memory, block: WordAddress, name: string): void {
  memory.words[block + NAME_LENGTH] = name.length;
  const first = (block + NAME_UNITS) * 2;
  for (let i = 0; i < name.length; i++) memory.ushorts[first + i] = name.charCodeAt(i);
}

/** Length of the text of a record, in UTF-16 code units. */
export function nameLength({ words }: Memory, block: WordAddress): number {
  return words[block + NAME_LENGTH]!;
}

/** The text of a record; undefined if what stands there is none. */
export function readName(memory: Memory, block: WordAddress): string | undefined {
  const length = nameLength(memory, block);
  if (!(length >= 0 && length <= MAX_NAME_UNITS)) return undefined;
  const first = (block + NAME_UNITS) * 2;
  const units: number[] = [];
  let text = '';
  for (let i = 0; i < length; i++) {
    units.push(memory.ushorts[first + i]!);
    if (units.length === 4096) text += String.fromCharCode(...units.splice(0));
  }
  return text + String.fromCharCode(...units);
}

export function holdsName(memory: Memory, block: WordAddress, name: string): boolean {
  if (memory.words[block + NAME_LENGTH] !== name.length) return false;
  const first = (block + NAME_UNITS) * 2;
  for (let i = 0; i < name.length; i++) if (memory.ushorts[first + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** Two 32-bit multiply–xor passes over the code units, of which 51 bits are kept. */
export function hashName(name: string, seed: number): number {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x85ebca6b ^ Math.imul(seed, 0x2c1b3c6d);
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x21f0aaad) ^ Math.imul(b ^ (b >>> 13), 0x735a2d97);
  b = Math.imul(b ^ (b >>> 16), 0x21f0aaad) ^ Math.imul(a ^ (a >>> 13), 0x735a2d97);
  return (a >>> 0) + (b & 0x7ffff) * 2 ** 32;
}

/** Where a name may stand, and what was found there. */
export class NameTable {
  readonly #memory: Memory;
  readonly #hash: NameHash;
  readonly #seed: number;

  constructor(memory: Memory, hash: NameHash) {
    this.#memory = memory;
    this.#hash = hash;
    this.#seed = memory.words[Layout.HEADER_NAME_SEED]!;
  }

  /** The object number of a string that has variables, or −1. */
  find(name: string): number {
    const first = this.firstHandle(name);
    if (this.holds(first, name)) return first;
    // Read after the miss above: whoever placed this string second had raised the flag before.
    if (Atomics.load(this.#memory.words, Layout.NAME_COLLIDED) === 0) return -1;
    const second = this.secondHandle(name);
    return this.holds(second, name) ? second : -1;
  }

  /**
   * The number under which to create variables for a string: where its record stands or may be placed. Raises NAME_COLLIDED when the first
   * place belongs to another string. Exact only under NAME_LOCK once that flag is set.
   * @throws ERR_SHADOW_OBJECT if both places belong to others
   */
  place(name: string): number {
    const found = this.find(name);
    if (found >= 0) return found;
    // Each record is looked at once: it may have been made for this very string since find() missed it.
    const first = this.firstHandle(name);
    const atFirst = this.#record(first);
    if (atFirst === 0 || holdsName(this.#memory, atFirst, name)) return first;
    Atomics.store(this.#memory.words, Layout.NAME_COLLIDED, 1);
    const second = this.secondHandle(name);
    const atSecond = this.#record(second);
    if (atSecond === 0 || holdsName(this.#memory, atSecond, name)) return second;
    throw new ShadowError('ERR_SHADOW_OBJECT', `both places of ${describe(name)} in the object table belong to other strings`);
  }

  /** The seed of the hash, as it was when this thread attached. */
  get seed(): number {
    return this.#seed;
  }

  /** Whether the record at a number is that of this string now. */
  holds(handle: number, name: string): boolean {
    const block = this.#record(handle);
    return block !== 0 && holdsName(this.#memory, block, name);
  }

  get collided(): boolean {
    return Atomics.load(this.#memory.words, Layout.NAME_COLLIDED) !== 0;
  }

  firstHandle(name: string): number {
    return Layout.FIRST_NAME_HANDLE + this.#hash(name, this.#seed);
  }

  secondHandle(name: string): number {
    return Layout.FIRST_NAME_HANDLE + this.#hash(`${name}\u0001`, ~this.#seed);
  }

  /** The string behind a number, or undefined if it has no record any more. */
  text(handle: number): string | undefined {
    const block = this.#record(handle);
    return block === 0 ? undefined : readName(this.#memory, block);
  }

  #record(handle: number): WordAddress {
    const low = handle | 0;
    const high = objectHigh(handle);
    return findBlock(this.#memory.words, this.#memory.buckets, low, identityOf(high, Layout.TYPE_SLOT_NAMES), hashObject(low, high));
  }
}
