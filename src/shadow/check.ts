/**
 * Owns the proof of the store's invariants: every block is linked, cached, retired, on a global list or not yet carved, exactly once; every chain is
 * finite; every key stands in its own bucket; every count equals what is found. Writes nothing but locks; imports memory, table, check-types, slots.
 *
 * All bucket locks are taken for the length of the walk. Blocks enter and leave the table under a bucket lock only, and a thread moves blocks between
 * its own lists either under one or with the intent INTENT_MEMORY, so with all of them held the threads come to rest; the lists are read again until
 * no THREAD_INTENT_SEQUENCE changed meanwhile.
 */
import { CLASS_BLOCK_WORDS, classAddress, LINE_CLASS } from '../memory/classes.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import { acquire, release } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress } from '../memory/threads.js';
import { bucketAddress, bucketIndex, hashObject, keyOf, objectHigh, objectNumber } from '../table/hash.js';
import { checkTypes } from './check-types.js';
import { isBehind, typeAddress } from './slots.js';
import type { Variables } from './variables.js';

/** One broken invariant. */
export interface Violation {
  /** Which rule, as a stable word. */
  readonly rule: 'chain' | 'entry' | 'block' | 'list' | 'page' | 'count' | 'leak' | 'busy' | 'type';
  readonly what: string;
  /** Word address in the reservation. */
  readonly address: WordAddress;
}

export interface CheckResult {
  readonly ok: boolean;
  /** At most a hundred; a broken word tends to break many rules. */
  readonly violations: readonly Violation[];
  /** What the walk found. */
  readonly found: {
    readonly buckets: number;
    readonly overflowLines: number;
    readonly variables: number;
    readonly names: number;
    /** Older versions of variables that were migrated by a thread that died before it had unlinked them; not among `variables`. */
    readonly leftOvers: number;
    readonly freeBlocks: number;
    readonly retiredBlocks: number;
    readonly destroying: number;
    readonly uncarvedBlocks: number;
  };
}

const MOST_VIOLATIONS = 100;
/** Looks at the lists, a millisecond apart, before a thread counts as one that never comes to rest. */
const REST_ATTEMPTS = 2000;

/** Those that hold nothing before they have a bucket lock. */
const WAITING_INTENTS: ReadonlySet<number> = new Set([
  Layout.INTENT_INSERT,
  Layout.INTENT_REMOVE,
  Layout.INTENT_SPLIT,
  Layout.INTENT_MIGRATE,
]);

type Place = 'linked' | 'line' | 'free' | 'retired' | 'destroying' | 'uncarved';

export function checkStore(variables: Variables): CheckResult {
  const { thread, table } = variables;
  const { words } = table;
  acquire(thread, Layout.TYPE_LOCK); // no thread hands over its counts
  acquire(thread, Layout.GROW_LOCK); // the number of buckets stands still
  const count = words[Layout.BUCKET_COUNT]!;
  let locked = 0;
  try {
    for (; locked < count; locked++) acquire(thread, bucketAddress(table.buckets, locked) + Layout.BUCKET_LOCK);
    return new Check(variables.memory).run();
  } finally {
    for (let index = 0; index < locked; index++) release(thread, bucketAddress(table.buckets, index) + Layout.BUCKET_LOCK);
    release(thread, Layout.GROW_LOCK);
    release(thread, Layout.TYPE_LOCK);
  }
}

class Check {
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #violations: Violation[] = [];
  /** Every block that was met, and where. */
  readonly #met = new Map<WordAddress, Place>();
  readonly #places: Record<Place, number> = { linked: 0, line: 0, free: 0, retired: 0, destroying: 0, uncarved: 0 };
  readonly #live = new Map<TypeSlot, number>();
  readonly #leftOvers = new Map<TypeSlot, number>();
  /** Blocks whose destructors nest deeper than the record: they are somewhere, but nobody can say where. */
  #unrecorded = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#words = memory.words;
  }

  run(): CheckResult {
    const words = this.#words;
    for (let index = 0; index < words[Layout.BUCKET_COUNT]!; index++) this.#chain(index);
    const names = this.#live.get(Layout.TYPE_SLOT_NAMES) ?? 0;
    for (const list of this.#lists()) this.#members(list);
    for (let slot = 0; slot < words[Layout.THREAD_HIGH]!; slot++) {
      this.#unrecorded += words[threadSlotAddress(this.#memory, slot) + Layout.THREAD_DESTROYING_COUNT]!;
    }
    this.#unrecorded = Math.max(0, this.#unrecorded - this.#places.destroying);
    this.#pages();
    checkTypes(this.#memory, this.#live, this.#leftOvers, (...broken) => {
      this.#violation(...broken);
    });
    const leftOvers = [...this.#leftOvers.values()].reduce((sum, count) => sum + count, 0);
    return {
      ok: this.#violations.length === 0,
      violations: this.#violations,
      found: {
        buckets: words[Layout.BUCKET_COUNT]!,
        overflowLines: this.#places.line,
        variables: this.#places.linked - names - leftOvers,
        names,
        leftOvers,
        freeBlocks: this.#places.free,
        retiredBlocks: this.#places.retired,
        destroying: this.#places.destroying,
        uncarvedBlocks: this.#places.uncarved,
      },
    };
  }

  #violation(rule: Violation['rule'], address: WordAddress, what: string): void {
    if (this.#violations.length < MOST_VIOLATIONS) this.#violations.push({ rule, address, what });
  }

  /** Notes that a block was met; false if it is no block at all or was met before, so that walks end even on damaged memory. */
  #meet(block: WordAddress, place: Place, expectedClass: number): boolean {
    const sizeClass = this.#classAt(block);
    if (sizeClass < 0) {
      this.#violation('block', block, `${place}: address ${block} is not the start of a block`);
      return false;
    }
    if (expectedClass >= 0 && sizeClass !== expectedClass) {
      this.#violation('block', block, `${place}: block ${block} is of class ${sizeClass}, found where class ${expectedClass} belongs`);
    }
    const before = this.#met.get(block);
    if (before !== undefined) {
      this.#violation('block', block, `block ${block} is ${before} and ${place} at once`);
      return false;
    }
    this.#met.set(block, place);
    this.#places[place]++;
    return true;
  }

  /** Size class of the block that starts here, −1 if none does. */
  #classAt(block: WordAddress): number {
    const page = block >>> Layout.PAGE_SHIFT;
    if (block <= 0 || page < this.#words[Layout.PAGE_FLOOR]! || page >= this.#memory.pages) return -1;
    const sizeClass = this.#words[this.#memory.pageTable + page * Layout.PAGE_ENTRY_WORDS + Layout.PAGE_CLASS]! - 1;
    const size = CLASS_BLOCK_WORDS[sizeClass];
    if (size === undefined) return -1;
    const offset = block & (Layout.PAGE_WORDS - 1);
    return offset % size === 0 && offset + size <= Layout.PAGE_WORDS ? sizeClass : -1;
  }

  #chain(index: number): void {
    const words = this.#words;
    const primary = bucketAddress(this.#memory.buckets, index);
    const slotsOf = new Map<number, TypeSlot[]>();
    for (let line = primary, first = true; line !== 0; line = words[line + Layout.BUCKET_NEXT]!, first = false) {
      if (!first && !this.#meet(line, 'line', LINE_CLASS)) {
        this.#violation('chain', primary, `the chain of bucket ${index} leads to ${line}`);
        return;
      }
      for (let entry = line + Layout.BUCKET_BLOCKS; entry < line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES; entry++) {
        if (words[entry] !== 0) this.#entry(index, entry, words[entry]!, slotsOf);
      }
    }
    for (const [object, slots] of slotsOf) if (slots.length > 1) this.#together(primary, object, slots);
  }

  /** One object has one variable of an id; in two versions only if a thread died in the middle of a migration. */
  #together(bucket: WordAddress, object: number, slots: readonly TypeSlot[]): void {
    slots.forEach((slot, i) => {
      if (slots.indexOf(slot) !== i) this.#violation('entry', bucket, `object ${object} has two variables of type slot ${slot}`);
      else if (slots.some((newer) => isBehind(this.#memory, slot, newer))) this.#leftOvers.set(slot, (this.#leftOvers.get(slot) ?? 0) + 1);
    });
  }

  #entry(index: number, entry: WordAddress, block: WordAddress, slotsOf: Map<number, TypeSlot[]>): void {
    const words = this.#words;
    if (!this.#meet(block, 'linked', -1)) return;
    const identity = words[block + Layout.BLOCK_IDENTITY]!;
    const slot = identity & Layout.TYPE_SLOT_MASK;
    const object = objectNumber(words[block]!, identity);
    const hash = hashObject(object | 0, objectHigh(object));
    const home = bucketIndex(hash, words[Layout.BUCKET_COUNT]!);
    if (home !== index) this.#violation('entry', entry, `object ${object} stands in bucket ${index}, its own is ${home}`);
    const key = words[entry - Layout.BUCKET_ENTRIES]!;
    if (key !== keyOf(hash, slot)) this.#violation('entry', entry, `the key of object ${object} is ${key}, not ${keyOf(hash, slot)}`);
    if ((words[block + Layout.BLOCK_GENERATION]! & 1) !== 0)
      this.#violation('block', block, `object ${object} is linked with a generation of the dead`);
    const type = typeAddress(this.#memory, slot);
    if ((words[type + Layout.TYPE_TAG]! & Layout.TYPE_STATE_MASK) === Layout.TYPE_STATE_FREE) {
      this.#violation('entry', entry, `object ${object} has a variable of type slot ${slot}, which is free`);
    }
    this.#live.set(slot, (this.#live.get(slot) ?? 0) + 1);
    const slots = slotsOf.get(object);
    if (slots === undefined) slotsOf.set(object, [slot]);
    else slots.push(slot);
  }

  /** All lists of all threads and the global ones, read while every thread was at rest throughout. */
  #lists(): CollectedList[] {
    const words = this.#words;
    for (let attempt = 0; ; attempt++) {
      const before = this.#sequences();
      const lists: CollectedList[] = [];
      for (let slot = 0; slot < words[Layout.THREAD_HIGH]!; slot++)
        lists.push(...threadLists(words, threadSlotAddress(this.#memory, slot)));
      lists.push(...retiredLists(words, Layout.ORPHANS));
      for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
        const at = classAddress(sizeClass);
        const count = words[at + Layout.CLASS_COUNT]!;
        lists.push({ members: follow(words, words[at + Layout.CLASS_HEAD]!, count), place: 'free', sizeClass, count, at });
      }
      if (this.#movingThread() < 0 && this.#sequences().every((sequence, i) => sequence === before[i])) return lists;
      if (attempt === REST_ATTEMPTS) {
        const slot = Math.max(0, this.#movingThread());
        this.#violation(
          'busy',
          threadSlotAddress(this.#memory, slot),
          `thread slot ${slot} never came to rest while all buckets were locked`,
        );
        return lists;
      }
      Atomics.wait(words, Layout.HEADER_WORDS - 1, words[Layout.HEADER_WORDS - 1]!, 1);
    }
  }

  /**
   * A thread that moves blocks now, −1 if there is none: an intent is open, and it is not one of those that hold nothing before they have a bucket
   * lock, since all of them are ours.
   */
  #movingThread(): number {
    for (let slot = 0; slot < this.#words[Layout.THREAD_HIGH]!; slot++) {
      const address = threadSlotAddress(this.#memory, slot);
      const intent = Atomics.load(this.#words, address + Layout.THREAD_INTENT);
      if (!WAITING_INTENTS.has(intent) && (Atomics.load(this.#words, address + Layout.THREAD_INTENT_SEQUENCE) & 1) !== 0) return slot;
    }
    return -1;
  }

  #sequences(): number[] {
    const sequences: number[] = [];
    for (let slot = 0; slot < this.#words[Layout.THREAD_HIGH]!; slot++) {
      sequences.push(Atomics.load(this.#words, threadSlotAddress(this.#memory, slot) + Layout.THREAD_INTENT_SEQUENCE));
    }
    return sequences;
  }

  #members({ members, place, sizeClass, count, at }: CollectedList): void {
    let met = 0;
    for (const block of members) if (this.#meet(block, place, sizeClass)) met++;
    if (count !== met) this.#violation('list', at, `a list of ${place} blocks counts ${count} and has ${met}`);
  }

  /** Every page is in order, and every block of it was met: what was not is lost. */
  #pages(): void {
    const words = this.#words;
    const free = new Set<number>();
    for (let page = words[Layout.FREE_PAGE_HEAD]!; page !== 0 && !free.has(page); page = words[this.#pageEntry(page) + Layout.PAGE_NEXT]!) {
      if (page < words[Layout.PAGE_FLOOR]! || page >= this.#memory.pages) {
        this.#violation('page', this.#pageEntry(page), `the free-page list leads to page ${page}`);
        break;
      }
      free.add(page);
    }
    if (free.size !== words[Layout.FREE_PAGE_COUNT])
      this.#violation('page', Layout.FREE_PAGE_COUNT, `${words[Layout.FREE_PAGE_COUNT]} free pages are counted, ${free.size} found`);
    if (words[Layout.BUCKET_PAGE_LIMIT]! > words[Layout.PAGE_FLOOR]!)
      this.#violation('page', Layout.BUCKET_PAGE_LIMIT, 'buckets and blocks overlap');
    for (let page = words[Layout.PAGE_FLOOR]!; page < this.#memory.pages; page++) {
      const sizeClass = words[this.#pageEntry(page) + Layout.PAGE_CLASS]! - 1;
      const size = CLASS_BLOCK_WORDS[sizeClass];
      if (free.has(page) !== (size === undefined))
        this.#violation('page', this.#pageEntry(page), `page ${page} is free and in use, or neither`);
      if (size === undefined) continue;
      const start = page * Layout.PAGE_WORDS;
      for (let block = start; block + size <= start + Layout.PAGE_WORDS; block += size) {
        if (this.#met.has(block) || this.#unrecorded-- > 0) continue;
        this.#violation('leak', block, `block ${block} of class ${sizeClass} is nowhere`);
      }
    }
  }

  #pageEntry(page: number): WordAddress {
    return this.#memory.pageTable + page * Layout.PAGE_ENTRY_WORDS;
  }
}

interface CollectedList {
  readonly members: readonly WordAddress[];
  readonly place: Place;
  readonly sizeClass: number;
  readonly count: number;
  readonly at: WordAddress;
}

function retiredLists(words: Int32Array, lists: WordAddress): CollectedList[] {
  return [lists, lists + Layout.RETIRED_OLDER].map((at) => {
    const count = words[at + Layout.RETIRED_COUNT]!;
    return { members: follow(words, words[at + Layout.RETIRED_HEAD]!, count), place: 'retired', sizeClass: -1, count, at };
  });
}

function threadLists(words: Int32Array, address: WordAddress): CollectedList[] {
  const lists = retiredLists(words, address + Layout.THREAD_RETIRED);
  const destroying = Math.min(words[address + Layout.THREAD_DESTROYING_COUNT]!, Layout.THREAD_DESTROYING_WORDS);
  const record = address + Layout.THREAD_DESTROYING;
  // Gaps are left where destructors nested deeper than the record.
  const pending = [...words.subarray(record, record + destroying)].filter((block) => block !== 0);
  lists.push({ members: pending, place: 'destroying', sizeClass: -1, count: pending.length, at: address + Layout.THREAD_DESTROYING });
  for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
    const at = address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
    const count = words[at + Layout.CACHE_COUNT]!;
    lists.push({ members: follow(words, words[at + Layout.CACHE_HEAD]!, count), place: 'free', sizeClass, count, at });
    const size = CLASS_BLOCK_WORDS[sizeClass]!;
    const uncarved: WordAddress[] = [];
    if (words[at + Layout.CARVE_NEXT] !== 0) {
      for (let block = words[at + Layout.CARVE_NEXT]!; block <= words[at + Layout.CARVE_LAST]!; block += size) uncarved.push(block);
    }
    lists.push({ members: uncarved, place: 'uncarved', sizeClass, count: uncarved.length, at: at + Layout.CARVE_NEXT });
  }
  return lists;
}

/** The members of a list, at most one more than it counts: a list that loops or leads outside ends there. */
function follow(words: Int32Array, head: WordAddress, count: number): WordAddress[] {
  const members: WordAddress[] = [];
  for (let block = head; block > 0 && block < words.length && members.length <= count; block = words[block + Layout.BLOCK_NEXT]!)
    members.push(block);
  return members;
}
