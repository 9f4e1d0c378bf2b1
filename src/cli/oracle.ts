/**
 * The truth about a run: a single-threaded replay of the requests that were acknowledged, without store, threads or patches. Imports
 * `input`, `stages`.
 *
 * Tasks are the same ranges of the input in every pass, so it is enough to count how often each stage handled each range: however long the
 * run was, memory and time of the replay are those of one pass.
 */

import { forEachAccess, type Input, requestCount } from './input.js';
import type { Segment } from './job.js';
import { STAGES, stageOf, stagesOf } from './stages.js';

/** Which stage handled what, as the workers acknowledged it. */
export class Tally {
  readonly input: Input;
  /** Requests per task. */
  readonly batch: number;
  /** Tasks in one pass. */
  readonly ranges: number;
  /** Per stage: how often each range was handled. */
  readonly times: readonly Float64Array[];
  /** Parts of ranges: of tasks that failed or saw two versions. */
  readonly parts: { readonly from: number; readonly to: number; readonly stage: number }[] = [];
  /** Per stage, as the workers counted them. */
  readonly reported = Array.from({ length: STAGES }, () => ({ requests: 0, accesses: 0, bytes: 0 }));

  constructor(input: Input, batch: number) {
    this.input = input;
    this.batch = batch;
    this.ranges = Math.ceil(requestCount(input) / batch);
    this.times = Array.from({ length: STAGES }, () => new Float64Array(this.ranges));
  }

  /** Requests of task number `task`, counted over all passes. */
  rangeOf(task: number): { readonly from: number; readonly to: number } {
    const from = (task % this.ranges) * this.batch;
    return { from, to: Math.min(from + this.batch, requestCount(this.input)) };
  }

  add(task: number, segments: readonly Segment[]): void {
    const whole = this.rangeOf(task);
    for (const segment of segments) {
      const stage = stageOf(segment.handledBy, segment.phase);
      if (segment.from === whole.from && segment.to === whole.to) this.times[stage]![task % this.ranges]! += 1;
      else this.parts.push({ from: segment.from, to: segment.to, stage });
      const reported = this.reported[stage]!;
      reported.requests += segment.to - segment.from;
      reported.accesses += segment.accesses;
      reported.bytes += segment.bytes;
    }
  }

  get requests(): number {
    return this.reported.reduce((sum, { requests }) => sum + requests, 0);
  }
}

/** Sums per object index. */
interface Sums {
  readonly accesses: Float64Array;
  readonly bytes: Float64Array;
}

export interface Truth {
  readonly reads: Float64Array;
  readonly writes: Float64Array;
  readonly bytes: Float64Array;
  /** What the variables of an id that live from first touch to collection must have added up, over all their lives. */
  sumsOf(id: number): Sums;
  /** Number of different objects that these stages handled. */
  distinct(stages: readonly number[]): number;
  /** Per stage, to be compared with what the workers counted. */
  readonly totals: readonly { readonly accesses: number; readonly bytes: number }[];
}

/** Replays the tally. */
export function replayTally(tally: Tally): Truth {
  const { input, batch, ranges } = tally;
  const objects = input.objects.length;
  const reads = new Float64Array(objects);
  const writes = new Float64Array(objects);
  const bytes = new Float64Array(objects);
  const stages = Array.from({ length: STAGES }, () => ({ accesses: new Float64Array(objects), bytes: new Float64Array(objects) }));
  const totals = Array.from({ length: STAGES }, () => ({ accesses: 0, bytes: 0 }));

  const replay = (from: number, to: number, stage: number, times: number): void => {
    const sums = stages[stage]!;
    const total = totals[stage]!;
    forEachAccess(input, from, to, (index, write, size) => {
      const kind = write ? writes : reads;
      kind[index]! += times;
      bytes[index]! += times * size;
      sums.accesses[index]! += times;
      sums.bytes[index]! += times * size;
      total.accesses += times;
      total.bytes += times * size;
    });
  };
  for (let stage = 0; stage < STAGES; stage++) {
    for (let range = 0; range < ranges; range++) {
      const times = tally.times[stage]![range]!;
      if (times > 0) replay(range * batch, Math.min((range + 1) * batch, requestCount(input)), stage, times);
    }
  }
  for (const part of tally.parts) replay(part.from, part.to, part.stage, 1);

  return {
    reads,
    writes,
    bytes,
    totals,
    sumsOf(id) {
      const sums = { accesses: new Float64Array(objects), bytes: new Float64Array(objects) };
      for (const stage of stagesOf(id)) {
        for (let index = 0; index < objects; index++) {
          sums.accesses[index]! += stages[stage]!.accesses[index]!;
          sums.bytes[index]! += stages[stage]!.bytes[index]!;
        }
      }
      return sums;
    },
    distinct(wanted) {
      let count = 0;
      for (let index = 0; index < objects; index++) if (wanted.some((stage) => stages[stage]!.accesses[index]! > 0)) count++;
      return count;
    },
  };
}
