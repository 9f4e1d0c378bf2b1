/**
 * Owns the proof of the store's invariants: every block is linked, cached, retired, on a global list or not yet carved, exactly once; every chain is
 * finite; every key stands in its own bucket; every count equals what is found; every word that has a range is in it. Writes nothing but locks; imports
 * memory, census, check-*, violations, and of shadow what tells about names and type slots.
 *
 * All bucket locks are taken for the length of the walk. Blocks enter and leave the table under a bucket lock only, and a thread moves blocks between
 * its own lists either under one or with the intent INTENT_MEMORY, so with all of them held the threads come to rest; the lists are read again until
 * no THREAD_INTENT_SEQUENCE changed meanwhile.
 *
 * Nothing in the store is trusted: an address is followed only once it was found to be the start of a block that was not met before, so every walk ends; a
 * lock that nobody can hold is reported, not waited for; what is kept of the findings is bounded, and so is the census, at a byte for each block there is.
 */
import { describe, ShadowError } from '../errors.js';
import { Layout, type WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { type Thread, threadSlotAddress } from '../memory/threads.js';
import type { Variables } from '../shadow/variables.js';
import { Census, Place } from './census.js';
import { Chains } from './check-chains.js';
import { checkHeader } from './check-header.js';
import { Lists } from './check-lists.js';
import { AllLocks, countedBuckets } from './check-locks.js';
import { addedEntries, checkThreads } from './check-threads.js';
import { checkTypes } from './check-types.js';
import { isOwnThread } from './holders.js';
import { mendStore } from './mend.js';
import type { Recovery } from './recover.js';
import type { Repair } from './repairs.js';
import { intentSequences, movingThread, wasAtRest } from './rest.js';
import { Findings, type Violation } from './violations.js';

/** What `store.check()` found. Plain JSON. */
export interface CheckResult {
  /** Whether the store is in order, after the repair if there was one. */
  readonly ok: boolean;
  /** At most a hundred; a broken word tends to break many rules. */
  readonly violations: readonly Violation[];
  /** How many more there were. */
  readonly omitted: number;
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
  /** Of a check that was asked to repair and found something. */
  readonly repair?: RepairReport;
}

/** Options of `store.check()`. */
export interface CheckOptions {
  /** Puts right what can be put right, and gives back what no one owns. */
  readonly repair?: boolean;
}

/** What a repair did, and what it left. Plain JSON. */
export interface RepairReport {
  /** What was put right, in order; as a rule at most a hundred. */
  readonly done: readonly Repair[];
  readonly omitted: number;
  /** What is still wrong: nothing else tells what is right, or a thread that runs has it. */
  readonly left: readonly Violation[];
}

/** Looks at the lists, a millisecond apart, before a thread counts as one that never comes to rest. */
const REST_ATTEMPTS = 2000;
/** And before the first look, and the next, whether the thread still exists. */
const LOOK_ATTEMPTS = 20;
/** And in a store so large that a look takes its time, no more looks after this long. */
const REST_MILLISECONDS = 10_000;

/** How long a repair waits for whoever is giving back what a dead thread has. */
const SETTLE_MILLISECONDS = 2000;

/** Whether a repair was asked for. @throws ERR_SHADOW_OPTION */
export function repairOption(options: unknown): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'object' || options === null)
    throw new ShadowError('ERR_SHADOW_OPTION', `the options of check() are { repair }, not ${describe(options)}`);
  const unknown = Object.keys(options).find((name) => name !== 'repair');
  if (unknown !== undefined) throw new ShadowError('ERR_SHADOW_OPTION', `unknown option ${unknown}; check() knows repair`);
  const { repair = false } = options as { repair?: unknown };
  if (typeof repair !== 'boolean') throw new ShadowError('ERR_SHADOW_OPTION', `repair is ${describe(repair)}; give true or false`);
  return repair;
}

export function checkStore(variables: Variables): CheckResult {
  const findings = new Findings();
  const locks = new AllLocks(variables.thread, findings);
  try {
    locks.acquire();
    return new Check(variables, findings, locks.buckets).run();
  } finally {
    locks.release();
  }
}

/** Checks, puts right what can be, and checks again. What dead threads have is given back after that, and what that brings to light put right as well. */
export function repairStore(variables: Variables, recovery: Recovery): CheckResult {
  const first = repairUndisturbed(variables, recovery);
  recovery.settle();
  if (first.ok || first.repair === undefined) return first;
  const second = repairUndisturbed(variables, recovery);
  const { done, omitted, left } = second.repair ?? { done: [], omitted: 0, left: second.violations };
  return {
    ...second,
    violations: first.violations,
    omitted: first.omitted,
    repair: { done: [...first.repair.done, ...done], omitted: first.repair.omitted + omitted, left },
  };
}

function repairUndisturbed(variables: Variables, recovery: Recovery): CheckResult {
  for (const latest = performance.now() + SETTLE_MILLISECONDS; ;) {
    const result = recovery.undisturbed(() => repairAlone(variables));
    if (result !== undefined) return result;
    if (performance.now() > latest) break;
    Atomics.wait(variables.memory.words, Layout.HEADER_WORDS - 1, variables.memory.words[Layout.HEADER_WORDS - 1]!, 1);
  }
  const result = checkStore(variables);
  return result.ok ? result : { ...result, repair: { done: [], omitted: 0, left: result.violations } };
}

/** All under one hold of the table; blocks and pages stand still only while the repair itself is done. */
function repairAlone(variables: Variables): CheckResult {
  const findings = new Findings();
  const locks = new AllLocks(variables.thread, findings, true);
  try {
    locks.acquire();
    const before = new Check(variables, findings, locks.buckets, (lock) => locks.holds(lock)).run();
    if (before.ok) return before;
    if (!locks.isComplete()) return { ...before, repair: { done: locks.taken, omitted: 0, left: before.violations } };
    locks.acquireMemory();
    const { kept, omitted } = locks.isComplete() ? mendStore(variables, locks) : NOTHING_DONE;
    locks.releaseMemory();
    const after = new Check(variables, new Findings(), countedBuckets(variables.memory), (lock) => locks.holds(lock)).run();
    return { ...before, ok: after.ok, found: after.found, repair: { done: [...locks.taken, ...kept], omitted, left: after.violations } };
  } finally {
    locks.release();
  }
}

const NOTHING_DONE: { readonly kept: readonly Repair[]; readonly omitted: number } = { kept: [], omitted: 0 };

/** One walk over the whole store, all of whose buckets are locked. */
export class Check {
  readonly census: Census;
  readonly chains: Chains;
  readonly #memory: Memory;
  readonly #thread: Thread;
  readonly #variables: Variables;
  readonly #words: Int32Array;
  readonly #findings: Findings;
  readonly #buckets: number;
  readonly #holds: (lock: WordAddress) => boolean;

  /** `holds` tells of locks besides those of the table whether this thread has them. */
  constructor(variables: Variables, findings: Findings, buckets: number, holds: (lock: WordAddress) => boolean = () => false) {
    const { memory, thread } = variables;
    this.#variables = variables;
    this.#memory = memory;
    this.#thread = thread;
    this.#words = memory.words;
    this.#findings = findings;
    this.#buckets = buckets;
    this.#holds = holds;
    this.census = new Census(memory);
    this.chains = new Chains(memory, this.census, findings, variables.objects.names, buckets);
  }

  run(): CheckResult {
    const { census, chains } = this;
    const findings = this.#findings;
    checkHeader(this.#thread, this.#variables.objects.names, this.#holds, findings);
    chains.walk();
    const entries = census.count(Place.LINKED);
    findings.join(this.#lists());
    checkThreads(this.#memory, this.#thread.slot, findings);
    checkTypes(this.#memory, chains.linked, chains.leftOvers, findings);
    this.#entries();
    const names = chains.linked[Layout.TYPE_SLOT_NAMES]!;
    const records = chains.linked[Layout.TYPE_SLOT_RECORDS]!;
    const leftOvers = chains.leftOvers.reduce((sum, count) => sum + count, 0);
    return {
      ok: findings.none,
      violations: findings.kept,
      omitted: findings.omitted,
      found: {
        buckets: this.#buckets,
        overflowLines: census.count(Place.LINE),
        variables: entries - names - records - leftOvers,
        names,
        leftOvers,
        freeBlocks: census.count(Place.FREE),
        retiredBlocks: census.count(Place.RETIRED),
        destroying: census.count(Place.DESTROYING),
        uncarvedBlocks: census.count(Place.UNCARVED),
      },
    };
  }

  /** The count by which the table grows. */
  #entries(): void {
    const entries = addedEntries(this.#memory);
    if (this.#words[Layout.ENTRY_COUNT] !== entries)
      this.#findings.add(
        'count',
        Layout.ENTRY_COUNT,
        () => `${this.#words[Layout.ENTRY_COUNT]} entries are counted, and threads have added ${entries}`,
      );
  }

  /** All lists of all threads and the global ones, read while every thread was at rest throughout. */
  #lists(): Findings {
    const latest = performance.now() + REST_MILLISECONDS;
    for (let attempt = 0; ; attempt++) {
      const before = intentSequences(this.#thread);
      const lists = new Lists(this.#memory, this.census);
      lists.walk();
      const moving = movingThread(this.#thread);
      if (wasAtRest(this.#thread, before)) return lists.findings;
      const stuck = moving >= 0 && isOwnThread(this.#thread, moving);
      if (stuck || attempt === REST_ATTEMPTS || performance.now() > latest) {
        const slot = Math.max(0, moving);
        this.#findings.add(
          'busy',
          threadSlotAddress(this.#memory, slot),
          () => `thread slot ${slot} never came to rest while all buckets were locked`,
        );
        return lists.findings;
      }
      this.census.forgetLists();
      if (attempt % LOOK_ATTEMPTS === LOOK_ATTEMPTS - 1) this.#thread.onLaggard(); // it may be dead
      Atomics.wait(this.#words, Layout.HEADER_WORDS - 1, this.#words[Layout.HEADER_WORDS - 1]!, 1);
    }
  }
}
