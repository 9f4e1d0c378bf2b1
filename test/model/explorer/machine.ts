/**
 * Owns one execution: the simulated threads, whose turn it is, what each step does, and when a thread waits, is woken or dies. Which thread goes on is
 * the search's decision (search.ts); the machine asks at every step that may matter and otherwise lets the thread run.
 *
 * A step may matter to others only if its word is *contended*: two threads access it and one of them writes. Which words are is found out while exploring
 * and kept for the scenario; a word that turns out to be contended late makes the search start anew. Steps on other words commute with everything that
 * other threads do, so a switch before one of them is the same as a switch before the next contended one.
 *
 * Imports order, port, weak.
 */
import { Order, type Race } from './order.js';
import type { Port } from './port.js';
import { type Indexed, StoreHistory } from './weak.js';

export const enum ThreadState {
  READY = 0,
  WAITING = 1,
  DONE = 2,
  DEAD = 3,
}

/** Why a thread yielded. */
export const enum Pause {
  NONE = 0,
  SWITCH = 1,
  WAIT = 2,
  DEATH = 3,
  /** This execution is not to go on: everything from here has been explored. */
  PRUNED = 4,
  /** It cannot go on: it was found to be endless. */
  ENDLESS = 5,
}

/** Who decides. */
export interface Decider {
  /** Before a step of a thread that could go on: the thread to run next, `thread.id` to go on, DEATH + a thread for its death before that, or PRUNE. */
  step(thread: Port, isContended: boolean, mayDie: boolean): number;
  /** No thread is running: which of these is to go on. PRUNE is possible. */
  free(ready: readonly number[]): number;
  /** Which of so many values a stale read gives, 0 the latest. */
  value(count: number): number;
}

/** One step as it was performed. */
export interface TracedStep {
  readonly step: number;
  readonly thread: number;
  readonly what: string;
  readonly word: number;
  readonly value: unknown;
  readonly site: number;
}

export const DEATH = 64;
/** Instead of a thread: none is left that could run. */
export const NOBODY = 32;
export const PRUNE = -1;

export type Outcome = 'finished' | 'pruned' | 'stuck' | 'endless';

/** Steps in which no word changes, after which a thread is taken to spin: it is descheduled, which is no preemption. */
export const SPIN_STEPS = 150;
/** Steps of one execution that only a fault can need. */
export const MOST_STEPS = 30_000;
/** Waits in a row that may time out although nothing has changed since. */
const IDLE_TIMEOUTS = 6;

export class Machine {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  /** Words of the world around the memory: see plumbing/office.ts. */
  readonly mail: Int32Array;
  readonly order: Order;
  readonly history: StoreHistory | null;
  /** Words that matter, and none while nothing is explored. */
  readonly contended: Uint8Array;
  /** Whether a word became contended in this execution. */
  learnt = false;
  /** False while the scenario is prepared: everything runs through. */
  scheduled = false;
  /** Not 0 where no step can be: in a constructor, or while a module loads. */
  indivisible = 0;
  /** Steps so far, and decisions between them. */
  step = 0;
  /** The step at which the search wants to be asked in any case. */
  planned = -1;
  /** Steps since a word last changed. */
  idle = 0;
  threads: readonly Port[] = [];
  /** The thread that may die, −1 = none; and whether it still may. */
  mortal = -1;
  mayDie = false;
  dead = -1;
  pause: Pause = Pause.NONE;
  next = NOBODY;
  decider!: Decider;
  /** Told of every step, for whoever wants to see what happened. */
  trace: ((line: TracedStep) => void) | null = null;
  /** Words written since begin(): what has to be restored. */
  readonly written: number[] = [];
  readonly #writtenIn: Int32Array;
  #execution = 0;
  /** Threads, as bits, that access a word: before a death, and those that outlive it at any time. */
  readonly #reads: Uint8Array;
  readonly #writes: Uint8Array;
  readonly #readsAfter: Uint8Array;
  readonly #writesAfter: Uint8Array;
  #idleTimeouts = 0;

  /** `race` is called for each race. `indexed`: null if loads are never late. `mail`: words of the world around. */
  constructor(buffer: SharedArrayBuffer, threads: number, indexed: readonly Indexed[] | null, mail: number, race: (race: Race) => void) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.mail = new Int32Array(mail);
    const count = this.words.length + 1 + mail;
    this.contended = new Uint8Array(count);
    this.#writtenIn = new Int32Array(count);
    this.#reads = new Uint8Array(count);
    this.#writes = new Uint8Array(count);
    this.#readsAfter = new Uint8Array(count);
    this.#writesAfter = new Uint8Array(count);
    this.order = new Order(count, threads);
    this.order.onRace = race;
    this.history = indexed === null ? null : new StoreHistory(this.words, threads, indexed);
  }

  /** The word that stands for the sequence of calls and returns. */
  get sequence(): number {
    return this.words.length;
  }

  /** Where the words of `mail` are numbered from. */
  get firstMail(): number {
    return this.words.length + 1;
  }

  begin(mortal: number): void {
    this.#execution++;
    this.written.length = 0;
    this.scheduled = false;
    this.indivisible = 0;
    this.learnt = false;
    this.step = 0;
    this.idle = 0;
    this.mortal = mortal;
    this.mayDie = mortal >= 0;
    this.dead = -1;
    this.pause = Pause.NONE;
    this.next = NOBODY;
    this.#idleTimeouts = 0;
    this.order.begin();
    this.history?.begin();
  }

  /** Runs the threads until none can go on. */
  run(): Outcome {
    this.scheduled = true;
    let current = this.#choose();
    for (;;) {
      if (current === PRUNE) return this.#end('pruned');
      if (current === NOBODY) return this.#end(this.threads.some(({ state }) => state === ThreadState.WAITING) ? 'stuck' : 'finished');
      const thread = this.threads[current]!;
      this.pause = Pause.NONE;
      this.next = NOBODY;
      const { done } = thread.resume();
      const why = this.pause as Pause;
      if (done) thread.state = ThreadState.DONE;
      if (why === Pause.PRUNED) return this.#end('pruned');
      if (why === Pause.ENDLESS) return this.#end('endless');
      if (why === Pause.DEATH) this.#die(thread);
      current = this.next === NOBODY ? this.#choose() : this.next;
    }
  }

  #end(outcome: Outcome): Outcome {
    this.scheduled = false;
    return outcome;
  }

  #die(thread: Port): void {
    thread.state = ThreadState.DEAD;
    this.trace?.({ step: this.step, thread: thread.id, what: 'dies', word: -1, value: undefined, site: -1 });
    this.dead = thread.id;
    this.mayDie = false;
    this.idle = 0;
    this.order.event(thread.id, DEATH + thread.steps);
    // Not every word that the others read now was followed: what it raced with, it would have raced with alive.
    for (const other of this.threads) this.order.join(thread.id, other.id);
  }

  /** Before a step: whether the thread has to yield first. */
  mustPause(thread: Port, isContended: boolean, writes: boolean): boolean {
    if (this.indivisible > 0) {
      if (isContended)
        throw new Error('threads contend for a word that is accessed where no step can be: in a constructor, or while a module loads');
      return false;
    }
    if (this.step > MOST_STEPS) return this.#pauseFor(Pause.ENDLESS, NOBODY);
    if (this.idle > SPIN_STEPS) {
      const other = this.#nextAfter(thread.id);
      if (other !== NOBODY) {
        this.idle = 0;
        return this.#pauseFor(Pause.SWITCH, other);
      }
    }
    const mayDie = writes && this.mayDie && thread.id === this.mortal;
    if (!isContended && !mayDie && this.step !== this.planned) return false;
    const choice = this.decider.step(thread, isContended, mayDie);
    if (choice === thread.id) return false;
    if (choice === PRUNE) return this.#pauseFor(Pause.PRUNED, NOBODY);
    if (choice >= DEATH) return this.#pauseFor(Pause.DEATH, choice - DEATH);
    return this.#pauseFor(Pause.SWITCH, choice);
  }

  #pauseFor(why: Pause, next: number): true {
    this.pause = why;
    this.next = next;
    return true;
  }

  /** Whose turn it is after a thread that spins: a ready one, else one whose wait times out. */
  #nextAfter(spinning: number): number {
    const { length } = this.threads;
    const others = Array.from({ length: length - 1 }, (_, i) => this.threads[(spinning + 1 + i) % length]!);
    const ready = others.find(({ state }) => state === ThreadState.READY);
    if (ready !== undefined) return ready.id;
    const waiting = others.find(({ state }) => state === ThreadState.WAITING);
    if (waiting === undefined || this.#idleTimeouts >= IDLE_TIMEOUTS * length) return NOBODY;
    this.#timeOut(waiting);
    return waiting.id;
  }

  /** Those of them that waited longest: no wait lasts for ever because others are always first. */
  #duest(waiting: readonly number[]): number[] {
    if (this.#idleTimeouts === 0) return [...waiting];
    const least = Math.min(...waiting.map((id) => this.threads[id]!.timeouts));
    return waiting.filter((id) => this.threads[id]!.timeouts === least);
  }

  #timeOut(thread: Port): void {
    if (this.#idleTimeouts === 0) for (const other of this.threads) other.timeouts = 0;
    thread.timeouts++;
    this.#idleTimeouts++;
    this.trace?.({ step: this.step, thread: thread.id, what: 'waits no longer', word: -1, value: undefined, site: -1 });
    this.order.event(thread.id, 1);
    thread.wake('timed-out');
  }

  /** Threads that could run instead of this one. */
  others(thread: number): number[] {
    const ready: number[] = [];
    for (const { id, state } of this.threads) if (id !== thread && state === ThreadState.READY) ready.push(id);
    return ready;
  }

  /** The thread to run when the last one cannot: a ready one, else one whose wait times out. */
  #choose(): number {
    this.step++;
    const ready = this.others(-1);
    const waiting = this.threads.filter(({ state }) => state === ThreadState.WAITING).map(({ id }) => id);
    if (ready.length === 0 && (waiting.length === 0 || this.#idleTimeouts >= IDLE_TIMEOUTS * this.threads.length)) return NOBODY;
    const choices = ready.length > 0 ? ready : this.#duest(waiting);
    if (this.mayDie && waiting.includes(this.mortal)) choices.push(DEATH + NOBODY);
    const choice = choices.length === 1 ? choices[0]! : this.decider.free(choices);
    if (choice === PRUNE) return PRUNE;
    if (choice >= DEATH) {
      this.#die(this.threads[this.mortal]!);
      return this.#choose();
    }
    if (ready.length === 0) this.#timeOut(this.threads[choice]!);
    return choice;
  }

  /** A thread waits for a word to be notified, in the order in which they came. */
  readonly waiters: { readonly word: number; readonly thread: Port }[] = [];

  notify(word: number, count: number): number {
    let woken = 0;
    for (let i = 0; i < this.waiters.length && woken < count;) {
      const { word: at, thread } = this.waiters[i]!;
      if (at !== word) {
        i++;
        continue;
      }
      // A dead thread that was waiting takes the wake with it.
      this.waiters.splice(i, 1);
      if (thread.state === ThreadState.WAITING) thread.wake('ok');
      woken++;
    }
    return woken;
  }

  /** A word got another value. */
  changed(): void {
    this.idle = 0;
    this.#idleTimeouts = 0;
  }

  noteWritten(word: number): void {
    if (this.#writtenIn[word] === this.#execution) return;
    this.#writtenIn[word] = this.#execution;
    this.written.push(word);
  }

  /** Notes who accesses a word, which may make it contended. Called for words that are not yet. */
  noteAccess(word: number, thread: Port, writes: boolean): void {
    const { bit } = thread;
    if (this.dead < 0) (writes ? this.#writes : this.#reads)[word]! |= bit;
    // What a thread does that may die is over when others deal with its death.
    if (thread.id !== this.mortal) (writes ? this.#writesAfter : this.#readsAfter)[word]! |= bit;
    if (!isShared(this.#reads[word]!, this.#writes[word]!) && !isShared(this.#readsAfter[word]!, this.#writesAfter[word]!)) return;
    this.contended[word] = 1;
    this.learnt = true;
  }

  /** Whether noteAccess() has nothing to learn. */
  isNoted(word: number, bit: number, writes: boolean): boolean {
    if (this.dead >= 0) return ((writes ? this.#writesAfter : this.#readsAfter)[word]! & bit) !== 0;
    return ((writes ? this.#writes : this.#reads)[word]! & bit) !== 0;
  }
}

/** Two threads, one of which writes. */
function isShared(readers: number, writers: number): boolean {
  const all = readers | writers;
  return writers !== 0 && (all & (all - 1)) !== 0;
}
