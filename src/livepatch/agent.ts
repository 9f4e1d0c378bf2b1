/**
 * Owns the worker's side of live patching as tasks see it: the **gate** that lets every task run entirely on one version. One agent per thread.
 *
 * The gate: a task reads PATCH_EPOCH once, at entry. Unchanged: it runs. Changed: the thread takes the new manifest; if that names another
 * version, tasks that come from then on wait until those in flight have ended and no call is active that would change under way, the
 * thread flips, and they run. Code is loaded before a thread closes its gate, so the gate is closed for as long as the tasks in flight take
 * and no longer. The other ways to switch: SwitchMode in manifest.ts, and pin.ts.
 *
 * Reads PATCH_EPOCH; what is written is written by follower.ts, running.ts, slot-words.ts and tasks.ts. Imports layout, these, the types of
 * loaded, manifest, pin and of the store.
 */
import { Layout } from '../memory/layout.js';
import type { ShadowStore } from '../shadow/store.js';
import { Follower } from './follower.js';
import type { LoadedPatch } from './loaded.js';
import { type Manifest, storeName } from './manifest.js';
import type { Pin } from './pin.js';
import type { SourcePolicy } from './root.js';
import type { Running } from './running.js';
import { prepareScripts } from './script.js';
import { SlotWords } from './slot-words.js';
import { TaskTable } from './tasks.js';

/** What `enter()` answers when the task has to wait. */
export const CLOSED = -1;

export class Agent {
  readonly store: ShadowStore;
  readonly storeName: string;
  readonly #words: Int32Array;
  readonly #tasks: TaskTable;
  readonly #follower: Follower;
  readonly #running: Running;

  /** `announced` is what the environment of this thread said when it was started; possibly outdated. */
  constructor(store: ShadowStore, announced: Manifest, policy?: SourcePolicy) {
    const { memory, words, slotAddress } = store.internals;
    this.store = store;
    this.storeName = storeName(words);
    this.#words = words;
    this.#tasks = new TaskTable(words, memory.doubles, slotAddress);
    const slot = new SlotWords(store, this.#tasks);
    this.#follower = new Follower(store, this.storeName, announced, policy, this.#tasks, slot);
    this.#running = this.#follower.running;
    prepareScripts().catch(() => undefined); // a script that cannot be loaded for that reason says so
    slot.begin();
    this.#follower.begin();
  }

  /** Number of the version that whoever asks runs; 0 = unpatched, PATCH_NOT_RUNNING before the first manifest. */
  get version(): number {
    return this.#running.pin === null ? this.#running.number : this.#running.pin.version;
  }

  /** The pinned switch that is under way: tasks run by way of it. */
  get pin(): Pin | null {
    return this.#running.pin;
  }

  get tasksInFlight(): number {
    return this.#tasks.inFlight;
  }

  /** Patches that run here or may come to. */
  get patches(): LoadedPatch[] {
    return this.#follower.code.patches;
  }

  /** Admits a task and returns its entry, with which it must `leave()`; or CLOSED: then `admission()` tells. */
  enter(kind: number): number {
    const follower = this.#follower;
    if (Atomics.load(this.#words, Layout.PATCH_EPOCH) !== follower.acted && !follower.isOpen()) return CLOSED;
    return this.#tasks.begin(kind);
  }

  /** The entry of a task that had to wait. @throws ERR_PATCH_CLOSED, ERR_PATCH_LOAD, ERR_PATCH_MODULE */
  admission(kind: number): Promise<number> {
    return this.#follower.admission(kind);
  }

  /** Ends an admitted task: the thread holds no views any more, and flips if the gate waited for this one. */
  leave(entry: number): void {
    try {
      this.store.safepoint();
    } finally {
      this.#tasks.end(entry);
      this.#follower.betweenTasks();
    }
  }

  /** A point in a long synchronous loop where no view is held; outside tasks also a point where the thread may flip. */
  safepoint(): void {
    this.store.safepoint();
    this.#follower.betweenTasks();
  }

  /** Resolves when the newest manifest has arrived, is loaded and acted on in full. Keeps a pool's worker from going to sleep until then. */
  settle(): Promise<void> {
    return this.#follower.settle();
  }

  /** Nothing is left to do for what the coordinator has said so far. */
  isSettled(): boolean {
    return this.#follower.isSettled();
  }
}
