/**
 * Owns the tasks in flight of this thread: how many, which, and since when. Writes THREAD_TASKS, THREAD_TASK_SERIAL and the task table of the
 * slot, all plainly: they tell whoever asks what holds up a transition, and decide nothing. Imports layout.
 */
import { Layout, type WordAddress } from '../memory/layout.js';

const ALL_FREE = 2 ** Layout.TASK_ENTRIES - 1;
/** The entry of a task that found none empty. */
const UNRECORDED = Layout.TASK_ENTRIES;

/** Names of tasks; a task's kind is the index of its name. */
const kinds: string[] = [];
let onNamed: () => void = () => undefined;

/** The number by which tasks of this name are recorded. */
export function taskKind(name: string): number {
  const known = kinds.indexOf(name);
  if (known >= 0) return known;
  onNamed();
  return kinds.push(name) - 1;
}

export function taskNames(): readonly string[] {
  return kinds;
}

/** `named` runs when `taskNames()` will tell something new. */
export function watchTaskNames(named: () => void): void {
  onNamed = named;
}

export class TaskTable {
  inFlight = 0;
  #words: Int32Array;
  #slot: WordAddress;
  /** One bit for each empty entry. */
  #free = ALL_FREE;
  #serial = 0;

  constructor(words: Int32Array, slot: WordAddress) {
    this.#words = words;
    this.#slot = slot;
    words.fill(0, slot + Layout.THREAD_TASK_TABLE, slot + Layout.THREAD_TASK_TABLE + Layout.TASK_ENTRIES * Layout.TASK_WORDS);
    words[slot + Layout.THREAD_TASKS] = 0;
    words[slot + Layout.THREAD_TASK_SERIAL] = 0;
  }

  /** Counts one more task, and returns its entry. */
  begin(kind: number): number {
    const words = this.#words;
    const slot = this.#slot;
    const serial = (this.#serial + 1) | 0 || 1; // 0 marks an empty entry
    this.#serial = serial;
    words[slot + Layout.THREAD_TASK_SERIAL] = serial;
    // step: task.numbered
    words[slot + Layout.THREAD_TASKS] = ++this.inFlight;
    // step: task.counted
    const free = this.#free;
    if (free === 0) return UNRECORDED;
    const entry = 31 - Math.clz32(free & -free);
    this.#free = free & (free - 1);
    const address = slot + Layout.THREAD_TASK_TABLE + entry * Layout.TASK_WORDS;
    words[address + Layout.TASK_KIND] = kind;
    words[address + Layout.TASK_STARTED] = Date.now();
    words[address + Layout.TASK_SERIAL] = serial;
    // step: task.recorded
    return entry;
  }

  end(entry: number): void {
    this.#words[this.#slot + Layout.THREAD_TASKS] = --this.inFlight;
    // step: task.ended
    if (entry === UNRECORDED) return;
    this.#words[this.#slot + Layout.THREAD_TASK_TABLE + entry * Layout.TASK_WORDS + Layout.TASK_SERIAL] = 0;
    // step: task.forgotten
    this.#free |= 1 << entry;
  }

  /** The slot is given up: from now on the tasks are recorded where nobody looks. */
  leaveSlot(): void {
    this.#words = new Int32Array(Layout.THREAD_WORDS);
    this.#slot = 0;
  }
}
