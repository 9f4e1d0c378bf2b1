/**
 * Owns worker threads that are started to be killed: their start ahead of need, waiting for what they tell in shared words, and their end. A thread that
 * does not come to anything is an error, never a hang.
 */
import { type ResourceLimits, Worker } from 'node:worker_threads';

/** A thread that takes longer than this for anything is stuck: several thousand times what it needs. */
const PATIENCE_MILLISECONDS = 15_000;

export class Stuck extends Error {}

/** Word 0 of the buffer of every doomed thread tells its state. */
const STATE = 0;

export abstract class Doomed {
  readonly words: Int32Array;
  readonly thread: number;
  /** Resolves when the exit event has come. */
  readonly exited: Promise<void>;
  /** Set once it has. */
  dead = false;
  protected readonly worker: Worker;

  /** `share` is the name under which the thread finds its buffer in `workerData`. */
  constructor(file: string, share: string, words: number, resourceLimits: ResourceLimits = {}) {
    this.words = new Int32Array(new SharedArrayBuffer(words * 4));
    this.worker = new Worker(file, { workerData: { [share]: this.words.buffer }, stdout: false, stderr: false, resourceLimits });
    this.thread = this.worker.threadId;
    this.worker.on('error', () => undefined); // its exit is what counts
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.dead = true;
        Atomics.notify(this.words, STATE);
        resolve();
      });
    });
  }

  get state(): number {
    return Atomics.load(this.words, STATE);
  }

  /** Resolves when the thread can be told what to do. */
  abstract ready(): Promise<void>;

  /** Waits until it is in one of these states. `doing` says what it is at. @throws Stuck; an error if it exits meanwhile */
  async until(states: readonly number[], doing: string): Promise<number> {
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const { state } = this;
      if (states.includes(state)) return state;
      if (this.dead) throw new Error(`the thread exited during "${doing}"`);
      if (performance.now() > deadline) throw new Stuck(`"${doing}" does not end: its state is ${state}`);
      await change(this.words, STATE, state);
    }
  }

  /** Ends the thread wherever it is. Resolves with its exit event. */
  async kill(): Promise<void> {
    this.strike();
    await this.exited;
  }

  /** Starts to end the thread, and returns at once: no event can arrive before the caller lets the event loop go on. */
  strike(): void {
    void this.worker.terminate();
  }
}

/** Waits until a word is not what it was, for 50 ms at most. */
async function change(words: Int32Array, word: number, seen: number): Promise<void> {
  const waiting = Atomics.waitAsync(words, word, seen, 50);
  if (!waiting.async) return;
  // Waiting in Atomics.waitAsync alone does not keep the process alive.
  const alive = setInterval(() => undefined, 1000);
  await waiting.value;
  clearInterval(alive);
}

/** Threads that are started ahead, so that a kill does not wait for the start of a thread. */
export class Company<T extends Doomed> {
  readonly #start: () => T;
  readonly #ahead: number;
  readonly #waiting: T[] = [];
  readonly #all = new Set<T>();

  constructor(start: () => T, ahead: number) {
    this.#start = start;
    this.#ahead = ahead;
    this.#fill();
  }

  async next(): Promise<T> {
    const thread = this.#waiting.shift()!;
    this.#fill();
    await thread.ready();
    return thread;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((thread) => thread.kill()));
  }

  #fill(): void {
    while (this.#waiting.length < this.#ahead) {
      const thread = this.#start();
      this.#all.add(thread);
      void thread.exited.then(() => this.#all.delete(thread));
      this.#waiting.push(thread);
    }
  }
}
