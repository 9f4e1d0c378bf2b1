/** Owns what a run of kills looks like to a reader. Pure. */
import type { RoundResult } from './round.js';

/** One line about one round. */
export function tellRound(number: number, { kind, kills, operations, also, holders, repeated, violations }: RoundResult): string {
  const deaths = Object.entries(kills)
    .filter(([, count]) => count > 0)
    .map(([death, count]) => `${count} ${death}`)
    .join(', ');
  const verdict = violations.length === 0 ? 'clean' : `${violations.length} VIOLATIONS`;
  return `  ${String(number).padStart(4)}  ${kind.padEnd(11)} ${verdict}: ${deaths}; ${operations} operations, ${also ?? `${holders} locks left behind, ${repeated} destructors repeated`}`;
}

/** Kills of all rounds. */
export function killsOf(results: readonly RoundResult[]): number {
  return results.reduce((sum, { kills }) => sum + Object.values(kills).reduce((a, b) => a + b, 0), 0);
}

/** The table at the end. */
export function tellRun(results: readonly RoundResult[], seconds: number): string {
  const kills = killsOf(results);
  const latencies = results.flatMap((result) => result.latencies);
  const moved = latencies.flatMap(({ moved: after }) => (after === undefined ? [] : [after]));
  const sum = (of: (result: RoundResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  const violations = sum((result) => result.violations.length);
  return [
    `${kills} random kills in ${results.length} rounds, ${seconds.toFixed(0)} s (${(kills / seconds).toFixed(1)} per second)`,
    `${sum((result) => result.operations)} operations, each judged; ${sum((result) => result.holders)} threads died with a lock that was still held at their exit event`,
    `from the exit event, ms (median / 99 % / most):`,
    `  until its locks are free        ${percentiles(latencies.map(({ unlocked }) => unlocked))}`,
    `  until everything is given back  ${percentiles(latencies.map(({ recovered }) => recovered))}`,
    `  until all others have moved on  ${percentiles(moved)}  (where a lock was held)`,
    violations === 0 ? 'verdict: no violation' : `verdict: ${violations} VIOLATIONS`,
  ].join('\n');
}

function percentiles(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const sorted = [...values].sort((a, b) => a - b);
  return [0.5, 0.99, 1].map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2)).join(' / ');
}
