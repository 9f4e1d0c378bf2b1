/**
 * Owns the coordinator's picture of the other threads: which of them have an agent, and what their slots say. A thread counts from the
 * moment its agent registered (THREAD_AGENT holds the generation of the slot's claim) until it gives up its slot, leaves by itself, or is
 * dead: only then is it certain that it runs nothing any more. Of workers that this thread starts from now on the exit event tells; of all
 * others, started earlier or by another thread, the operating system, which is asked by whoever waits for them.
 *
 * Reads the agents' words with Atomics; writes THREAD_AGENT of the dead. Imports layout, threads and the type of the store.
 */
import type { Worker } from 'node:worker_threads';

import { Layout, type WordAddress } from '../memory/layout.js';
import { isSlotGone, threadSlotAddress, threadState } from '../memory/threads.js';
import type { ShadowStore } from '../shadow/store.js';

/** One thread with an agent, as its slot describes it at this moment. */
export interface AgentStatus {
  /** threadId of node:worker_threads. */
  readonly thread: number;
  /** Number of the version that its tasks run; PATCH_NOT_RUNNING = none yet. */
  readonly version: number;
  /** Whether it is changing its version at this moment, in which case `version` tells nothing. */
  readonly flipping: boolean;
  /** The PATCH_EPOCH that it has acted on in full. */
  readonly acted: number;
  /** The PATCH_EPOCH for which it has loaded the code, negative = could not. */
  readonly loaded: number;
  /** Tasks in flight. */
  readonly tasks: number;
  /** Where its slot is, for a closer look. */
  readonly slot: WordAddress;
}

export class Roster {
  readonly #store: ShadowStore;
  readonly #onExit: (thread: number) => void;
  /** Threads whose exit event will come, and whether they were seen with an agent. */
  readonly #watched = new Map<number, boolean>();

  /** Watches every worker that this thread starts from now on; `onExit` runs after a dead one was struck off. */
  constructor(store: ShadowStore, onExit: (thread: number) => void) {
    this.#store = store;
    this.#onExit = onExit;
    process.on('worker', this.#watch);
  }

  agents(): AgentStatus[] {
    const { words } = this.#store.internals;
    const agents: AgentStatus[] = [];
    for (const slot of this.#agentSlots()) {
      const claim = words[slot + Layout.THREAD_GENERATION];
      const agent = {
        thread: words[slot + Layout.THREAD_NODE_ID]!,
        // In this order: a thread that is not flipping now has written its version, or will find that the epoch has moved on.
        flipping: Atomics.load(words, slot + Layout.THREAD_FLIPPING) !== 0,
        version: Atomics.load(words, slot + Layout.THREAD_PATCH_VERSION),
        acted: Atomics.load(words, slot + Layout.THREAD_PATCH_EPOCH),
        loaded: Atomics.load(words, slot + Layout.THREAD_PATCH_LOADED),
        tasks: Atomics.load(words, slot + Layout.THREAD_TASKS),
        slot,
      };
      if (Atomics.load(words, slot + Layout.THREAD_AGENT) !== claim) continue; // it has left meanwhile
      if (this.#watched.get(agent.thread) === false) this.#watched.set(agent.thread, true);
      agents.push(agent);
    }
    return agents;
  }

  /**
   * Whether the thread had an agent at some time: it is not one that is still starting, whatever its pool says. The operating system and other
   * threads may know of its death before the pool does, which waits for the exit event.
   */
  hasStarted(thread: number): boolean {
    return this.#watched.get(thread) === true;
  }

  /** Whether one of these threads is dead, as the operating system says. */
  isAnyGone(threads: readonly number[]): boolean {
    const { words } = this.#store.internals;
    for (const slot of this.#agentSlots()) {
      if (threads.includes(words[slot + Layout.THREAD_NODE_ID]!) && isSlotGone(words, slot)) return true;
    }
    return false;
  }

  close(): void {
    process.off('worker', this.#watch);
  }

  *#agentSlots(): Generator<WordAddress> {
    const { memory, words } = this.#store.internals;
    const high = Atomics.load(words, Layout.THREAD_HIGH);
    for (let slot = 0; slot < high; slot++) {
      const address = threadSlotAddress(memory, slot);
      const claim = Atomics.load(words, address + Layout.THREAD_AGENT);
      if (claim === 0 || claim !== words[address + Layout.THREAD_GENERATION]) continue;
      if (threadState(words, address) === Layout.THREAD_LIVE) yield address;
    }
  }

  readonly #watch = (worker: Worker): void => {
    const thread = worker.threadId; // −1 once it has exited
    this.#watched.set(thread, false);
    worker.once('exit', () => {
      this.#watched.delete(thread);
      const { words } = this.#store.internals;
      for (const slot of this.#agentSlots()) {
        if (words[slot + Layout.THREAD_NODE_ID] === thread) Atomics.store(words, slot + Layout.THREAD_AGENT, 0);
      }
      // step: roster.struck
      this.#onExit(thread);
    });
  };
}
