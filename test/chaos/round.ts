/**
 * Owns one round of random kills: a store of its own, actors on it, and deaths at random moments; after each of them everything is looked at. What kind of
 * round it is (rounds.ts) says what else happens meanwhile. Imports crowd and census.
 */
import { setTimeout as delay } from 'node:timers/promises';

import type { Migration } from '../../src/shadow/migration.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Random } from '../concurrency/random.js';
import { heldLocks, takenSlots } from './audit.js';
import type { Cue } from './actor.js';
import { Census } from './census.js';
import { type Actor, Crowd, type Death } from './crowd.js';
import type { Company } from './doomed.js';
import { expecting } from './operation.js';
import { APPLICATION_TYPES, listen, PARENTS, probing, SUBJECT_TYPES } from './subjects.js';
import { watched } from './watchdog.js';

/** What happens in a round besides the actors' operations. */
export interface RoundKind {
  readonly name: string;
  readonly maxBytes?: number;
  /** What the actors are told: see Cue. */
  readonly cue?: Partial<Pick<Cue, 'ballast' | 'passing' | 'snapshot'>>;
  /** While everybody rests, before the next deaths. */
  readonly between?: (round: Round) => void;
  /** Meanwhile. Ends before everything is looked at. */
  readonly during?: (round: Round) => Promise<void>;
  /** What it finds wrong in the end of each window, while everybody rests. */
  readonly judge?: (round: Round) => string[];
}

/** How long it took from an exit event on, ms. */
export interface Latency {
  /** Until all locks of the dead thread were free. */
  readonly unlocked: number;
  /** Until everything else that it had was given back as well. */
  readonly recovered: number;
  /** Until all other threads had begun something new; undefined if the death held nobody up. */
  readonly moved: number | undefined;
}

export interface RoundResult {
  readonly kind: string;
  /** Threads that ended, by the way in which they did. */
  readonly kills: Readonly<Record<string, number>>;
  readonly operations: number;
  /** What else there was. */
  readonly also?: string;
  /** Destructors that ran again after a death. */
  readonly repeated: number;
  readonly latencies: readonly Latency[];
  /** Deaths that left a lock behind. */
  readonly holders: number;
  readonly violations: readonly string[];
}

/** An exit event. */
interface Exit {
  readonly heard: number;
  readonly held: boolean;
  readonly unlocked: number;
  readonly recovered: number;
}

const MAX_BYTES = 2 ** 24;
const MAX_THREADS = 32;
/** The longest time from the start of a window to a death, ms. */
const LONGEST_LIFE = 12;
/** Most places where a thread that dies by itself may pass before it does. */
const MOST_BODIES = 40;

export class Round {
  readonly kind: RoundKind;
  readonly store: ShadowStore;
  readonly random: Random;
  readonly crowd: Crowd;
  readonly census: Census;
  /** Which declaration of each type is in force. */
  readonly versions: number[] = SUBJECT_TYPES.map(() => 0);
  /** The change of version that is under way. */
  migration: Migration | undefined;
  readonly #kills: Record<Death, number> = { terminate: 0, exit: 0, throw: 0, memory: 0 };
  readonly #latencies: Latency[] = [];
  readonly #violations: string[] = [];
  /** What happened in this window. */
  readonly #events: string[] = [];
  readonly #exits = new Map<number, Exit>();
  #actors = 0;
  #holders = 0;
  #windows = 0;

  constructor(kind: RoundKind, company: Company<Actor>, random: Random) {
    this.kind = kind;
    this.random = random;
    this.store = ShadowStore.create({ maxBytes: kind.maxBytes ?? MAX_BYTES, maxThreads: MAX_THREADS, types: APPLICATION_TYPES });
    this.crowd = new Crowd(company);
    this.census = new Census(this.store, this.crowd.destroyed);
    listen(() => undefined, this.crowd.destroyed);
    this.#listen();
  }

  get windows(): number {
    return this.#windows;
  }

  /** Runs until so many have been killed, or until `isOver` says so, or something is wrong. */
  async run(actors: number, kills: number, isOver: () => boolean): Promise<RoundResult> {
    this.#actors = actors;
    try {
      for (let i = 0; i < actors; i++) await this.#add();
      let killed = 0;
      while (killed < kills && !isOver() && this.#violations.length === 0) killed += await this.#window(Math.min(kills - killed, 3));
      if (this.#violations.length === 0) this.#violations.push(...this.census.judgeAllBallast());
    } catch (error) {
      this.#violations.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    await this.crowd.close(); // what recovery runs for them goes to the ledger of this round
    this.store[Symbol.dispose]();
    return {
      kind: this.kind.name,
      kills: this.#kills,
      operations: this.census.entries,
      repeated: this.census.repeated,
      latencies: this.#latencies,
      holders: this.#holders,
      violations: this.#violations,
    };
  }

  async #add(): Promise<Actor> {
    const { ballast = 0, passing = 0, snapshot } = this.kind.cue ?? {};
    return this.crowd.add({ handle: this.store.handle, seed: this.random.next(), ballast, passing, snapshot });
  }

  /** One stretch of time between two looks at everything; returns how many died in it. */
  async #window(most: number): Promise<number> {
    const { random, crowd, kind } = this;
    this.#windows++;
    this.#events.length = 0;
    kind.between?.(this);
    crowd.go();
    const meanwhile = kind.during?.(this);
    await delay(random.below(LONGEST_LIFE));
    const deaths = 1 + (random.oneIn(3) ? random.below(most) : 0);
    const victims: Actor[] = [];
    for (let i = 0; i < deaths; i++) {
      // Now and then one that has only just begun.
      const novice = random.oneIn(10) ? await this.#add() : undefined;
      const living = [...crowd.actors].filter((actor) => !victims.includes(actor));
      const victim = novice ?? random.pick(living.length > 1 ? living : [await this.#add()]);
      victims.push(victim);
      await this.#kill(victim);
    }
    await meanwhile;
    await crowd.rest();
    this.store.recover();
    this.#judge();
    while (crowd.actors.size < this.#actors) await this.#add();
    return deaths;
  }

  async #kill(victim: Actor): Promise<void> {
    const { random, crowd } = this;
    const death = deathOf(random);
    this.#kills[death]++;
    this.#events.push(`thread ${victim.thread} (slot ${victim.slot}) is ended by ${death}`);
    victim.die(death, 1 + random.below(MOST_BODIES));
    // A main thread that waits for a lock hears of no exit.
    if (random.oneIn(5)) this.#wait();
    await victim.exited;
    const exit = this.#exits.get(victim.thread);
    if (exit === undefined) throw new Error(`thread ${victim.thread} has exited, and the store was not told`);
    crowd.bury(victim);
    if (exit.held) this.#holders++;
    await crowd.moved();
    this.#latencies.push({
      unlocked: exit.unlocked - exit.heard,
      recovered: exit.recovered - exit.heard,
      moved: exit.held ? performance.now() - exit.heard : undefined,
    });
  }

  /** Has every exit event that reaches the store noted, with what the dead thread held at that moment. */
  #listen(): void {
    const { recovery } = this.store.internals;
    const died = recovery.died.bind(recovery);
    const settle = recovery.settle.bind(recovery);
    recovery.onReport = (report) => {
      const { thread, slot, failures } = report;
      this.#events.push(`recovered: ${JSON.stringify(report)}`);
      const actor = [...this.crowd.actors].find((one) => one.thread === thread);
      if (actor?.doomed === false) this.#violations.push(`thread ${thread} is alive, and was recovered from slot ${slot}`);
      for (const failure of failures) this.#violations.push(`the recovery of thread ${thread}: ${String(failure)}`);
    };
    recovery.died = (thread) => {
      const heard = performance.now();
      const slots = takenSlots(this.store).filter((one) => one.thread === thread);
      const held = slots.some(({ slot }) => heldLocks(this.store).some((lock) => lock.endsWith(` slot ${slot}`)));
      let unlocked = 0;
      recovery.settle = () => {
        unlocked = performance.now(); // what was repaired before has no lock any more
        return settle();
      };
      const reports = died(thread);
      recovery.settle = settle;
      this.#exits.set(thread, { heard, held, unlocked, recovered: performance.now() });
      return reports;
    };
  }

  /** The main thread takes bucket locks, whoever has them. */
  #wait(): void {
    watched('the main thread waits for a lock after a death', () => {
      for (const parent of PARENTS) {
        expecting('ERR_SHADOW_EXHAUSTED', () => this.store.getOrAlloc(parent, probing));
        this.store.free(parent, probing);
      }
    });
  }

  #judge(): void {
    const { crowd, census } = this;
    for (const actor of crowd.actors) {
      if (actor.failure !== undefined) this.#violations.push(`thread ${actor.thread}: ${actor.failure}`);
      else if (actor.dead) this.#violations.push(`thread ${actor.thread} died although nobody killed it`);
    }
    const alive = new Set([0, ...[...crowd.actors].map(({ thread }) => thread)]);
    this.#violations.push(...census.take(crowd.entries(), alive, this.versions), ...(this.kind.judge?.(this) ?? []));
    if (this.#violations.length > 0)
      this.#violations.push(`window ${this.#windows}:\n${this.#events.map((event) => `    ${event}`).join('\n')}`);
  }
}

function deathOf(random: Random): Death {
  const dice = random.below(100);
  if (dice < 60) return 'terminate';
  if (dice < 80) return 'exit';
  return dice < 98 ? 'throw' : 'memory';
}
