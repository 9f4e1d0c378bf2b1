/**
 * Owns one scenario made ready to run: the memory with what is prepared in it, an instance of the code for each thread, and the examination of what an
 * execution leaves. Everything is restored before each execution; the JavaScript objects of the threads are made anew. Imports build, history, machine,
 * port, scenario.
 */
import { Script } from 'node:vm';

import type { Build, Instance } from './build.js';
import { threadOf } from './build.js';
import { describeHistory, historyKey, isExplained, type Recorded, type State } from './history.js';
import { isPointerLoad, isReadPath } from './intended-races.js';
import { Machine, type Outcome, ThreadState } from './machine.js';
import { HIGH_SEED, LOW_SEED, mix, type Race } from './order.js';
import { Office } from './plumbing/office.js';
import { Port } from './port.js';
import type { Indexed } from './weak.js';
import { type Actor, type AnyStore, drive, isSteps, run, type Scenario, type Steps, type TypePlan } from './scenario.js';

const PAGE_BYTES = 256;
/** Pages for blocks and more buckets, behind what every store has. */
const PAGES = 8;
/** No scenario has more. */
const MOST_BUCKETS = 64;
/** Loads of each thread that may give an older value, in one execution. */
const STALE_READS = 2;
/** Waits of the code as it is, after which somebody is taken to wait for ever: nobody else runs then. */
const MOST_WAITS = 60;

/** Longer than any look at a store that is in order. */
const MOST_MILLISECONDS = 2000;
const EXAMINE = new Script('globalThis.$examine()');

export interface WorldOptions {
  readonly isWeak?: boolean;
  /** Whether a race of two sites on a word is intended. */
  readonly isIntended: (race: Race, words: Int32Array) => boolean;
}

interface Examined {
  readonly violations: readonly string[];
  readonly state: State;
  /** Destructors that were owed still. */
  readonly destroyed: readonly unknown[];
}

export class World {
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly build: Build;
  readonly #plain: Instance;
  readonly #plainTypes: Readonly<Record<string, object>>;
  readonly #plainLog: unknown[] = [];
  readonly #ports: Port[];
  readonly #office: Office;
  readonly #instances: Instance[] = [];
  readonly #types: Readonly<Record<string, object>>[] = [];
  readonly #actors: (Actor | undefined)[] = [];
  readonly #logs: unknown[][];
  readonly #image: Int32Array;
  readonly #handle: unknown;
  #recorded: Recorded[] = [];
  #sequence = 0;
  #races: Race[] = [];
  readonly #racesKnown = new Map<string, boolean>();
  #isSpoilt = true;
  #waits = 0;
  readonly #examined = new Map<number, Examined>();
  readonly #explained = new Map<string, boolean>();
  #failure: string | undefined;
  /** By their values: variables that were constructed, and by which thread; those that were destroyed, by anybody. */
  #made = new Map<unknown, number>();
  #destroyed: unknown[] = [];

  constructor(scenario: Scenario, build: Build, { isWeak = false, isIntended }: WorldOptions) {
    this.scenario = scenario;
    this.build = build;
    const count = scenario.threads.length;
    const plainAtomics = Object.create(Atomics, {
      wait: {
        value: (...given: Parameters<typeof Atomics.wait>) => {
          if (++this.#waits > MOST_WAITS) throw new Error(`waits for ever for word ${given[1]}`);
          return given[0][given[1]] === given[2] ? 'timed-out' : 'not-equal';
        },
      },
    }) as object;
    const own = Atomics as unknown as Record<string, unknown>;
    for (const name of ['load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange', 'notify'] as const)
      Object.defineProperty(plainAtomics, name, { value: own[name] });
    this.#plain = build.instantiate({
      port: undefined,
      thread: count,
      queueMicrotask: () => undefined,
      atomics: plainAtomics,
      now: () => 0,
      isGone: (id) => this.machine.dead >= 0 && threadOf(id) === this.machine.dead,
    });
    this.#plainTypes = this.#declare(this.#plain, () => this.#plainActor, false);
    const prepared = this.#prepare(count);
    this.#handle = prepared.handle;
    const { words } = prepared.internals.memory;
    this.#image = words.slice();
    this.machine = new Machine(
      words.buffer as SharedArrayBuffer,
      count,
      isWeak ? [this.#buckets(prepared)] : null,
      Office.words(count),
      (race) => {
        const key = `${race.earlierSite} ${race.laterSite} ${race.earlierWrites} ${race.laterWrites}`;
        let known = this.#racesKnown.get(key);
        if (known === undefined) this.#racesKnown.set(key, (known = isIntended(race, words)));
        if (!known) this.#races.push(race);
      },
    );
    const follows = Uint8Array.from(build.sites, (site) => (isPointerLoad(site) ? 1 : 0));
    this.#ports = scenario.threads.map((_, id) => new Port(this.machine, id, follows));
    if (isWeak) for (const port of this.#ports) port.stale = Uint8Array.from(build.sites, (site) => (isReadPath(site) ? 1 : 0));
    this.#logs = scenario.threads.map(() => []);
    this.#office = new Office(this.machine.mail, count);
    scenario.threads.forEach((_, id) => {
      const port = this.#ports[id]!;
      const instance = build.instantiate({
        port,
        thread: id,
        queueMicrotask: (task: () => unknown) => {
          port.queueMicrotask(task);
        },
        atomics: Atomics,
        now: () => this.machine.step,
        isGone: (osId) => port.isGone(threadOf(osId)),
        desk: this.#office.desk(id, () => port.endTurn(), this.machine),
      });
      this.#instances.push(instance);
      this.#types.push(this.#declare(instance, () => this.#actors[id], true));
    });
  }

  #plainActor: Actor | undefined;

  /** Declares the types of the scenario in an instance. */
  #declare(instance: Instance, actor: () => Actor | undefined, isRewritten: boolean): Readonly<Record<string, object>> {
    const define = instance('shadow/type.js')['defineShadowType'] as (declaration: object) => object;
    const types: Record<string, object> = {};
    const adapt = (plan: ((actor: Actor, ...given: never[]) => Steps) | undefined): unknown => {
      if (plan === undefined) return undefined;
      return (...given: never[]): unknown => {
        const steps = plan(actor()!, ...given);
        return isRewritten ? steps : drive(steps);
      };
    };
    for (const [name, plan] of Object.entries<TypePlan>(this.scenario.types)) {
      const { ctor, dtor, migrate, migrateBack, previous, id, fields, version } = plan;
      const declaration = {
        id,
        fields,
        version,
        ctor: adapt(ctor),
        dtor: adapt(dtor),
        migrate: adapt(migrate),
        migrateBack: adapt(migrateBack),
        previous: previous === undefined ? undefined : types[previous],
      };
      types[name] = define(Object.fromEntries(Object.entries(declaration).filter(([, value]) => value !== undefined)));
    }
    return types;
  }

  /** Makes the store as it is before any thread attaches. */
  #prepare(threads: number): AnyStore {
    const { pages = PAGES, types, prepare, colliding = false, spareSlots = 0 } = this.scenario;
    const slots = threads + 1 + spareSlots;
    const shadowStore = this.#plain('shadow/store.js')['ShadowStore'] as {
      $createWithNameHash(options: object, hash: unknown): AnyStore;
    };
    const declared = Object.entries(types)
      .filter(([, { isDeclared = true }]) => isDeclared)
      .map(([name]) => this.#plainTypes[name]);
    const fixed = this.#fixedPages(slots);
    const options = { maxBytes: (fixed + pages) * PAGE_BYTES, maxThreads: slots, types: declared };
    const store = shadowStore.$createWithNameHash(options, this.#hash(this.#plain, colliding));
    this.#plainActor = this.#actorOf(threads, store, this.#plainTypes, this.#plain, this.#plainLog, () => nothing());
    if (prepare !== undefined) drive(prepare(this.#plainActor));
    this.#waits = 0;
    (store as unknown as Record<symbol, () => void>)[Symbol.dispose]!();
    return store;
  }

  /** The buckets are found by their number. */
  #buckets({ internals: { memory } }: AnyStore): Indexed {
    const { BUCKET_COUNT, BUCKET_WORDS } = this.build.layout;
    return { by: BUCKET_COUNT!, from: memory.buckets, to: memory.buckets + MOST_BUCKETS * BUCKET_WORDS! };
  }

  /** Pages of which a store consists that holds nothing. */
  #fixedPages(threads: number): number {
    const createMemory = this.#plain('memory/reservation.js')['createMemory'] as (maxBytes: number, maxThreads: number) => unknown;
    for (let pages = 1; ; pages++) {
      try {
        createMemory(pages * PAGE_BYTES, threads);
        return pages - 2; // with fewer than two pages for blocks it is refused
      } catch (error) {
        if (codeOf(error) !== 'ERR_SHADOW_MAX_BYTES') throw error;
      }
    }
  }

  #hash(instance: Instance, colliding: boolean): unknown {
    if (colliding) return (name: string, seed: number) => (seed < 0 ? name.length : 1);
    return instance('shadow/names.js')['hashName'];
  }

  #actorOf(
    id: number,
    store: AnyStore,
    types: Readonly<Record<string, object>>,
    load: Instance,
    log: unknown[],
    endTurn: () => Steps,
  ): Actor {
    return {
      id,
      store,
      types,
      load,
      log,
      kept: {},
      endTurn,
      made: (value) => this.#made.set(value, id),
      destroyed: (value) => this.#destroyed.push(value),
    };
  }

  /** Restores the memory and attaches all threads. `mortal`: the one that may die, −1 = none. */
  #begin(mortal: number): void {
    const { machine, scenario } = this;
    if (this.#isSpoilt) machine.words.set(this.#image);
    else for (const word of machine.written) machine.words[word] = this.#image[word]!;
    this.#isSpoilt = false;
    machine.begin(mortal);
    machine.waiters.length = 0;
    this.#office.begin();
    this.#recorded = [];
    this.#sequence = 0;
    this.#races = [];
    this.#failure = undefined;
    this.#made = new Map();
    this.#destroyed = [];
    scenario.threads.forEach((_, id) => {
      const port = this.#ports[id]!;
      const instance = this.#instances[id]!;
      const log = this.#logs[id]!;
      port.forget();
      if (scenario.withPatches === true) instance.renew();
      log.length = 0;
      const shadowStore = instance('shadow/store.js')['ShadowStore'] as { $open(memory: unknown, hash: unknown): AnyStore };
      const attachMemory = instance('memory/reservation.js')['attachMemory'] as (handle: unknown) => unknown;
      const store = shadowStore.$open(port.drive(attachMemory(this.#handle)), this.#hash(instance, scenario.colliding ?? false));
      port.words = store.internals.memory.words;
      port.uwords = store.internals.memory.uwords;
      this.#actors[id] = this.#actorOf(id, store, this.#types[id]!, instance, log, () => port.endTurn());
    });
    scenario.before?.forEach((steps, id) => {
      if (steps === undefined) return;
      this.#ports[id]!.drive(steps(this.#actors[id]!));
      this.#logs[id]!.length = 0;
    });
    this.#office.discard();
    machine.threads = this.#ports;
    scenario.threads.forEach((_, id) => {
      this.#ports[id]!.start(this.#program(id));
      this.#ports[id]!.staleBudget = STALE_READS;
    });
  }

  /** One thread: its operations, then the end of its turn. */
  *#program(id: number): Steps {
    const port = this.#ports[id]!;
    const actor = this.#actors[id]!;
    try {
      for (const operation of this.scenario.threads[id]!) {
        if (port.event(true)) yield;
        const called = ++this.#sequence;
        const parts = operation.effects.map((effect): Recorded => {
          return { thread: id, name: operation.name, effect, called, returned: Infinity, result: undefined };
        });
        this.#recorded.push(...parts);
        actor.log.length = 0;
        let result: unknown;
        try {
          result = yield* operation.run(actor);
        } catch (error) {
          result = codeOf(error);
        }
        port.event(false);
        const returned = ++this.#sequence;
        parts.forEach((part, i) => {
          part.returned = returned;
          part.result = parts.length === 1 ? result : Array.isArray(result) ? (result as unknown[])[i] : result;
        });
      }
      if (port.event(true)) yield;
      yield* actor.endTurn();
      if (port.event(true)) yield;
    } catch (error) {
      this.#failure = `thread ${id} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
    return undefined;
  }

  /** Runs one execution; what was wrong with it, or null. */
  execute(mortal: number): { readonly outcome: Outcome; readonly fault: string | null } {
    this.#begin(mortal);
    const outcome = this.machine.run();
    return { outcome, fault: this.#judge(outcome) };
  }

  #judge(outcome: Outcome): string | null {
    if (this.#failure !== undefined) return this.#failure;
    // While a word has only just become contended, not all is known of what synchronises.
    if (this.#races.length > 0 && !this.machine.learnt) return this.#describeRace(this.#races[0]!);
    if (outcome === 'pruned') return null;
    if (outcome === 'endless') return 'a thread goes on for ever';
    if (outcome === 'stuck') return `waits for ever: ${this.#describeWaiting()}`;
    const { violations, state, destroyed } = this.#examine();
    if (violations.length > 0) return violations.join('; ');
    const wrong = this.#wrongDestruction(state, [...this.#destroyed, ...destroyed]);
    if (wrong !== null) return wrong;
    const key = `${JSON.stringify(state)} ${historyKey(this.#recorded)}`;
    let explained = this.#explained.get(key);
    if (explained === undefined) this.#explained.set(key, (explained = isExplained(this.scenario.initial, this.#recorded, state)));
    return explained
      ? null
      : `no order explains the results\n${describeHistory(this.#recorded)}\n  found in the end: ${JSON.stringify(state)}`;
  }

  /** Values of the variables that stood there from the beginning and have a destructor. */
  #prepared(observed: State): unknown[] {
    const { initial, types, changesInPlace = false } = this.scenario;
    if (changesInPlace) return [];
    return Object.entries(initial)
      .filter(([key]) => key in observed && types[key.split('/')[0]!]?.dtor !== undefined)
      .map(([, value]) => value);
  }

  /** A variable that is gone was destroyed, once; after a death at least once, unless it was the dead thread that had only begun to create it. */
  #wrongDestruction(state: State, destroyed: readonly unknown[]): string | null {
    const present = new Set(Object.values(state));
    const { dead } = this.machine;
    for (const value of new Set([...this.#made.keys(), ...this.#prepared(state), ...destroyed])) {
      const times = destroyed.filter((one) => one === value).length;
      if (present.has(value)) {
        if (times > 0) return `the destructor of ${String(value)} has run, and the variable is there`;
      } else if (times > 1 && dead < 0) return `the destructor of ${String(value)} has run ${times} times`;
      else if (times === 0 && (dead < 0 || this.#made.get(value) !== dead))
        return `${String(value)} is gone and its destructor has not run`;
    }
    return null;
  }

  #describeWaiting(): string {
    return this.#ports
      .filter(({ state }) => state === ThreadState.WAITING)
      .map(({ id }) => `thread ${id} for word ${this.machine.waiters.find(({ thread }) => thread.id === id)?.word ?? -1}`)
      .join(', ');
  }

  #describeRace({ word, earlierSite, earlierWrites, laterSite, laterWrites }: Race): string {
    const tell = (site: number, writes: boolean): string => {
      const { path, within, text } = this.build.sites[site]!;
      return `${writes ? 'write' : 'read'} in ${path} ${within}: ${text}`;
    };
    return `race on word ${word}: ${tell(earlierSite, earlierWrites)} | ${tell(laterSite, laterWrites)}`;
  }

  /** check(), and what is in the store; by the code as it is. What was examined before is not examined again. */
  #examine(): Examined {
    const key = this.#fingerprint();
    const known = this.#examined.get(key);
    if (known !== undefined) return known;
    this.#isSpoilt = true;
    this.#waits = 0;
    let examined: Examined;
    try {
      examined = withinTime(() => this.#look());
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      examined = { violations: [`examining failed: ${why}`], state: {}, destroyed: [] };
    }
    this.#examined.set(key, examined);
    return examined;
  }

  #look(): Examined {
    const shadowStore = this.#plain('shadow/store.js')['ShadowStore'] as { $open(memory: unknown, hash: unknown): AnyStore };
    const attachMemory = this.#plain('memory/reservation.js')['attachMemory'] as (handle: unknown) => unknown;
    const store = shadowStore.$open(attachMemory(this.#handle), this.#hash(this.#plain, this.scenario.colliding ?? false));
    this.#plainLog.length = 0;
    const actor = this.#actorOf(this.scenario.threads.length, store, this.#plainTypes, this.#plain, this.#plainLog, () => nothing());
    this.#plainActor = actor;
    const before = this.#destroyed.length;
    if (this.machine.dead >= 0) drive(run((store['recover'] as () => unknown).call(store)));
    const checked = drive(run((store['check'] as () => unknown).call(store))) as {
      readonly violations: readonly { readonly rule: string; readonly what: string }[];
    };
    const violations = checked.violations.map(({ rule, what }) => `${rule}: ${what}`);
    const destroyed = this.#destroyed.splice(before);
    return { violations, state: violations.length > 0 ? {} : (drive(this.scenario.observe(actor)) as State), destroyed };
  }

  /** Of the memory, in 53 bits. */
  #fingerprint(): number {
    const { written, words, dead } = this.machine;
    let high = dead;
    let low = dead;
    for (const word of written) {
      const value = words[word]!;
      if (value === this.#image[word]) continue;
      high = (high + mix(mix(HIGH_SEED, word), value)) | 0;
      low = (low + mix(mix(LOW_SEED, word), value)) | 0;
    }
    return (high >>> 0) * 2 ** 21 + (low >>> 11);
  }

  /** How many different stores, and histories, executions have left. */
  get distinct(): { readonly stores: number; readonly histories: number } {
    return { stores: this.#examined.size, histories: this.#explained.size };
  }
}

/** Runs code that a damaged store may hold for ever. @throws when it does */
function withinTime<T>(run: () => T): T {
  let result: { readonly value: T } | undefined;
  (globalThis as Record<string, unknown>)['$examine'] = () => {
    result = { value: run() };
  };
  EXAMINE.runInThisContext({ timeout: MOST_MILLISECONDS });
  return result!.value;
}

/** The code as it is has no turns here. */

function* nothing(): Steps {
  return undefined;
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code;
  if (isSteps(error)) return 'steps were thrown';
  throw error;
}
