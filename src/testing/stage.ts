/**
 * Owns the surroundings of a rehearsal: a store, its coordinator and the crew, with everything that is noted about them while steps are made,
 * and the look at them when a path has returned to where it began. Touches shared memory only through the store. Imports the coordinator and
 * the rest of testing/ but the walk.
 */
import { messageOf } from '../errors.js';
import { Coordinator } from '../livepatch/coordinator.js';
import { BASE_OBJECT, type Patch } from '../livepatch/patch.js';
import type { Straggler } from '../livepatch/stragglers.js';
import { ShadowStore } from '../shadow/store.js';
import { CallbackWatch } from './callback-watch.js';
import { Crew } from './crew.js';
import { EvidenceBook } from './evidence.js';
import type { FindingList } from './findings.js';
import { Leftovers, type TypeReport } from './leftovers.js';
import { until } from './patience.js';
import type { Call } from './protocol.js';
import { differences, takeSnapshot } from './snapshot.js';
import type { CheckedWorkload } from './workload.js';

/** How often the coordinator looks without having been told, ms. */
const POLL_MILLISECONDS = 200;
/** Thread slots beyond those of the workers: for this thread, and so that one that is lost is found here and not by whoever needs it. */
const SPARE_THREADS = 8;

/** How everything was. */
export interface Before {
  since(): string[];
}

export class Stage {
  readonly coordinator: Coordinator;
  readonly crew: Crew;
  readonly evidence: EvidenceBook;
  /** Tasks answered. */
  tasks = 0;
  /** Who held up the step that stalled last. */
  stragglers: readonly Straggler[] = [];
  readonly #store: ShadowStore;
  readonly #findings: FindingList;
  readonly #workload: CheckedWorkload;
  readonly #leftovers: Leftovers;
  readonly #callbacks: CallbackWatch;
  /** Ids that died, in order. */
  readonly #died: number[] = [];
  #collected = 0;
  /** The patch that registered an id last. */
  readonly #owners = new Map<number, string>();
  /** Patches of the path. */
  readonly #seen = new Set<string>();
  /** Look-ups of types that nobody had registered, until the last path ended. */
  #lookups = 0;
  /** Modules that are there when nothing is going on. */
  #modules: readonly string[] = [];

  private constructor(
    store: ShadowStore,
    coordinator: Coordinator,
    crew: Crew,
    workload: CheckedWorkload,
    patches: readonly Patch[],
    findings: FindingList,
  ) {
    this.#store = store;
    this.coordinator = coordinator;
    this.crew = crew;
    this.#workload = workload;
    this.#findings = findings;
    this.evidence = new EvidenceBook(findings);
    this.#callbacks = new CallbackWatch(patches, findings);
    this.#leftovers = new Leftovers(store, workload.types);
    this.#listen();
  }

  /** Starts everything, and runs the unpatched workload to see what it does. @throws ERR_PATCH_LOAD, Stall, CrewLost */
  static async open(workload: CheckedWorkload, patches: readonly Patch[], findings: FindingList): Promise<Stage> {
    const store = ShadowStore.create({ maxBytes: workload.maxBytes, maxThreads: workload.workers + SPARE_THREADS, types: workload.types });
    const coordinator = new Coordinator(store, { pollMilliseconds: POLL_MILLISECONDS });
    let stage: Stage | undefined;
    try {
      const crew = await Crew.muster(store.handle, workload, {
        done: (n, failure, result, calls) => {
          if (stage !== undefined) stage.#done(n, failure, result, calls);
        },
        strayed: (calls) => stage?.evidence.add(calls),
      });
      stage = new Stage(store, coordinator, crew, workload, patches, findings);
      await stage.#begin();
      return stage;
    } catch (error) {
      await stage?.crew.end();
      await coordinator.close();
      store[Symbol.dispose]();
      throw error;
    }
  }

  get types(): TypeReport[] {
    return this.#leftovers.reports;
  }

  get names(): string[] {
    return this.coordinator.patches.map(({ name }) => name);
  }

  /** The one patch that can be to blame. */
  get suspect(): string | null {
    const { names } = this;
    return names.length === 1 ? names[0]! : null;
  }

  /** Whether the modules are there that the workload uses. */
  get isComplete(): boolean {
    return this.#modules.every((name) => this.isLive(name));
  }

  isLive(object: string): boolean {
    return object === BASE_OBJECT || this.coordinator.modules.some(({ name, phase }) => name === object && phase !== 'going');
  }

  /** How everything is now; afterwards `since()` tells what is different. */
  snapshot(): Before {
    const died = this.#died.length;
    const before = takeSnapshot(this.coordinator);
    return { since: () => differences(before, takeSnapshot(this.coordinator), this.#died.slice(died)) };
  }

  /** A version with the number that threads run or are being switched to. */
  learn(stack: readonly Patch[]): void {
    this.evidence.learn(this.coordinator.version, stack);
  }

  judge(): void {
    this.evidence.judge((object) => this.isLive(object));
  }

  /** At the end of a path. @returns whether all is as at the beginning, so that another path can follow. @throws Stall, CrewLost */
  async settle(): Promise<boolean> {
    await this.crew.pause();
    this.judge();
    if (this.coordinator.patches.length > 0) return false;
    this.#callbacks.settle();
    this.#checkLookups();
    const found = this.#findings.count;
    await this.#untilCollected();
    for (const { patch } of this.coordinator.pinned) this.#findings.add('left-over-registration', patch, 'what it registered is pinned');
    const owner = (id: number): string | null => this.#owners.get(id) ?? null;
    this.#leftovers.check(this.#findings, owner);
    await this.#restoreModules();
    await this.crew.round();
    this.judge();
    this.#leftovers.compare(this.#findings, [...this.#seen]);
    this.#checkStore();
    this.#seen.clear();
    return this.#findings.count === found;
  }

  /** Ends the workers, the coordinator, and the store. */
  async close(): Promise<void> {
    this.judge();
    const ended = await this.crew.end();
    await this.coordinator.close();
    const { threads } = this.#store.stats();
    if (ended && threads.length > 1) this.#findings.add('store-damaged', null, 'workers that ended have not given back their thread slots');
    this.#store[Symbol.dispose]();
  }

  #done(n: number, failure: string | null, result: unknown, calls: readonly Call[]): void {
    this.tasks++;
    this.evidence.add(calls);
    if (failure !== null) {
      this.evidence.complain('task-failed', n, failure, calls);
      return;
    }
    let wrong: string | undefined;
    try {
      wrong = this.#workload.check(result, n);
    } catch (error) {
      wrong = `check() threw: ${messageOf(error)}`;
    }
    if (wrong !== undefined) this.evidence.complain('wrong-result', n, wrong, calls);
  }

  async #begin(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await this.crew.round();
      this.#leftovers.learn();
    }
    this.judge();
    this.#modules = this.coordinator.modules.map(({ name }) => name);
  }

  #listen(): void {
    const { coordinator } = this;
    coordinator.on('callback', (event) => {
      this.#callbacks.ran(event, this.names);
    });
    coordinator.on('milestone', (event) => {
      this.#callbacks.passed(event);
    });
    coordinator.on('registered', ({ id, patch }) => {
      this.#owners.set(id, patch);
    });
    coordinator.on('collecting', ({ id }) => {
      this.#died.push(id);
    });
    coordinator.on('collected', () => {
      this.#collected++;
    });
    coordinator.on('transition', ({ phase, patch }) => {
      this.#seen.add(patch);
      if (phase === 'stalled') this.stragglers = coordinator.stragglers();
    });
    coordinator.on('warning', ({ code, message }) => {
      if (code !== 'ERR_PATCH_MODULE') this.#findings.add('warning', this.suspect, message); // a refusal: no task runs meanwhile
    });
  }

  async #untilCollected(): Promise<void> {
    const { timeout } = this.#workload;
    await until(
      () => this.#collected === this.#died.length,
      timeout,
      () => `variables of patches that are gone were not collected within ${timeout} ms`,
    );
  }

  /** Modules that came or went with the path, and no step has brought back or taken away. */
  async #restoreModules(): Promise<void> {
    const there = this.coordinator.modules.map(({ name }) => name);
    for (const name of this.#modules) if (!there.includes(name)) await this.coordinator.loadModule(name);
    for (const name of there) if (!this.#modules.includes(name)) await this.coordinator.unloadModule(name);
  }

  #checkLookups(): void {
    const { unregisteredLookups } = this.#store.stats();
    if (unregisteredLookups > this.#lookups) {
      const suspect = this.#seen.size === 1 ? [...this.#seen][0]! : null;
      this.#findings.add(
        'warning',
        suspect,
        'variables were looked up of a type that nobody had registered; a patch has to name all that it uses',
      );
    }
    this.#lookups = unregisteredLookups;
  }

  #checkStore(): void {
    const { violations } = this.#store.check();
    for (const { rule, what } of violations)
      this.#findings.add('store-damaged', null, `store.check() found a violation of rule ${rule}`, `: ${what}`);
  }
}
