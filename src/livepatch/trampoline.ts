/**
 * Owns the call of a patchable function: a trampoline that reads one plain field and counts the call as active until it has ended, which
 * for a suspended one is later than its return (suspended.ts). Writes the thread's activation counters. Imports activity and suspended.
 */
import { counters } from './activity.js';
import type { PatchFunction } from './patch.js';
import { isGeneratorFunction, suspended } from './suspended.js';

/** One version of one function: what is called, and which counter is raised meanwhile. */
export class Body {
  readonly call: PatchFunction;
  readonly counter: number;
  readonly isGenerator: boolean;

  constructor(call: PatchFunction, counter: number) {
    this.call = call;
    this.counter = counter;
    this.isGenerator = isGeneratorFunction(call);
  }
}

/** The one field that a trampoline reads. */
export class Slot {
  body: Body;

  constructor(body: Body) {
    this.body = body;
  }
}

/**
 * A function of this name that hands on `this` and all arguments. Rest and Reflect.apply measured as fast as any other correct form, and
 * raising and lowering the counter as 1 ns of the 8 that a call costs more than a direct one.
 */
export function trampoline(name: string, length: number, slot: Slot): PatchFunction {
  const call = function (this: unknown, ...args: never[]): unknown {
    const { body } = slot;
    const { counter } = body;
    counters[counter]!++;
    let result: unknown;
    try {
      result = Reflect.apply(body.call, this, args);
      if (typeof result === 'object' && result !== null && (body.isGenerator || (result as { then?: unknown }).then !== undefined))
        return suspended(body, result);
    } catch (error) {
      counters[counter]!--;
      // The call has returned: what threw was a property that nobody but this asked for.
      if (result !== undefined) return result;
      throw error;
    }
    counters[counter]!--;
    return result;
  };
  return Object.defineProperties(call, { name: { value: name, configurable: true }, length: { value: length, configurable: true } });
}
