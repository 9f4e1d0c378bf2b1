/**
 * Owns the answer to "who holds it up": what a thread is doing, read from its slot, so that a thread that answers nothing can be named as
 * well. The slot holds numbers; the agents have told their meaning. Reads THREAD_TASK_TABLE and THREAD_ACTIVATIONS of other threads; plain
 * words that change meanwhile, so what it tells is what was seen, not a consistent state. Imports layout and the types of the reports.
 */
import { Layout } from '../memory/layout.js';
import type { ActivationName, NamesReport } from './manifest.js';
import type { AgentStatus } from './roster.js';

/** A task in flight that a thread has to end before it can switch. Plain JSON. */
export interface StragglerTask {
  /** Counts the tasks of the thread, and of those that had its slot before; modulo 2^32. */
  readonly serial: number;
  readonly name: string;
  /** Since it was admitted. */
  readonly milliseconds: number;
}

/** Calls of a patchable function that have not returned yet. Plain JSON. */
export interface StragglerCall {
  /** "object.function" */
  readonly name: string;
  /** The patch whose version of the function is being called; null = the original. */
  readonly patch: string | null;
  readonly calls: number;
}

/** A thread that has not switched yet. Plain JSON. */
export interface Straggler {
  /** threadId of node:worker_threads; 0 is the main thread. */
  readonly thread: number;
  /** Number of the version it runs; −2 = tasks of two versions. */
  readonly version: number;
  /** Tasks in flight, oldest first; those that a crowded thread could not record are missing. */
  readonly tasks: readonly StragglerTask[];
  /** Calls of patchable functions that have not ended, suspended asynchronous ones included. */
  readonly calls: readonly StragglerCall[];
}

interface Names {
  readonly tasks: readonly string[];
  readonly activations: readonly ActivationName[];
}

export class Observer {
  readonly #words: Int32Array;
  readonly #names = new Map<number, Names>();

  constructor(words: Int32Array) {
    this.#words = words;
  }

  learn({ thread, tasks, activations }: NamesReport): void {
    this.#names.set(thread, { tasks, activations });
  }

  forget(thread: number): void {
    this.#names.delete(thread);
  }

  describe({ thread, version, slot }: AgentStatus): Straggler {
    const names = this.#names.get(thread);
    return { thread, version, tasks: this.#tasks(slot, names), calls: this.#calls(slot, names) };
  }

  #tasks(slot: number, names: Names | undefined): StragglerTask[] {
    const words = this.#words;
    const tasks: StragglerTask[] = [];
    for (let index = 0; index < Layout.TASK_ENTRIES; index++) {
      const entry = slot + Layout.THREAD_TASK_TABLE + index * Layout.TASK_WORDS;
      const serial = words[entry + Layout.TASK_SERIAL]! >>> 0;
      if (serial === 0) continue;
      const started = words[entry + Layout.TASK_STARTED]!;
      const name = names?.tasks[words[entry + Layout.TASK_KIND]!] ?? 'task';
      tasks.push({ serial, name, milliseconds: ((Date.now() | 0) - started) >>> 0 });
    }
    return tasks.sort((a, b) => (a.serial - b.serial) | 0); // they wrap
  }

  #calls(slot: number, names: Names | undefined): StragglerCall[] {
    const calls: StragglerCall[] = [];
    for (const { counter, name, patch } of names?.activations ?? []) {
      const count = this.#words[slot + Layout.THREAD_ACTIVATIONS + counter]!;
      if (count > 0) calls.push({ name, patch, calls: count });
    }
    return calls;
  }
}

/** One line about a straggler, for a message. */
export function tellStraggler({ thread, version, tasks, calls }: Straggler): string {
  const doing = [
    ...tasks.map(({ name, serial, milliseconds }) => `task ${name} #${serial} for ${milliseconds} ms`),
    ...calls.map(({ name, patch, calls: count }) => `${count} call(s) of ${name} (${patch ?? 'original'})`),
  ];
  return `thread ${thread} in version ${version}${doing.length === 0 ? '' : `: ${doing.join(', ')}`}`;
}
