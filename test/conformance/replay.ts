/**
 * Owns one replay of one scenario, from an empty store to the verdict. Whatever goes wrong is the failure of this scenario alone. Imports
 * the stage, the steps and the comparison.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Scenario } from './catalogue.js';
import { type Difference, firstDifference, tellDifference } from './compare.js';
import type { ConformanceEvent } from './events.js';
import type { FixtureTable } from './fixture-table.js';
import { Stage } from './stage.js';
import { Player } from './steps.js';

export interface Result {
  readonly id: string;
  readonly title: string;
  readonly passed: boolean;
  /** Why it failed, for a person; null if it passed. */
  readonly reason: string | null;
  readonly difference: Difference | null;
  /** What happened. */
  readonly events: readonly ConformanceEvent[];
  readonly milliseconds: number;
}

export interface ReplayOptions {
  /** Workers of the pool. */
  readonly workers: number;
  /** A scenario that takes longer has failed. Default 60000. */
  readonly limitMilliseconds?: number;
}

export async function replay(scenario: Scenario, fixtures: FixtureTable, options: ReplayOptions): Promise<Result> {
  const { steps } = scenario;
  const asked = steps.filter(([component, kind]) => (component === 'observe' && kind === 'output') || kind === 'query');
  const open = () =>
    Stage.open(
      fixtures,
      options.workers,
      asked.map((step) => String(step[2])),
    );
  return attempt(scenario, options, open, (stage) => perform(scenario, fixtures, stage));
}

/** Runs work on a stage of its own, and judges what the ledger says when the work is done, or when it has taken too long. */
export async function attempt(
  { id, title, events }: Pick<Scenario, 'id' | 'title' | 'events'>,
  { limitMilliseconds = 60_000 }: ReplayOptions,
  open: () => Promise<Stage>,
  work: (stage: Stage) => Promise<void>,
): Promise<Result> {
  const startedAt = performance.now();
  const reasons: string[] = [];
  const limit = new AbortController();
  const stray = (error: Error): unknown => reasons.push(`uncaught ${error.stack ?? String(error)}`);
  let stage: Stage | undefined;
  let difference: Difference | undefined;
  process.on('uncaughtException', stray);
  try {
    stage = await open();
    const late = sleep(limitMilliseconds, `not over after ${limitMilliseconds} ms`, { signal: limit.signal });
    late.catch(() => undefined);
    const verdict = await Promise.race([work(stage), late]);
    if (verdict !== undefined) reasons.push(verdict);
    difference = firstDifference(events, stage.ledger.log);
    if (difference !== undefined) reasons.push(tellDifference(difference));
    reasons.push(...stage.recorder.warnings.map((warning) => `warning: ${warning}`), ...stage.recorder.complaints());
  } catch (error) {
    reasons.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  } finally {
    limit.abort();
    await stage?.close();
    process.off('uncaughtException', stray);
  }
  return {
    id,
    title,
    passed: reasons.length === 0,
    reason: reasons.length === 0 ? null : reasons.join('\n'),
    difference: difference ?? null,
    events: stage?.ledger.log.map(({ event }) => event) ?? [],
    milliseconds: performance.now() - startedAt,
  };
}

async function perform({ steps, stateCallbacks }: Scenario, fixtures: FixtureTable, stage: Stage): Promise<void> {
  const player = new Player(stage, fixtures, stateCallbacks);
  for (const step of steps) await player.play(step);
  await stage.waitUntil(() => stage.recorder.swept);
}
