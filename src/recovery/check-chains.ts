/**
 * Owns the proof of what must hold of bucket chains and of what stands in them: every chain is finite, every key stands in its own bucket, an object has one
 * variable of an id, and a string its name. Reads while all bucket locks are held; imports memory, table, census, holders, violations, and of shadow what
 * tells about names and type slots.
 */
import { classOfDataBytes, LINE_CLASS, MAX_DATA_BYTES } from '../memory/classes.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { MAX_NAME_UNITS, nameLength, type NameTable, readName } from '../shadow/names.js';
import { handleSequence, handleSlot, isName, isObjectHandle } from '../shadow/objects.js';
import { isBehind, typeAddress, typeState } from '../shadow/slots.js';
import { bucketAddress, bucketIndex, hashObject, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import { type Census, Place, placeName } from './census.js';
import { variableOwnerIn, whyUnheld } from './holders.js';
import type { Findings } from './violations.js';

const UNKNOWN = -1;
const FREE_SLOT = -2;
/** The slot names no usable size, which is said once, of the slot. */
const NO_CLASS = -3;

/** An entry in use, as it was found. */
export interface Standing {
  readonly entry: WordAddress;
  readonly block: WordAddress;
  readonly object: number;
  readonly slot: TypeSlot;
}

export class Chains {
  /** Linked blocks of each type slot. */
  readonly linked = new Float64Array(Layout.TYPE_SLOTS);
  /** Those of them whose variable stands in a later slot, too. */
  readonly leftOvers = new Float64Array(Layout.TYPE_SLOTS);
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #census: Census;
  readonly #findings: Findings;
  readonly #names: NameTable;
  readonly #count: number;
  /** Per type slot: the size class of its variables. */
  readonly #classes = new Int8Array(Layout.TYPE_SLOTS).fill(UNKNOWN);

  /** `count` is the number of buckets by which entries are judged. */
  constructor(memory: Memory, census: Census, findings: Findings, names: NameTable, count: number) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#census = census;
    this.#findings = findings;
    this.#names = names;
    this.#count = count;
  }

  walk(): void {
    for (let index = 0; index < this.#count; index++) this.#chain(index);
  }

  #chain(index: number): void {
    const words = this.#words;
    const primary = bucketAddress(this.#memory.buckets, index);
    let standing: Standing[] | undefined;
    for (let line = primary, ordinal = 1; ; ordinal++) {
      const end = line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES;
      for (let entry = line + Layout.BUCKET_BLOCKS; entry < end; entry++) {
        if (words[entry] === 0) continue;
        const found = this.#entry(index, entry);
        if (found !== undefined) (standing ??= []).push(found);
      }
      line = words[line + Layout.BUCKET_NEXT]!;
      if (line === 0) break;
      if (!this.#meet(line, Place.LINE)) {
        this.#findings.add('chain', primary, () => `the chain of bucket ${index} leads to ${line}`);
        break;
      }
      if (words[line + Layout.LINE_ORDINAL] !== ordinal)
        this.#findings.add(
          'chain',
          line,
          () => `line ${line} is number ${ordinal} of the chain of bucket ${index}, and says ${words[line]}`,
        );
    }
    if (standing !== undefined) this.#together(primary, standing);
  }

  /** Notes that a block was met; false if it is no block at all or was met before, so that walks end even on damaged memory. */
  #meet(block: WordAddress, place: Place.LINKED | Place.LINE): boolean {
    const census = this.#census;
    const sizeClass = census.classAt(block);
    if (sizeClass < 0) {
      this.#findings.add('block', block, () => `${placeName(place)}: address ${block} is not the start of a block`);
      return false;
    }
    if ((place === Place.LINE) !== (sizeClass === LINE_CLASS)) {
      this.#findings.add('block', block, () => `block ${block} of class ${sizeClass} is ${placeName(place)}`);
      return false;
    }
    const before = census.placeOf(block, sizeClass);
    if (before !== Place.NOWHERE) {
      this.#findings.add('block', block, () => `block ${block} is ${placeName(before)} and ${placeName(place)} at once`);
      return false;
    }
    census.meet(block, sizeClass, place);
    return true;
  }

  #entry(index: number, entry: WordAddress): Standing | undefined {
    const words = this.#words;
    const findings = this.#findings;
    const block = words[entry]!;
    if (!this.#meet(block, Place.LINKED)) return undefined;
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    const slot = identity & Layout.TYPE_SLOT_MASK;
    const object = objectNumber(words[block]!, identity);
    const hash = hashObject(object | 0, objectHigh(object));
    const home = bucketIndex(hash, this.#count);
    if (home !== index) findings.add('entry', entry, () => `object ${object} stands in bucket ${index}, its own is ${home}`);
    const key = words[entry - Layout.BUCKET_ENTRIES]!;
    if (key !== keyOf(hash, slot)) findings.add('entry', entry, () => `the key of object ${object} is ${key}, not ${keyOf(hash, slot)}`);
    if ((words[block + Layout.BLOCK_GENERATION]! & 1) !== 0)
      findings.add('block', block, () => `object ${object} is linked with a generation of the dead`);
    this.#lock(block, object);
    this.#kind(entry, block, object, slot);
    this.linked[slot]!++;
    return { entry, block, object, slot };
  }

  /** The variable's own lock is free, or held by a thread. */
  #lock(block: WordAddress, object: number): void {
    const owner = variableOwnerIn(this.#words[block + Layout.BLOCK_LOCK]!);
    const unheld = owner === 0 ? undefined : whyUnheld(this.#memory, owner);
    if (unheld !== undefined)
      this.#findings.add('lock', block + Layout.BLOCK_LOCK, () => `the lock of the variable of object ${object} is held by ${unheld}`);
  }

  /** The object is one of those that may have a variable in such a slot, and the block has the size of its type. */
  #kind(entry: WordAddress, block: WordAddress, object: number, slot: TypeSlot): void {
    const { words, longs } = this.#memory;
    const findings = this.#findings;
    if (slot === Layout.TYPE_SLOT_NAMES) {
      this.#name(block, object);
      return;
    }
    if (isObjectHandle(object) && !this.#wasGivenOut(object))
      findings.add(
        'name',
        entry,
        () => `object ${object} is a handle that was never given out, the next one is number ${longs[Layout.OBJECT_SEQUENCE / 2]}`,
      );
    const expected = this.#classOf(slot);
    if (expected === FREE_SLOT) {
      findings.add('entry', entry, () => `object ${object} has a variable of type slot ${slot}, which is free`);
    } else if (expected !== NO_CLASS && expected !== this.#census.classAt(block)) {
      const size = words[typeAddress(this.#memory, slot) + Layout.TYPE_SIZE];
      findings.add(
        'entry',
        entry,
        () => `object ${object} has a block of class ${this.#census.classAt(block)}, its type has ${size} bytes`,
      );
    }
  }

  #wasGivenOut(handle: number): boolean {
    const { words, longs } = this.#memory;
    return BigInt(handleSequence(handle)) < longs[Layout.OBJECT_SEQUENCE / 2]! && handleSlot(handle) < words[Layout.THREAD_HIGH]!;
  }

  #classOf(slot: TypeSlot): number {
    const known = this.#classes[slot]!;
    if (known !== UNKNOWN) return known;
    const size = this.#words[typeAddress(this.#memory, slot) + Layout.TYPE_SIZE]!;
    const free = slot === Layout.TYPE_SLOT_DEAD || typeState(this.#memory, slot) === Layout.TYPE_STATE_FREE;
    return (this.#classes[slot] = free ? FREE_SLOT : size > 0 && size <= MAX_DATA_BYTES ? classOfDataBytes(size) : NO_CLASS);
  }

  /** A name record holds a text that leads to this very number. */
  #name(block: WordAddress, object: number): void {
    const findings = this.#findings;
    if (!isName(object)) {
      findings.add('name', block, () => `object ${object} has a name record and is no string`);
      return;
    }
    const length = nameLength(this.#memory, block);
    const sizeClass = this.#census.classAt(block);
    if (!(length >= 0 && length <= MAX_NAME_UNITS) || classOfDataBytes(4 + length * 2) !== sizeClass) {
      findings.add('name', block, () => `the name of object ${object} has ${length} code units in a block of class ${sizeClass}`);
      return;
    }
    const text = readName(this.#memory, block)!;
    const names = this.#names;
    if (names.firstHandle(text) !== object && !(names.collided && names.secondHandle(text) === object))
      findings.add('name', block, () => `the name of object ${object} leads to object ${names.firstHandle(text)}`);
  }

  /** What stands in one chain: an object has one variable of an id, in two versions only if a thread died in a migration; and a string has its name. */
  #together(bucket: WordAddress, standing: readonly Standing[]): void {
    if (standing.length === 1 && !isName(standing[0]!.object)) return;
    const slotsOf = new Map<number, TypeSlot[]>();
    for (const { object, slot } of standing) {
      const slots = slotsOf.get(object);
      if (slots === undefined) slotsOf.set(object, [slot]);
      else slots.push(slot);
    }
    for (const [object, slots] of slotsOf) {
      if (slots.length > 1) this.#alike(bucket, object, slots);
      if (!isName(object)) continue;
      const named = slots.includes(Layout.TYPE_SLOT_NAMES);
      if (!named) this.#findings.add('name', bucket, () => `object ${object} is a string whose name is missing`);
      else if (slots.length === 1) this.#findings.add('name', bucket, () => `object ${object} is a string that has a name and no variable`);
    }
  }

  #alike(bucket: WordAddress, object: number, slots: readonly TypeSlot[]): void {
    const seen = new Set<TypeSlot>();
    for (const slot of slots) {
      if (seen.has(slot)) this.#findings.add('entry', bucket, () => `object ${object} has two variables of type slot ${slot}`);
      else if (slots.some((newer) => newer !== slot && isBehind(this.#memory, slot, newer))) this.leftOvers[slot]!++;
      seen.add(slot);
    }
  }
}
