/**
 * Owns what one replay needs: a store, a coordinator, a pool and the modules, and the waiting for transitions. Imports the public face and
 * the rest of the runner below the steps.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { PatchCoordinator, ShadowStore, type ShadowType } from '../../src/index.js';
import { Crew } from './crew.js';
import { type FixtureTable, functionsByObject } from './fixture-table.js';
import { type Ledger, ledgerOf } from './fixtures/ledger.js';
import { HAMMERS, Hammers } from './hammers.js';
import { Modules } from './modules.js';
import { Recorder } from './recorder.js';

/** How often a wait looks again, ms. */
const POLL_MILLISECONDS = 5;
/** A transition that blocked workers have held up for so long is taken for stuck, ms; and for so long if nothing tells why they do. */
const STUCK_MILLISECONDS = 100;
const STRANGE_MILLISECONDS = 3000;
const CLOSE_MILLISECONDS = 10_000;

/** How an operation on a patch ended; pending: it waits for workers that the scenario has blocked. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'pending' } | { readonly kind: 'failed'; readonly error: unknown };

let replays = 0;

export class Stage {
  readonly replay: number;
  readonly ledger: Ledger;
  readonly store: ShadowStore;
  readonly coordinator: PatchCoordinator;
  readonly recorder: Recorder;
  readonly hammers = new Hammers();
  readonly functions: ReadonlyMap<string, readonly string[]>;
  readonly modules: Modules;
  readonly crew: Crew;
  #closed = false;
  /** The operation whose transition is pending. */
  #pending: Promise<unknown> = Promise.resolve();

  private constructor(
    replay: number,
    store: ShadowStore,
    coordinator: PatchCoordinator,
    crew: Crew,
    functions: ReadonlyMap<string, string[]>,
  ) {
    this.replay = replay;
    this.ledger = ledgerOf(replay);
    this.store = store;
    this.coordinator = coordinator;
    this.recorder = new Recorder(coordinator, this.ledger);
    this.functions = functions;
    this.crew = crew;
    this.modules = new Modules(coordinator, crew, this.ledger);
  }

  /** `more`: functions of the base object that no fixture names. `types`: the application's own. */
  static async open(
    fixtures: FixtureTable,
    workers: number,
    more: readonly string[] = [],
    types: readonly ShadowType[] = [],
  ): Promise<Stage> {
    const functions = functionsByObject(fixtures);
    const known = new Set([...functions.values()].flat());
    const base = [...(functions.get('base') ?? []), ...more.filter((name) => !known.has(name))];
    functions.set('base', base);
    const store = ShadowStore.create({ maxBytes: 2 ** 26, maxThreads: workers + HAMMERS + 16, types });
    const coordinator = new PatchCoordinator(store, { pollMilliseconds: 100 });
    try {
      return new Stage(++replays, store, coordinator, await Crew.muster(coordinator, workers, base), functions);
    } catch (error) {
      await coordinator.close();
      throw error;
    }
  }

  /** The object that a function belongs to. */
  objectOf(name: string): string | undefined {
    for (const [object, functions] of this.functions) if (functions.includes(name)) return object;
    return undefined;
  }

  /** Waits until an operation has ended, or until only workers that the scenario has blocked hold up the transition that it began. */
  async settle(operation: () => Promise<unknown>): Promise<Outcome> {
    let outcome: Outcome | undefined;
    const before = this.#course();
    const ended = operation().then(
      () => (outcome = { kind: 'done' }),
      (error: unknown) => (outcome = { kind: 'failed', error }),
    );
    const stuck = this.#stuckDetector();
    while (outcome === undefined) {
      if (this.#course() !== before && stuck()) {
        this.#pending = ended;
        return { kind: 'pending' };
      }
      await Promise.race([ended, this.#pause()]);
    }
    return outcome;
  }

  /** Waits until no transition is pending, or only blocked workers hold it up. */
  async quiesce(): Promise<void> {
    const stuck = this.#stuckDetector();
    while (this.#inTransition() !== undefined) {
      if (stuck()) return;
      await this.#pause();
    }
    await this.#pending;
  }

  async waitUntil(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#pause();
  }

  /** Ends everything, waits of a replay that was given up included; what does not end in time is left behind. */
  async close(): Promise<void> {
    this.#closed = true;
    const closing = Promise.allSettled([this.modules.close(), this.hammers.close()]).then(() => this.coordinator.close());
    const late = sleep(CLOSE_MILLISECONDS, 'late', { ref: false });
    if ((await Promise.race([closing, late])) === 'late') this.recorder.warnings.push('the coordinator could not be closed');
  }

  /** @throws when the stage was closed */
  async #pause(): Promise<void> {
    await sleep(POLL_MILLISECONDS);
    if (this.#closed) throw new Error('the replay was given up');
  }

  /** What is going on and whither. */
  #course(): string {
    const { patch, direction } = this.coordinator.transition ?? {};
    return `${patch} ${direction}`;
  }

  #inTransition() {
    return this.coordinator.patches.find(({ transition }) => transition);
  }

  /** Whether the pending transition cannot end before the scenario lets a worker go on. */
  #stuckDetector(): () => boolean {
    let since: number | undefined;
    return () => {
      const stragglers = this.#inTransition() === undefined ? [] : this.coordinator.stragglers();
      const blocked = this.modules.blocked();
      if (stragglers.length === 0 || !stragglers.every(({ thread }) => blocked.has(thread))) {
        since = undefined;
        return false;
      }
      since ??= performance.now();
      const affected = this.#affected();
      const held = stragglers.some(({ version, tasks, calls }) => {
        // A thread that has the wanted version already, after a reversal for example, is about to be seen.
        if (version === this.coordinator.version) return false;
        return tasks.length > 0 || calls.some(({ name }) => affected.has(name));
      });
      return performance.now() - since > (held ? STUCK_MILLISECONDS : STRANGE_MILLISECONDS);
    };
  }

  /** "object.function" of everything that the pending transition changes. */
  #affected(): Set<string> {
    const pending = this.#inTransition();
    const patches = pending?.replace === true ? this.coordinator.patches : pending === undefined ? [] : [pending];
    return new Set(patches.flatMap(({ functions }) => functions));
  }
}
