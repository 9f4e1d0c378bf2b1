/**
 * Owns where tasks go in a pool with control tasks: a control task to the one thread it is meant for, at once and whatever that thread is
 * doing; a user's task to whichever worker the user's balancer picks, which does not get to see the control tasks. Touches no shared
 * memory.
 */
import { queueOptionsSymbol } from 'piscina';
import type { Piscina } from 'piscina';

type Options = NonNullable<ConstructorParameters<typeof Piscina>[0]>;
export type LoadBalancer = NonNullable<Options['loadBalancer']>;
export type TaskQueue = NonNullable<Options['taskQueue']>;
type PoolTask = Parameters<LoadBalancer>[0];
type PoolWorker = Parameters<LoadBalancer>[1][number];
type QueuedTask = Parameters<TaskQueue['push']>[0];

/** Thrown out of `pool.run()` when the thread of a control task is not there: nothing was queued, nothing was started. */
export const UNPLACEABLE = new Error('the thread of this control task is not in the pool');

/** A control task on its way to a thread or running there. */
export class ControlTask {
  readonly thread: number;
  /** A user's task that may be aborted, which ends its thread, runs beside it: no further task may be put there. */
  besideAbortable = false;
  /** Piscina's number for it, once it is placed. */
  taskId = -1;
  /** 1 once the task is about to end: until then Piscina certainly counts it among the worker's tasks. Shared with the worker. */
  readonly ending = new Int32Array(new SharedArrayBuffer(4));
  /** Piscina hands this on to the balancer; it does not travel to the worker. */
  readonly [queueOptionsSymbol] = this;
  readonly storeName: string;

  constructor(thread: number, storeName: string) {
    this.thread = thread;
    this.storeName = storeName;
  }
}

/** A balancer that pins control tasks and leaves all others to `users`. `running` holds the control tasks by thread. */
export function pinningBalancer(users: LoadBalancer, running: ReadonlyMap<number, ControlTask>): LoadBalancer {
  return (task, workers) => {
    const options = task[queueOptionsSymbol];
    if (options instanceof ControlTask) return place(options, task.taskId, workers);
    if (running.size === 0) return users(task, workers);
    const candidate = users(
      task,
      workers.map((worker) => withoutControlTask(worker, running.get(worker.id))),
    );
    const control = candidate === null ? undefined : running.get(candidate.id);
    if (control !== undefined && task.isAbortable) control.besideAbortable = true;
    return candidate;
  };
}

function place(control: ControlTask, taskId: number, workers: PoolWorker[]): PoolWorker {
  const worker = workers.find(({ id, destroyed, terminating }) => id === control.thread && !destroyed && !terminating);
  if (worker === undefined) throw UNPLACEABLE;
  control.taskId = taskId;
  control.besideAbortable = worker.isRunningAbortableTask;
  return worker;
}

/** The worker as it would look without its control task; what it inherits is what Piscina needs to find it again. */
function withoutControlTask(worker: PoolWorker, control: ControlTask | undefined): PoolWorker {
  // One that is ending may be uncounted already: it is left in, for a moment, rather than giving the worker a task too many.
  if (control === undefined || Atomics.load(control.ending, 0) === 1) return worker;
  const { besideAbortable } = control;
  return Object.create(worker, {
    currentUsage: { value: besideAbortable ? Infinity : worker.currentUsage - 1 },
    isRunningAbortableTask: { value: besideAbortable },
  }) as PoolWorker;
}

/** What Piscina does without a balancer: the first idle worker, else the least busy one that has room and runs nothing abortable. */
export function leastBusyBalancer(concurrentTasksPerWorker: number): LoadBalancer {
  return (task: PoolTask, workers: PoolWorker[]) => {
    let best: PoolWorker | null = null;
    let least = concurrentTasksPerWorker;
    for (const worker of workers) {
      const usage = worker.currentUsage;
      if (usage === 0) return worker;
      // An abortable task gets a worker to itself, for its abortion ends the thread.
      if (task.isAbortable || worker.isRunningAbortableTask || usage >= least) continue;
      best = worker;
      least = usage;
    }
    return best;
  };
}

/**
 * The user's queue, which looks empty while a control task is handed in: Piscina then offers the task to the balancer directly instead of
 * queueing it behind the user's tasks or counting it against `maxQueue`.
 */
export class PassableQueue implements TaskQueue {
  readonly #queue: TaskQueue;
  /** Present only if the user's queue has it: Piscina asks. */
  readonly unshift?: (task: QueuedTask) => void;
  #passing = false;

  constructor(queue: TaskQueue) {
    this.#queue = queue;
    if (queue.unshift !== undefined) {
      this.unshift = (task): void => {
        queue.unshift?.(task);
      };
    }
  }

  get size(): number {
    return this.#passing ? 0 : this.#queue.size;
  }

  /** Runs `handIn` with the queue looking empty. */
  pass<T>(handIn: () => T): T {
    this.#passing = true;
    try {
      return handIn();
    } finally {
      this.#passing = false;
    }
  }

  push(task: QueuedTask): void {
    this.#queue.push(task);
  }

  shift(): QueuedTask | null {
    return this.#queue.shift();
  }

  remove(task: QueuedTask): void {
    this.#queue.remove(task);
  }
}
