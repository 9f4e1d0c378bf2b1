/**
 * Owns hearing of the exit of workers that this thread starts: one listener for all stores. An exit event is certain knowledge, and where nothing else tells of
 * a death. Touches no shared memory; imports nothing of Umbra.
 */
import type { Worker } from 'node:worker_threads';

export interface ExitWatcher {
  /** The thread of this node:worker_threads id exists no more. */
  died(nodeThreadId: number): unknown;
}

/** Held weakly: a store that nobody has any more needs no recovery. */
const watchers = new Set<WeakRef<ExitWatcher>>();

/** Has `died` called for every worker that this thread starts from now on, after its exit. */
export function watchExits(watcher: ExitWatcher): () => void {
  if (watchers.size === 0) process.on('worker', watch);
  const reference = new WeakRef(watcher);
  watchers.add(reference);
  return () => {
    drop(reference);
  };
}

function watch(worker: Worker): void {
  const thread = worker.threadId; // −1 once it has exited
  worker.once('exit', () => {
    for (const reference of watchers) {
      const watcher = reference.deref();
      if (watcher === undefined) drop(reference);
      else tell(watcher, thread);
    }
  });
}

/** In the listener of an event nobody could catch what it throws. */
function tell(watcher: ExitWatcher, thread: number): void {
  try {
    watcher.died(thread);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function drop(reference: WeakRef<ExitWatcher>): void {
  watchers.delete(reference);
  if (watchers.size === 0) process.off('worker', watch);
}
