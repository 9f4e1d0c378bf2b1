/**
 * Owns the proof of what must hold of thread slots: one that nobody has is empty, the others hold what their thread can have written. Reads while all bucket
 * locks are held and no thread moves blocks; imports memory, shadow, violations.
 */
import { CLASS_BLOCK_WORDS } from '../memory/classes.js';
import { Layout, type ThreadSlot, type WordAddress } from '../memory/layout.js';
import { ownOsThread } from '../memory/os-threads.js';
import type { Memory } from '../memory/reservation.js';
import { stateWord, threadSlotAddress, threadState } from '../memory/threads.js';
import { countedByType } from '../shadow/counters.js';
import { typeAddress } from '../shadow/slots.js';
import { Findings } from './violations.js';

/** Inserted and removed entries that a thread may not have counted yet: those of one bucket, their names, and one of its own. */
const UNCOUNTED_ENTRIES = 32;

/** `self` is the slot of the thread that checks. */
export function checkThreads(memory: Memory, self: ThreadSlot, findings: Findings): void {
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    const state = threadState(memory.words, address);
    if (state === Layout.THREAD_FREE) checkUnlessClaimed(memory, slot, address, findings);
    else checkClaimed(memory, slot, address, slot === self, findings);
  }
}

/** Words of a slot that are zero once its thread has given it back. */
export const EMPTY: readonly (readonly [number, string])[] = [
  [Layout.THREAD_STATE, 'an OS thread'],
  [Layout.THREAD_NODE_ID, 'a thread'],
  [Layout.THREAD_EPOCH, 'a grace epoch'],
  [Layout.THREAD_INTENT, 'an intent'],
  [Layout.THREAD_RETIRED + Layout.RETIRED_HEAD, 'retired blocks'],
  [Layout.THREAD_RETIRED + Layout.RETIRED_OLDER + Layout.RETIRED_HEAD, 'retired blocks'],
  [Layout.THREAD_DESTROYING_COUNT, 'destructors'],
  [Layout.THREAD_OS_START_LOW, 'a time when its thread started'],
  [Layout.THREAD_OS_START_HIGH, 'a time when its thread started'],
  [Layout.THREAD_LEAVING, 'pages to give back'],
  [Layout.THREAD_HANDLES, 'handles of objects'],
  [Layout.THREAD_UNDO, 'an update to be undone'],
  [Layout.THREAD_UNDO_BLOCK, 'a block for undo logs'],
  [Layout.THREAD_VARIABLE, 'the lock of a variable'],
  [Layout.THREAD_VARIABLE_INNER, 'the lock of a variable'],
  [Layout.THREAD_JOURNAL_COUNT, 'a change of several words'],
  [Layout.THREAD_SETTLED, 'been settled'],
  [Layout.THREAD_HELD, 'a lock'],
  [Layout.THREAD_ENTRIES_ADDED, 'added entries'],
  [Layout.THREAD_ENTRY_DELTA, 'entries to add'],
  [Layout.THREAD_OBSERVING, 'meters of tasks'],
];

/** A thread may attach at any time, and what it writes then is no fault of the free slot. */
function checkUnlessClaimed(memory: Memory, slot: ThreadSlot, address: WordAddress, findings: Findings): void {
  const claims = Atomics.load(memory.words, address + Layout.THREAD_GENERATION);
  const found = new Findings();
  checkFree(memory, slot, address, found);
  const free = threadState(memory.words, address) === Layout.THREAD_FREE;
  if (free && Atomics.load(memory.words, address + Layout.THREAD_GENERATION) === claims) findings.join(found);
}

function checkFree(memory: Memory, slot: ThreadSlot, address: WordAddress, findings: Findings): void {
  const { words } = memory;
  const report = (word: number, what: string): void => {
    findings.add('thread', address + word, () => `thread slot ${slot} is free and has ${what}: ${words[address + word]}`);
  };
  for (const [word, what] of EMPTY) if (words[address + word] !== 0) report(word, what);
  for (let counter = 0; counter < Layout.THREAD_COUNTERS; counter++) {
    const word = Layout.THREAD_LOCK_WAITS + counter;
    if (words[address + word] !== 0) report(word, 'a count that was not handed over');
  }
  if ((words[address + Layout.THREAD_INTENT_SEQUENCE]! & 1) !== 0) report(Layout.THREAD_INTENT_SEQUENCE, 'an open intent');
  for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
    const cache = Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
    if (words[address + cache + Layout.CACHE_HEAD] !== 0) report(cache + Layout.CACHE_HEAD, 'free blocks');
    if (words[address + cache + Layout.CARVE_NEXT] !== 0) report(cache + Layout.CARVE_NEXT, 'a page to carve');
  }
  const counters = memory.counters + slot * Layout.COUNTER_WORDS_PER_THREAD;
  for (let type = 0; type < Layout.TYPE_SLOTS; type++) {
    const word = counters + type;
    if (words[word] !== 0)
      findings.add('thread', word, () => `thread slot ${slot} is free and counts ${words[word]} variables of type slot ${type}`);
  }
}

/** Words of a slot in use that have a range, and what a thread is that leaves it. */
export const SMALL: readonly (readonly [number, number, string])[] = [
  [Layout.THREAD_LEAVING, CLASS_BLOCK_WORDS.length, 'gives back pages of a class that there is not'],
  [Layout.THREAD_HANDLES, 1, 'has neither handles of objects nor none'],
  [Layout.THREAD_SETTLED, 1, 'is neither settled nor not'],
  [Layout.THREAD_JOURNAL_COUNT, Layout.JOURNAL_PAIRS, 'changes more words at once than there is room for'],
  [Layout.THREAD_UNDO_LENGTH, Layout.PAGE_WORDS, 'has a longer undo log than there can be'],
  [Layout.THREAD_OBSERVING, 2 ** 31 - 1, 'has fewer than no meters open'],
  [Layout.THREAD_INTENT_CHANGE, Layout.CHANGE_DROP, 'makes a change that there is not'],
];

function checkClaimed(memory: Memory, slot: ThreadSlot, address: WordAddress, isSelf: boolean, findings: Findings): void {
  const { words } = memory;
  const at = (word: number): number => words[address + word]!;
  const report = (word: number, what: string): void => {
    findings.add('thread', address + word, () => `thread slot ${slot} ${what}: ${words[address + word]}`);
  };
  if (isSelf && at(Layout.THREAD_STATE) !== stateWord(Layout.THREAD_LIVE, ownOsThread().id))
    report(Layout.THREAD_STATE, 'belongs to this thread and says another');
  if (slot >= words[Layout.THREAD_HIGH]!) report(Layout.THREAD_STATE, 'is in use and lies behind the end of those that are');
  const added = addedByCounts(memory, slot);
  if (added !== undefined)
    report(
      Layout.THREAD_ENTRIES_ADDED,
      `should have added ${added} entries by what it counts of each type and has not added yet, and has added`,
    );
  const epoch = Atomics.load(words, address + Layout.THREAD_EPOCH);
  if (epoch !== 0 && ((epoch & 1) === 0 || ((Atomics.load(words, Layout.GRACE_EPOCH) - epoch) | 0) < 0))
    report(Layout.THREAD_EPOCH, 'is inside an epoch that there is not yet');
  const sequence = Atomics.load(words, address + Layout.THREAD_INTENT_SEQUENCE);
  const intent = Atomics.load(words, address + Layout.THREAD_INTENT);
  const steady = Atomics.load(words, address + Layout.THREAD_INTENT_SEQUENCE) === sequence;
  if (intent < 0 || intent > MOST_INTENT) report(Layout.THREAD_INTENT, 'has an intent that there is not');
  else if (steady && (sequence & 1) === 0 && intent !== 0) report(Layout.THREAD_INTENT, 'has an intent that it has not opened');
  if (isSelf && (sequence & 1) !== 0 && intent === 0) report(Layout.THREAD_INTENT_SEQUENCE, 'has an open intent, but none is named');
  for (const [word, most, what] of SMALL) if (at(word) < 0 || at(word) > most) report(word, what);
  if (at(Layout.THREAD_FLIPPING) >>> 0 > 1) report(Layout.THREAD_FLIPPING, 'is neither changing its version nor not');
  if (at(Layout.THREAD_PATCH_VERSION) < Layout.PATCH_MIXED) report(Layout.THREAD_PATCH_VERSION, 'runs a version that there is not');
  if (at(Layout.THREAD_TASKS) < 0) report(Layout.THREAD_TASKS, 'has fewer than no tasks');
  for (let counter = 0; counter < Layout.ACTIVATION_COUNTERS; counter++)
    if (at(Layout.THREAD_ACTIVATIONS + counter) < 0)
      report(Layout.THREAD_ACTIVATIONS + counter, 'counts fewer than no calls of a function');
}

const MOST_INTENT: number = Layout.INTENT_CHECK;

/** What a thread in use has to have added to ENTRY_COUNT, if that is not what its slot says: it may be between a change and its count. */
export function addedByCounts(memory: Memory, slot: ThreadSlot): number | undefined {
  const { words } = memory;
  const address = threadSlotAddress(memory, slot);
  const added = (countedByType(memory, slot) - words[address + Layout.THREAD_ENTRY_DELTA]!) | 0;
  return Math.abs(added - words[address + Layout.THREAD_ENTRIES_ADDED]!) > UNCOUNTED_ENTRIES ? added : undefined;
}

/** What ENTRY_COUNT has to be, while TYPE_LOCK and GROW_LOCK are held. */
export function addedEntries(memory: Memory): number {
  const { words } = memory;
  let entries = 0;
  for (let slot = 0; slot < Layout.TYPE_SLOTS; slot++) entries += words[typeAddress(memory, slot) + Layout.TYPE_LIVE_BASE]!;
  for (let slot = 0; slot < memory.maxThreads; slot++) entries += words[threadSlotAddress(memory, slot) + Layout.THREAD_ENTRIES_ADDED]!;
  return entries | 0;
}
