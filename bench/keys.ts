/**
 * Parents for the benchmarks: who is in the store, who is not, and in which order they are asked for. All of it is made before anything
 * is measured, from a fixed seed, as plain `number[]`: the array that a JavaScript program would have.
 */
import type { CaseSpec } from './figures.js';

/** Pseudo-random integers 0…bound−1, the same for the same seed (a Weyl sequence through a 32-bit finaliser). */
export function createRandom(seed: number): (bound: number) => number {
  let state = seed | 0;
  return (bound) => {
    state = (state + 0x9e3779b9) | 0;
    return below(bound, state);
  };
}

/** 0…bound−1, the same for the same 32-bit `state`. */
function below(bound: number, state: number): number {
  let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * bound);
}

export interface Population {
  /** In the store, in random order. */
  readonly present: readonly number[];
  /** As many that are not. */
  readonly absent: readonly number[];
}

const SPARSE_LIMIT = 2 ** 40;

/** `count` parents and as many that stay out. Sparse ones are spread over 0…2^40−1, one to a stride, so they are distinct. */
export function createPopulation(kind: CaseSpec['keys'], count: number, seed = 1): Population {
  const random = createRandom(seed);
  const present: number[] = [];
  const absent: number[] = [];
  const stride = Math.floor(SPARSE_LIMIT / (2 * count));
  for (let i = 0; i < count; i++) {
    present.push(kind === 'dense' ? i : 2 * i * stride + random(stride));
    absent.push(kind === 'dense' ? count + i : (2 * i + 1) * stride + random(stride));
  }
  shuffle(present, random);
  shuffle(absent, random);
  return { present, absent };
}

/** Parents of a store too large to list them: each follows from its index alone. */
export interface Keyspace {
  /** In the store, 0 ≤ index < count. */
  readonly present: (index: number) => number;
  /** As many that are not. */
  readonly absent: (index: number) => number;
}

/** Like `createPopulation`, but not shuffled: dense ones ascend, and sparse ones ascend with gaps. */
export function createKeyspace(kind: CaseSpec['keys'], count: number): Keyspace {
  if (kind === 'dense') return { present: (index) => index, absent: (index) => count + index };
  const stride = Math.floor(SPARSE_LIMIT / (2 * count));
  const inStride = (place: number): number => place * stride + below(stride, place);
  return { present: (index) => inStride(2 * index), absent: (index) => inStride(2 * index + 1) };
}

/** `count` parents drawn uniformly, with repetition. */
export function drawKeys(from: readonly number[], count: number, seed = 2): number[] {
  const random = createRandom(seed);
  const drawn: number[] = [];
  for (let i = 0; i < count; i++) drawn.push(from[random(from.length)]!);
  return drawn;
}

function shuffle(values: number[], random: (bound: number) => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random(i + 1);
    const kept = values[i]!;
    values[i] = values[j]!;
    values[j] = kept;
  }
}
