/**
 * Owns the ways through the interleavings: all of them up to a number of preemptions (depth first, each execution from the beginning), random ones, and
 * one that is given. Imports machine, order.
 *
 * A preemption is a switch away from a thread that could go on. Executions that lead to the same partial order of steps are explored once: at every
 * decision the fingerprint of what has happened (order.ts) is looked up, with the thread that would go on; what was explored with as many preemptions
 * left is not explored again.
 */
import { DEATH, type Decider, type Machine, NOBODY, PRUNE } from './machine.js';
import { mix } from './order.js';
import type { Port } from './port.js';

/** Decisions that were not the default: at which step, and which. */
export type Schedule = readonly (readonly [step: number, choice: number])[];

export function formatSchedule(schedule: Schedule): string {
  return schedule.length === 0 ? '-' : schedule.map(([step, choice]) => `${step}:${choice}`).join(',');
}

export function parseSchedule(text: string): Schedule {
  if (text === '-') return [];
  return text.split(',').map((part) => {
    const [step, choice] = part.split(':').map(Number);
    if (step === undefined || choice === undefined || Number.isNaN(step + choice)) throw new Error(`${text} is not a schedule`);
    return [step, choice] as const;
  });
}

/** Follows a schedule; where that ends, the defaults. */
abstract class Search implements Decider {
  protected readonly machine: Machine;
  #plan: Schedule = [];
  #at = 0;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Makes the next execution follow this plan as far as it goes. */
  protected follow(plan: Schedule): void {
    this.#plan = plan;
    this.#at = 0;
    this.machine.planned = plan[0]?.[0] ?? -1;
  }

  protected get isReplaying(): boolean {
    return this.#at < this.#plan.length;
  }

  step(thread: Port, isContended: boolean, mayDie: boolean): number {
    if (this.isReplaying) return this.#planned() ?? thread.id;
    return this.decideStep(thread, isContended, mayDie);
  }

  free(ready: readonly number[]): number {
    if (this.isReplaying) return this.#planned() ?? ready[0]!;
    return this.decideFree(ready);
  }

  value(count: number): number {
    if (this.isReplaying) return this.#planned() ?? 0;
    return this.decideValue(count);
  }

  protected abstract decideStep(thread: Port, isContended: boolean, mayDie: boolean): number;
  protected abstract decideFree(ready: readonly number[]): number;
  protected abstract decideValue(count: number): number;
  /** The choice of the plan for this step, if it has one. */
  protected onPlanned(_choice: number): void {
    // For searches that count.
  }

  #planned(): number | undefined {
    const [step, choice] = this.#plan[this.#at]!;
    if (step !== this.machine.step) return undefined;
    this.#at++;
    this.machine.planned = this.#plan[this.#at]?.[0] ?? -1;
    this.onPlanned(choice);
    return choice;
  }
}

/** One execution that is given. */
export class Replay extends Search {
  constructor(machine: Machine, schedule: Schedule) {
    super(machine);
    this.follow(schedule);
  }

  protected decideStep(thread: Port): number {
    return thread.id;
  }

  protected decideFree(ready: readonly number[]): number {
    return ready[0]!;
  }

  protected decideValue(): number {
    return 0;
  }
}

interface Node {
  readonly step: number;
  /** The default first. */
  readonly choices: readonly number[];
  at: number;
}

/** All executions with at most so many preemptions. */
export class Exhaustive extends Search {
  readonly #bound: number;
  readonly #nodes: Node[] = [];
  readonly #visited = new VisitedStates();
  #left = 0;
  #isFirst = true;

  constructor(machine: Machine, bound: number) {
    super(machine);
    this.#bound = bound;
  }

  /** Prepares the next execution; false when there is none. */
  advance(): boolean {
    if (!this.#isFirst) {
      while (this.#nodes.length > 0 && this.#nodes.at(-1)!.at + 1 >= this.#nodes.at(-1)!.choices.length) this.#nodes.pop();
      const last = this.#nodes.at(-1);
      if (last === undefined) return false;
      last.at++;
    }
    this.#isFirst = false;
    this.#left = this.#bound;
    this.follow(this.schedule);
    return true;
  }

  /** Of the execution that was prepared last. */
  get schedule(): Schedule {
    return this.#nodes.filter(({ at }) => at > 0).map(({ step, choices, at }) => [step, choices[at]!] as const);
  }

  /** From the beginning, since steps matter that did not before. */
  restart(): void {
    this.#nodes.length = 0;
    this.#visited.clear();
    this.#isFirst = true;
  }

  get states(): number {
    return this.#visited.size;
  }

  protected override onPlanned(choice: number): void {
    if (choice >= 0 && choice < NOBODY && this.#preempts) this.#left--;
    this.#preempts = false;
  }

  #preempts = false;

  override step(thread: Port, isContended: boolean, mayDie: boolean): number {
    this.#preempts = true;
    const choice = super.step(thread, isContended, mayDie);
    this.#preempts = false;
    return choice;
  }

  protected decideStep(thread: Port, isContended: boolean, mayDie: boolean): number {
    const { machine } = this;
    if (!this.#visited.visit(machine, thread.id, thread.steps, this.#left)) return PRUNE;
    const choices = [thread.id];
    const others = machine.others(thread.id);
    if (isContended && this.#left > 0) choices.push(...others);
    if (mayDie) choices.push(...(others.length > 0 ? others : [NOBODY]).map((other) => DEATH + other));
    if (choices.length > 1) this.#nodes.push({ step: machine.step, choices, at: 0 });
    return thread.id;
  }

  protected decideFree(ready: readonly number[]): number {
    const { machine } = this;
    if (!this.#visited.visit(machine, NOBODY, 0, this.#left)) return PRUNE;
    this.#nodes.push({ step: machine.step, choices: ready, at: 0 });
    return ready[0]!;
  }

  protected decideValue(count: number): number {
    this.#nodes.push({ step: this.machine.step, choices: Array.from({ length: count }, (_, i) => i), at: 0 });
    return 0;
  }
}

/** A generator of numbers that a seed determines. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Executions with as many preemptions as come. */
export class Random extends Search {
  readonly #random: () => number;
  #schedule: [number, number][] = [];
  /** How likely a switch is at each decision of this execution, and a death. */
  #switches = 0;
  #deaths = 0;

  constructor(machine: Machine, seed: number) {
    super(machine);
    this.#random = randomNumbers(seed);
  }

  advance(): boolean {
    this.#schedule = [];
    this.#switches = 2 ** -Math.floor(1 + this.#random() * 6);
    this.#deaths = this.#random() < 0.5 ? 0 : 2 ** -Math.floor(3 + this.#random() * 5);
    this.follow([]);
    return true;
  }

  get schedule(): Schedule {
    return this.#schedule;
  }

  protected decideStep(thread: Port, isContended: boolean, mayDie: boolean): number {
    const others = this.machine.others(thread.id);
    if (mayDie && this.#random() < this.#deaths) return this.#take(DEATH + (others.length > 0 ? this.#oneOf(others) : NOBODY));
    if (!isContended || others.length === 0 || this.#random() >= this.#switches) return thread.id;
    return this.#take(this.#oneOf(others));
  }

  protected decideFree(ready: readonly number[]): number {
    const choice = this.#oneOf(ready);
    return choice === ready[0] ? choice : this.#take(choice);
  }

  protected decideValue(count: number): number {
    const choice = this.#random() < 0.5 ? 0 : Math.floor(this.#random() * count);
    return choice === 0 ? 0 : this.#take(choice);
  }

  #oneOf(list: readonly number[]): number {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #take(choice: number): number {
    this.#schedule.push([this.machine.step, choice]);
    return choice;
  }
}

/** Fingerprints of states, each with the most preemptions that were left when it was explored. */
class VisitedStates {
  #keys = new Float64Array(1 << 14);
  #left = new Int8Array(1 << 14);
  size = 0;

  clear(): void {
    this.#keys = new Float64Array(1 << 14);
    this.#left = new Int8Array(1 << 14);
    this.size = 0;
  }

  /** Notes the state the machine is in; false if it was explored with at least so many preemptions left. */
  visit(machine: Machine, thread: number, steps: number, left: number): boolean {
    const { order } = machine;
    const high = mix(mix(order.high, thread), steps);
    const low = mix(mix(order.low, steps), thread + 77);
    const key = (high >>> 0) * 2 ** 21 + (low >>> 11) + 1;
    const mask = this.#keys.length - 1;
    let at = placeOf(key) & mask;
    while (this.#keys[at] !== 0 && this.#keys[at] !== key) at = (at + 1) & mask;
    if (this.#keys[at] === key) {
      if (this.#left[at]! >= left) return false;
      this.#left[at] = left;
      return true;
    }
    this.#keys[at] = key;
    this.#left[at] = left;
    if (++this.size * 2 > this.#keys.length) this.#grow();
    return true;
  }

  #grow(): void {
    const [keys, left] = [this.#keys, this.#left];
    this.#keys = new Float64Array(keys.length * 2);
    this.#left = new Int8Array(keys.length * 2);
    const mask = this.#keys.length - 1;
    keys.forEach((key, i) => {
      if (key === 0) return;
      let at = placeOf(key) & mask;
      while (this.#keys[at] !== 0) at = (at + 1) & mask;
      this.#keys[at] = key;
      this.#left[at] = left[i]!;
    });
  }
}

/** Where in the table to look for a key first. */
function placeOf(key: number): number {
  return mix(key | 0, Math.floor(key / 2 ** 32));
}
