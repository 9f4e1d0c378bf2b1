/**
 * Owns a meter of tasks: while it is open, every thread of its store times the tasks that begin. Counts itself by memory/observers.ts; reads what threads count by
 * task-totals.ts. Imports errors, memory, these and the store.
 */
import { describe, ShadowError } from '../errors.js';
import { beginObserving, endObserving } from '../memory/observers.js';
import { ShadowStore } from '../shadow/store.js';
import { between, endedTasks, quantile, readTaskTotals, type TaskTotals } from './task-totals.js';

/** Since the last `sample()`, or since the meter was opened. */
export interface TaskSample {
  /** Tasks that began, of all threads. */
  readonly begun: number;
  /** Tasks that ended, of those that began while a meter was open. */
  readonly ended: number;
  /** How long that was by the clock. */
  readonly milliseconds: number;
  /**
   * What those that ended took, from `task()` admitting them to their end, ms; null if none ended. Read from a histogram whose steps are 19 % wide: `max` is the
   * upper end of a step.
   */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number } | null;
}

/**
 * Times the tasks of all threads of a store while it is open. What it costs: two readings of the clock and an addition per task, in the thread that runs it.
 * While no meter is open a task costs one plain load more than it did without. A meter that nobody disposes of is closed when its thread leaves the store, or dies
 * and is recovered.
 */
export class TaskMeter {
  readonly #store: ShadowStore;
  #last: TaskTotals;
  #lastAt: number;
  #open = true;

  /** @throws ERR_SHADOW_OPTION, ERR_SHADOW_DISPOSED */
  constructor(store: ShadowStore) {
    if (!(store instanceof ShadowStore))
      throw new ShadowError('ERR_SHADOW_OPTION', `a TaskMeter is made for a ShadowStore, not for ${describe(store)}`);
    this.#store = store;
    const { memory, thread, words, slotAddress } = store.internals;
    if (thread.disposed)
      throw new ShadowError('ERR_SHADOW_DISPOSED', 'a TaskMeter was made for a disposed store; attach to the handle again');
    this.#last = readTaskTotals(memory);
    this.#lastAt = performance.now();
    beginObserving(words, slotAddress);
  }

  /** What happened since the last call. Tasks of threads that left since are in it. @throws ERR_SHADOW_DISPOSED */
  sample(): TaskSample {
    if (!this.#open) throw new ShadowError('ERR_SHADOW_DISPOSED', 'this TaskMeter was disposed; make another one');
    const now = performance.now();
    const totals = readTaskTotals(this.#store.internals.memory);
    const since = between(this.#last, totals);
    const milliseconds = now - this.#lastAt;
    this.#last = totals;
    this.#lastAt = now;
    const ended = endedTasks(since);
    if (ended === 0) return { begun: since.begun, ended, milliseconds, latency: null };
    const [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1].map((share) => quantile(since, ended, share)) as [number, number, number, number];
    return { begun: since.begun, ended, milliseconds, latency: { p50, p99, p999, max } };
  }

  /** Ends the timing. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    const { thread, words, slotAddress } = this.#store.internals;
    if (!thread.disposed) endObserving(words, slotAddress); // with the store it was closed
  }
}
