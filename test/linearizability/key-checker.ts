/**
 * Owns the search at one key: whether some order of the operations, each between its call and its return, is an order that the sequential specification
 * allows. Imports configurations, operations, specification.
 *
 * It is the search of Wing and Gong with the memory of Lowe and of Porcupine: never to look twice at the same operations done with the same state left. Histories
 * of different keys are searched on their own, which linearizability allows. At any moment all operations that have returned have happened, and none that
 * was not called yet has: the orders found so far differ in nothing but which of the *open* operations have happened, one bit for each, and in the state. So the
 * set of configurations is complete and small, and the history may be endless.
 *
 * It moves at the last moment (just in time): an operation happens when it returns, or before, so that another one can. One that changes nothing happens as soon as
 * a state allows it: whatever order has it later has it here as well.
 */
import { Configurations } from './configurations.js';
import { Operation } from './operations.js';
import { ABSENT, change, changesNothing, mayTell, nextInstance, nextValue } from './specification.js';

/** Operations that may be open at one key at once: bits of a word. */
export const MOST_OPEN = 32;

/** A state of the key: instance (ABSENT, UNREGISTERED) and value. */
export interface State {
  readonly instance: number;
  readonly value: number;
}

/** What a search in one key at a time uses; its members are free between two calls. */
const seen = new Configurations();

export class KeyChecker {
  #now = new Configurations();
  #spare = new Configurations();
  /** By slot: the open operations. Reused. */
  readonly #operations: Operation[] = [];
  /** Slots in use, and those of them that change nothing. */
  #open = 0;
  #readers = 0;

  constructor(states: Iterable<State> = [{ instance: ABSENT, value: 0 }]) {
    for (const { instance, value } of states) this.#now.add(0, instance, value);
  }

  /** Whether no operation is open. */
  get isQuiescent(): boolean {
    return this.#open === 0;
  }

  /** Most operations that were open at once so far. */
  get width(): number {
    return this.#operations.length;
  }

  /** The states that the key may be in, as far as the history tells. */
  get states(): State[] {
    const { count, instances, values } = this.#now;
    return Array.from({ length: count }, (_, i) => ({ instance: instances[i]!, value: values[i]! }));
  }

  /** Opens an operation and returns it, to be filled in; then call `called`. */
  open(): Operation {
    const slot = 31 - Math.clz32(~this.#open & (this.#open + 1)); // the lowest bit that is 0
    if (slot < 0) throw new RangeError(`more than ${MOST_OPEN} operations are open at one key; check more often when threads are killed`);
    this.#open |= 1 << slot;
    return (this.#operations[slot] ??= new Operation());
  }

  /** The operation opened last was filled in. */
  called(operation: Operation): void {
    if (!changesNothing(operation)) return;
    const bit = 1 << this.#operations.indexOf(operation);
    this.#readers |= bit;
    const { count, masks, instances, values } = this.#now;
    for (let i = 0; i < count; i++) if (mayTell(operation, instances[i]!, values[i]!)) masks[i]! |= bit;
  }

  /**
   * The operations of this index return. False if there is no order in which they may have happened by now. Where `optional`, they may also never have
   * happened at all.
   */
  returned(index: number, optional = false): boolean {
    for (let slot = 0; slot < this.#operations.length; slot++) {
      if ((this.#open & (1 << slot)) === 0 || this.#operations[slot]!.index !== index) continue;
      if (!this.#close(slot, optional)) return false;
    }
    return true;
  }

  #close(slot: number, optional: boolean): boolean {
    const bit = 1 << slot;
    const now = this.#now;
    const { count, masks } = now;
    if (count === 1 && (masks[0]! & bit) !== 0) {
      masks[0]! &= ~bit; // nearly always
    } else {
      const next = this.#spare;
      next.clear();
      for (let i = 0; i < count; i++) {
        const mask = masks[i]!;
        if ((mask & bit) !== 0) {
          next.add(mask & ~bit, now.instances[i]!, now.values[i]!);
          continue;
        }
        if (optional) next.add(mask, now.instances[i]!, now.values[i]!);
        this.#happen(bit, mask, now.instances[i]!, now.values[i]!, next);
      }
      this.#now = next;
      this.#spare = now;
    }
    this.#open &= ~bit;
    this.#readers &= ~bit;
    return this.#now.count > 0;
  }

  /** Adds to `next` whatever a configuration leads to in which the operation of this bit has just happened; open ones may have happened before it. */
  #happen(bit: number, mask: number, instance: number, value: number, next: Configurations): void {
    seen.clear();
    seen.add(mask, instance, value);
    const writers = this.#open & ~this.#readers;
    for (let i = 0; i < seen.count; i++) {
      const done = seen.masks[i]!;
      const from = seen.instances[i]!;
      const was = seen.values[i]!;
      for (let left = writers & ~done; left !== 0; left &= left - 1) {
        const slot = 31 - Math.clz32(left & -left);
        if (!change(this.#operations[slot]!, from, was)) continue;
        const instanceAfter = nextInstance;
        const valueAfter = nextValue;
        const after = this.#absorb(done | (1 << slot), instanceAfter, valueAfter);
        if ((after & bit) !== 0) next.add(after & ~bit, instanceAfter, valueAfter);
        else seen.add(after, instanceAfter, valueAfter);
      }
    }
  }

  /** Lets all open operations happen that change nothing and may be told of in this state. */
  #absorb(mask: number, instance: number, value: number): number {
    let after = mask;
    for (let left = this.#readers & ~mask; left !== 0; left &= left - 1) {
      const slot = 31 - Math.clz32(left & -left);
      if (mayTell(this.#operations[slot]!, instance, value)) after |= 1 << slot;
    }
    return after;
  }
}
