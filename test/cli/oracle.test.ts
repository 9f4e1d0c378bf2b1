/** The single-threaded replay: counts what was acknowledged, as often as it was, for the stages it was handled in. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forEachAccess, type Input } from '../../src/cli/input.js';
import type { Segment } from '../../src/cli/job.js';
import { replayTally, Tally } from '../../src/cli/oracle.js';
import { generateWorkload } from '../../src/cli/workload.js';

const input: Input = generateWorkload({ workload: 'f', records: 20, requests: 105, distribution: undefined, seed: 4 });

function segment(from: number, to: number, handledBy: number, phase: number): Segment {
  const segment: Segment = { from, to, handledBy, phase, accesses: 0, bytes: 0 };
  forEachAccess(input, from, to, (_index, _write, bytes) => {
    segment.accesses++;
    segment.bytes += bytes;
  });
  return segment;
}

describe('the replay', () => {
  it('equals counting each acknowledged request on its own, over several passes', () => {
    const tally = new Tally(input, 10);
    assert.equal(tally.ranges, 11);
    const reads = new Float64Array(20);
    const heat = new Float64Array(20);
    for (let task = 0; task < 60; task++) {
      if (task === 13) continue; // not acknowledged
      const { from, to } = tally.rangeOf(task);
      const handledBy = task < 20 ? 0 : task < 40 ? 1 : 2;
      tally.add(task, [segment(from, to, handledBy, 1)]);
      forEachAccess(input, from, to, (index, write) => {
        if (!write) reads[index]! += 1;
        if (handledBy > 0) heat[index]! += 1;
      });
    }
    const truth = replayTally(tally);
    assert.deepEqual(truth.reads, reads);
    assert.deepEqual(truth.sumsOf(0x10).accesses, heat);
    assert.equal(truth.distinct([1, 2]), heat.filter((count) => count > 0).length);
    for (const [stage, total] of truth.totals.entries()) {
      assert.equal(total.accesses, tally.reported[stage]!.accesses);
      assert.equal(total.bytes, tally.reported[stage]!.bytes);
    }
  });

  it('splits a task that two versions handled', () => {
    const tally = new Tally(input, 105);
    tally.add(0, [segment(0, 40, 0, 0), segment(40, 105, 1, 1)]);
    const truth = replayTally(tally);
    assert.equal(tally.requests, 105);
    assert.equal(
      truth.totals[0]!.accesses + truth.totals[1]!.accesses,
      truth.reads.reduce((a, b) => a + b) + truth.writes.reduce((a, b) => a + b),
    );
    assert.equal(
      truth.sumsOf(0x11).accesses.reduce((a, b) => a + b),
      truth.totals[1]!.accesses,
    );
    assert.equal(
      truth.sumsOf(0x12).accesses.reduce((a, b) => a + b),
      0,
    );
  });
});
