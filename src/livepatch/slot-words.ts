/**
 * Owns the life of a thread's slot as its agent uses it: from the moment the coordinator counts the thread until the store is disposed and
 * the slot may be somebody else's. Writes THREAD_AGENT, and the agent's words on its behalf. Imports layout, activity, tasks and the type of
 * the store.
 */
import { Layout } from '../memory/layout.js';
import type { Thread } from '../memory/threads.js';
import type { ShadowStore } from '../shadow/store.js';
import { moveCounters } from './activity.js';
import type { TaskTable } from './tasks.js';

export class SlotWords {
  readonly #words: Int32Array;
  readonly #slot: number;
  readonly #thread: Thread;
  readonly #tasks: TaskTable;

  constructor(store: ShadowStore, tasks: TaskTable) {
    const { words, slotAddress, thread } = store.internals;
    this.#words = words;
    this.#slot = slotAddress;
    this.#thread = thread;
    this.#tasks = tasks;
    const dispose = store[Symbol.dispose].bind(store);
    Object.defineProperty(store, Symbol.dispose, {
      value: () => {
        if (!thread.disposed) {
          store.safepoint(); // refuses where disposing would be refused
          this.#end();
        }
        dispose();
      },
    });
  }

  /** From here on the coordinator counts this thread: it reads PATCH_EPOCH after this, and the coordinator looks for agents after raising it. */
  begin(): void {
    this.note(Layout.THREAD_FLIPPING, 0);
    this.note(Layout.THREAD_PATCH_EPOCH, -1);
    this.note(Layout.THREAD_PATCH_LOADED, 0);
    this.note(Layout.THREAD_PATCH_VERSION, Layout.PATCH_NOT_RUNNING);
    // step: agent.cleared
    moveCounters({ words: this.#words, address: this.#slot });
    // step: agent.counting
    this.note(Layout.THREAD_AGENT, this.#words[this.#slot + Layout.THREAD_GENERATION]!);
    // step: agent.registered
    process.once('exit', () => {
      this.note(Layout.THREAD_AGENT, 0);
      this.wakeCoordinator();
    });
  }

  /** Writes a word of this thread's slot, unless the store was disposed and the slot may be somebody else's by now. */
  note(word: number, value: number): void {
    if (!this.#thread.disposed) Atomics.store(this.#words, this.#slot + word, value);
  }

  wakeCoordinator(): void {
    Atomics.add(this.#words, Layout.PATCH_WAKE, 1);
    Atomics.notify(this.#words, Layout.PATCH_WAKE);
  }

  #end(): void {
    // step: agent.leaving
    this.#tasks.leaveSlot();
    moveCounters(null);
    this.note(Layout.THREAD_AGENT, 0);
    this.wakeCoordinator();
  }
}
