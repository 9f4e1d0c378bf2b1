/**
 * Owns the join of coordinator and Piscina: the class that users make. Imports livepatch and group.
 */
import type { Piscina } from 'piscina';

import { describe, ShadowError } from '../errors.js';
import { Coordinator } from '../livepatch/coordinator.js';
import { PoolGroup, type PoolOptions } from './group.js';

/**
 * Patches the functions of running worker threads and collects the shadow variables that no enabled patch uses any more. One per store,
 * on the main thread; its operations run one after another.
 *
 * @example
 * const coordinator = new PatchCoordinator(store);
 * const pool = coordinator.createPool({ filename: new URL('./worker.js', import.meta.url) });
 * await coordinator.enable(new URL('./fix-1.js', import.meta.url));
 */
export class PatchCoordinator extends Coordinator {
  /**
   * A Piscina pool whose workers follow this coordinator; takes all of Piscina's options and leaves `workerData` alone. The worker file
   * exports `task(handler)` as default and finds the store with `attach()`. Several pools are allowed; `close()` destroys them.
   *
   * The coordinator now and then runs a task of its own in a worker: it neither queues behind the pool's tasks nor takes a place among
   * them, but `completed` and the histograms count it.
   * @throws ERR_PATCH_CLOSED and what Piscina throws for bad options
   */
  createPool<Task = unknown, Result = unknown>(options: PoolOptions = {}): Piscina<Task, Result> {
    if (typeof options !== 'object' || (options as unknown) === null)
      throw new ShadowError('ERR_PATCH_DECLARATION', `the options of a pool are an object, not ${describe(options)}`);
    return this.join((threads) => new PoolGroup(threads, options)).pool as Piscina<unknown, unknown> as Piscina<Task, Result>;
  }
}
