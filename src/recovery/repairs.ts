/**
 * Owns the record of what check({ repair: true }) has done, and what all its parts work on. Touches no shared memory itself.
 */
import type { WordAddress } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import type { Thread } from '../memory/threads.js';
import type { Variables } from '../shadow/variables.js';
import type { Census } from './census.js';
import type { Rule } from './violations.js';

/** One thing that was put right. */
export interface Repair {
  /** The rule that holds again. */
  readonly rule: Rule;
  readonly what: string;
  /** Word address in the reservation. */
  readonly address: WordAddress;
}

/** Repairs beyond this number are counted only. */
const MOST_REPAIRS = 100;

/** A store while it is repaired: every lock of it is held. */
export class Mending {
  readonly thread: Thread;
  readonly memory: Memory;
  readonly words: Int32Array;
  readonly variables: Variables;
  /** Of blocks as they are met again, from the table on. */
  readonly census: Census;
  readonly kept: Repair[] = [];
  omitted = 0;

  constructor(variables: Variables, census: Census) {
    this.variables = variables;
    this.thread = variables.thread;
    this.memory = variables.memory;
    this.words = variables.memory.words;
    this.census = census;
  }

  note(rule: Rule, address: WordAddress, what: () => string): void {
    if (this.kept.length < MOST_REPAIRS) this.kept.push({ rule, address, what: what() });
    else this.omitted++;
  }

  /** Writes a word that has to have another value; false if it has it already. */
  set(rule: Rule, address: WordAddress, value: number, what: string): boolean {
    const before = this.words[address]!;
    if (before === value) return false;
    Atomics.store(this.words, address, value);
    this.note(rule, address, () => `${what}: ${before} → ${value}`);
    return true;
  }
}
