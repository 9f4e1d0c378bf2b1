/**
 * Owns what a snapshot says of the types of its variables, so that it can be read without the program that wrote it: names, kinds and places of their fields,
 * as far as the thread that took it knew them. Reads the type table; imports layout, and of shadow slots, fields and bindings. What is read from a file
 * is checked here and only ever looked at: nothing is declared by it.
 */
import { MAX_DATA_BYTES } from '../memory/classes.js';
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Bindings } from '../shadow/bindings.js';
import { STRING_HEADER_BYTES } from '../shadow/field-access.js';
import { type BigKind, type Field, FIELD_NAME, NUMBER_BYTES, type NumberKind } from '../shadow/fields.js';
import { typeAddress, typeHigh, typeState } from '../shadow/slots.js';

type DescribedKind = NumberKind | BigKind | 'bytes' | 'string';

export interface FieldDescription {
  readonly name: string;
  readonly kind: DescribedKind;
  /** Of `bytes` and `string`: how many bytes there are room for. */
  readonly length?: number;
  /** Bytes from the start of the variable's data. */
  readonly offset: number;
}

export interface TypeDescription {
  readonly id: number;
  readonly version: number;
  readonly size: number;
  /** Empty for a type that was declared by its size. */
  readonly fields: readonly FieldDescription[];
}

/** Characters of all descriptions together; types beyond that are not described, and the manifest stays one that can be read. */
const MOST_CHARACTERS = 2 ** 24;

const ALIGNMENT: Readonly<Record<DescribedKind, number>> = { ...NUMBER_BYTES, bytes: 1, string: 4 };

/** Of every version of every id in the type table that this thread knows. */
export function describeTypes(memory: Memory, bindings: Bindings): TypeDescription[] {
  const { words, uwords } = memory;
  const descriptions: TypeDescription[] = [];
  let left = MOST_CHARACTERS;
  for (let slot = Layout.TYPE_SLOT_NAMES + 1; slot < typeHigh(memory); slot++) {
    if (typeState(memory, slot) === Layout.TYPE_STATE_FREE) continue;
    const address = typeAddress(memory, slot);
    const id = uwords[address + Layout.TYPE_ID]!;
    const version = uwords[address + Layout.TYPE_VERSION]!;
    const size = words[address + Layout.TYPE_SIZE]!;
    const type = bindings.declarationOf(id, version, size);
    if (type === undefined || descriptions.some((one) => one.id === id && one.version === version && one.size === size)) continue;
    const description = { id, version, size, fields: type.fields.map(describeField) };
    left -= JSON.stringify(description).length;
    if (left < 0) break;
    descriptions.push(description);
  }
  return descriptions;
}

function describeField({ name, kind, offset }: Field): FieldDescription {
  return typeof kind === 'string' ? { name, kind, offset } : { name, kind: kind.kind, length: kind.length, offset };
}

/** Whether a value is a description that some type could have: every field of a known kind, in its place inside of the data, with a name of its own. */
export function isTypeDescription(value: unknown): value is TypeDescription {
  if (typeof value !== 'object' || value === null) return false;
  const { id, version, size, fields } = value as Readonly<Record<string, unknown>>;
  return (
    isWhole(id, 0, 2 ** 32 - 1) &&
    isWhole(version, 1, 2 ** 32 - 1) &&
    isWhole(size, 1, MAX_DATA_BYTES) &&
    Array.isArray(fields) &&
    fields.every((field) => isField(field, size)) &&
    new Set(fields.map(({ name }) => name)).size === fields.length
  );
}

function isField(value: unknown, size: number): value is FieldDescription {
  if (typeof value !== 'object' || value === null) return false;
  const { name, kind, length, offset } = value as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || !FIELD_NAME.test(name) || typeof kind !== 'string' || !Object.hasOwn(ALIGNMENT, kind)) return false;
  const known = kind as DescribedKind;
  const hasLength = known === 'bytes' || known === 'string';
  if (hasLength ? !isWhole(length, 1, MAX_DATA_BYTES) : length !== undefined) return false;
  const bytes = hasLength ? (length as number) + (known === 'string' ? STRING_HEADER_BYTES : 0) : NUMBER_BYTES[known];
  return isWhole(offset, 0, size - bytes) && offset % ALIGNMENT[known] === 0;
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
