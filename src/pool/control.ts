/**
 * Owns the one task that the coordinator sends to a pool's workers. A Piscina worker that has nothing to do sleeps in Atomics.wait and
 * hears no message; a task wakes it, and keeps it awake while it takes its manifest, loads what that names, and waits for suspended calls to
 * end. Runs in the worker, beside the user's tasks and outside the gate. Imports the worker's side of livepatch and the type of the task.
 */
import { attachByName } from '../livepatch/attach.js';
import type { ControlTask } from './balancer.js';

/** Attaches the thread if its own code has not, and resolves when it has done all that the newest manifest asks for. */
export async function synchronise({ storeName, ending }: Pick<ControlTask, 'storeName' | 'ending'>): Promise<void> {
  try {
    await attachByName(storeName).settle();
  } finally {
    Atomics.store(ending, 0, 1);
  }
}
