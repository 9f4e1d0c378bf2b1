/**
 * Medians and spreads of a handful of rounds. Imports nothing.
 */

/** What a series of rounds comes to; quartiles are linearly interpolated. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  /** Every round in the order in which it ran. */
  readonly rounds: readonly number[];
}

/** The value below which the share `q` (0…1) of the ascending `sorted` lies. */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError('quantile of no values');
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const lower = sorted[below]!;
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return lower + (upper - lower) * (position - below);
}

export function summarize(rounds: readonly number[]): Summary {
  const sorted = [...rounds].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    rounds,
  };
}

/**
 * Round by round `numerator ÷ denominator`: both sides of one round ran next to each other, so what disturbed one mostly disturbed the
 * other, and the quotient is steadier than either.
 */
export function quotients(numerator: readonly number[], denominator: readonly number[]): number[] {
  if (numerator.length !== denominator.length) throw new RangeError('both sides need the same number of rounds');
  return numerator.map((value, round) => value / denominator[round]!);
}

/** How evenly something is shared out: the least share ÷ the largest, 0…1. */
export function leastToMost(shares: readonly number[]): number {
  return Math.min(...shares) / Math.max(...shares);
}

/** Jain's index of fairness: 1 when all shares are equal, 1 ÷ n when one has everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return (sum * sum) / (shares.length * squares);
}
