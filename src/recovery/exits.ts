/**
 * Owns hearing of the exit of workers that this thread starts: one listener for all stores, from the moment this module is loaded, so that it also hears of
 * workers that were started before the store was there which they attach to. An exit event is certain knowledge, and where nothing else tells of a death. Touches
 * no shared memory; imports nothing of Umbra.
 */
import type { Worker } from 'node:worker_threads';

export interface ExitWatcher {
  /** The thread of this node:worker_threads id exists no more. */
  died(nodeThreadId: number): unknown;
}

/** Held weakly: a store that nobody has any more needs no recovery. */
const watchers = new Set<WeakRef<ExitWatcher>>();

/** Has `died` called for every worker that this thread started since it loaded Umbra, after its exit. */
export function watchExits(watcher: ExitWatcher): () => void {
  const reference = new WeakRef(watcher);
  watchers.add(reference);
  return () => {
    watchers.delete(reference);
  };
}

process.on('worker', watch);

function watch(worker: Worker): void {
  const thread = worker.threadId; // −1 once it has exited
  worker.once('exit', () => {
    for (const reference of watchers) {
      const watcher = reference.deref();
      if (watcher === undefined) watchers.delete(reference);
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
