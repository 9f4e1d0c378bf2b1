/**
 * Seeded pseudo-random numbers: the same seed gives the same numbers on every machine and Node version. Imports nothing.
 *
 * xoshiro128** (Blackman, Vigna) over four 32-bit words, seeded through splitmix32 so that neighbouring seeds are unrelated.
 */

/** A generator of its own per use; sharing one would make the numbers depend on the order of the calls. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** `seed`: 0…2^32−1. */
  constructor(seed: number) {
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1; // all four zero is the one state that never leaves itself
  }

  /** A whole number 0…2^32−1. */
  word(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** A fraction in [0, 1) with all 53 bits of a double. */
  fraction(): number {
    const high = this.word() >>> 5;
    const low = this.word() >>> 6;
    return (high * 0x4000000 + low) / 2 ** 53;
  }

  /** A whole number 0…bound−1; `bound` is 1…2^53. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }
}

/** The numbers 0…count−1 in random order (Fisher–Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const j = random.below(i + 1);
    order[i] = order[j]!;
    order[j] = i;
  }
  return order;
}
