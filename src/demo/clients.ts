/**
 * Owns who visits the shop: many clients that come once and never again, some that come back, two that hammer. Imports random.
 */
import { Random } from '../cli/random.js';

export type Kind = 'newcomer' | 'regular' | 'hammer';

export interface Client {
  readonly kind: Kind;
  /** The session cookie that the service gave it. */
  cookie: string | undefined;
}

const HAMMERS = 2;
/** Of all requests; more where that would be too few a second for anybody to mind. */
const HAMMER_SHARE = 0.25;
const LEAST_HAMMERED_PER_SECOND = 120;
/** Of the requests that are left. */
const REGULAR_SHARE = 1 / 3;
/** Regular clients, for each request a second: few enough that they come back, so many that none of them comes too often. */
const REGULARS_PER_RATE = 0.5;
/** How much more some regulars come than others: the exponent of their zipfian distribution. */
const SKEW = 0.3;

export class Clients {
  readonly #random: Random;
  readonly #hammers: readonly Client[];
  readonly #regulars: readonly Client[];
  readonly #hammerShare: number;

  /** `rate`: requests a second of all of them. */
  constructor(rate: number, seed: number) {
    this.#random = new Random(seed);
    this.#hammers = Array.from({ length: HAMMERS }, () => ({ kind: 'hammer', cookie: undefined }));
    this.#regulars = Array.from({ length: Math.ceil(rate * REGULARS_PER_RATE) }, () => ({ kind: 'regular', cookie: undefined }));
    this.#hammerShare = Math.max(HAMMER_SHARE, LEAST_HAMMERED_PER_SECOND / rate);
  }

  /** Whose request is the next one. */
  next(): Client {
    const random = this.#random;
    if (random.fraction() < this.#hammerShare) return this.#hammers[random.below(HAMMERS)]!;
    if (random.fraction() >= REGULAR_SHARE) return { kind: 'newcomer', cookie: undefined };
    const rank = random.fraction() ** (1 / (1 - SKEW));
    return this.#regulars[Math.floor(rank * this.#regulars.length)]!;
  }
}
