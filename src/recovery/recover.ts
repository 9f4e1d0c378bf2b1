/**
 * Owns who recovers a dead thread, and when. A death is learnt from the exit event of its worker, and where none can arrive from the operating system: a
 * thread that waits for a lock looks whether its owner still exists, one that waits for a grace period looks at those inside, one that attaches to a full store
 * at all. Then
 *
 * - it is **repaired** (repair.ts) by whoever has learnt of it, at once, under REPAIR_LOCK: after that nobody waits for it any more;
 * - it is **settled** (settle.ts) at the next point where no lock is held: by the thread of the exit event, at somebody's safepoint, or by `recover()`. Destructors
 *   that it owed run on the coordinator's thread if there is one.
 *
 * REPAIR_LOCK and SETTLE_LOCK hold the OS thread id of their holder, not a slot, so that a thread without a slot can recover one; the lock of a holder that
 * exists no more is taken over. The operating system may list a thread for a moment after its exit event: of one that has exited nobody asks it.
 * Imports channels, memory, shadow, repair, settle and departed.
 */
import { isMainThread, threadId } from 'node:worker_threads';

import { CHANNELS, publishLater } from '../channels.js';
import { ShadowError } from '../errors.js';
import { Layout, type ThreadSlot, type WordAddress } from '../memory/layout.js';
import { lockOwner } from '../memory/lock.js';
import { ownOsThread } from '../memory/os-threads.js';
import type { Memory } from '../memory/reservation.js';
import { identify, isInUse, isSlotGone, osThreadOf, stateWord, Thread, threadSlotAddress, threadState } from '../memory/threads.js';
import type { ObjectTable } from '../shadow/objects.js';
import { awaitClaims, departed, NOBODY } from './departed.js';
import { type Operation, type Repaired, repairSlot } from './repair.js';
import { ownRepairer } from './repairer.js';
import { type Settled, type Settler, settleSlot } from './settle.js';

/** What became of one dead thread. Plain data but for `failures`. */
export interface RecoveryReport extends Readonly<Omit<Settled, 'failures'>> {
  /** `threadId` of node:worker_threads. */
  readonly thread: number;
  readonly slot: number;
  /** What it was doing to the store when it died. */
  readonly operation: Operation;
  /** Whether that has happened ('finished') or not ('undone'); 'nothing' if it was not in the middle of anything. */
  readonly outcome: Repaired['outcome'];
  readonly locksReleased: number;
  /** Whether its slot is free again. If not, destructors are owed that only the coordinator, or a thread that knows their types, may run. */
  readonly complete: boolean;
  /** From the repair to the end of the settlement, without the time between them. */
  readonly milliseconds: number;
  /** What destructors threw. */
  readonly failures: readonly unknown[];
}

interface RepairNote extends Repaired {
  readonly thread: number;
  readonly milliseconds: number;
}

/**
 * How a thread was found dead: its worker's exit event arrived; a thread waited for a lock that it held, or for it to leave an old grace epoch; or somebody looked
 * which threads there still are, as `recover()` and coordinators do.
 */
export type DeathNotice = 'exit' | 'lock' | 'epoch' | 'search';

/** A thread was found dead. What it held is free; what it left behind is told by its RecoveryReport. */
export interface ThreadDeath {
  readonly slot: ThreadSlot;
  /** `threadId` of node:worker_threads. */
  readonly threadId: number;
  /** Linux thread id, 0 elsewhere. */
  readonly osThreadId: number;
  readonly noticed: DeathNotice;
}

/** How long a wait for REPAIR_LOCK lasts before its holder is looked at, ms. */
const LOOK_MILLISECONDS = 5;
/** Longer than any repair: whoever seems to hold the lock has an id that was given anew. */
const REPAIR_MILLISECONDS = 10_000;
/** How long the main thread waits for the lock of a thread of which only its exit event could tell that it is dead, ms. */
const UNKNOWN_OWNER_MILLISECONDS = 10_000;
/** How long a thread waits for a lock whose owner does not exist, ms, and how often it looks at one that says it does not hold it. */
const DENIED_MILLISECONDS = 1000;
const MOST_DENIALS = 50;
const NO_NOTE: RepairNote = { operation: 'none', outcome: 'nothing', locksReleased: 0, thread: 0, milliseconds: 0 };

export class Recovery {
  /** Called with each report. What destructors threw is a process warning by default. */
  onReport: (report: RecoveryReport) => void = warnOfFailures;
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #objects: ObjectTable;
  readonly #settler: Settler | undefined;
  /** How slots were repaired by this thread that it may settle later. */
  readonly #notes = new Map<ThreadSlot, RepairNote>();
  #settling = false;
  /** The thread whose exit event is being dealt with. */
  #departed = NOBODY;
  /** Slots that could not be settled in full here, with the claim of which that was told. */
  readonly #toldIncomplete = new Map<ThreadSlot, number>();
  #deniedLock: WordAddress = 0;
  #denials = 0;

  /** `settler`: the operations of this thread; undefined while it has no slot. */
  constructor(memory: Memory, objects: ObjectTable, settler: Settler | undefined) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#objects = objects;
    this.#settler = settler;
    if (settler !== undefined) this.#serve(settler.variables.thread);
  }

  /** Whether some dead thread can be settled by anybody: looked at in every safepoint. */
  get pending(): boolean {
    return this.#words[Layout.DEAD_SLOTS] !== 0;
  }

  /** Recovers a thread whose exit event has arrived, and whichever else are dead; @returns what was settled. */
  died(nodeThreadId: number): RecoveryReport[] {
    if (this.#isDisposed) return [];
    awaitClaims(this.#memory);
    const dead = (this.#departed = departed(this.#memory, nodeThreadId));
    try {
      this.#repairAll((address) => (dead.had(this.#words, address) ? 'exit' : this.#goneBy(address, 'search')));
      return this.settle();
    } finally {
      this.#departed = NOBODY;
    }
  }

  /** Looks for threads that the operating system does not know any more, and recovers them. */
  recover(): RecoveryReport[] {
    this.repairGone();
    return this.settle();
  }

  /** Repairs every thread that the operating system does not know any more. */
  repairGone(noticed: DeathNotice = 'search'): void {
    this.#repairAll((address) => this.#goneBy(address, noticed));
  }

  /** Runs `fn` while nobody settles a dead thread; undefined, without running it, if somebody is at it. */
  undisturbed<R>(fn: () => R): R | undefined {
    if (this.#settling || !this.#takeSettleLock()) return undefined;
    this.#settling = true;
    try {
      return fn();
    } finally {
      this.#settling = false;
      Atomics.compareExchange(this.#words, Layout.SETTLE_LOCK, ownRepairer(), 0);
    }
  }

  /** Settles every repaired slot, unless somebody else is at it. To be called with no lock held. */
  settle(): RecoveryReport[] {
    const reports: RecoveryReport[] = [];
    const news: RecoveryReport[] = [];
    if (this.#settling || this.#isDisposed || !this.#takeSettleLock()) return reports;
    this.#settling = true;
    try {
      for (let slot = 0; slot < this.#memory.maxThreads; slot++) {
        const report = threadState(this.#words, this.#address(slot)) === Layout.THREAD_DEAD ? this.#settle(slot, news) : undefined;
        if (report !== undefined) reports.push(report);
      }
    } finally {
      this.#settling = false;
      Atomics.compareExchange(this.#words, Layout.SETTLE_LOCK, ownRepairer(), 0);
      if (this.#settler !== undefined) this.#recount();
    }
    for (const report of news) {
      if (CHANNELS.recovered.hasSubscribers) CHANNELS.recovered.publish(report); // no lock is held here
      this.onReport(report);
    }
    return reports;
  }

  get #isDisposed(): boolean {
    return this.#settler?.variables.thread.disposed === true;
  }

  #serve(thread: Thread): void {
    thread.onStalled = (lock, owner, waited) => {
      if (owner === thread.owner) throw corrupt(lock, owner, 'that is the thread which waits for it');
      this.#look(lock, owner, waited);
    };
    thread.onLaggard = () => {
      this.repairGone('epoch');
    };
  }

  /** A thread waits in vain for a lock. */
  #look(lock: WordAddress, owner: number, waited: number): void {
    const words = this.#words;
    const slot = owner - 1;
    if (slot < 0) {
      // Somebody waits and nobody holds it: no protocol leaves that behind.
      if (waited >= DENIED_MILLISECONDS && Atomics.load(words, lock) === 1 << 31) throw corrupt(lock, owner, 'nobody has that slot');
      return;
    }
    if (slot >= this.#memory.maxThreads) throw corrupt(lock, owner, 'there is no such thread slot');
    const address = this.#address(slot);
    const state = threadState(words, address);
    if (state === Layout.THREAD_FREE || state === Layout.THREAD_DEAD) {
      // It may have been given up a moment ago, and its lock before that.
      if (waited >= DENIED_MILLISECONDS && this.#stillHolds(lock, owner)) throw corrupt(lock, owner, 'nobody has that slot');
      return;
    }
    const own = ownOsThread().id;
    if (osThreadOf(words, address) === own && words[address + Layout.THREAD_NODE_ID] === threadId)
      throw corrupt(lock, owner, 'that is another attachment of the thread which waits for it');
    if (isSlotGone(words, address)) this.#repairAll((one) => (one === address ? this.#goneBy(one, 'lock') : undefined));
    else if (this.#isDenied(lock, address)) throw corrupt(lock, owner, 'that thread does not hold it');
    else if (isMainThread && osThreadOf(words, address) === 0 && waited >= UNKNOWN_OWNER_MILLISECONDS)
      throw new ShadowError(
        'ERR_SHADOW_LOCK_OWNER',
        `the main thread has waited ${waited} ms for a lock of thread ${words[address + Layout.THREAD_NODE_ID]}, and cannot hear meanwhile whether that is ` +
          'dead; let workers do what may wait, or keep constructors and lock bodies short',
      );
  }

  /**
   * Whether the owner that a lock names has said for long that it does not hold it: no thread holds a bucket, class, page or orphan lock without an intent, nor a
   * variable's lock that it has not noted.
   */
  #isDenied(lock: WordAddress, owner: WordAddress): boolean {
    if (lock !== this.#deniedLock || claims(this.#memory, owner, lock)) {
      this.#deniedLock = lock;
      this.#denials = 0;
    }
    return ++this.#denials > MOST_DENIALS;
  }

  #stillHolds(lock: WordAddress, owner: number): boolean {
    const seen = lockOwner(Atomics.load(this.#words, lock));
    return seen === owner || (seen & 0x3ff) === owner;
  }

  /** Whoever recovers is not dead, whatever its slot says. */
  #isOurs(slot: ThreadSlot): boolean {
    const thread = this.#settler?.variables.thread;
    return thread !== undefined && !thread.disposed && thread.slot === slot;
  }

  #goneBy(address: WordAddress, noticed: DeathNotice): DeathNotice | undefined {
    return isSlotGone(this.#words, address) ? noticed : undefined;
  }

  /** What is left to others may come by here many times. `claim`: of the slot, by the thread that died. */
  #isNews({ slot, complete, destructorsRun, variablesFreed, blocksReturned }: RecoveryReport, claim: number): boolean {
    const isKnown = this.#toldIncomplete.get(slot) === claim;
    if (complete) this.#toldIncomplete.delete(slot);
    else this.#toldIncomplete.set(slot, claim);
    return complete || !isKnown || destructorsRun + variablesFreed + blocksReturned > 0;
  }

  /** Repairs the slots whose threads are dead, under REPAIR_LOCK. */
  #repairAll(noticeOf: (slotAddress: WordAddress) => DeathNotice | undefined): void {
    const words = this.#words;
    this.#takeRepairLock();
    try {
      for (let slot = 0; slot < this.#memory.maxThreads; slot++) {
        const address = this.#address(slot);
        const state = threadState(words, address);
        const noticed = isInUse(state) && !this.#isOurs(slot) ? noticeOf(address) : undefined;
        if (noticed === undefined) continue;
        const began = performance.now();
        const thread = words[address + Layout.THREAD_NODE_ID]!;
        const osThreadId = osThreadOf(words, address);
        const repaired = repairSlot(this.#memory, slot, this.#objects);
        const note = this.#notes.get(slot);
        const milliseconds = performance.now() - began;
        // Of a slot that was adopted the death of the settler is told by its own. The locks that this thread holds are none of ours to know.
        if (state === Layout.THREAD_LIVE && CHANNELS.death.hasSubscribers)
          publishLater(CHANNELS.death, { slot, threadId: thread, osThreadId, noticed } satisfies ThreadDeath);
        // Of a slot whose settler died the first repair tells more.
        if (state === Layout.THREAD_LIVE || note === undefined) this.#notes.set(slot, { ...repaired, thread, milliseconds });
      }
      this.#countDead();
    } finally {
      this.#releaseRepairLock();
    }
  }

  /** `news`: takes the report if it tells anything that none of this thread has. */
  #settle(slot: ThreadSlot, news: RecoveryReport[]): RecoveryReport | undefined {
    const words = this.#words;
    const address = this.#address(slot);
    const began = performance.now();
    const mayDestroy = this.#mayDestroy();
    this.#takeRepairLock();
    try {
      if (threadState(words, address) !== Layout.THREAD_DEAD) return undefined;
      words[address + Layout.THREAD_OS_START_LOW] = 0; // unknown until both halves are there
      Atomics.store(words, address + Layout.THREAD_STATE, stateWord(Layout.THREAD_ADOPTED, ownOsThread().id));
      identify(words, address);
    } finally {
      this.#releaseRepairLock();
    }
    // step: settle.adopted
    const claim = words[address + Layout.THREAD_GENERATION]!;
    const note = this.#notes.get(slot) ?? NO_NOTE;
    const settled: Settled = { destructorsRun: 0, destructorsOwed: 0, variablesFreed: 0, blocksReturned: 0, failures: [] };
    const thread = new Thread(this.#memory, slot);
    this.#serve(thread);
    let complete = false;
    try {
      complete = settleSlot(this.#memory, thread, this.#objects, this.#settler, mayDestroy, settled);
    } finally {
      if (complete) this.#notes.delete(slot);
      else this.#putBack(address);
    }
    const milliseconds = note.milliseconds + performance.now() - began;
    const { operation, outcome, locksReleased } = note;
    const report = { thread: note.thread, slot, operation, outcome, locksReleased, complete, ...settled, milliseconds };
    if (this.#isNews(report, claim)) news.push(report);
    return report;
  }

  /** Leaves an adopted slot to somebody who can do more for it. */
  #putBack(address: WordAddress): void {
    this.#takeRepairLock();
    try {
      Atomics.store(this.#words, address + Layout.THREAD_STATE, stateWord(Layout.THREAD_DEAD, 0));
    } finally {
      this.#releaseRepairLock();
    }
  }

  /** Destructors of the dead run on the coordinator's thread; without a coordinator, on any. */
  #mayDestroy(): boolean {
    const words = this.#words;
    if (this.#settler === undefined) return false;
    if (Atomics.load(words, Layout.PATCH_COORDINATOR) !== Layout.COORDINATOR_LIVE) return true;
    const slot = words[Layout.PATCH_COORDINATOR_SLOT]! - 1;
    if (slot === this.#settler.variables.thread.slot) return true;
    return slot < 0 || slot >= this.#memory.maxThreads || threadState(words, this.#address(slot)) !== Layout.THREAD_LIVE;
  }

  #recount(): void {
    this.#takeRepairLock();
    try {
      this.#countDead();
    } finally {
      this.#releaseRepairLock();
    }
  }

  /** Slots that anybody can do something for: those that wait for others are no reason to look again in every safepoint. */
  #countDead(): void {
    const words = this.#words;
    let count = 0;
    for (let slot = 0; slot < this.#memory.maxThreads; slot++) {
      const address = this.#address(slot);
      if (threadState(words, address) === Layout.THREAD_DEAD && words[address + Layout.THREAD_SETTLED] !== 1) count++;
    }
    Atomics.store(words, Layout.DEAD_SLOTS, count);
  }

  #address(slot: ThreadSlot): WordAddress {
    return threadSlotAddress(this.#memory, slot);
  }

  #takeRepairLock(): void {
    const words = this.#words;
    const mine = ownRepairer();
    for (let waited = 0; ;) {
      const seen = Atomics.compareExchange(words, Layout.REPAIR_LOCK, 0, mine);
      if (seen === 0 || seen === mine) return; // its id was given to us: a repair waits for nothing, so this thread is in none
      if (this.#departed.isHolderGone(seen) || waited >= REPAIR_MILLISECONDS) {
        if (Atomics.compareExchange(words, Layout.REPAIR_LOCK, seen, mine) === seen) return;
        continue;
      }
      Atomics.wait(words, Layout.REPAIR_LOCK, seen, LOOK_MILLISECONDS);
      waited += LOOK_MILLISECONDS;
    }
  }

  #releaseRepairLock(): void {
    if (Atomics.compareExchange(this.#words, Layout.REPAIR_LOCK, ownRepairer(), 0) === ownRepairer())
      Atomics.notify(this.#words, Layout.REPAIR_LOCK);
  }

  #takeSettleLock(): boolean {
    const mine = ownRepairer();
    const seen = Atomics.compareExchange(this.#words, Layout.SETTLE_LOCK, 0, mine);
    if (seen === 0 || seen === mine) return true;
    return this.#departed.isHolderGone(seen) && Atomics.compareExchange(this.#words, Layout.SETTLE_LOCK, seen, mine) === seen;
  }
}

/** Whether what a living thread notes about itself goes together with its holding this lock. */
export function claims(memory: Memory, owner: WordAddress, lock: WordAddress): boolean {
  const { words } = memory;
  const open = (Atomics.load(words, owner + Layout.THREAD_INTENT_SEQUENCE) & 1) !== 0;
  const intent = words[owner + Layout.THREAD_INTENT]!;
  if (lock >= Layout.HEADER_WORDS && lock < memory.buckets) return open; // of a size class
  if (lock === Layout.SPACE_LOCK || lock === Layout.THREAD_LOCK) return open;
  if (open && intent === Layout.INTENT_CHECK) return true;
  if (lock < Layout.HEADER_WORDS) return words[owner + Layout.THREAD_HELD] === lock;
  if (lock < words[Layout.BUCKET_PAGE_LIMIT]! * Layout.PAGE_WORDS) {
    const many = intent === Layout.INTENT_SPLIT || intent === Layout.INTENT_CHECK;
    return open && (many || words[owner + Layout.THREAD_INTENT_BUCKET] === lock);
  }
  const block = lock - Layout.BLOCK_LOCK;
  return words[owner + Layout.THREAD_VARIABLE] === block || words[owner + Layout.THREAD_VARIABLE_INNER] === block;
}

function warnOfFailures({ failures }: RecoveryReport): void {
  for (const failure of failures) process.emitWarning(failure instanceof Error ? failure : String(failure));
}

function corrupt(lock: WordAddress, owner: number, why: string): ShadowError {
  return new ShadowError(
    'ERR_SHADOW_INVARIANT',
    `the lock at word ${lock} names thread slot ${owner - 1} as its owner, and ${why}; the store is damaged, store.check() tells more`,
  );
}
