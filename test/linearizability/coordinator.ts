/**
 * Owns the main thread's part in a round: it creates the store, ends registrations and begins them again, sweeps, and looks at every key in the end. Imports the
 * store, log, operations, performer, plan.
 */
import { ShadowStore } from '../../src/shadow/store.js';
import type { Collection } from '../../src/shadow/sweep.js';
import type { AnyShadowType } from '../../src/shadow/type.js';
import { Random } from '../concurrency/random.js';
import type { Log } from './log.js';
import { Kind, Outcome } from './operations.js';
import { Performer } from './performer.js';
import { FIRST_BALLAST, MOST_THREADS, type RoundPlan } from './plan.js';

const OWNER = 'linearizability';
const MOST_PAUSE_MICROSECONDS = 600;

export class Coordinator {
  readonly store: ShadowStore;
  readonly #plan: RoundPlan;
  readonly #log: Log;
  readonly #performer: Performer;
  readonly #random: Random;
  /** Records that collections may take. */
  readonly #most: number;
  #sweeping: Collection[] = [];
  /** Nobody ever notifies it. */
  readonly #idle = new Int32Array(new SharedArrayBuffer(4));

  constructor(plan: RoundPlan, log: Log, capacity: number) {
    this.#plan = plan;
    this.#log = log;
    this.#most = capacity - reserveOf(plan);
    this.#random = new Random(plan.seed ^ 0xc011);
    this.#performer = new Performer(plan, log, plan.seed, (types) => openStore(plan, types));
    this.store = this.#performer.store;
    if (plan.ballastEvery > 0) for (let i = 0; i < FIRST_BALLAST; i++) this.#performer.load(2 ** 29 + i);
  }

  /** Ends registrations and begins them again while the workers work. */
  async collect(working: () => boolean): Promise<void> {
    const random = this.#random;
    while (working() && this.#log.count + 2 < this.#most) {
      const group = random.below(this.#plan.groups.length);
      this.#unregister(group);
      if (random.oneIn(2)) await this.#pause();
      // Registered again in the middle of the sweep, or after it.
      if (random.oneIn(2)) this.#sweep(Infinity);
      this.#register(group);
      for (let pauses = random.below(4); pauses >= 0 && working(); pauses--) {
        await this.#pause();
        this.#sweep(1 + random.below(600));
      }
    }
  }

  /** Ends all sweeps, and looks at every key. */
  finish(): void {
    this.#sweep(Infinity);
    for (const { first, keys } of this.#plan.groups) for (let key = first; key < first + keys; key++) this.#performer.get(key);
  }

  #unregister(group: number): void {
    this.#log.called(Kind.UNREGISTER, group);
    this.#sweeping.push(...this.store.internals.registry.unregister(OWNER, objectOf(group)));
    this.#log.returned(Outcome.DONE);
  }

  #register(group: number): void {
    this.#log.called(Kind.REGISTER, group);
    this.store.internals.registry.register(OWNER, objectOf(group), [this.#performer.types[group]!]);
    this.#log.returned(Outcome.DONE);
  }

  #sweep(buckets: number): void {
    this.#sweeping = this.#sweeping.filter((collection) => {
      const done = collection.step(buckets);
      if (collection.failures.length > 0) throw collection.failures[0];
      return !done;
    });
  }

  /** Lets the workers go on for a moment, much shorter than a timer's; now and then for a turn of the event loop. */
  async #pause(): Promise<void> {
    if (this.#random.oneIn(8)) await new Promise(setImmediate);
    else Atomics.wait(this.#idle, 0, 0, this.#random.below(MOST_PAUSE_MICROSECONDS) / 1000);
  }
}

/** Records that are left for the look at every key. */
function reserveOf({ groups }: RoundPlan): number {
  return groups.reduce((sum, { keys }) => sum + keys, 0) + 2 * groups.length;
}

/** The owner's object that has the type of a group: each is collected by itself. */
function objectOf(group: number): string {
  return `group ${group}`;
}

/** A store in which the types of all groups are registered, the application's own being the others, or all. */
function openStore({ maxBytes, collects, groups }: RoundPlan, types: readonly AnyShadowType[]): ShadowStore {
  const store = ShadowStore.create({ maxBytes, maxThreads: MOST_THREADS, types: collects ? types.slice(groups.length) : types });
  if (collects) groups.forEach((_, group) => store.internals.registry.register(OWNER, objectOf(group), [types[group]!]));
  return store;
}
