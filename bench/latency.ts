/**
 * Latencies, one histogram per kind of operation: recorded by the threads that time each operation singly, merged by the thread that
 * reports. Three significant digits, in nanoseconds.
 */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

const DIGITS = 3;
const LONGEST_NANOSECONDS = 1e10;
const BUCKET_BITS = 32;

/** What is told of a histogram; 100 is the longest of all. */
export const PERCENTILES = [50, 99, 99.9, 99.99, 100] as const;

/** One histogram per name, in the order of the names. */
export class Latencies {
  readonly names: readonly string[];
  readonly #histograms: Histogram[];

  constructor(names: readonly string[]) {
    this.names = names;
    this.#histograms = names.map(() =>
      build({ bitBucketSize: BUCKET_BITS, highestTrackableValue: LONGEST_NANOSECONDS, numberOfSignificantValueDigits: DIGITS }),
    );
  }

  /** Notes one operation of kind number `kind`, between two readings of `performance.now()`. */
  record(kind: number, before: number, after: number): void {
    this.#histograms[kind]!.recordValue(Math.round((after - before) * 1e6));
  }

  /** Nanoseconds within which that share of the operations ended. */
  at(kind: number, percentile: number): number {
    const histogram = this.#histograms[kind]!;
    return percentile === 100 ? histogram.maxValue : histogram.getValueAtPercentile(percentile);
  }

  /** How many operations were noted. */
  count(kind: number): number {
    return this.#histograms[kind]!.totalCount;
  }

  /** As text, to send it to another thread. */
  encode(): string[] {
    return this.#histograms.map((histogram) => encodeIntoCompressedBase64(histogram));
  }

  /** Adds what another thread has encoded. */
  addEncoded(encoded: readonly string[]): void {
    this.#histograms.forEach((histogram, kind) => {
      histogram.add(decodeFromCompressedBase64(encoded[kind]!, BUCKET_BITS));
    });
  }
}
