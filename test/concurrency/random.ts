/**
 * Seeded randomness of the tests: the same seed gives every thread the same choices, though not the same schedule.
 */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';

/** mulberry32: 32 bits of state, good enough to pick operations. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0…2^32−1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0…limit−1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** True once in `times` calls, on average. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Wastes a random moment, so that threads meet in ever new places. */
  linger(mostSpins = 200): void {
    for (let spins = this.below(mostSpins); spins > 0; spins--) this.next();
  }
}

/** The seed of a test: UMBRA_SEED, or a fresh one. Printed, and part of what the test says when it fails. */
export function seedOf(t: TestContext): number {
  const seed = Number(process.env['UMBRA_SEED'] ?? randomInt(2 ** 31));
  t.diagnostic(`UMBRA_SEED=${seed}`);
  t.after(() => {
    const { cause } = (t as { error?: Error | null }).error ?? {};
    if (!(cause instanceof Error)) return;
    const how = `\n(run the test with UMBRA_SEED=${seed} to repeat this)`;
    const { stack } = cause;
    cause.message += how;
    cause.stack = (stack ?? '') + how;
  });
  return seed;
}

/** How many times the usual number of operations to run: UMBRA_SOAK, for hunts that may take minutes. */
export const SOAK = Number(process.env['UMBRA_SOAK'] ?? 1);
