/**
 * Owns one Piscina pool on behalf of a coordinator: its threads, and the control tasks that wake those that sleep. At most one control
 * task per thread at a time. Touches no shared memory. Imports piscina, balancer and the type of a worker group.
 */
import { FixedQueue, Piscina } from 'piscina';

import type { Threads, WorkerGroup } from '../livepatch/threads.js';
import { ControlTask, leastBusyBalancer, PassableQueue, pinningBalancer, UNPLACEABLE } from './balancer.js';

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

/** Piscina's options; `filename` may also be a URL object. */
export interface PoolOptions extends Omit<PiscinaOptions, 'filename'> {
  readonly filename?: string | URL | null;
}

const CONTROL_FILE = new URL('./control.js', import.meta.url).href;
/** How long the end of a pool waits for workers that are still starting, ms. */
const STARTING_MILLISECONDS = 1000;

/** A pool whose end its group can prepare, and that keeps quiet about control tasks. */
class ControlledPool extends Piscina<unknown, unknown> {
  /** Ids of control tasks that ended with their thread. */
  readonly abandoned = new Set<number>();
  beforeEnd: () => Promise<void> = () => Promise.resolve();
  afterEnd: () => void = () => undefined;

  /**
   * When Piscina ends a thread whose result is already on its way, it emits an `error` about an unexpected message; for a task that the
   * user has not started, that must not be the user's problem.
   */
  override emit(name: string | symbol, ...details: unknown[]): boolean {
    if (name === 'error' && details[0] instanceof Error) {
      const stray = /^Unexpected message from Worker: \{\s*taskId: (\d+)/.exec(details[0].message);
      if (stray !== null && this.abandoned.delete(Number(stray[1]))) return true;
    }
    return super.emit(name, ...details);
  }

  override async destroy(): Promise<void> {
    await this.beforeEnd();
    await super.destroy();
    this.afterEnd();
  }

  override async close(...options: Parameters<Piscina['close']>): Promise<void> {
    await this.beforeEnd();
    await super.close(...options);
    this.afterEnd();
  }
}

export class PoolGroup implements WorkerGroup {
  readonly pool: ControlledPool;
  readonly #threads: Threads;
  readonly #queue: PassableQueue;
  readonly #running = new Map<number, ControlTask>();
  /** Threads that have loaded their worker file for certain: a control task has ended there. */
  readonly #up = new Set<number>();

  constructor(threads: Threads, options: PoolOptions) {
    this.#threads = threads;
    this.#queue = new PassableQueue(options.taskQueue ?? new FixedQueue());
    const balancer = options.loadBalancer ?? leastBusyBalancer(options.concurrentTasksPerWorker ?? 1);
    const { filename, ...others } = options;
    this.pool = new ControlledPool({
      ...others,
      ...(filename === undefined || filename === null ? {} : { filename: filename instanceof URL ? filename.href : filename }),
      taskQueue: this.#queue,
      loadBalancer: pinningBalancer(balancer, this.#running),
    });
    this.pool.beforeEnd = () => this.#started();
    this.pool.afterEnd = () => {
      threads.leave(this);
    };
    // A worker that has just become ready can be reached from now on. A pool that was ended may be used again.
    this.pool.on('workerCreate', () => {
      threads.join(this);
    });
  }

  threads(): number[] {
    return this.pool.threads.map((worker) => worker.threadId).filter((thread) => thread > 0);
  }

  wake(thread: number): boolean {
    if (this.#running.has(thread)) return false; // it may have looked already; its end rings
    const control = new ControlTask(thread, this.#threads.line.storeName);
    let finished: Promise<unknown>;
    try {
      finished = this.#queue.pass(() => this.pool.run(control, { filename: CONTROL_FILE, name: 'synchronise' }));
    } catch (error) {
      // Still starting, or gone: an event will tell.
      if (error !== UNPLACEABLE) this.#threads.unreachable(thread, error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    this.#running.set(thread, control);
    finished.then(
      () => {
        this.#up.add(thread);
        this.#end(control);
      },
      (error: unknown) => {
        this.#end(control);
        this.pool.abandoned.add(control.taskId);
        // The end of the thread ends its tasks as well, and its exit event says so. Anything else is a thread that cannot be reached.
        if (this.threads().includes(thread)) this.#threads.unreachable(thread, error instanceof Error ? error : new Error(String(error)));
      },
    );
    return true;
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  /**
   * Node 20 aborts the whole process when a thread is terminated just as `require()` finishes loading an ES module, which is how Piscina
   * loads a worker file. So workers that may still be at it are given a moment to finish.
   */
  async #started(): Promise<void> {
    const deadline = performance.now() + STARTING_MILLISECONDS;
    for (;;) {
      const starting = this.threads().filter((thread) => !this.#up.has(thread));
      if (starting.length === 0 || performance.now() > deadline) return;
      for (const thread of starting) this.wake(thread);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  #end(control: ControlTask): void {
    this.#running.delete(control.thread);
    this.#threads.ring();
  }
}
