/**
 * Owns the reading of variables out of a snapshot that was proved: by what the file says of their fields, or as bytes. Reads the memory of the snapshot
 * plainly, as nobody else has it; imports memory, table, and of shadow names and slots.
 */
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { FieldDescription, TypeDescription } from '../recovery/type-descriptions.js';
import { isName, isObjectHandle, type Parent } from '../shadow/objects.js';
import { typeAddress, typeHigh, typeState } from '../shadow/slots.js';
import type { ShadowStore } from '../shadow/store.js';
import { entryBlock, nextEntry } from '../table/bucket.js';
import { findBlock } from '../table/find.js';
import { bucketAddress, hashObject, identityOf, objectHigh, objectNumber } from '../table/hash.js';

/** The value of a field: 64-bit integers as bigints. */
export type Value = number | bigint | string | Uint8Array;

export interface Variable {
  readonly parent: Parent;
  /** A handle stands for an object that only its own thread had. */
  readonly parentKind: 'number' | 'null' | 'string' | 'handle';
  readonly object: number;
  readonly type: number;
  readonly version: number;
  readonly size: number;
  /** By name; undefined where the file does not describe the type, or what it says cannot be read by it. */
  readonly fields: Readonly<Record<string, Value>> | undefined;
  readonly bytes: Uint8Array;
}

const DATA_BYTES = Layout.BLOCK_DATA * Layout.WORD_BYTES;
const STRING_HEADER_BYTES = 4;

export class SnapshotVariables {
  readonly #store: ShadowStore;
  readonly #memory: Memory;
  readonly #descriptions: readonly TypeDescription[];

  constructor(store: ShadowStore, descriptions: readonly TypeDescription[]) {
    this.#store = store;
    this.#memory = store.internals.memory;
    this.#descriptions = descriptions;
  }

  /** Slots of an id: that in force, and those of older versions or of what is being collected; of all ids by default. */
  slots(id?: number): TypeSlot[] {
    const slots: TypeSlot[] = [];
    for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < typeHigh(this.#memory) && slot < Layout.TYPE_SLOT_RECORDS; slot++) {
      if (typeState(this.#memory, slot) === Layout.TYPE_STATE_FREE) continue;
      if (id === undefined || this.#idOf(slot) === id) slots.push(slot);
    }
    return slots;
  }

  description(id: number, version: number, size: number): TypeDescription | undefined {
    return this.#descriptions.find((one) => one.id === id && one.version === version && one.size === size);
  }

  /** All variables of these slots, in the order of the table. */
  *walk(slots: readonly TypeSlot[]): Generator<Variable> {
    const { words, buckets } = this.#memory;
    const wanted = new Set(slots);
    for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++) {
      const bucket = bucketAddress(buckets, index);
      for (let entry = nextEntry(words, bucket, 0); entry !== 0; entry = nextEntry(words, bucket, entry)) {
        const block = entryBlock(words, entry);
        const slot = words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
        if (wanted.has(slot)) yield this.#read(block, slot);
      }
    }
  }

  /** The variables of a parent in these slots. */
  of(object: number, slots: readonly TypeSlot[]): Variable[] {
    const { words, buckets } = this.#memory;
    const low = object | 0;
    const high = objectHigh(object);
    return slots.flatMap((slot) => {
      const block = findBlock(words, buckets, low, identityOf(high, slot), hashObject(low, high));
      return block === 0 ? [] : [this.#read(block, slot)];
    });
  }

  #idOf(slot: TypeSlot): number {
    return this.#memory.uwords[typeAddress(this.#memory, slot) + Layout.TYPE_ID]!;
  }

  #read(block: WordAddress, slot: TypeSlot): Variable {
    const { words, uwords, buffer } = this.#memory;
    const address = typeAddress(this.#memory, slot);
    const type = this.#idOf(slot);
    const version = uwords[address + Layout.TYPE_VERSION]!;
    const size = words[address + Layout.TYPE_SIZE]!;
    const object = objectNumber(words[block]!, words[block + Layout.BLOCK_IDENTITY]!);
    const bytes = Uint8Array.from(new Uint8Array(buffer, block * Layout.WORD_BYTES + DATA_BYTES, size));
    const description = this.description(type, version, size);
    const fields = description === undefined || description.fields.length === 0 ? undefined : readFields(bytes, description.fields);
    return { parent: this.#store.objects.parent(object), parentKind: parentKind(object), object, type, version, size, fields, bytes };
  }
}

function parentKind(object: number): Variable['parentKind'] {
  if (object === Layout.NULL_OBJECT) return 'null';
  if (isName(object)) return 'string';
  return isObjectHandle(object) ? 'handle' : 'number';
}

/** undefined if a text claims to be longer than there is room: then the bytes are no variable of this description. */
function readFields(bytes: Uint8Array, fields: readonly FieldDescription[]): Readonly<Record<string, Value>> | undefined {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: (readonly [name: string, value: Value])[] = [];
  for (const field of fields) {
    const value = readField(data, bytes, field);
    if (value === undefined) return undefined;
    values.push([field.name, value]);
  }
  return Object.fromEntries(values);
}

function readField(data: DataView, bytes: Uint8Array, { kind, offset, length = 0 }: FieldDescription): Value | undefined {
  switch (kind) {
    case 'i8':
      return data.getInt8(offset);
    case 'u8':
      return data.getUint8(offset);
    case 'i16':
      return data.getInt16(offset, true);
    case 'u16':
      return data.getUint16(offset, true);
    case 'i32':
      return data.getInt32(offset, true);
    case 'u32':
      return data.getUint32(offset, true);
    case 'f32':
      return data.getFloat32(offset, true);
    case 'f64':
      return data.getFloat64(offset, true);
    case 'i64':
      return data.getBigInt64(offset, true);
    case 'u64':
      return data.getBigUint64(offset, true);
    case 'bytes':
      return bytes.slice(offset, offset + length);
    case 'string': {
      const used = data.getUint32(offset, true);
      if (used > length) return undefined;
      const start = offset + STRING_HEADER_BYTES;
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start, start + used));
    }
  }
}
