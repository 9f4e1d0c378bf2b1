/**
 * Whether two handfuls of numbers differ by more than their own spread. Pure statistics; imports nothing.
 */

export interface TestResult {
  /** Mean of the second − mean of the first. */
  readonly difference: number;
  /** Probability of a difference at least as large, either way, where both are drawn from the same normal distribution. */
  readonly p: number;
}

/** Student's two-sided test with pooled variance. Needs three values in all, and assumes that both sides spread alike. */
export function studentTest(first: readonly number[], second: readonly number[]): TestResult {
  const degrees = first.length + second.length - 2;
  if (first.length === 0 || second.length === 0 || degrees < 1) throw new RangeError('the test needs three values, and one on each side');
  const difference = mean(second) - mean(first);
  const variance = (squares(first) + squares(second)) / degrees;
  const error = Math.sqrt(variance * (1 / first.length + 1 / second.length));
  if (error === 0) return { difference, p: difference === 0 ? 1 : 0 };
  return { difference, p: studentTail(difference / error, degrees) };
}

/** P(|T| ≥ |t|) of Student's t with a whole number of degrees of freedom, for which the integral is a finite series in the angle. */
export function studentTail(t: number, degrees: number): number {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(degrees));
  const odd = degrees % 2 === 1;
  const cosine = Math.cos(angle);
  let term = odd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < degrees; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return Math.max(0, 1 - within);
}

/**
 * Holm's adjustment for asking many questions at once: calling those below 0.05 true is wrong about any of them in at most 5 % of all
 * cases, however they hang together.
 */
export function holmAdjust(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).sort((a, b) => ps[a]! - ps[b]!);
  const adjusted = new Array<number>(ps.length).fill(1);
  let highest = 0;
  for (const [rank, index] of order.entries()) {
    highest = Math.max(highest, Math.min(1, ps[index]! * (ps.length - rank)));
    adjusted[index] = highest;
  }
  return adjusted;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sum of the squared distances from the mean. */
function squares(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
}
