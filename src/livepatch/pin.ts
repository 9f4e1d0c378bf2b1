/**
 * Owns a pinned switch of this thread: two versions at once, and for each task and each call which of them it belongs to. Tasks that were
 * in flight when it began, and calls outside tasks, have no mark and belong to the first version; tasks that start on the second one carry
 * a mark through all their awaits. AsyncLocalStorage is what carries it, and it slows every promise down: so there is one for each switch,
 * and none in between. Touches no shared memory. Imports chains.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import { installBeside, type Stack } from './chains.js';

/** One of the two. */
export interface Version {
  readonly number: number;
  readonly stack: Stack;
}

export class Pin {
  readonly first: Version;
  readonly second: Version;
  /** What tasks start on. */
  #target: Version;
  readonly #mark = new AsyncLocalStorage<boolean>();
  /** Tasks in flight on the second version. */
  #marked = 0;

  constructor(first: Version, second: Version) {
    this.first = first;
    this.second = second;
    this.#target = second;
    installBeside(second.stack, () => this.#mark.getStore() === true);
  }

  /** The version of whoever asks. */
  get version(): number {
    return this.#mark.getStore() === true ? this.second.number : this.first.number;
  }

  /** The one of the two that has this number. */
  versionOf(number: number): Version | undefined {
    return [this.first, this.second].find((version) => version.number === number);
  }

  /** Has tasks from now on start on the version of this number: the first one again when the switch is reversed. False if there is none. */
  aim(number: number): boolean {
    const target = this.versionOf(number);
    if (target !== undefined) this.#target = target;
    return target !== undefined;
  }

  /** Runs one task from beginning to end on the target version. */
  async run<T>(task: () => T | PromiseLike<T>): Promise<T> {
    const marked = this.#target === this.second;
    if (marked) this.#marked++;
    try {
      return await this.#mark.run(marked, task);
    } finally {
      if (marked) this.#marked--;
    }
  }

  /** How many of these tasks in flight, of both versions, belong to the other one. */
  tasksBeside(version: Version, inFlight: number): number {
    return version === this.second ? inFlight - this.#marked : this.#marked;
  }

  /** From now on nothing is told apart any more; `install()` follows. */
  end(): void {
    this.#mark.disable();
  }
}
