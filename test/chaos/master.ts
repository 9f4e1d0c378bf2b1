/**
 * Owns puppets, and sailors, from the outside: giving orders, waiting for what they come to, and having them stop at a step.
 */
import { Berth, readAnswer } from './berth.js';
import { Doomed } from './doomed.js';
import type { Order } from './order.js';
import type { SailorOrder } from './patch-operation.js';

/** The operation did not come by the step. */
export class Missed extends Error {}

export class Puppet extends Doomed {
  #last = 'start';

  constructor(file: string) {
    super(file, 'berth', Berth.WORDS);
  }

  async ready(): Promise<void> {
    await this.until([Berth.READY], this.#last);
  }

  /** Thread slot of the store it is attached to; −1 = none. */
  get slot(): number {
    return this.words[Berth.SLOT]! - 1;
  }

  order(order: Order | SailorOrder): void {
    this.#last = 'operation' in order ? `${order.kind} ${order.operation}` : order.kind;
    Atomics.store(this.words, Berth.STATE, Berth.RUNNING);
    this.worker.postMessage(order);
    Atomics.add(this.words, Berth.ORDER, 1);
    Atomics.notify(this.words, Berth.ORDER);
  }

  /** Gives an order and waits until it is done. @throws what it threw */
  async perform(order: Order | SailorOrder): Promise<string> {
    this.order(order);
    return this.finished();
  }

  /** Waits for the end of the last order. */
  async finished(): Promise<string> {
    const state = await this.until([Berth.DONE, Berth.FAILED], this.#last);
    const answer = readAnswer(this.words);
    if (state === Berth.FAILED) throw new Error(`${this.#last}: ${answer}`);
    return answer;
  }

  /** Waits until it stands at the step where it was to stop, or has done without coming by; true if it stands there. */
  async reaches(): Promise<boolean> {
    return (await this.until([Berth.PARKED, Berth.DONE, Berth.FAILED], this.#last)) === Berth.PARKED;
  }

  /** Waits until it stands at the step where it was to stop. @throws Missed if it does not come by */
  async parked(): Promise<void> {
    if (!(await this.reaches())) throw new Missed(`${this.#last} did not come by the step: ${readAnswer(this.words)}`);
  }

  /** Has it stop at the n-th hit of a step during the orders that follow. */
  stopAt(step: number, hit: number, fate: number = Berth.FATE_PARK): void {
    this.words[Berth.FATE] = fate;
    this.words[Berth.HIT] = hit;
    Atomics.store(this.words, Berth.STEP, step);
  }

  /** Lets it go on from the step at which it stopped. */
  resume(): void {
    Atomics.add(this.words, Berth.RESUME, 1);
    Atomics.notify(this.words, Berth.RESUME);
  }

  /** Counts hits of steps from here on. */
  record(): void {
    this.words.fill(0, Berth.HITS, Berth.HITS + Berth.HITS_WORDS);
    this.words[Berth.RECORDING] = 1;
  }

  /** Ends the count; hits by number of step. */
  recorded(): Int32Array {
    this.words[Berth.RECORDING] = 0;
    return this.words.slice(Berth.HITS, Berth.HITS + Berth.HITS_WORDS);
  }
}
