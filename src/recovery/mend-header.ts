/**
 * Owns the repair of words that have one right value or a range: the header, and thread slots that nobody has, or that the very thread has which repairs.
 * Called with every lock held; imports memory, check-header, check-threads, holders, repairs.
 */
import { CLASS_BLOCK_WORDS } from '../memory/classes.js';
import { Layout, type ThreadSlot, type WordAddress } from '../memory/layout.js';
import { isGone, ownOsThread } from '../memory/os-threads.js';
import { osThreadOf, stateWord, threadSlotAddress, threadState } from '../memory/threads.js';
import { fixedWords, MOST_HANDLES, RANGES } from './check-header.js';
import { MOST_DESTROYING } from './check-lists.js';
import { EMPTY, SMALL } from './check-threads.js';
import { isOwnThread } from './holders.js';
import { isRepairerGone } from './repairer.js';
import type { Mending } from './repairs.js';

/** What a word is set to that is out of its range. */
const DEFAULTS: ReadonlyMap<WordAddress, number> = new Map([
  [Layout.NAME_COLLIDED, 1], // then names are looked for in both places
  [Layout.WARNED_LAST_ID, 1],
  [Layout.PATCH_TARGET, -1],
  [Layout.PATCH_RECORD, Layout.RECORD_LOST],
]);

export function mendHeader(mending: Mending): void {
  const { memory, words, variables } = mending;
  for (const [address, right, name] of fixedWords(memory, variables.objects.names)) mending.set('header', address, right, name);
  for (const [address, least, most, name] of RANGES) {
    if (address === Layout.TYPE_HIGH || (words[address]! >= least && words[address]! <= most)) continue;
    mending.set('header', address, rightValue(mending, address), name);
  }
  if (words[Layout.PATCH_COORDINATOR_SLOT]! < 0 || words[Layout.PATCH_COORDINATOR_SLOT]! > memory.maxThreads)
    mending.set('header', Layout.PATCH_COORDINATOR_SLOT, 0, 'the slot of the coordinator');
  mending.set('header', Layout.SPLIT_TARGET, 0, 'the bucket being made');
  mendSlots(mending);
  mendEpochs(mending);
  for (const lock of [Layout.REPAIR_LOCK, Layout.SETTLE_LOCK]) {
    const holder = Atomics.load(words, lock);
    if (holder !== 0 && isRepairerGone(holder, 0) && Atomics.compareExchange(words, lock, holder, 0) === holder)
      mending.note('lock', lock, () => `released, thread ${holder} does not exist`);
  }
}

/** No thread waits so long to count its entries. */
const MOST_UNCOUNTED = 2 ** 20;

function rightValue(mending: Mending, address: WordAddress): number {
  if (address === Layout.PATCH_COORDINATOR) return coordinatorState(mending);
  return address === Layout.TASK_OBSERVERS ? countObservers(mending) : (DEFAULTS.get(address) ?? 0);
}

/** Too many cost some time, too few would leave an open meter without counts. */
function countObservers({ memory, words }: Mending): number {
  let observers = 0;
  for (let slot = 0; slot < memory.maxThreads; slot++)
    observers += Math.max(words[threadSlotAddress(memory, slot) + Layout.THREAD_OBSERVING]!, 0);
  return Math.min(observers, 2 ** 31 - 1);
}

function coordinatorState({ memory, words }: Mending): number {
  const slot = words[Layout.PATCH_COORDINATOR_SLOT]! - 1;
  const there = slot >= 0 && slot < memory.maxThreads && threadState(words, threadSlotAddress(memory, slot)) === Layout.THREAD_LIVE;
  return there ? Layout.COORDINATOR_LIVE : Layout.COORDINATOR_NONE;
}

function mendSlots(mending: Mending): void {
  const { memory, words, thread } = mending;
  let high = 0;
  let dead = 0;
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const address = threadSlotAddress(memory, slot);
    mendState(mending, slot, address);
    const state = threadState(words, address);
    if (state === Layout.THREAD_FREE) mendFree(mending, slot, address);
    else high = slot + 1;
    if (state === Layout.THREAD_DEAD && words[address + Layout.THREAD_SETTLED] !== 1) dead++;
    if (state !== Layout.THREAD_FREE && isOwnThread(thread, slot)) mendOwn(mending, slot, address);
  }
  const before = words[Layout.THREAD_HIGH]!;
  if (before < high || before > memory.maxThreads)
    mending.set('header', Layout.THREAD_HIGH, memory.maxThreads, 'the number of thread slots used');
  if (words[Layout.DEAD_SLOTS]! < 0 || words[Layout.DEAD_SLOTS]! > memory.maxThreads)
    mending.set('header', Layout.DEAD_SLOTS, dead, 'the number of dead slots');
}

/** A slot that seems free or dead, and belongs to a thread that is there. */
function mendState(mending: Mending, slot: ThreadSlot, address: WordAddress): void {
  const { words, thread } = mending;
  const own = ownOsThread().id;
  if (slot === thread.slot) {
    const right = stateWord(Layout.THREAD_LIVE, own);
    if (threadState(words, address) !== Layout.THREAD_LIVE || osThreadOf(words, address) !== own)
      mending.set('thread', address + Layout.THREAD_STATE, right, 'the state of the slot of this thread');
    return;
  }
  const seen = Atomics.load(words, address + Layout.THREAD_STATE);
  const osThread = osThreadOf(words, address);
  const state = threadState(words, address);
  let right = seen;
  if (state === Layout.THREAD_FREE && osThread !== 0) right = isGone(osThread, 0, 0) ? 0 : stateWord(Layout.THREAD_LIVE, osThread);
  else if (state === Layout.THREAD_DEAD && osThread !== 0) right = stateWord(Layout.THREAD_DEAD, 0);
  if (right !== seen && Atomics.compareExchange(words, address + Layout.THREAD_STATE, seen, right) === seen)
    mending.note('thread', address, () => `the state of thread slot ${slot}: ${seen} → ${right}`);
}

/** Empties a slot that nobody has; the blocks that stood in it are nowhere then. */
function mendFree(mending: Mending, slot: ThreadSlot, address: WordAddress): void {
  const { memory, words } = mending;
  const empty = (at: WordAddress): void => {
    if (words[at] !== 0) mending.set('thread', at, 0, `a word of thread slot ${slot}, which is free`);
  };
  for (const [word] of EMPTY) if (word !== Layout.THREAD_STATE) empty(address + word);
  for (let word = 0; word < Layout.THREAD_COUNTERS; word++) empty(address + Layout.THREAD_LOCK_WAITS + word);
  for (const list of [Layout.THREAD_RETIRED, Layout.THREAD_RETIRED + Layout.RETIRED_OLDER])
    for (const word of [Layout.RETIRED_HEAD, Layout.RETIRED_TAIL, Layout.RETIRED_COUNT]) empty(address + list + word);
  for (let sizeClass = 0; sizeClass < CLASS_BLOCK_WORDS.length; sizeClass++) {
    const cache = address + Layout.THREAD_CLASSES + sizeClass * Layout.CACHE_WORDS;
    for (const word of [Layout.CACHE_HEAD, Layout.CACHE_COUNT, Layout.CARVE_NEXT]) empty(cache + word);
  }
  for (let word = 0; word < Layout.THREAD_DESTROYING_WORDS; word++) empty(address + Layout.THREAD_DESTROYING + word);
  for (let type = 0; type < Layout.TYPE_SLOTS; type++) empty(memory.counters + slot * Layout.COUNTER_WORDS_PER_THREAD + type);
  const sequence = address + Layout.THREAD_INTENT_SEQUENCE;
  if ((words[sequence]! & 1) !== 0) mending.set('thread', sequence, (words[sequence]! + 1) | 0, `the intent of thread slot ${slot}`);
}

/** Words of a slot whose thread does nothing else meanwhile. */
function mendOwn(mending: Mending, slot: ThreadSlot, address: WordAddress): void {
  const { words, thread } = mending;
  const at = (word: number): number => words[address + word]!;
  const set = (word: number, value: number): void => void mending.set('thread', address + word, value, `a word of thread slot ${slot}`);
  for (const [word, most] of SMALL) if (at(word) < 0 || at(word) > most) set(word, 0);
  if (at(Layout.THREAD_FLIPPING) >>> 0 > 1) set(Layout.THREAD_FLIPPING, 0);
  if (at(Layout.THREAD_PATCH_VERSION) < Layout.PATCH_MIXED) set(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
  if (at(Layout.THREAD_TASKS) < 0) set(Layout.THREAD_TASKS, 0);
  for (let i = 0; i < Layout.ACTIVATION_COUNTERS; i++) if (at(Layout.THREAD_ACTIVATIONS + i) < 0) set(Layout.THREAD_ACTIVATIONS + i, 0);
  const depth = at(Layout.THREAD_DESTROYING_COUNT);
  if (depth < 0 || depth > MOST_DESTROYING) set(Layout.THREAD_DESTROYING_COUNT, 0);
  if (Math.abs(at(Layout.THREAD_ENTRY_DELTA)) >= MOST_UNCOUNTED) set(Layout.THREAD_ENTRY_DELTA, 0);
  const open = slot === thread.slot ? 1 : 0; // its intent is that of this repair
  if ((at(Layout.THREAD_INTENT_SEQUENCE) & 1) !== open) set(Layout.THREAD_INTENT_SEQUENCE, (at(Layout.THREAD_INTENT_SEQUENCE) + 1) | 0);
  if (open === 1) return;
  if (at(Layout.THREAD_INTENT) !== 0) set(Layout.THREAD_INTENT, 0);
}

/** The grace epoch is odd, and no thread is inside a later one. Where it is moved on, what waits for it waits longer. */
function mendEpochs(mending: Mending): void {
  const { memory, words } = mending;
  const before = Atomics.load(words, Layout.GRACE_EPOCH);
  let epoch = before | 1;
  const inside = (slot: ThreadSlot): number => Atomics.load(words, threadSlotAddress(memory, slot) + Layout.THREAD_EPOCH);
  const isUsed = (slot: ThreadSlot): boolean => threadState(words, threadSlotAddress(memory, slot)) !== Layout.THREAD_FREE;
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const entered = isUsed(slot) ? inside(slot) : 0;
    if ((entered & 1) !== 0 && ((entered - epoch) | 0) > 0) epoch = entered;
  }
  if (epoch !== before && Atomics.compareExchange(words, Layout.GRACE_EPOCH, before, epoch) === before)
    mending.note('header', Layout.GRACE_EPOCH, () => `the grace epoch: ${before} → ${epoch}`);
  for (let slot = 0; slot < memory.maxThreads; slot++) {
    const entered = isUsed(slot) ? inside(slot) : 0;
    if (entered === 0 || (entered & 1) !== 0) continue;
    const address = threadSlotAddress(memory, slot) + Layout.THREAD_EPOCH;
    if (Atomics.compareExchange(words, address, entered, epoch) === entered)
      mending.note('thread', address, () => `the epoch of thread slot ${slot}: ${entered} → ${epoch}`);
  }
}

/** More handles were given out than the word says: the next one is none that is in use. */
export function mendHandles(mending: Mending, highestSequence: number, highestSlot: ThreadSlot): void {
  const { memory } = mending;
  const { longs, words } = memory;
  const before = longs[Layout.OBJECT_SEQUENCE / 2]!;
  if (
    highestSequence <= MOST_HANDLES - HANDLES_IN_USE &&
    (before <= BigInt(highestSequence) || before < 0n || before > BigInt(MOST_HANDLES))
  ) {
    const next = BigInt(highestSequence + HANDLES_IN_USE);
    Atomics.store(longs, Layout.OBJECT_SEQUENCE / 2, next);
    mending.note('header', Layout.OBJECT_SEQUENCE, () => `the next handle of an object: ${before} → ${next}`);
  }
  if (highestSlot >= words[Layout.THREAD_HIGH]! && highestSlot < memory.maxThreads)
    mending.set('header', Layout.THREAD_HIGH, highestSlot + 1, 'the number of thread slots used');
}

/** Handles that may have been given out without a variable to tell of them. */
const HANDLES_IN_USE = 2 ** 24;
