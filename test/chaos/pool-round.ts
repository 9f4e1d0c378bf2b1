/**
 * Owns rounds of random kills in a Piscina pool: tasks are aborted, exit, fail and run out of memory, the pool shrinks, and meanwhile patches are enabled,
 * replaced, disabled and reversed, and snapshots are taken. After each window every count has to be right, every thread has to run what is enabled, and every
 * snapshot has to be whole. Runs from a chaos build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';

import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowError } from '../../src/errors.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { countRegistrations } from '../../src/shadow/succession.js';
import type { Random } from '../concurrency/random.js';
import { brokenInvariants, heldLocks, takenSlots } from './audit.js';
import type { Errand } from './hand.js';
import { application, PATCHES, registrationsOf } from './patches.js';
import type { RoundResult } from './round.js';
import { POOL } from './rounds.js';
import { ends } from './soon.js';
import { KEYS_OF_TALLY, Ledger, MOST_ERRANDS, tally } from './tally.js';

const MAX_BYTES = 2 ** 23;
const FATES = ['return', 'return', 'abort', 'abort', 'exit', 'throw', 'memory'] as const;
const RESOURCES = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 };
const LOOKS = 20;

export class PoolRound {
  readonly #random: Random;
  readonly #store = ShadowStore.create({ maxBytes: MAX_BYTES, types: [application, tally] });
  readonly #coordinator = new PatchCoordinator(this.#store);
  readonly #pool;
  readonly #ledger = new SharedArrayBuffer(Ledger.WORDS * 4);
  readonly #words = new Int32Array(this.#ledger);
  readonly #folder = mkdtempSync(join(tmpdir(), 'umbra-chaos-'));
  readonly #kills: Record<string, number> = { abort: 0, exit: 0, throw: 0, memory: 0, shrink: 0 };
  readonly #violations: string[] = [];
  #exits = 0;
  #tasks = 0;
  #transitions = 0;
  #snapshots = 0;

  constructor(random: Random) {
    this.#random = random;
    process.on('worker', this.#watch);
    this.#coordinator.on('warning', () => undefined);
    this.#pool = this.#coordinator.createPool<Errand, string>({
      filename: new URL('./hand.js', import.meta.url),
      minThreads: 2,
      maxThreads: 4,
      idleTimeout: 30,
      resourceLimits: RESOURCES,
    });
    this.#pool.on('error', () => undefined); // of threads that were to end
  }

  /** Runs until so many threads have ended, or until `isOver` says so, or something is wrong. */
  async run(kills: number, isOver: () => boolean): Promise<RoundResult> {
    try {
      while (this.#exits < kills && !isOver() && this.#violations.length === 0) await this.#window();
      await ends('closing', this.#coordinator.close());
      this.#judge(brokenInvariants(this.#store));
    } catch (error) {
      this.#violations.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
      await ends('closing', this.#coordinator.close()).catch(() => undefined);
    }
    process.off('worker', this.#watch);
    this.#store[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
    const { abort = 0, exit = 0, throw: threw = 0, memory = 0 } = this.#kills;
    this.#kills['shrink'] = Math.max(0, this.#exits - abort - exit - threw - memory);
    return {
      kind: POOL,
      kills: this.#kills,
      operations: this.#tasks,
      also: `${this.#transitions} transitions, ${this.#snapshots} snapshots`,
      repeated: 0,
      latencies: [],
      holders: 0,
      violations: this.#violations,
    };
  }

  readonly #watch = (worker: Worker): void => {
    worker.once('exit', () => this.#exits++);
  };

  #judge(wrongs: readonly string[]): void {
    this.#violations.push(...wrongs);
  }

  async #window(): Promise<void> {
    const random = this.#random;
    this.#words.fill(0, Ledger.UNDER_WAY);
    const errands = Array.from({ length: 1 + random.below(MOST_ERRANDS - 1) }, (_, number) => this.#errand(number));
    const transition = this.#transition();
    void Promise.allSettled([transition, ...errands]); // what fails meanwhile is told below
    if (random.oneIn(3)) await this.#snapshot();
    await ends('the tasks', Promise.all(errands));
    await ends('the transition', transition);
    if (random.oneIn(4)) await delay(40); // the pool shrinks
    this.#store.recover();
    await this.#look();
  }

  async #errand(number: number): Promise<void> {
    const fate = this.#random.pick(FATES);
    const controller = new AbortController();
    const key = this.#random.below(KEYS_OF_TALLY);
    this.#tasks++;
    const run = this.#pool.run({ key, ledger: this.#ledger, number, fate }, { signal: controller.signal });
    const outcome = run.then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    if (fate === 'abort') {
      // Not before its thread has loaded its file: Node 20 does not survive that.
      while (Atomics.load(this.#words, Ledger.UNDER_WAY + number) === 0) await delay(1);
      await delay(this.#random.below(5));
      controller.abort();
    }
    const error = await outcome;
    if (fate === 'return' && error !== undefined) this.#judge([`a task that nobody ended failed: ${error.message}`]);
    if (fate !== 'return' && error === undefined) this.#judge([`a task that was to end by ${fate} returned`]);
    if (fate !== 'return') this.#kills[fate]!++;
  }

  /** One change of what is enabled. */
  async #transition(): Promise<void> {
    const random = this.#random;
    const names = this.#coordinator.patches.map(({ name }) => name);
    const free = ['a', 'b', 'pinned', 'raising'].filter((name) => !names.includes(name));
    this.#transitions++;
    try {
      if (names.length > 0 && random.oneIn(2)) {
        await this.#coordinator.disable(random.pick(names));
        return;
      }
      const enabling = this.#coordinator.enable({ code: PATCHES[random.pick(free)]! });
      if (random.oneIn(3)) {
        const back = delay(random.below(5)).then(() => this.#coordinator.reverse());
        await Promise.allSettled([enabling, back]);
      }
      await enabling;
    } catch (error) {
      // Versions of a type that cannot go back, and reversals that came in time.
      if (!(error instanceof ShadowError) || !['ERR_PATCH_MIGRATION', 'ERR_PATCH_REVERSED'].includes(error.code)) throw error;
    }
  }

  async #snapshot(): Promise<void> {
    const file = join(this.#folder, 'store.umbra');
    const before = this.#counts(Ledger.DONE);
    await this.#store.snapshot(file);
    const after = this.#counts(Ledger.BEGUN);
    this.#snapshots++;
    const restored = ShadowStore.restore(file, { types: [application, tally] });
    this.#judge(restored.check().violations.map(({ what }) => `a snapshot restored: ${what}`));
    for (let key = 0; key < KEYS_OF_TALLY; key++) {
      const n = restored.get(key, tally)?.n ?? 0;
      if (n < before[key]! || n > after[key]!) this.#judge([`a snapshot has ${n} for key ${key}, not ${before[key]} to ${after[key]}`]);
    }
    restored[Symbol.dispose]();
  }

  #counts(from: number): number[] {
    return Array.from({ length: KEYS_OF_TALLY }, (_, key) => Atomics.load(this.#words, from + key));
  }

  /** Everything, while no task runs. */
  async #look(): Promise<void> {
    const store = this.#store;
    const [begun, done] = [this.#counts(Ledger.BEGUN), this.#counts(Ledger.DONE)];
    for (let key = 0; key < KEYS_OF_TALLY; key++) {
      const n = store.get(key, tally)?.n ?? 0;
      if (n < done[key]! || n > begun[key]!) this.#judge([`key ${key} is at ${n}, not ${done[key]} to ${begun[key]}`]);
    }
    const patches = this.#coordinator.patches.map(({ name }) => name);
    const answers = await ends('tasks that only look', Promise.all([0, 1, 2].map((number) => this.#ask(number))));
    const expected = patches.at(-1) ?? 'original';
    for (const answer of answers) if (answer !== expected) this.#judge([`a task runs ${answer}, not ${expected}`]);
    // What threads, and sweeps, are at ends by itself.
    for (let look = 1; ; look++) {
      const wrongs = [...heldLocks(store), ...brokenInvariants(store), ...this.#wrongSlots(), ...this.#wrongRegistrations(patches)];
      if (wrongs.length === 0 || look === LOOKS) {
        this.#judge(wrongs);
        return;
      }
      await delay(20);
    }
  }

  #ask(number: number): Promise<string> {
    this.#tasks++;
    return this.#pool.run({ key: 0, ledger: this.#ledger, number, fate: 'return' });
  }

  #wrongSlots(): string[] {
    const alive = new Set([0, ...this.#pool.threads.map(({ threadId }) => threadId)]);
    return takenSlots(this.#store)
      .filter(({ thread }) => !alive.has(thread))
      .map(({ slot, thread }) => `slot ${slot} is still that of thread ${thread}, which is dead`);
  }

  #wrongRegistrations(patches: readonly string[]): string[] {
    const counted = [...countRegistrations(this.#store.internals.memory)].filter(([id, count]) => count > 0 && id !== tally.id);
    const registered = JSON.stringify(Object.fromEntries(counted));
    const expected = JSON.stringify(registrationsOf(patches));
    return registered === expected ? [] : [`registered are ${registered}, not ${expected}, while "${patches.join(' ')}" is enabled`];
  }
}
