/**
 * Owns what an adapter keeps of one store while it is observed: its coordinator, what was counted of its events, and the totals of counters that the store keeps in 32
 * bits. Touches shared memory only through what it imports: errors, task-meter, task-totals, the store and the coordinator.
 */
import { describe, ShadowError } from '../errors.js';
import type { CollectedEvent } from '../livepatch/collector.js';
import { Coordinator } from '../livepatch/coordinator.js';
import { Layout } from '../memory/layout.js';
import type { StoreStats } from '../shadow/stats.js';
import { ShadowStore } from '../shadow/store.js';
import { TaskMeter } from './task-meter.js';
import { between, endedTasks, readTaskTotals, type TaskTotals } from './task-totals.js';

/** What is read at one moment. */
export interface Reading {
  readonly stats: StoreStats;
  readonly subject: Subject;
}

/** Tasks since they are observed. */
export interface TaskCounts {
  readonly begun: number;
  readonly ended: number;
  readonly seconds: number;
  /** By bucket of the threads' histogram, see bucketEnd() in livepatch/tasks.ts. */
  readonly buckets: readonly number[];
}

export class Subject {
  readonly store: ShadowStore;
  readonly coordinator: Coordinator | undefined;
  collections = 0;
  collected = 0;
  #reading: Reading | undefined;
  readonly #totals = new Map<string, Growing>();
  readonly #meter: TaskMeter | undefined;
  readonly #warningsBefore: number;
  #tasksRead: TaskTotals | undefined;
  #tasks: TaskCounts = { begun: 0, ended: 0, seconds: 0, buckets: new Array<number>(Layout.HISTOGRAM_BUCKETS).fill(0) };

  /** `what`: whoever asks. @throws ERR_SHADOW_OPTION, ERR_SHADOW_DISPOSED */
  constructor(of: ShadowStore | Coordinator, what: string, tasks: boolean) {
    if (!(of instanceof ShadowStore) && !(of instanceof Coordinator))
      throw new ShadowError('ERR_SHADOW_OPTION', `${what} takes a PatchCoordinator or a ShadowStore, not ${describe(of)}`);
    this.coordinator = of instanceof Coordinator ? of : undefined;
    this.store = of instanceof Coordinator ? of.store : of;
    if (this.isDisposed) throw new ShadowError('ERR_SHADOW_DISPOSED', `${what} of a disposed store; attach to the handle again`);
    this.#warningsBefore = this.coordinator?.$warnings ?? 0;
    this.coordinator?.on('collected', this.#onCollected);
    if (!tasks) return;
    this.#meter = new TaskMeter(this.store);
    this.#tasksRead = readTaskTotals(this.store.internals.memory);
  }

  get isDisposed(): boolean {
    return this.store.internals.thread.disposed;
  }

  get warnings(): number {
    return (this.coordinator?.$warnings ?? 0) - this.#warningsBefore;
  }

  get timesTasks(): boolean {
    return this.#meter !== undefined;
  }

  /** The store as it stands. One for all that is read in one go: it looks at every page. */
  get reading(): Reading {
    if (this.#reading === undefined) {
      this.#reading = { stats: this.store.stats(), subject: this };
      queueMicrotask(() => {
        this.#reading = undefined;
      });
    }
    return this.#reading;
  }

  /** What a counter of 32 bits has come to that stands at `value` now. */
  grown(name: string, value: number): number {
    let total = this.#totals.get(name);
    if (total === undefined) this.#totals.set(name, (total = new Growing(value)));
    return total.next(value);
  }

  /** To be called while `timesTasks`. */
  tasks(): TaskCounts {
    const read = readTaskTotals(this.store.internals.memory);
    const since = between(this.#tasksRead!, read);
    this.#tasksRead = read;
    const { begun, ended, seconds, buckets } = this.#tasks;
    return (this.#tasks = {
      begun: begun + since.begun,
      ended: ended + endedTasks(since),
      seconds: seconds + since.milliseconds / 1000,
      buckets: buckets.map((count, i) => count + since.buckets[i]!),
    });
  }

  close(): void {
    this.coordinator?.off('collected', this.#onCollected);
    this.#meter?.[Symbol.dispose]();
  }

  readonly #onCollected = ({ variables }: CollectedEvent): void => {
    this.collections++;
    this.collected += variables;
  };
}

/**
 * A total that never goes back, of a counter that wraps at 2^32 and that may stand too low for a moment: what a leaving thread has counted is handed over in two
 * steps.
 */
class Growing {
  #total: number;
  #last: number;

  constructor(value: number) {
    this.#total = value >>> 0;
    this.#last = value;
  }

  next(value: number): number {
    const growth = (value - this.#last) | 0;
    if (growth > 0) {
      this.#total += growth;
      this.#last = value;
    }
    return this.#total;
  }
}
