/** The end of a run in words: figures, faults, verdict. Writes nothing itself. */

import { inspect } from 'node:util';
import { grouped } from './progress.js';
import { trackedName } from './ledger.js';
import type { Replay } from './replay.js';
import { describeFaults, type Verdict } from './verdict.js';

/** Lines for a person; the last one is the verdict. */
export function summary(verdict: Verdict, replay: Replay): string[] {
  const { faults, latencyMicroseconds: latency } = verdict;
  const collected = verdict.collected.map(
    ({ id, variables, milliseconds }) => `${trackedName(id)} (0x${id.toString(16)}) ${grouped(variables)} in ${milliseconds.toFixed(1)} ms`,
  );
  const lines = [
    '',
    `requests     ${grouped(verdict.requests)} in ${verdict.seconds.toFixed(2)} s, ${grouped(verdict.opsPerSecond)} per second, ` +
      `by ${verdict.workers} workers`,
    `latency      p50 ${shortTime(latency.p50)}, p99 ${shortTime(latency.p99)}, p999 ${shortTime(latency.p999)}`,
    `variables    ${grouped(verdict.constructed)} constructed = ${grouped(verdict.destroyed)} destroyed + ${grouped(verdict.live)} live`,
    `collected    ${collected.join('; ') || 'nothing'}`,
    `faults       ${faults.lostUpdates} lost updates, ${faults.duplicateVariables} duplicate variables, ` +
      `${faults.mixedTasks} mixed tasks, ${faults.unconstructedReads} unconstructed reads, ${faults.leakedBlocks} leaked blocks`,
    ...describeFaults(replay.faults),
    ...replay.failures.map(({ task, position, message }) => `request failed: number ${position} of the input in task ${task}: ${message}`),
  ];
  if (replay.error !== undefined) lines.push(`the run ended early: ${inspect(replay.error)}`);
  if (replay.interrupted) lines.push('the run was interrupted; the verdict is about the requests that ran');
  lines.push(`verdict: ${verdict.verdict}`);
  return lines;
}

/** 1.234 → "1.2 µs", 163.4 → "163 µs", 16000 → "16 ms" */
export function shortTime(microseconds: number): string {
  return microseconds < 999.5 ? `${twoDigits(microseconds)} µs` : `${twoDigits(microseconds / 1000)} ms`;
}

/** Two significant digits, or all before the point: toPrecision alone makes 1.6e+2 of 163. */
function twoDigits(value: number): string {
  return value < 99.5 ? value.toPrecision(2) : value.toFixed(0);
}
