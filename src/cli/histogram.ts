/**
 * Latencies in a compact form: 32 buckets per power of two, so a figure read from it is at most 3.2 % above the measured one. The counts
 * may lie in shared memory: one thread records, others read or merge when it has stopped. Imports nothing.
 */

const STEPS_BITS = 5;
const STEPS = 1 << STEPS_BITS;
const POWERS = 32; // up to 2^37 ns, two minutes; longer ones count in the last bucket
const LONGEST = 2 ** (POWERS + STEPS_BITS);
/** Length of the counts of one histogram. */
export const HISTOGRAM_BUCKETS = STEPS * (POWERS + 1);

/** Bucket of a time in nanoseconds: linear below 32 ns, then the power of two and the five bits behind its leading one. */
export function bucketOf(nanoseconds: number): number {
  if (!(nanoseconds >= STEPS)) return nanoseconds > 0 ? nanoseconds | 0 : 0;
  if (nanoseconds >= LONGEST) return HISTOGRAM_BUCKETS - 1;
  // Above 2^31 the time is halved into int32 range first; the lost bits are far below a bucket's width.
  const scale = nanoseconds >= 2 ** 31 ? 8 : 0;
  const whole = (nanoseconds / (1 << scale)) | 0;
  const power = 31 - Math.clz32(whole);
  return (power - STEPS_BITS + scale + 1) * STEPS + ((whole >>> (power - STEPS_BITS)) & (STEPS - 1));
}

/** The longest time, in nanoseconds, that falls into the bucket. */
export function upperBound(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const power = Math.floor(bucket / STEPS) - 1;
  return (STEPS + (bucket % STEPS) + 1) * 2 ** power - 1;
}

/** Adds up histograms of the same form. */
export function mergeHistograms(parts: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(HISTOGRAM_BUCKETS);
  for (const part of parts) for (let i = 0; i < HISTOGRAM_BUCKETS; i++) sum[i]! += part[i]!;
  return sum;
}

/** The time in nanoseconds that the fraction `quantile` (0…1) of the recorded ones does not exceed; 0 when nothing was recorded. */
export function quantileOf(counts: Float64Array, quantile: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  let left = Math.max(1, Math.ceil(total * quantile));
  for (let bucket = 0; bucket < counts.length; bucket++) {
    left -= counts[bucket]!;
    if (left <= 0) return upperBound(bucket);
  }
  return upperBound(counts.length - 1);
}
