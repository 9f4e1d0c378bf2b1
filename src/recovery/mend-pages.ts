/**
 * Owns the repair of what says where things are: the number of buckets, the classes of pages, the border between both, the list of free pages. What stands in
 * the table is the evidence. Called with every lock held; imports memory, evidence, repairs.
 */
import { CLASS_BLOCK_WORDS, classAddress, classOfDataBytes, LINE_CLASS, MAX_DATA_BYTES } from '../memory/classes.js';
import { Layout, type TypeSlot, type WordAddress } from '../memory/layout.js';
import { pageEntry } from '../memory/pages.js';
import type { Memory } from '../memory/reservation.js';
import { threadSlotAddress } from '../memory/threads.js';
import { nameLength } from '../shadow/names.js';
import { typeAddress } from '../shadow/slots.js';
import type { Variables } from '../shadow/variables.js';
import { bucketIndex, hashObject, keyOf } from '../table/hash.js';
import { classOfPage } from './census.js';
import { pagesOfBuckets } from './check-header.js';
import { isLeaving } from './holders.js';
import { agrees, entriesOf, leadsHere, linesOf } from './evidence.js';
import type { Mending } from './repairs.js';

/** The number of buckets by which every entry stands where it belongs; undefined if there is none, neither as it is nor with one bit flipped. */
export function bucketCountByEntries(mending: Mending): number | undefined {
  const { memory, words } = mending;
  const count = words[Layout.BUCKET_COUNT]!;
  const limit = words[Layout.BUCKET_PAGE_LIMIT]!;
  const fitsLimit = (candidate: number): boolean => {
    const needed = pagesOfBuckets(memory, candidate);
    return limit === needed || limit === needed + 1;
  };
  if (isPossible(mending, count) && isEmptyBehind(mending, count) && allFit(mending, count)) return count;
  for (let bit = 0; bit < 32; bit++) {
    const candidate = count ^ (1 << bit);
    if (isPossible(mending, candidate) && fitsLimit(candidate) && isEmptyBehind(mending, candidate) && allFit(mending, candidate))
      return candidate;
  }
  return isPossible(mending, count) && fitsLimit(count) ? count : undefined;
}

function isPossible({ memory, words }: Mending, count: number): boolean {
  const most = Math.min(2 ** 27, (memory.pages * Layout.PAGE_WORDS - memory.buckets) / Layout.BUCKET_WORDS);
  if (count < Layout.FIRST_BUCKETS || count > most) return false;
  const floor = words[Layout.PAGE_FLOOR]!;
  return floor < memory.firstFreePage || floor > memory.pages || pagesOfBuckets(memory, count) <= floor;
}

/** Whether the rest of the page after so many buckets holds nothing. */
function isEmptyBehind({ memory, words }: Mending, count: number): boolean {
  const end = pagesOfBuckets(memory, count) * Layout.PAGE_WORDS;
  for (let word = memory.buckets + count * Layout.BUCKET_WORDS; word < end; word++)
    if (words[word] !== 0 && word % Layout.BUCKET_WORDS !== Layout.BUCKET_LOCK) return false;
  return true;
}

/** Whether every entry whose key and block tell of one variable stands in the bucket that has so many buckets beside it. */
function allFit({ memory, words }: Mending, count: number): boolean {
  for (let index = 0; index < count; index++) {
    for (const line of linesOf(memory, index)) {
      for (const entry of entriesOf(memory, line)) {
        const block = words[entry]!;
        if (!(block > 0 && block < words.length - Layout.BLOCK_DATA)) continue;
        const identity = words[block + Layout.BLOCK_IDENTITY]!;
        const hash = hashObject(words[block]!, identity >>> Layout.TYPE_SLOT_BITS);
        const own = keyOf(hash, identity & Layout.TYPE_SLOT_MASK) === words[entry - Layout.BUCKET_ENTRIES];
        if (own && ((hash ^ index) & Layout.TYPE_SLOT_MASK) === 0 && bucketIndex(hash, count) !== index) return false;
      }
    }
  }
  return true;
}

export function mendPages(mending: Mending, count: number): void {
  mendClasses(mending, count);
  mendBorder(mending, count);
  mendFreePages(mending);
}

/** Who says of which class a page is. */
type Voter = 'table' | 'doubtful' | 'list';

/** Which page is of which class, as all that is linked there says, or what lists lead there. */
class Votes {
  readonly #votes: Readonly<Record<Voter, Map<number, Map<number, number>>>> = { table: new Map(), doubtful: new Map(), list: new Map() };
  /** Pages of which a linked block does not begin where one of their class does, or is a variable among lines. */
  readonly misplaced = new Set<number>();
  /** Pages of which a linked block does not begin where one of the class does that its type tells. */
  readonly #torn = new Set<number>();

  add(voter: Voter, block: WordAddress, sizeClass: number): void {
    const page = block >>> Layout.PAGE_SHIFT;
    if ((block & (Layout.PAGE_WORDS - 1)) % CLASS_BLOCK_WORDS[sizeClass]! !== 0) {
      if (voter !== 'list') this.#torn.add(page);
      return;
    }
    const votes = this.#votes[voter];
    const of = votes.get(page) ?? new Map<number, number>();
    of.set(sizeClass, (of.get(sizeClass) ?? 0) + 1);
    votes.set(page, of);
  }

  /** The class of a page, as most of the first of these say who say anything; −1 if nobody does. */
  of(page: number, ...voters: Voter[]): number {
    for (const voter of voters) {
      const votes = this.#votes[voter].get(page);
      if (votes !== undefined) return [...votes].sort(([, a], [, b]) => b - a)[0]![0];
    }
    return -1;
  }

  /**
   * The class of a page that seems to be in order, and of which all that is linked there tells another class: one of two words is wrong, that of the page or
   * that of the type. The lists know; where none leads there, larger blocks lose nothing of what is linked, while of smaller ones the rest would be given back.
   */
  between(page: number, marked: number): number {
    const told = this.of(page, 'doubtful');
    const listed = this.of(page, 'list');
    if (told < 0 || this.#torn.has(page) || listed === marked) return marked;
    return listed === told || CLASS_BLOCK_WORDS[told]! > CLASS_BLOCK_WORDS[marked]! ? told : marked;
  }
}

function mendClasses(mending: Mending, count: number): void {
  const { memory, words } = mending;
  const votes = new Votes();
  voteByLists(mending, votes);
  lowerFloor(mending, count, votes);
  voteByTable(mending, count, votes);
  const floor = words[Layout.PAGE_FLOOR]!;
  for (let page = 0; page < memory.pages; page++) {
    const entry = pageEntry(memory, page);
    const marked = words[entry + Layout.PAGE_CLASS]!;
    const linked = page < memory.firstFreePage ? -1 : votes.of(page, 'table');
    if (marked < 0 && linked < 0 && isLeaving(memory, -marked)) continue;
    const right = page < floor ? 0 : rightClass(votes, page, marked - 1, linked) + 1;
    mending.set('page', entry + Layout.PAGE_CLASS, right, `the class of page ${page}`);
    const generation = words[entry + Layout.PAGE_GENERATION]!;
    if (generation !== 0) mending.set('page', entry + Layout.PAGE_GENERATION, generation | 1, `the generation of page ${page}`);
  }
}

/** Blocks begin no higher than with the first page to which the table leads, or a list to a page of its class. */
function lowerFloor(mending: Mending, count: number, votes: Votes): void {
  const { memory, words } = mending;
  const before = words[Layout.PAGE_FLOOR]!;
  let floor = before >= memory.firstFreePage && before <= memory.pages ? before : memory.pages;
  for (const { block } of linkedBlocks(mending, count)) {
    const page = block >>> Layout.PAGE_SHIFT;
    if (page >= memory.firstFreePage && page < floor) floor = page;
  }
  for (let page = memory.firstFreePage; page < floor; page++) {
    const marked = words[pageEntry(memory, page) + Layout.PAGE_CLASS]!;
    if (marked > 0 && votes.of(page, 'list') === marked - 1) floor = page;
  }
  mending.set('page', Layout.PAGE_FLOOR, floor, 'the first page of blocks');
}

/** The class of a page that is marked with one, −1 for none. */
function rightClass(votes: Votes, page: number, marked: number, linked: number): number {
  if (linked >= 0) return linked;
  if (marked < 0) return votes.of(page, 'doubtful'); // it seems free: a list alone does not make it one that is in use
  if (marked >= CLASS_BLOCK_WORDS.length) return votes.of(page, 'doubtful', 'list');
  if (!votes.misplaced.has(page)) return votes.between(page, marked);
  const told = votes.of(page, 'doubtful', 'list');
  return told < 0 ? marked : told;
}

/** Each variable whose place and key agree tells the class of its page, as does each line of a chain. */
function voteByTable(mending: Mending, count: number, votes: Votes): void {
  const { census } = mending;
  const right = new Float64Array(Layout.TYPE_SLOTS);
  const wrong = new Float64Array(Layout.TYPE_SLOTS);
  for (const { block, slot, sizeClass } of linkedBlocks(mending, count)) {
    if (census.classAt(block) === sizeClass) right[slot]!++;
    else wrong[slot]!++;
  }
  for (const { block, slot, sizeClass } of linkedBlocks(mending, count)) {
    // Where a type disagrees with more pages than it agrees with, its size may be what is wrong.
    if (sizeClass >= 0) votes.add(slot < 0 || right[slot]! > wrong[slot]! ? 'table' : 'doubtful', block, sizeClass);
    if (census.classAt(block) < (slot < 0 ? LINE_CLASS : LINE_CLASS + 1)) votes.misplaced.add(block >>> Layout.PAGE_SHIFT);
  }
}

interface LinkedBlock {
  readonly block: WordAddress;
  /** −1 for a line. */
  readonly slot: TypeSlot;
  /** By what the type says, −1 if that is nothing. */
  readonly sizeClass: number;
}

function* linkedBlocks({ memory, words, variables }: Mending, count: number): Generator<LinkedBlock, void, undefined> {
  for (let index = 0; index < count; index++) {
    let first = true;
    for (const line of linesOf(memory, index)) {
      if (!first) yield { block: line, slot: -1, sizeClass: LINE_CLASS };
      first = false;
      for (const entry of entriesOf(memory, line)) {
        const block = words[entry]!;
        if (!agrees(memory, entry, block, index, count)) continue;
        const slot = words[block + Layout.BLOCK_IDENTITY]! & Layout.TYPE_SLOT_MASK;
        yield { block, slot, sizeClass: slot === Layout.TYPE_SLOT_NAMES ? classOfName(variables, block) : classOfType(memory, slot) };
      }
    }
  }
}

function classOfName(variables: Variables, block: WordAddress): number {
  return leadsHere(variables, block) ? classOfDataBytes(4 + nameLength(variables.memory, block) * 2) : -1;
}

function classOfType(memory: Memory, slot: TypeSlot): number {
  const bytes = memory.words[typeAddress(memory, slot) + Layout.TYPE_SIZE]!;
  return bytes > 0 && bytes <= MAX_DATA_BYTES ? classOfDataBytes(bytes) : -1;
}

function voteByLists({ memory, words }: Mending, votes: Votes): void {
  const list = (head: WordAddress, count: number, sizeClass: number): void => {
    let block = head;
    for (let i = 0; i < count && block > 0 && block < words.length; i++) {
      votes.add('list', block, sizeClass);
      block = words[block + Layout.BLOCK_NEXT]!;
    }
  };
  for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
    const global = classAddress(sizeClass);
    list(words[global + Layout.CLASS_HEAD]!, Math.min(words[global + Layout.CLASS_COUNT]!, MOST_VOTES), sizeClass);
    for (let slot = 0; slot < memory.maxThreads; slot++) {
      const cache = threadSlotAddress(memory, slot) + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
      list(words[cache + Layout.CACHE_HEAD]!, Math.min(words[cache + Layout.CACHE_COUNT]!, MOST_VOTES), sizeClass);
      const next = words[cache + Layout.CARVE_NEXT]!;
      if (next > 0 && next < words.length) votes.add('list', next, sizeClass);
    }
  }
}

/** A list may be long and tell the same again and again. */
const MOST_VOTES = 2 ** 20;

/** Buckets end where they have to, and blocks begin with the lowest page that is in use or on the list of free ones. */
function mendBorder(mending: Mending, count: number): void {
  const { memory, words } = mending;
  const needed = pagesOfBuckets(memory, count);
  const limit = words[Layout.BUCKET_PAGE_LIMIT]!;
  const isUsed = (page: number): boolean => words[pageEntry(memory, page) + Layout.PAGE_CLASS] !== 0;
  if (limit < needed || limit > needed + 1 || (limit === needed + 1 && isUsed(needed)))
    mending.set('page', Layout.BUCKET_PAGE_LIMIT, needed, 'the end of the buckets');
  const end = words[Layout.BUCKET_PAGE_LIMIT]!;
  const listed = listedPages(mending, end);
  let lowest = end;
  while (lowest < memory.pages && !isUsed(lowest) && !listed.has(lowest)) lowest++;
  const floor = words[Layout.PAGE_FLOOR]!;
  // Pages between a border that was moved down and the lowest page in use are as they ever were: untouched.
  if (floor !== lowest && !(floor >= end && floor < lowest && listed.has(floor)))
    mending.set('page', Layout.PAGE_FLOOR, lowest, 'the first page of blocks');
  const room = memory.buckets + count * Layout.BUCKET_WORDS;
  const from = words.subarray(room, end * Layout.PAGE_WORDS).findIndex((word) => word !== 0);
  if (from >= 0) {
    words.fill(0, room, end * Layout.PAGE_WORDS);
    mending.note('chain', room + from, () => 'the room for further buckets is empty again');
  }
}

/** The list of free pages, as far as it is one. */
function listedPages({ memory, words }: Mending, least: number): Set<number> {
  const listed = new Set<number>();
  const isFree = (page: number): boolean =>
    page >= least && page < memory.pages && words[pageEntry(memory, page) + Layout.PAGE_CLASS] === 0;
  for (
    let page = words[Layout.FREE_PAGE_HEAD]!;
    isFree(page) && !listed.has(page);
    page = words[pageEntry(memory, page) + Layout.PAGE_NEXT]!
  )
    listed.add(page);
  return listed;
}

/** Every page of blocks without a class is on the list, the highest first. */
function mendFreePages(mending: Mending): void {
  const { memory, words } = mending;
  const floor = words[Layout.PAGE_FLOOR]!;
  const free: number[] = [];
  for (let page = floor; page < memory.pages; page++) {
    const entry = pageEntry(memory, page);
    const marked = words[entry + Layout.PAGE_CLASS]!;
    if (classOfPage(memory, page) >= 0 || (marked < 0 && isLeaving(memory, -marked))) continue;
    mending.set('page', entry + Layout.PAGE_CLASS, 0, `the class of page ${page}`);
    free.push(page);
  }
  const listed = listedPages(mending, floor);
  if (listed.size === free.length && words[Layout.FREE_PAGE_COUNT] === free.length && isEnded(mending, listed)) return;
  let head = 0;
  for (const page of free) {
    words[pageEntry(memory, page) + Layout.PAGE_NEXT] = head;
    head = page;
  }
  words[Layout.FREE_PAGE_HEAD] = head;
  words[Layout.FREE_PAGE_COUNT] = free.length;
  mending.note('page', Layout.FREE_PAGE_HEAD, () => `the list of free pages was made anew, of ${free.length}`);
}

function isEnded({ memory, words }: Mending, listed: ReadonlySet<number>): boolean {
  const last = [...listed].at(-1);
  return words[last === undefined ? Layout.FREE_PAGE_HEAD : pageEntry(memory, last) + Layout.PAGE_NEXT] === 0;
}
