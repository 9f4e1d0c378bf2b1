/**
 * Measures two functions against each other with tinybench, in one process, in rounds: each round gives both the same time, one right
 * after the other, and the next round starts with the other one. A round's figure is the mean over all its calls (collections of the
 * young generation included), in nanoseconds per operation; the caller takes medians over the rounds.
 *
 * A call does a whole chunk of operations, so that the clock and the call cost nothing per operation, and tinybench's own stop
 * watch around the call is the measurement: nothing is overridden, so its time budget is real time.
 */
import { Bench } from 'tinybench';
import type { Settings } from './figures.js';

/** Operations per call. */
export const CHUNK = 4096;
/** Operations between two safepoints in loops that free, as a worker would have between two tasks. */
export const SAFEPOINT_INTERVAL = 256;
/** Length of a sequence of keys; a power of two and a multiple of CHUNK, so that chunks never straddle its end. */
export const SEQUENCE = 2 ** 20;

export interface Contest {
  /** Does the next CHUNK operations and returns a checksum over what it saw. */
  readonly ours: () => number;
  readonly reference: () => number;
}

/** Nanoseconds per operation, one entry per round. */
export interface ContestResult {
  readonly ours: number[];
  readonly reference: number[];
}

/**
 * Garbage is collected before each round or, where the heap is so large that the collector's threads are still busy with it when the first
 * side runs, once.
 */
export type Collect = 'each round' | 'once';

/** @throws Error when the first chunks of both sides do not come to the same checksum: then they do different work. */
export function runContest(contest: Contest, settings: Settings, collect: Collect = 'each round'): ContestResult {
  requireSameWork(contest);
  const result: ContestResult = { ours: [], reference: [] };
  for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
    if (collect === 'each round' || round === -settings.warmupRounds) globalThis.gc?.();
    const [ourTime, referenceTime] = runRound(contest, settings.milliseconds, round % 2 === 0);
    if (round < 0) continue;
    result.ours.push(ourTime);
    result.reference.push(referenceTime);
  }
  return result;
}

/**
 * Measures ours alone, where no reference can be had at that size: `contest.reference` does the first chunk only, which tells what ours
 * must come to.
 * @throws Error as runContest() does
 */
export function runAlone(contest: Contest, settings: Settings): number[] {
  requireSameWork(contest);
  const rounds: number[] = [];
  for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
    globalThis.gc?.();
    const bench = createBench(settings.milliseconds).add('ours', contest.ours);
    bench.runSync();
    if (round >= 0) rounds.push(nanoseconds(bench, 'ours'));
  }
  return rounds;
}

function requireSameWork(contest: Contest): void {
  const ours = contest.ours();
  const reference = contest.reference();
  if (ours !== reference) throw new Error(`both sides must do the same work: ours ${ours}, reference ${reference}`);
}

function createBench(milliseconds: number): Bench {
  return new Bench({ time: milliseconds, iterations: 4, warmup: false, throws: true });
}

function runRound(contest: Contest, milliseconds: number, oursFirst: boolean): [ours: number, reference: number] {
  const bench = createBench(milliseconds);
  if (oursFirst) bench.add('ours', contest.ours).add('reference', contest.reference);
  else bench.add('reference', contest.reference).add('ours', contest.ours);
  bench.runSync();
  return [nanoseconds(bench, 'ours'), nanoseconds(bench, 'reference')];
}

function nanoseconds(bench: Bench, name: string): number {
  const result = bench.getTask(name)?.result;
  if (result?.state !== 'completed') throw new Error(`${name} did not complete`);
  return (result.latency.mean * 1e6) / CHUNK;
}
