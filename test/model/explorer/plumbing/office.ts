/**
 * Owns what simulated threads have in common besides the memory: messages on their way, and what an observer notes. Not rewritten: each change of it is made in
 * the step that changes a word of `mail`, by which the explorer knows that threads contend for it. The loader gives each thread a `desk` of its own in the
 * place of this module. Imports nothing.
 */

/** A channel as the thread that opened it has it. */
export interface Opened {
  onmessage: (event: { readonly data: unknown }) => unknown;
}

/** What the office asks the machine. */
interface Circumstances {
  readonly dead: number;
  others(thread: number): readonly number[];
}

export class Office {
  /** Messages that wait for each thread; then the version that the coordinator has declared to be everywhere, + 1, 0 = none. */
  readonly mail: Int32Array;
  readonly #queues: unknown[][];
  readonly #opened: (Opened | undefined)[];
  readonly #asleep: boolean[];
  /** What each thread has put off to its next turn. */
  readonly #immediates: (() => unknown)[][];

  constructor(mail: Int32Array, threads: number) {
    this.mail = mail;
    this.#queues = Array.from({ length: threads }, () => []);
    this.#opened = Array.from({ length: threads }, () => undefined);
    this.#asleep = Array.from({ length: threads }, () => false);
    this.#immediates = Array.from({ length: threads }, () => []);
  }

  /** Words of mail for so many threads. */
  static words(threads: number): number {
    return threads + 1;
  }

  /** As if nobody had ever opened a channel. */
  begin(): void {
    this.#opened.fill(undefined);
    this.discard();
  }

  /** Whatever was said is read. */
  discard(): void {
    this.mail.fill(0);
    this.#asleep.fill(false);
    for (const list of [...this.#queues, ...this.#immediates]) list.length = 0;
  }

  desk(thread: number, endTurn: () => unknown, machine: Circumstances): Desk {
    const queues = this.#queues;
    const opened = this.#opened;
    const asleep = this.#asleep;
    return {
      thread,
      mail: this.mail,
      declared: queues.length,
      endTurn,
      isQuiet: () => machine.dead < 0 && machine.others(thread).length === 0,
      isAnyDead: () => machine.dead >= 0,
      immediates: this.#immediates[thread]!,
      open: (channel) => {
        opened[thread] = channel;
      },
      others: () => opened.flatMap((channel, other) => (channel === undefined || other === thread ? [] : [other])),
      put: (other, message) => {
        queues[other]!.push(message);
      },
      take: () => queues[thread]!.shift(),
      opened: () => opened[thread],
      sleep: (sleeps) => {
        asleep[thread] = sleeps;
      },
      sleeps: (other) => asleep[other]!,
    };
  }
}

/** What one thread does at the office. */
export interface Desk {
  readonly thread: number;
  readonly mail: Int32Array;
  /** The word of `mail` that tells what the coordinator has declared. */
  readonly declared: number;
  /** Runs the microtasks; gives steps. */
  readonly endTurn: () => unknown;
  /** Whether all others wait or have ended, and nobody is dead. */
  readonly isQuiet: () => boolean;
  readonly isAnyDead: () => boolean;
  /** What was put off to the next turn. */
  readonly immediates: (() => unknown)[];
  readonly open: (channel: Opened) => void;
  readonly others: () => readonly number[];
  readonly put: (other: number, message: unknown) => void;
  readonly take: () => unknown;
  readonly opened: () => Opened | undefined;
  readonly sleep: (sleeps: boolean) => void;
  readonly sleeps: (other: number) => boolean;
}

/** Of the thread that the loader loads this for. */
export declare const desk: Desk;
