/**
 * Owns the repair of bucket chains: lines that lead nowhere, entries that are no variable of their bucket, variables that are there twice, names without any.
 * A word that is explained by one flipped bit is put back (evidence.ts); what cannot be right otherwise is unlinked, since no look-up ever finds it. A variable
 * that a look-up does find stays. Called with every lock held; imports memory, table, names, evidence, repairs.
 */
import { classOfDataBytes, LINE_CLASS, MAX_DATA_BYTES } from '../memory/classes.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import { MAX_NAME_UNITS, nameLength } from '../shadow/names.js';
import { handleSequence, handleSlot, isName, isObjectHandle } from '../shadow/objects.js';
import { standingCount, typeAddress, typeState } from '../shadow/slots.js';
import { findBlock } from '../table/find.js';
import { bucketAddress, keyOf, objectNumber } from '../table/hash.js';
import { Place } from './census.js';
import {
  agrees,
  belongs,
  entriesOf,
  fits,
  identityByKey,
  leadsHere,
  linesOf,
  objectHash,
  unflippedBlock,
  unflippedIdentity,
} from './evidence.js';
import { variableOwnerIn, whyUnheld } from './holders.js';
import { mendHandles } from './mend-header.js';
import type { Mending } from './repairs.js';

/** Names longer than this are not searched for a flipped bit: each attempt reads the whole name. */
const SEARCHED_UNITS = 256;
const VERSION_STEP = 0x400;
const VERSION_MASK = 0x7ffffc00;
const BITS = 32;

export class ChainMender {
  readonly #mending: Mending;
  readonly #words: Int32Array;
  readonly #count: number;
  #highestSequence = -1;
  #highestSlot = -1;

  readonly #linked: Readonly<Float64Array>;

  /** `linked`: variables by type slot, as far as all words of their entries agree. */
  constructor(mending: Mending, count: number, linked: Readonly<Float64Array>) {
    this.#linked = linked;
    this.#mending = mending;
    this.#words = mending.words;
    this.#count = count;
  }

  mend(): void {
    for (let index = 0; index < this.#count; index++) this.#lines(index);
    for (let index = 0; index < this.#count; index++) this.#each(index, (entry) => this.#claim(index, entry));
    for (let index = 0; index < this.#count; index++) this.#each(index, (entry) => this.#doubt(index, entry));
    for (let index = 0; index < this.#count; index++) this.#chain(index);
    mendHandles(this.#mending, this.#highestSequence, this.#highestSlot);
  }

  #each(index: number, visit: (entry: WordAddress) => void): void {
    const { memory } = this.#mending;
    for (const line of linesOf(memory, index)) for (const entry of entriesOf(memory, line)) visit(entry);
  }

  /** Follows the lines of a chain to its end, and mends or cuts it where it does not go on. */
  #lines(index: number): void {
    const { census, memory } = this.#mending;
    const words = this.#words;
    let line = bucketAddress(memory.buckets, index);
    for (let ordinal = 1; ; ordinal++) {
      const link = line + Layout.BUCKET_NEXT;
      if (words[link] === 0) return;
      const next = this.#lineAfter(link, index, ordinal);
      if (next === 0) {
        this.#mending.set('chain', link, 0, `the chain of bucket ${index} is cut off`);
        return;
      }
      this.#mending.set('chain', link, next, `the next line of bucket ${index}`);
      this.#mending.set('chain', next + Layout.LINE_ORDINAL, ordinal, `the ordinal of line ${next}`);
      census.meet(next, LINE_CLASS, Place.LINE);
      line = next;
    }
  }

  /** The line that a link leads to, or led to before one bit of it was flipped; 0 if there is none. */
  #lineAfter(link: WordAddress, index: number, ordinal: number): WordAddress {
    const { census, memory } = this.#mending;
    const words = this.#words;
    const isLine = (line: WordAddress): boolean =>
      census.classAt(line) === LINE_CLASS &&
      census.placeOf(line, LINE_CLASS) === Place.NOWHERE &&
      belongs(memory, census, line, index, this.#count);
    const next = words[link]!;
    if (isLine(next) && (words[next + Layout.LINE_ORDINAL] === ordinal || this.#holdsSome(next))) return next;
    for (let bit = 0; bit < BITS; bit++) {
      const candidate = next ^ (1 << bit);
      if (isLine(candidate) && words[candidate + Layout.LINE_ORDINAL] === ordinal && this.#holdsSome(candidate)) return candidate;
    }
    return 0;
  }

  #holdsSome(line: WordAddress): boolean {
    for (const _ of entriesOf(this.#mending.memory, line)) return true;
    return false;
  }

  /** Entries that are right have the first claim to their blocks; of two the one that a look-up finds. */
  #claim(index: number, entry: WordAddress): void {
    const { census, memory } = this.#mending;
    const block = this.#words[entry]!;
    if (!this.#isFree(block) || !agrees(memory, entry, block, index, this.#count)) return;
    census.meet(block, census.classAt(block), Place.LINKED);
  }

  /** A block of variables that was met nowhere yet. */
  #isFree(block: WordAddress): boolean {
    const { census } = this.#mending;
    const sizeClass = census.classAt(block);
    return sizeClass > LINE_CLASS && census.placeOf(block, sizeClass) === Place.NOWHERE;
  }

  /** An entry that is not right: which of its words is wrong? */
  #doubt(index: number, entry: WordAddress): void {
    const { census, memory } = this.#mending;
    const words = this.#words;
    const block = words[entry]!;
    const isBlock = census.classAt(block) > LINE_CLASS;
    if (isBlock && agrees(memory, entry, block, index, this.#count)) {
      if (this.#isClaimedElsewhere(index, entry, block)) this.#clear(entry, `block ${block} is linked twice`);
      return;
    }
    if (this.#isFree(block)) {
      const unflipped =
        this.#isTypeRight(entry) && this.#isKeyWrong(index, entry)
          ? undefined
          : (unflippedIdentity(memory, entry, index, this.#count) ?? identityByKey(memory, entry, index, this.#count));
      if (unflipped !== undefined) this.#mending.set('entry', unflipped.address, unflipped.value, `the identity of block ${block}`);
      else if (this.#isKeyWrong(index, entry))
        this.#mending.set('entry', entry - Layout.BUCKET_ENTRIES, this.#keyOf(block), `the key of block ${block}`);
      if (agrees(memory, entry, block, index, this.#count)) {
        census.meet(block, census.classAt(block), Place.LINKED);
        return;
      }
    }
    const right = unflippedBlock(memory, entry, index, this.#count, (candidate) => this.#isFree(candidate));
    if (right === 0) {
      this.#clear(entry, `what it leads to is no variable of bucket ${index}`);
      return;
    }
    this.#mending.set('entry', entry, right, `the block of an entry of bucket ${index}`);
    census.meet(right, census.classAt(right), Place.LINKED);
  }

  /** Key and block name two types: whether the block's is the one that is short of a variable, if the key's is not. */
  #isTypeRight(entry: WordAddress): boolean {
    const { memory, census } = this.#mending;
    const words = this.#words;
    const block = words[entry]!;
    const ofBlock = words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
    const ofKey = words[entry - Layout.BUCKET_ENTRIES]! & Layout.TYPE_SLOT_MASK;
    const suits = (slot: TypeSlot): boolean => {
      const bytes = words[typeAddress(memory, slot) + Layout.TYPE_SIZE]!;
      const fits =
        slot === Layout.TYPE_SLOT_NAMES || (bytes > 0 && bytes <= MAX_DATA_BYTES && classOfDataBytes(bytes) === census.classAt(block));
      return fits && slot !== Layout.TYPE_SLOT_DEAD && typeState(memory, slot) !== Layout.TYPE_STATE_FREE;
    };
    if (suits(ofBlock) !== suits(ofKey)) return suits(ofBlock);
    const isShort = (slot: TypeSlot): boolean => standingCount(memory, slot) > this.#linked[slot]!;
    return isShort(ofBlock) || !isShort(ofKey);
  }

  /** Whether the object stands in its own bucket, so that only its key can be wrong. */
  #isKeyWrong(index: number, entry: WordAddress): boolean {
    const block = this.#words[entry]!;
    return fits(this.#words[block]!, this.#words[block + Layout.BLOCK_IDENTITY]!, this.#keyOf(block), index, this.#count);
  }

  #keyOf(block: WordAddress): number {
    const identity = this.#words[block + Layout.BLOCK_IDENTITY]!;
    return keyOf(objectHash(objectNumber(this.#words[block]!, identity)), identity & Layout.TYPE_SLOT_MASK);
  }

  /** An equal entry of the same block comes before this one. */
  #isClaimedElsewhere(index: number, entry: WordAddress, block: WordAddress): boolean {
    const { memory } = this.#mending;
    for (const line of linesOf(memory, index)) {
      for (const other of entriesOf(memory, line)) {
        if (other === entry) return false;
        if (this.#words[other] === block && agrees(memory, other, block, index, this.#count)) return true;
      }
    }
    return false;
  }

  #clear(entry: WordAddress, why: string): void {
    const block = this.#words[entry]!;
    Atomics.store(this.#words, entry, 0);
    this.#mending.note('entry', entry, () => `unlinked ${block}: ${why}`);
  }

  /** What stands in one chain by now: its locks and generations, variables that are there twice, types that there are not, and names. */
  #chain(index: number): void {
    const { memory } = this.#mending;
    const words = this.#words;
    const entriesOfObject = new Map<number, WordAddress[]>();
    this.#each(index, (entry) => {
      const block = words[entry]!;
      const identity = words[block + Layout.BLOCK_IDENTITY]!;
      const slot = identity & Layout.TYPE_SLOT_MASK;
      const object = objectNumber(words[block]!, identity);
      if (slot !== Layout.TYPE_SLOT_NAMES && (slot === Layout.TYPE_SLOT_DEAD || typeState(memory, slot) === Layout.TYPE_STATE_FREE)) {
        this.#unlink(entry, `type slot ${slot} is free`);
        return;
      }
      if (this.#isTwice(block, identity, object)) {
        this.#unlink(entry, `object ${object} has another variable of type slot ${slot}, which is the one that is found`);
        return;
      }
      this.#header(block);
      if (isObjectHandle(object)) {
        this.#highestSequence = Math.max(this.#highestSequence, handleSequence(object));
        this.#highestSlot = Math.max(this.#highestSlot, handleSlot(object));
      }
      const entries = entriesOfObject.get(object);
      if (entries === undefined) entriesOfObject.set(object, [entry]);
      else entries.push(entry);
    });
    for (const [object, entries] of entriesOfObject) this.#name(object, entries);
  }

  #isTwice(block: WordAddress, identity: number, object: number): boolean {
    const { memory } = this.#mending;
    const found = findBlock(this.#words, memory.buckets, object | 0, identity, objectHash(object));
    return found !== 0 && found !== block;
  }

  #unlink(entry: WordAddress, why: string): void {
    const { census } = this.#mending;
    census.forget(this.#words[entry]!);
    this.#clear(entry, why);
  }

  /** A linked block is one of the living, and its lock is in nobody's hands who is not there. */
  #header(block: WordAddress): void {
    const { memory } = this.#mending;
    const words = this.#words;
    const generation = words[block + Layout.BLOCK_GENERATION]!;
    if ((generation & 1) !== 0)
      this.#mending.set('block', block + Layout.BLOCK_GENERATION, (generation + 1) | 0, `the generation of block ${block}`);
    const lock = block + Layout.BLOCK_LOCK;
    const word = Atomics.load(words, lock);
    if (variableOwnerIn(word) === 0 || whyUnheld(memory, variableOwnerIn(word)) === undefined) return;
    if (Atomics.compareExchange(words, lock, word, (word + VERSION_STEP) & VERSION_MASK) !== word) return;
    Atomics.notify(words, lock);
    this.#mending.note('lock', lock, () => `released the lock of block ${block}`);
  }

  /** The name of a string: one that has a bit flipped is put back, one without a variable goes. Variables whose string is lost stay: only it is. */
  #name(object: number, entries: readonly WordAddress[]): void {
    const words = this.#words;
    const slotOf = (entry: WordAddress): TypeSlot => words[words[entry]! + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
    const record = entries.find((entry) => slotOf(entry) === Layout.TYPE_SLOT_NAMES);
    if (record === undefined) return;
    if (!isName(object)) this.#unlink(record, `object ${object} is no string`);
    else if (entries.length === 1) this.#unlink(record, `no variable of object ${object} is left`);
    else if (!leadsHere(this.#mending.variables, words[record]!)) this.#unflipName(words[record]!, object);
  }

  #unflipName(block: WordAddress, object: number): void {
    const { memory, variables } = this.#mending;
    const words = this.#words;
    const length = block + Layout.BLOCK_DATA;
    const attempt = (address: WordAddress, value: number): boolean => {
      const before = words[address]!;
      words[address] = value;
      const right = leadsHere(variables, block);
      words[address] = before;
      if (right) this.#mending.set('name', address, value, `the name of object ${object}`);
      return right;
    };
    for (let bit = 0; bit < BITS; bit++) if (attempt(length, words[length]! ^ (1 << bit))) return;
    const units = nameLength(memory, block);
    if (!(units >= 0 && units <= Math.min(SEARCHED_UNITS, MAX_NAME_UNITS))) return;
    for (let word = length + 1; word < length + 1 + units / 2; word++)
      for (let bit = 0; bit < BITS; bit++) if (attempt(word, words[word]! ^ (1 << bit))) return;
  }
}
