/**
 * Owns the join of coordinator and Piscina: the class that users make. Imports livepatch and group.
 */
import type { Piscina } from 'piscina';

import { describe, ShadowError } from '../errors.js';
import { Coordinator } from '../livepatch/coordinator.js';
import type { CoordinatorOptions } from '../livepatch/options.js';
import { readTakeover } from '../livepatch/takeover.js';
import type { ShadowStore } from '../shadow/store.js';
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
   * The coordinator of a store whose own one died with its thread: takes over what is enabled, what is registered, what is being collected or migrated, and a
   * transition that was pending, and answers the threads that wait. `store` is this thread's store object, attached or created.
   *
   * A transition that threads had been told of goes on in the direction that it had last; so does a disabling that none had been told of, while an
   * enabling is given up, as if it had been refused: whoever asked for it is gone. A callback that has certainly run is not run again; one that the
   * death may have cut short is, see `takenOver.uncertain`, and a pre_patch that was cut short is answered by its post_unpatch. Modules that were coming
   * are not there, those that were going are gone. What callbacks kept in the `data` of states is lost: it was the dead thread's.
   *
   * Resolves when threads have been told; `transition` shows what is pending then.
   * @throws ERR_PATCH_COORDINATOR if the coordinator lives or was closed; ERR_PATCH_TAKEOVER if there never was one, or its record is lost, damaged or not of this
   * build; ERR_PATCH_LOAD, ERR_PATCH_ROOT, ERR_PATCH_DECLARATION if a patch cannot be loaded any more. Nothing was taken over then
   */
  static async recover(store: ShadowStore, options: CoordinatorOptions = {}): Promise<PatchCoordinator> {
    const takeover = await readTakeover(store, options);
    const coordinator = new PatchCoordinator(store, options, takeover);
    await coordinator.resume();
    return coordinator;
  }

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
