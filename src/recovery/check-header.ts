/**
 * Owns the proof of what must hold of the header: the fixed words, the control words that have a range, the border between buckets and blocks, and the locks
 * that check() does not take. Reads while all bucket locks are held; imports memory, holders, check-locks, violations, and of shadow the names.
 */
import { CLASS_BLOCK_WORDS, classAddress } from '../memory/classes.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import { lockOwner } from '../memory/lock.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import type { NameTable } from '../shadow/names.js';
import { lockName, mostBuckets } from './check-locks.js';
import { describeThread, isOwnThread, whyUnheld } from './holders.js';
import { isRepairerGone } from './repairer.js';
import type { Findings } from './violations.js';

/** Words that have one right value for as long as the store lives. */
export function fixedWords(memory: Memory, names: NameTable): readonly (readonly [WordAddress, number, string])[] {
  return [
    [Layout.HEADER_MAGIC, Layout.MAGIC, 'the magic number'],
    [Layout.HEADER_VERSION, Layout.LAYOUT_VERSION, 'the layout version'],
    [Layout.HEADER_PAGES, memory.pages, 'the number of pages'],
    [Layout.HEADER_MAX_THREADS, memory.maxThreads, 'the number of thread slots'],
    [Layout.HEADER_PAGE_TABLE, memory.pageTable, 'the address of the page table'],
    [Layout.HEADER_TYPES, memory.types, 'the address of the type table'],
    [Layout.HEADER_THREADS, memory.threads, 'the address of the thread table'],
    [Layout.HEADER_COUNTERS, memory.counters, 'the address of the counters'],
    [Layout.HEADER_BUCKETS, memory.buckets, 'the address of the buckets'],
    [Layout.HEADER_NAME_SEED, names.seed, 'the seed of the string hash'],
  ];
}

/** Words that have a range of their own, whatever else there is. */
export const RANGES: readonly (readonly [WordAddress, number, number, string])[] = [
  [Layout.MEMORY_PRESSURE, 0, 1, 'memory pressure'],
  [Layout.NAME_COLLIDED, 0, 1, 'the mark of strings that collided'],
  [Layout.WARNED_LAST_ID, 0, 1, 'the mark of the last id'],
  [Layout.PATCH_TARGET, -1, 1, 'the target of the transition'],
  [Layout.PATCH_RECORD, Layout.RECORD_LOST, 2 ** 31 - 1, 'the number of the newest record'],
  [Layout.PATCH_COORDINATOR, Layout.COORDINATOR_NONE, Layout.COORDINATOR_CLOSED, 'the state of the coordinator'],
  [Layout.TASK_OBSERVERS, 0, 2 ** 31 - 1, 'the number of meters'],
  [Layout.TYPE_HIGH, 0, Layout.TYPE_SLOTS, 'the number of type slots used'],
];

/** More handles of objects there are not. */
export const MOST_HANDLES = Math.floor((Layout.NULL_OBJECT - Layout.FIRST_OBJECT_HANDLE) / Layout.HANDLE_SLOTS) - 1;

/** `holds` tells of locks besides those of the table whether this thread has them. */
export function checkHeader(thread: Thread, names: NameTable, holds: (lock: WordAddress) => boolean, findings: Findings): void {
  const { memory } = thread;
  const { words, longs, maxThreads } = memory;
  for (const [address, right, name] of fixedWords(memory, names))
    if (words[address] !== right) findings.add('header', address, () => `${name} is ${words[address]}, not ${right}`);
  const ranges = [
    ...RANGES,
    [Layout.THREAD_HIGH, 0, maxThreads, 'the number of thread slots used'] as const,
    [Layout.DEAD_SLOTS, 0, maxThreads, 'the number of dead slots'] as const,
    [Layout.PATCH_COORDINATOR_SLOT, 0, maxThreads, 'the slot of the coordinator'] as const,
  ];
  for (const [address, least, most, name] of ranges) {
    const value = words[address]!;
    if (value < least || value > most) findings.add('header', address, () => `${name} is ${value}, not ${least} to ${most}`);
  }
  if ((words[Layout.GRACE_EPOCH]! & 1) === 0)
    findings.add('header', Layout.GRACE_EPOCH, () => `the grace epoch is even, ${words[Layout.GRACE_EPOCH]}: no thread would be inside`);
  const sequence = longs[Layout.OBJECT_SEQUENCE / 2]!;
  if (sequence < 0n || sequence > BigInt(MOST_HANDLES))
    findings.add('header', Layout.OBJECT_SEQUENCE, () => `the next handle of an object is number ${sequence}`);
  if (words[Layout.SPLIT_TARGET] !== 0)
    findings.add('header', Layout.SPLIT_TARGET, () => `bucket ${words[Layout.SPLIT_TARGET]! - 1} is being made, and nobody does it`);
  checkBorder(memory, findings);
  checkLocks(thread, holds, findings);
  checkRecoveryLocks(memory, findings);
}

/** Pages that the buckets need, from page 0 on. */
export function pagesOfBuckets({ buckets, firstFreePage }: Memory, count: number): number {
  return Math.max(firstFreePage, Math.ceil((buckets + count * Layout.BUCKET_WORDS) / Layout.PAGE_WORDS));
}

/** Buckets end where blocks may begin, and what lies behind the last bucket is empty: the next one is made from it. */
function checkBorder(memory: Memory, findings: Findings): void {
  const { words, pages, firstFreePage } = memory;
  const floor = words[Layout.PAGE_FLOOR]!;
  const limit = words[Layout.BUCKET_PAGE_LIMIT]!;
  const count = words[Layout.BUCKET_COUNT]!;
  if (floor < firstFreePage || floor > pages)
    findings.add('page', Layout.PAGE_FLOOR, () => `blocks begin at page ${floor}, which is not among ${firstFreePage} to ${pages}`);
  if (limit > floor) findings.add('page', Layout.BUCKET_PAGE_LIMIT, () => `buckets and blocks overlap: ${limit} is above ${floor}`);
  if (count < Layout.FIRST_BUCKETS || count > mostBuckets(memory)) {
    findings.add('header', Layout.BUCKET_COUNT, () => `there are ${count} buckets, not ${Layout.FIRST_BUCKETS} to ${mostBuckets(memory)}`);
    return;
  }
  // One page more: a split may have found no memory for its lines.
  const needed = pagesOfBuckets(memory, count);
  if (limit < needed || limit > needed + 1) {
    findings.add('page', Layout.BUCKET_PAGE_LIMIT, () => `${count} buckets end at page ${limit}, they need ${needed}`);
    return;
  }
  const end = limit * Layout.PAGE_WORDS;
  for (let word = memory.buckets + count * Layout.BUCKET_WORDS; word < end; word++) {
    if (words[word] === 0) continue;
    findings.add('chain', word, () => `the room for further buckets is not empty from ${word} on`);
    break;
  }
}

/** The locks that are not taken for the walk are free, or in the hands of another thread. */
function checkLocks(thread: Thread, holds: (lock: WordAddress) => boolean, findings: Findings): void {
  const { memory } = thread;
  const classes = CLASS_BLOCK_WORDS.map((_, sizeClass) => classAddress(sizeClass) + Layout.CLASS_LOCK);
  for (const lock of [Layout.SPACE_LOCK, Layout.THREAD_LOCK, Layout.NAME_LOCK, ...classes]) {
    const word = Atomics.load(memory.words, lock);
    if (word === 0 || holds(lock)) continue;
    const unheld = whyUnheld(memory, word) ?? whyNotOurs(thread, word);
    if (unheld !== undefined) findings.add('lock', lock, () => `${lockName(memory, lock)} is held by ${unheld}`);
  }
}

/** Locks of recovery, which hold other numbers than those of slots. */
function checkRecoveryLocks({ words }: Memory, findings: Findings): void {
  for (const [lock, name] of [
    [Layout.REPAIR_LOCK, 'repair'],
    [Layout.SETTLE_LOCK, 'settlement'],
  ] as const) {
    const holder = Atomics.load(words, lock);
    if (holder !== 0 && isRepairerGone(holder, 0) && Atomics.load(words, lock) === holder)
      findings.add('lock', lock, () => `the lock of ${name} is held by thread ${holder}, which does not exist`);
  }
}

/** This thread holds none of them while it checks. */
function whyNotOurs(thread: Thread, word: number): string | undefined {
  const slot = lockOwner(word) - 1;
  return isOwnThread(thread, slot) ? `${describeThread(thread, slot)}, which is the one that checks` : undefined;
}
