/** The latency histogram: every time falls into one bucket, and a quantile is never more than a bucket's width off. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bucketOf, HISTOGRAM_BUCKETS, mergeHistograms, quantileOf, upperBound } from '../../src/cli/histogram.js';

describe('the latency histogram', () => {
  it('gives longer times no smaller bucket, and each bucket its upper bound within 3.2 %', () => {
    let last = 0;
    for (let nanoseconds = 1; nanoseconds < 2 ** 36; nanoseconds = Math.ceil(nanoseconds * 1.007)) {
      const bucket = bucketOf(nanoseconds);
      assert.ok(bucket >= last && bucket < HISTOGRAM_BUCKETS, `${nanoseconds} ns`);
      const bound = upperBound(bucket);
      assert.ok(bound >= nanoseconds && bound <= nanoseconds * 1.032, `${nanoseconds} ns is counted as up to ${bound}`);
      last = bucket;
    }
  });

  it('counts what is too long in the last bucket and nonsense as nothing', () => {
    assert.equal(bucketOf(2 ** 50), HISTOGRAM_BUCKETS - 1);
    assert.equal(bucketOf(-5), 0);
    assert.equal(bucketOf(NaN), 0);
  });

  it('finds quantiles over the merged counts of several threads', () => {
    const parts = [new Float64Array(HISTOGRAM_BUCKETS), new Float64Array(HISTOGRAM_BUCKETS)];
    for (let i = 1; i <= 1000; i++) parts[i % 2]![bucketOf(i * 1000)]! += 1;
    const merged = mergeHistograms(parts);
    for (const quantile of [0.5, 0.99, 0.999]) {
      const found = quantileOf(merged, quantile);
      assert.ok(found >= quantile * 1e6 && found <= quantile * 1e6 * 1.032, `${quantile}: ${found}`);
    }
    assert.equal(quantileOf(new Float64Array(HISTOGRAM_BUCKETS), 0.5), 0);
  });
});
