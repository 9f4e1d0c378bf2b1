/**
 * Which key a generated request asks for: the three distributions of YCSB. Uses only the numbers it is given; imports `random`.
 *
 * Zipfian is the algorithm that YCSB uses (Gray et al., "Quickly generating billion-record synthetic databases"): one draw and no table per
 * number, with the constant zeta(n) extended when keys are added.
 */

import { permutation, type Random } from './random.js';

export const DISTRIBUTIONS = ['zipfian', 'uniform', 'latest'] as const;
export type DistributionName = (typeof DISTRIBUTIONS)[number];

/** YCSB's constant: the skew that its core workloads use. */
export const ZIPFIAN_CONSTANT = 0.99;

/** Picks a key among the first `count` ones; `count` never shrinks between two calls. */
export interface Distribution {
  pick(count: number): number;
}

/** Ranks 0…count−1, rank 0 the most frequent: P(rank) is proportional to 1 / (rank + 1)^theta. */
export class Zipfian {
  private readonly random: Random;
  private readonly theta: number;
  private readonly alpha: number;
  private readonly zetaOfTwo: number;
  private count = 0;
  private zeta = 0;
  private eta = 0;

  constructor(random: Random, theta = ZIPFIAN_CONSTANT) {
    this.random = random;
    this.theta = theta;
    this.alpha = 1 / (1 - theta);
    this.zetaOfTwo = 1 + 0.5 ** theta;
  }

  pick(count: number): number {
    if (count !== this.count) this.extend(count);
    const draw = this.random.fraction();
    const scaled = draw * this.zeta;
    if (scaled < 1 || count === 1) return 0;
    if (scaled < this.zetaOfTwo || count === 2) return 1;
    return Math.min(count - 1, Math.floor(count * (this.eta * draw - this.eta + 1) ** this.alpha));
  }

  /** Only the new terms are added: a key inserted into a million costs one power, not a million. */
  private extend(count: number): void {
    for (let rank = this.count; rank < count; rank++) this.zeta += 1 / (rank + 1) ** this.theta;
    this.count = count;
    this.eta = (1 - (2 / count) ** (1 - this.theta)) / (1 - this.zetaOfTwo / this.zeta);
  }
}

/**
 * The distribution `name` over keys, of which `records` exist from the start. Zipfian spreads its ranks over these keys by a random
 * permutation, so that hot keys are no neighbours (YCSB hashes instead, which lets ranks collide on one key); keys added later have their
 * own rank.
 */
export function createDistribution(name: DistributionName, records: number, random: Random): Distribution {
  if (name === 'uniform') return { pick: (count) => random.below(count) };
  const zipfian = new Zipfian(random);
  if (name === 'latest') return { pick: (count) => count - 1 - zipfian.pick(count) };
  const keys = permutation(records, random);
  return {
    pick(count) {
      const rank = zipfian.pick(count);
      return rank < records ? keys[rank]! : rank;
    },
  };
}
