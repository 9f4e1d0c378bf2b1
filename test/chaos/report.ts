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

/** What random kills came to. */
export interface RandomResult {
  readonly rounds: readonly Pick<RoundResult, 'kind' | 'kills' | 'operations' | 'violations'>[];
  readonly kills: number;
  readonly seconds: number;
  readonly operations: number;
  /** Threads that died with a lock that was still held at their exit event. */
  readonly holders: number;
  /** From the exit event until locks are free, until everything is given back, until all others have moved on where a lock was held; null: there was none. */
  readonly milliseconds: {
    readonly unlocked: Percentiles | null;
    readonly recovered: Percentiles | null;
    readonly moved: Percentiles | null;
  };
  readonly violations: readonly string[];
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function sumUp(results: readonly RoundResult[], seconds: number): RandomResult {
  const latencies = results.flatMap((result) => result.latencies);
  const sum = (of: (result: RoundResult) => number): number => results.reduce((total, result) => total + of(result), 0);
  return {
    rounds: results.map(({ kind, kills, operations, violations }) => ({ kind, kills, operations, violations })),
    kills: killsOf(results),
    seconds,
    operations: sum((result) => result.operations),
    holders: sum((result) => result.holders),
    milliseconds: {
      unlocked: percentiles(latencies.map(({ unlocked }) => unlocked)),
      recovered: percentiles(latencies.map(({ recovered }) => recovered)),
      moved: percentiles(latencies.flatMap(({ moved }) => (moved === undefined ? [] : [moved]))),
    },
    violations: results.flatMap((result) => result.violations),
  };
}

/** The table at the end. */
export function tellRun({ rounds, kills, seconds, operations, holders, milliseconds, violations }: RandomResult): string {
  return [
    `${kills} random kills in ${rounds.length} rounds, ${seconds.toFixed(0)} s (${(kills / seconds).toFixed(1)} per second)`,
    `${operations} operations, each judged; ${holders} threads died with a lock that was still held at their exit event`,
    `from the exit event, ms (median / 99 % / most):`,
    `  until its locks are free        ${tellPercentiles(milliseconds.unlocked)}`,
    `  until everything is given back  ${tellPercentiles(milliseconds.recovered)}`,
    `  until all others have moved on  ${tellPercentiles(milliseconds.moved)}  (where a lock was held)`,
    violations.length === 0 ? 'verdict: no violation' : `verdict: ${violations.length} VIOLATIONS`,
  ].join('\n');
}

function percentiles(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function tellPercentiles(of: Percentiles | null): string {
  return of === null ? '–' : [of.p50, of.p99, of.max].map((value) => value.toFixed(2)).join(' / ');
}
