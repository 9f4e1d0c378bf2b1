/**
 * The run: gives the input to the workers task by task, lets the coordinator patch them meanwhile, and keeps the tally of what was
 * acknowledged. What it leaves behind (store, ledger, tally, transitions) is what the verdict is made of. Writes no shared words itself
 * but the ledger's phase.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { TransitionResult } from '../livepatch/transition.js';
import { PatchCoordinator } from '../pool/coordinator.js';
import { ShadowStore } from '../shadow/store.js';
import { account } from './application.js';
import { type Fault, FaultList } from './faults.js';
import { type Input, requestCount } from './input.js';
import type { Failure, Job, Report, WorkerSetup } from './job.js';
import { Ledger, openLedger } from './ledger.js';
import { Tally } from './oracle.js';
import type { Options } from './options.js';
import { batchSize, dyingIds, PATCH_OF_STAGE, Schedule, STAGES, stageOf } from './stages.js';

export interface Collected {
  readonly id: number;
  readonly variables: number;
  readonly milliseconds: number;
}

/** Where a run stands, for a person who watches. */
export interface Status {
  readonly patch: string | undefined;
  readonly requests: number;
  readonly seconds: number;
  readonly live: number;
  readonly workers: number;
  /** Workers that run the newest version. */
  readonly switched: number;
  readonly inTransition: boolean;
}

/** Told of each transition that is complete. */
export type Watcher = (transition: TransitionResult) => void;

/** Tasks given to the pool beyond those that can run at once, per worker: no worker ever waits for the next one. */
const QUEUED_PER_WORKER = 2;
/** Workers the pool may start in place of others; each takes a lane of the ledger and a slot of the store. */
const SPARE_THREADS = 16;
const START_PATIENCE_MILLISECONDS = 30_000;
const SWEEP_PATIENCE_MILLISECONDS = 60_000;

export class Replay {
  readonly options: Options;
  readonly input: Input;
  readonly store: ShadowStore;
  readonly ledger: Ledger;
  readonly tally: Tally;
  readonly coordinator: PatchCoordinator;
  readonly faults = new FaultList();
  readonly transitions: TransitionResult[] = [];
  readonly collected: Collected[] = [];
  /** In the order in which the ids died: the variables that were alive then, by the ledger. */
  readonly expectedCollections: { readonly id: number; readonly variables: number }[] = [];
  /** Requests that threw; the run ends at the first one. */
  readonly failures: (Failure & { readonly task: number })[] = [];
  /** Why the run ended before its last stage, other than by interruption. */
  error: unknown;
  interrupted = false;
  /** From the first task given out to the last one acknowledged. */
  seconds = 0;

  private readonly pool: ReturnType<PatchCoordinator['createPool']>;
  private readonly schedule: Schedule;
  private readonly watcher: Watcher;
  private readonly window: number;
  private readonly seenOfStage = new Array<number>(STAGES).fill(0);
  private stage = 0;
  private dispatched = 0;
  private inFlight = 0;
  private inTransition = false;
  private switched = 0;
  private startedAt = 0;
  private wake: () => void = () => undefined;

  constructor(options: Options, input: Input, watcher: Watcher) {
    const { workers, concurrentTasks, extent } = options;
    this.options = options;
    this.input = input;
    this.watcher = watcher;
    const passes = extent.kind === 'passes' ? extent.passes : Infinity;
    this.tally = new Tally(input, batchSize(options.batch, requestCount(input), passes));
    this.schedule = new Schedule(extent, this.tally.ranges * passes);
    this.window = workers * (concurrentTasks + QUEUED_PER_WORKER);

    this.store = ShadowStore.create({ maxBytes: options.maxBytes, maxThreads: workers + SPARE_THREADS, types: [account] });
    this.ledger = openLedger(Ledger.create(input.objects, workers + SPARE_THREADS));
    this.coordinator = new PatchCoordinator(this.store);
    this.coordinator.on('transition', ({ switched }) => {
      this.switched = switched;
    });
    this.coordinator.on('collected', ({ id, variables, milliseconds }) => {
      this.collected.push({ id, variables, milliseconds });
    });
    const setup: WorkerSetup = { input, ledger: this.ledger.handle, strayObject: strayObject(this.ledger) };
    this.pool = this.coordinator.createPool({
      filename: new URL('../../workers/replay.js', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: concurrentTasks,
      workerData: setup,
    });
  }

  /** Runs to the end of the schedule, to a failure, or to an interruption; afterwards nothing is in flight and nothing is patched. */
  async run(): Promise<void> {
    await this.untilStarted();
    this.startedAt = performance.now();
    await this.drive();
    while (this.inFlight > 0 || this.inTransition) await this.change();
    this.seconds = this.elapsed();
    if (PATCH_OF_STAGE[this.stage] !== undefined) await this.advance(STAGES - 1);
    await this.untilCollected();
  }

  /** Ends the run early; the tasks in flight are still finished. */
  interrupt(): void {
    this.interrupted = true;
    this.wake();
  }

  /** Ends the workers. The store is left for the verdict. */
  async close(): Promise<void> {
    await this.coordinator.close();
  }

  get status(): Status {
    const { stage, inTransition, switched } = this;
    const { workers } = this.options;
    return {
      patch: PATCH_OF_STAGE[stage]?.name,
      requests: this.tally.requests,
      seconds: this.elapsed(),
      live: this.store.stats().live,
      workers,
      switched: inTransition ? switched : workers,
      inTransition,
    };
  }

  /** Whether every stage handled requests, which only an interruption or a failure may prevent. */
  get stagesSeen(): readonly number[] {
    return this.seenOfStage;
  }

  private async drive(): Promise<void> {
    if (this.options.sabotage === 'mixed-version') this.dispatch('ungated');
    for (;;) {
      if (this.interrupted || this.error !== undefined || this.failures.length > 0) return;
      const step = this.schedule.next({
        stage: this.stage,
        inTransition: this.inTransition,
        dispatched: this.dispatched,
        stageSeen: this.seenOfStage[this.stage]! > 0,
        elapsedSeconds: this.elapsed(),
      });
      if (step === 'end') return;
      if (step === 'advance') void this.advance(this.stage + 1);
      else if (step === 'dispatch' && this.inFlight < this.window) this.dispatch();
      else await this.change();
    }
  }

  private dispatch(name?: string): void {
    const task = this.dispatched++;
    const job: Job = { ...this.tally.rangeOf(task), sabotage: this.options.sabotage };
    this.inFlight++;
    this.pool
      .run(job, name === undefined ? {} : { name })
      .then((report) => this.acknowledge(task, report as Report, name === undefined))
      .catch((error: unknown) => {
        this.error ??= error;
      })
      .finally(() => {
        this.inFlight--;
        this.wake();
      });
  }

  private acknowledge(task: number, report: Report, gated: boolean): void {
    const { segments, versions, failure } = report;
    this.tally.add(task, segments);
    this.faults.merge(report.findings);
    for (const { handledBy, phase } of segments) this.seenOfStage[stageOf(handledBy, phase)]! += 1;
    if (failure !== undefined) this.failures.push({ ...failure, task });
    const seen = segments.map(({ handledBy }) => (handledBy === 0 ? 'unpatched code' : `patch ${handledBy}`));
    const { from, to } = this.tally.rangeOf(task);
    const what = `task ${task} (requests ${from}…${to - 1})`;
    if (segments.length > 1) {
      this.faults.add({ kind: 'mixedTasks', what, expected: 'one version', found: seen.join(', then ') });
    } else if (versions[0] !== versions[1]) {
      this.faults.add({ kind: 'mixedTasks', what, expected: `version ${versions[0]} to the end`, found: `version ${versions[1]}` });
    } else if (gated && segments.some(({ handledBy }) => (handledBy === 0) !== (versions[0] === 0))) {
      const fault: Fault = { kind: 'accounting', what, expected: `the code of version ${versions[0]}`, found: seen.join() };
      this.faults.add(fault);
    }
  }

  /** Brings in what the stage runs, or ends the run with an error; books which ids die by it and how many variables they leave behind. */
  private async advance(stage: number): Promise<void> {
    const from = PATCH_OF_STAGE[this.stage];
    const to = PATCH_OF_STAGE[stage];
    this.inTransition = true;
    this.switched = 0;
    try {
      const transition = await (to === undefined
        ? this.coordinator.disable(from!.name)
        : this.coordinator.enable(new URL(`../../workers/patches/${to.file}`, import.meta.url)));
      for (const id of dyingIds(from, to)) this.expectCollection(id);
      this.stage = stage;
      this.ledger.phase = stage;
      this.transitions.push(transition);
      this.watcher(transition);
    } catch (error) {
      this.error ??= error;
    } finally {
      this.inTransition = false;
      this.wake();
    }
  }

  /** Every thread has left the code that constructs and frees variables of the id, so the ledger's figures stand still. */
  private expectCollection(id: number): void {
    const before = this.expectedCollections.filter((entry) => entry.id === id).reduce((sum, { variables }) => sum + variables, 0);
    this.expectedCollections.push({ id, variables: this.ledger.constructions(id) - this.ledger.workerDestructions(id) - before });
    this.ledger.retire(id);
  }

  private async untilStarted(): Promise<void> {
    const deadline = performance.now() + START_PATIENCE_MILLISECONDS;
    while (this.ledger.threads < this.options.workers && performance.now() < deadline && !this.interrupted) await sleep(1);
  }

  private async untilCollected(): Promise<void> {
    const deadline = performance.now() + SWEEP_PATIENCE_MILLISECONDS;
    while (this.collected.length < this.expectedCollections.length && performance.now() < deadline) await sleep(1);
  }

  private elapsed(): number {
    return this.startedAt === 0 ? 0 : (performance.now() - this.startedAt) / 1000;
  }

  /** Resolves at the next acknowledgement, transition or interruption. */
  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/** The highest number that is no object of the input. */
function strayObject(ledger: Ledger): number {
  let object = 2 ** 52 - 1;
  while (ledger.indexOf(object) !== -1) object--;
  return object;
}
