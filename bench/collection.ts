/**
 * Collections on stage: a store with variables of one id that stays, `tally`, and a patch that brings an id of its own, `guest`, and takes it away again; and
 * a worker that looks on.
 *
 * Owns the word PHASE, which the main thread writes and the worker reads: what the look-ups of this moment are counted for.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CollectedEvent } from '../src/livepatch/collector.js';
import type { StoreHandle } from '../src/memory/reservation.js';
import { PatchCoordinator } from '../src/pool/coordinator.js';
import type { ShadowStore } from '../src/shadow/store.js';
import { drawKeys, type Population } from './keys.js';
import { createFilledStore, guest, initialReads, nanosecondsNow } from './subjects.js';

export const PHASE = 0;
/** Values of PHASE: look-ups are made and not counted; counted for one of two histograms; the job is over. */
export const PAUSE = 0;
export const COLLECTING = 1;
export const ALONE = 2;
export const STOP = 3;

export interface CollectWorkerData {
  readonly handle: StoreHandle;
  readonly control: SharedArrayBuffer;
  /** Parents of the id that stays, in the order in which they are asked for. */
  readonly hosts: readonly number[];
  /** Parents of the id that is collected. */
  readonly guests: readonly number[];
}

/** What the worker is asked to do next. It answers BEGUN once it is at it, and its result in the end. */
export type CollectJob = 'watch' | 'read';

export const BEGUN = 'begun';

export interface Watched {
  /** When a look-up first found nothing, by the clock that all threads share, ns. */
  readonly goneAt: number;
  /** Look-ups before, each of which found its variable. */
  readonly seen: number;
}

/** Latencies of single look-ups, ns. */
export interface Latencies {
  readonly median: number;
  readonly p99: number;
  readonly lookups: number;
}

export interface ReadResult {
  readonly collecting: Latencies;
  readonly alone: Latencies;
  /** Look-ups that found nothing, or not what was stored. */
  readonly misses: number;
}

export interface Collected {
  /** When the release of the last user began, by the clock that all threads share, ns. */
  readonly releasedAt: number;
  readonly variables: number;
  /** From the end of the last registration to the end of the sweep. */
  readonly milliseconds: number;
}

/** How many parents the worker asks for before it begins anew. */
const ASKED = 2 ** 20;

/** Where the destructor of the patch counts its runs: the code of a patch has no other way out. */
const counts = globalThis as { benchDestroyed?: number };

function patchCode(destructor: boolean): string {
  return `const { definePatch, defineShadowType } = require('umbra/worker');
const dtor = ${destructor ? '() => { globalThis.benchDestroyed++; }' : 'undefined'};
const guest = defineShadowType({ id: ${guest.id}, fields: { reads: 'u32', writes: 'u32', total: 'f64' }, ...(dtor && { dtor }) });
module.exports = definePatch({ name: 'guests', objects: [{ name: 'base', shadowTypes: [guest], callbacks: { postUnpatch() {} } }] });`;
}

export class CollectionStage {
  readonly #store: ShadowStore;
  readonly #coordinator: PatchCoordinator;
  readonly #guests: readonly number[];
  readonly #destructor: boolean;
  readonly #control = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #population: Population;
  #worker: Worker | undefined;

  constructor(population: Population, destructor = false) {
    this.#population = population;
    this.#guests = population.absent;
    this.#store = createFilledStore(population.present);
    this.#coordinator = new PatchCoordinator(this.#store);
    this.#destructor = destructor;
  }

  set phase(value: number) {
    Atomics.store(this.#control, PHASE, value);
  }

  /** Enables the patch and fills the store with what it declares. */
  async fill(): Promise<void> {
    await this.#coordinator.enable({ code: patchCode(this.#destructor) });
    for (const key of this.#guests) this.#store.alloc(key, guest).reads = initialReads(key);
    this.#store.safepoint();
  }

  /** Disables the patch; resolves when all its variables are destroyed. `onRelease` is called right after they have become invisible. */
  async collect(onRelease: () => void = () => undefined): Promise<Collected> {
    const [coordinator, expected] = [this.#coordinator, this.#guests.length];
    let releasedAt = 0;
    const onCallback = (): void => void (releasedAt = nanosecondsNow());
    counts.benchDestroyed = 0;
    coordinator.once('callback', onCallback).once('collecting', onRelease);
    const collected = once(coordinator, 'collected') as Promise<[CollectedEvent]>;
    await coordinator.disable('guests');
    const [{ variables, milliseconds }] = await collected;
    const { live } = this.#store.stats();
    if (variables !== expected || live !== this.#population.present.length)
      throw new Error(`${variables} of ${expected} are gone, ${live} stay`);
    if (this.#destructor && counts.benchDestroyed !== expected) throw new Error(`${counts.benchDestroyed} of ${expected} were destroyed`);
    return { releasedAt, variables, milliseconds };
  }

  /** Has the worker begin a job, in a worker of its own that is started for the first one; `result` is what it answers in the end. */
  async begin(job: 'watch'): Promise<{ readonly result: Promise<Watched> }>;
  async begin(job: 'read'): Promise<{ readonly result: Promise<ReadResult> }>;
  async begin(job: CollectJob): Promise<{ readonly result: Promise<unknown> }> {
    const worker = (this.#worker ??= await this.#start());
    this.phase = PAUSE;
    const begun = nextMessage(worker);
    worker.postMessage(job);
    await begun;
    return { result: nextMessage(worker) };
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
    await this.#coordinator.close();
    this.#store[Symbol.dispose]();
  }

  async #start(): Promise<Worker> {
    const workerData: CollectWorkerData = {
      handle: this.#store.handle,
      control: this.#control.buffer,
      hosts: drawKeys(this.#population.present, ASKED),
      guests: this.#guests,
    };
    // It looks for variables whose type nobody registers any more: that is a warning otherwise.
    const worker = new Worker(new URL('./collect-worker.js', import.meta.url), { workerData, execArgv: ['--no-warnings'] });
    await nextMessage(worker);
    return worker;
  }
}

async function nextMessage(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown];
  return message;
}
