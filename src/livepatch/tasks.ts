/**
 * Owns the tasks in flight of this thread: how many, which, since when, and how long they took if somebody wants to know. Writes THREAD_TASKS, THREAD_TASK_SERIAL,
 * the task table and the histogram of the slot, all plainly: they tell whoever asks what holds up a transition or how long tasks take, and decide nothing. Reads
 * TASK_OBSERVERS. Imports layout.
 */
import { Layout, type WordAddress } from '../memory/layout.js';

const ALL_FREE = 2 ** Layout.TASK_ENTRIES - 1;
/** The entry of a task that found none empty. */
const UNRECORDED = Layout.TASK_ENTRIES;
/** Added to the entry of a task that is timed: what is beyond UNRECORDED then tells such tasks apart, which the table has no room for. */
const TIMED = 32;

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
  /** The same memory. */
  #doubles: Float64Array;
  #slot: WordAddress;
  /** One bit for each empty entry. */
  #free = ALL_FREE;
  #serial: number;
  /** When the timed tasks began, ms: by entry, and behind UNRECORDED those that the table has no room for. */
  readonly #began: number[] = new Array<number>(UNRECORDED + 1).fill(0);
  /** Places behind UNRECORDED that are empty again. */
  readonly #vacant: number[] = [];

  constructor(words: Int32Array, doubles: Float64Array, slot: WordAddress) {
    this.#words = words;
    this.#doubles = doubles;
    this.#slot = slot;
    words.fill(0, slot + Layout.THREAD_TASK_TABLE, slot + Layout.THREAD_TASK_TABLE + Layout.TASK_ENTRIES * Layout.TASK_WORDS);
    words[slot + Layout.THREAD_TASKS] = 0;
    this.#serial = words[slot + Layout.THREAD_TASK_SERIAL]!; // goes on where the thread before stopped: a meter adds up all slots
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
    let entry: number = UNRECORDED;
    if (free !== 0) {
      entry = 31 - Math.clz32(free & -free);
      this.#free = free & (free - 1);
      const address = slot + Layout.THREAD_TASK_TABLE + entry * Layout.TASK_WORDS;
      words[address + Layout.TASK_KIND] = kind;
      words[address + Layout.TASK_STARTED] = Date.now();
      words[address + Layout.TASK_SERIAL] = serial;
      // step: task.recorded
    }
    // Plainly: a task that begins as a meter is opened may be missed by it, and nothing else costs this little.
    return words[Layout.TASK_OBSERVERS] === 0 ? entry : this.#time(entry);
  }

  end(timed: number): void {
    const entry = timed < TIMED ? timed : this.#record(timed);
    this.#words[this.#slot + Layout.THREAD_TASKS] = --this.inFlight;
    // step: task.ended
    if (entry === UNRECORDED) return;
    this.#words[this.#slot + Layout.THREAD_TASK_TABLE + entry * Layout.TASK_WORDS + Layout.TASK_SERIAL] = 0;
    // step: task.forgotten
    this.#free |= 1 << entry;
  }

  /** The slot is given up: from now on the tasks are recorded where nobody looks, and none is timed, since no observer is counted there. */
  leaveSlot(): void {
    this.#words = new Int32Array(Layout.THREAD_WORDS);
    this.#doubles = new Float64Array(this.#words.buffer);
    this.#slot = 0;
  }

  /** Begins to time a task. */
  #time(entry: number): number {
    const place = entry === UNRECORDED ? (this.#vacant.pop() ?? this.#began.length) : entry;
    this.#began[place] = performance.now();
    return TIMED + place;
  }

  /** Adds a timed task to the histogram; @returns its entry. */
  #record(timed: number): number {
    const words = this.#words;
    const place = timed - TIMED;
    const milliseconds = performance.now() - this.#began[place]!;
    words[this.#slot + Layout.THREAD_TASK_HISTOGRAM + histogramBucket(milliseconds)]!++;
    this.#doubles[(this.#slot + Layout.THREAD_TASK_TIME) / 2]! += milliseconds;
    if (place < UNRECORDED) return place;
    this.#vacant.push(place);
    return UNRECORDED;
  }
}

/** The bucket that counts a task of this length: see THREAD_TASK_HISTOGRAM. */
export function histogramBucket(milliseconds: number): number {
  const microseconds = milliseconds * 1000;
  if (!(microseconds >= 1)) return 0;
  return Math.min(1 + Math.floor(Math.log2(microseconds) * Layout.BUCKETS_PER_OCTAVE), Layout.HISTOGRAM_BUCKETS - 1);
}

/** Where a bucket ends, ms; what is counted in it took less. The last one has no end. */
export function bucketEnd(bucket: number): number {
  return bucket === Layout.HISTOGRAM_BUCKETS - 1 ? Infinity : 2 ** (bucket / Layout.BUCKETS_PER_OCTAVE) / 1000;
}
