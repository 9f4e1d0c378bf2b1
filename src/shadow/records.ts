/**
 * Owns what the coordinator keeps in the store itself, so that another thread can go on where it died: one **record**, a text, and texts that the record refers to
 * by number. They stand in the table like variables, in pieces, under the reserved type slot TYPE_SLOT_RECORDS: pieces come and go by the ordinary operations
 * and are recovered like any variable. Nobody but the coordinator's thread reads or writes them.
 *
 * There are two places for the record, used in turn. It is written into the one that is not in use, and is the newest from the moment PATCH_RECORD holds its
 * number: a death at any instant leaves the one before whole. A piece more than is needed is kept in each place, so that a record which grows a little when there is
 * no memory can be written all the same.
 *
 * Writes PATCH_RECORD and the data of those pieces. Imports memory, table and variables.
 */
import { crc32 } from 'node:zlib';

import { invariant, ShadowError } from '../errors.js';
import { enter } from '../memory/grace.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { entryBlock, entryKey, nextEntry } from '../table/bucket.js';
import { findBlock } from '../table/find.js';
import { bucketAddress, hashObject, identityOf, objectHigh } from '../table/hash.js';
import { Binding, NEVER } from './binding.js';
import type { Bindings } from './bindings.js';
import { createdCount, NO_OLDER, typeAddress } from './slots.js';
import { nextTag } from './tags.js';
import { type AnyShadowType, ShadowType } from './type.js';
import type { Variables } from './variables.js';

/** Fills a block of 4 KiB. */
export const PIECE_BYTES = 4080;
/** A text has at most so many pieces: 256 MiB. */
const MOST_PIECES = 2 ** 16;
/** In front of each text: its length in bytes, its checksum, and for records the number. */
const HEAD_BYTES = 12;
/** The places of the record are 0 and 1, those of text n follow. */
const TEXTS = 2;

const PIECE: AnyShadowType = new ShadowType({ id: 2 ** 32 - 1, size: PIECE_BYTES });

/** Puts the type slot of records in use, in a store that is just being made. */
export function openRecordSlot(memory: Memory): void {
  const { words } = memory;
  const address = typeAddress(memory, Layout.TYPE_SLOT_RECORDS);
  words[address + Layout.TYPE_SIZE] = PIECE_BYTES;
  words[address + Layout.TYPE_VERSION] = PIECE.version;
  words[address + Layout.TYPE_TAG] = nextTag(0, Layout.TYPE_STATE_LIVE);
}

export class Records {
  readonly #memory: Memory;
  readonly #variables: Variables;
  readonly #binding: Binding;
  /** The blocks of each place, as far as they are known. */
  readonly #pieces = new Map<number, WordAddress[]>();

  constructor(variables: Variables, bindings: Bindings) {
    const { memory } = variables;
    this.#memory = memory;
    this.#variables = variables;
    this.#binding = new Binding(bindings, PIECE);
    const tag = memory.words[typeAddress(memory, Layout.TYPE_SLOT_RECORDS) + Layout.TYPE_TAG]!;
    this.#binding.point(Layout.TYPE_SLOT_RECORDS, tag, NEVER, NO_OLDER);
  }

  /** The newest record, undefined if there never was one. @throws ERR_PATCH_TAKEOVER if it was lost or is damaged */
  read(): string | undefined {
    const number = this.number;
    if (number === 0) return undefined;
    const text = number === Layout.RECORD_LOST ? undefined : this.#read(number & 1, number);
    if (text !== undefined) return text;
    const why = number === Layout.RECORD_LOST ? 'was lost for lack of memory' : 'is damaged';
    throw new ShadowError('ERR_PATCH_TAKEOVER', `what the coordinator kept in the store ${why}; nobody can go on where it stopped`);
  }

  /** The number of the newest record: another one after each `write()`. */
  get number(): number {
    return Atomics.load(this.#memory.words, Layout.PATCH_RECORD);
  }

  /** Makes this the newest record, at once and as a whole. @throws ERR_SHADOW_EXHAUSTED: the one before stays the newest */
  write(text: string): void {
    const number = nextNumber(this.number);
    const bytes = this.#write(number & 1, text, number);
    // step: record.written
    Atomics.store(this.#memory.words, Layout.PATCH_RECORD, number); // publishes what was written above
    // step: record.published
    try {
      this.#fit(number & 1, bytes, 1);
    } catch (error) {
      if (!(error instanceof ShadowError)) throw error; // the spare piece: there may be memory for it next time
    }
  }

  /** There is no record any more that tells how things are. */
  lose(): void {
    Atomics.store(this.#memory.words, Layout.PATCH_RECORD, Layout.RECORD_LOST);
  }

  /** Keeps a text for as long as `drop()` does not say otherwise. @throws ERR_SHADOW_EXHAUSTED: nothing is kept */
  keep(number: number, text: string): void {
    try {
      this.#write(TEXTS + number, text, 0);
    } catch (error) {
      this.drop(number);
      throw error;
    }
  }

  /** @throws ERR_PATCH_TAKEOVER if it is not there */
  text(number: number): string {
    const text = this.#read(TEXTS + number, 0);
    if (text !== undefined) return text;
    throw new ShadowError('ERR_PATCH_TAKEOVER', `text ${number}, which the coordinator kept in the store, is missing or damaged`);
  }

  drop(number: number): void {
    this.#trim(TEXTS + number, 0);
  }

  /** Drops every text but these, and with `all` the record too: what is left of threads that died while they wrote. */
  clean(kept: ReadonlySet<number>, all: boolean): void {
    if (all) Atomics.store(this.#memory.words, Layout.PATCH_RECORD, 0);
    if (createdCount(this.#memory, Layout.TYPE_SLOT_RECORDS) === 0) return;
    const { table } = this.#variables;
    const { words } = table;
    const dead: number[] = [];
    for (let index = 0; index < table.bucketCount; index++) {
      const bucket = bucketAddress(table.buckets, index);
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        if ((entryKey(words, entry) & Layout.TYPE_SLOT_MASK) !== Layout.TYPE_SLOT_RECORDS) continue;
        const object = this.#variables.objectOf(entryBlock(words, entry));
        const place = Math.floor(object / MOST_PIECES);
        if (place < TEXTS ? all : !kept.has(place - TEXTS)) dead.push(object);
      }
    }
    this.#pieces.clear();
    this.#enter();
    for (const object of dead) this.#remove(object);
  }

  /** Returns the length of the text in bytes. */
  #write(place: number, text: string, number: number): number {
    const bytes = Buffer.from(text);
    const pieces = this.#fit(place, bytes.length, 0);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(bytes.length, 0);
    head.writeUInt32LE(crc32(bytes), 4);
    head.writeInt32LE(number, 8);
    const all = Buffer.concat([head, bytes]);
    pieces.forEach((block, index) => {
      this.#data(block).set(all.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES));
    });
    return bytes.length;
  }

  #read(place: number, number: number): string | undefined {
    const first = this.#find(place, 0);
    if (first === 0) return undefined;
    const head = Buffer.from(this.#data(first).slice(0, HEAD_BYTES));
    const length = head.readUInt32LE(0);
    if (head.readInt32LE(8) !== number || length > MOST_PIECES * PIECE_BYTES - HEAD_BYTES) return undefined;
    const parts: Uint8Array[] = [];
    for (let index = 0; index < pieceCount(length); index++) {
      const block = this.#find(place, index);
      if (block === 0) return undefined;
      parts.push(this.#data(block).slice());
    }
    const bytes = Buffer.concat(parts).subarray(HEAD_BYTES, HEAD_BYTES + length);
    return crc32(bytes) === head.readUInt32LE(4) ? bytes.toString() : undefined;
  }

  /** The pieces of a place for so many bytes, made if they are not there. */
  #fit(place: number, bytes: number, spare: number): readonly WordAddress[] {
    const count = pieceCount(bytes);
    if (count > MOST_PIECES)
      throw new ShadowError('ERR_SHADOW_EXHAUSTED', `a text of ${bytes} bytes is too long to be kept in the store; patches are smaller`);
    const pieces = this.#known(place);
    this.#enter();
    while (pieces.length < count + spare) {
      const object = objectOf(place, pieces.length);
      this.#variables.create(this.#binding, object, undefined, true);
      this.#uncount(Layout.THREAD_ALLOCATED);
      pieces.push(this.#find(place, pieces.length));
    }
    // One more is the spare; what has become much smaller gives memory back.
    if (pieces.length > count + 2) this.#trim(place, count + 1);
    return pieces.slice(0, count);
  }

  #known(place: number): WordAddress[] {
    let pieces = this.#pieces.get(place);
    if (pieces === undefined) {
      pieces = [];
      this.#pieces.set(place, pieces);
      for (let block = this.#find(place, 0); block !== 0; block = this.#find(place, pieces.length)) pieces.push(block);
    }
    return pieces;
  }

  /** Drops the pieces of a place from this one on, the last first: what is there always begins with the first. */
  #trim(place: number, from: number): void {
    const pieces = this.#known(place);
    this.#enter();
    while (pieces.length > from) {
      pieces.pop();
      this.#remove(objectOf(place, pieces.length));
    }
    if (from === 0) this.#pieces.delete(place);
  }

  #remove(object: number): void {
    if (this.#variables.remove(this.#binding, object, object)) this.#uncount(Layout.THREAD_FREED);
  }

  /** Pieces are no variables to whoever reads stats(). */
  #uncount(counter: number): void {
    this.#memory.words[this.#variables.thread.address + counter]!--;
  }

  #enter(): void {
    if (this.#variables.thread.interval === 0) enter(this.#variables.thread);
  }

  #find(place: number, index: number): WordAddress {
    const object = objectOf(place, index);
    const low = object | 0;
    const high = objectHigh(object);
    const identity = identityOf(high, Layout.TYPE_SLOT_RECORDS);
    return findBlock(this.#memory.words, this.#memory.buckets, low, identity, hashObject(low, high));
  }

  #data(block: WordAddress): Uint8Array {
    const at = (block + Layout.BLOCK_DATA) * Layout.WORD_BYTES;
    invariant(at > 0 && at + PIECE_BYTES <= this.#memory.buffer.byteLength, `the piece of a record at word ${block} is not in the store`);
    return new Uint8Array(this.#memory.buffer, at, PIECE_BYTES);
  }
}

function objectOf(place: number, index: number): number {
  return place * MOST_PIECES + index;
}

function pieceCount(bytes: number): number {
  return Math.ceil((HEAD_BYTES + bytes) / PIECE_BYTES);
}

/** 1…2^31−1, odd and even in turn. */
function nextNumber(number: number): number {
  if (number <= 0) return 1;
  return number === 2 ** 31 - 1 ? 2 : number + 1;
}
