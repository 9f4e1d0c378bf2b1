/**
 * A worker of suite `growth`: brings its share of the store from size to size and stays at each for as many operations, every one of them
 * timed by itself. Workers take each step together: they meet at a word of shared memory, one per step.
 *
 * A worker has keys of its own, told by their number; those from `first` to `end` are in the store. It frees the oldest, so that a key is
 * never used twice.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ShadowStore } from '../src/shadow/store.js';
import { SAFEPOINT_INTERVAL } from './contest.js';
import {
  ADD,
  FREE,
  GROWING,
  type GrowthData,
  type GrowthReport,
  HIT,
  INSERT,
  MISS,
  OPERATIONS,
  STEADY,
  UPDATE,
  SAFEPOINT,
  countKeys,
} from './growth-mix.js';
import { createKeyspace, createRandom } from './keys.js';
import { Latencies } from './latency.js';
import { changeDraft, tally } from './subjects.js';

class GrowthWorker {
  readonly #data: GrowthData;
  readonly #store: ShadowStore;
  readonly #cursor;
  readonly #keyOf: (number: number) => number;
  readonly #absentKeyOf: (number: number) => number;
  readonly #random: (bound: number) => number;
  #first = 0;
  #end: number;
  #sinceSafepoint = 0;

  constructor(data: GrowthData) {
    this.#data = data;
    this.#store = ShadowStore.attach(data.handle);
    this.#cursor = this.#store.cursor(tally);
    const keyspace = createKeyspace('sparse', countKeys(data.steps) * data.workers);
    this.#keyOf = (number) => keyspace.present(number * data.workers + data.index);
    this.#absentKeyOf = (number) => keyspace.absent(number * data.workers + data.index);
    this.#random = createRandom(300 + data.index);
    this.#end = data.steps.initial;
  }

  run(): GrowthReport {
    const [growing, steady] = [new Latencies(OPERATIONS), new Latencies(OPERATIONS)];
    this.#cycle(STEADY, this.#data.steps.warmupCycles, new Latencies(OPERATIONS));
    this.#data.steps.cycles.forEach((cycles, step) => {
      this.#meet(2 * step);
      this.#cycle(GROWING, cycles, growing);
      this.#meet(2 * step + 1);
      this.#cycle(STEADY, cycles, steady);
    });
    this.#store[Symbol.dispose]();
    return { growing: growing.encode(), steady: steady.encode() };
  }

  #cycle(mix: readonly number[], cycles: number, latencies: Latencies): void {
    for (let cycle = 0; cycle < cycles; cycle++) {
      for (let i = 0; i < mix.length; i++) {
        this.#time(mix[i]!, latencies);
        if (++this.#sinceSafepoint < SAFEPOINT_INTERVAL) continue;
        this.#sinceSafepoint = 0;
        this.#time(SAFEPOINT, latencies);
      }
    }
  }

  /** Nothing between the two readings of the clock but the operation itself. */
  #time(operation: number, latencies: Latencies): void {
    const key = this.#keyFor(operation);
    const before = performance.now();
    const done = this.#perform(operation, key);
    const after = performance.now();
    if (!done) throw new Error(`${OPERATIONS[operation]!} of ${key} met another store than the one it left`);
    latencies.record(operation, before, after);
  }

  #keyFor(operation: number): number {
    if (operation === INSERT) return this.#keyOf(this.#end++);
    if (operation === FREE) return this.#keyOf(this.#first++);
    const number = this.#first + this.#random(this.#end - this.#first);
    return operation === MISS ? this.#absentKeyOf(number) : this.#keyOf(number);
  }

  /** False if there was something that should not be there, or the other way round. */
  #perform(operation: number, key: number): boolean {
    const cursor = this.#cursor;
    switch (operation) {
      case HIT:
        return cursor.find(key) && cursor.reads > 0;
      case MISS:
        return !cursor.find(key);
      case INSERT:
        this.#store.getOrAlloc(key, tally).reads = 1;
        return true;
      case ADD:
        return cursor.find(key) && cursor.add('reads', 1) > 0;
      case UPDATE:
        if (!cursor.find(key)) return false;
        cursor.update(changeDraft);
        return true;
      case FREE:
        return this.#store.free(key, tally);
      default:
        this.#store.safepoint();
        return true;
    }
  }

  /** Returns once all workers are here. */
  #meet(meeting: number): void {
    this.#store.safepoint(); // a thread that sleeps must not keep what others free from being used again
    const meetings = new Int32Array(this.#data.meetings);
    if (Atomics.add(meetings, meeting, 1) + 1 === this.#data.workers) Atomics.notify(meetings, meeting);
    for (let here = Atomics.load(meetings, meeting); here < this.#data.workers; here = Atomics.load(meetings, meeting)) {
      Atomics.wait(meetings, meeting, here);
    }
  }
}

parentPort?.postMessage(new GrowthWorker(workerData as GrowthData).run());
