/**
 * Owns the tasks at the closed gate. Touches no shared memory but what it takes to begin them. Imports errors, radio and tasks.
 */
import type { ShadowError } from '../errors.js';
import type { Radio } from './radio.js';
import type { TaskTable } from './tasks.js';

interface Waiter {
  readonly kind: number;
  readonly admit: (entry: number) => void;
  readonly refuse: (error: ShadowError) => void;
}

export class WaitingTasks {
  readonly #tasks: TaskTable;
  readonly #radio: Radio;
  #waiters: Waiter[] = [];

  constructor(tasks: TaskTable, radio: Radio) {
    this.#tasks = tasks;
    this.#radio = radio;
  }

  /** Resolves to the entry of the task once it is admitted. A thread with waiting tasks stays alive. */
  add(kind: number): Promise<number> {
    this.#radio.keepAlive(true);
    return new Promise((admit, refuse) => this.#waiters.push({ kind, admit, refuse }));
  }

  /** All are counted before any of them runs. */
  admit(): void {
    const admitted = this.#takeAll();
    const entries = admitted.map(({ kind }) => this.#tasks.begin(kind));
    admitted.forEach(({ admit }, index) => {
      admit(entries[index]!);
    });
  }

  dismiss(error: ShadowError): void {
    for (const { refuse } of this.#takeAll()) refuse(error);
  }

  #takeAll(): Waiter[] {
    const all = this.#waiters;
    this.#waiters = [];
    if (all.length > 0) this.#radio.keepAlive(false);
    return all;
  }
}
