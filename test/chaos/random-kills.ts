/**
 * Owns a run of random kills: one round after another, of every kind in turn, until so many threads are dead or the time is over. Runs from a chaos build.
 */
import { Random } from '../concurrency/random.js';
import { bundleOrModule } from './bundle.js';
import { Actor } from './crowd.js';
import { Company } from './doomed.js';
import { PoolRound } from './pool-round.js';
import { Round, type RoundResult } from './round.js';
import { ROUND_KINDS, ROUND_NAMES } from './rounds.js';

export interface RandomKillsOptions {
  readonly kills: number;
  /** The run ends after so many seconds, whatever the number of kills; Infinity = it does not. */
  readonly seconds: number;
  readonly workers: number;
  readonly seed: number;
  /** Deaths in one round. */
  readonly perRound: number;
  /** Names of the kinds of rounds to run, in turn; all of them by default. */
  readonly rounds?: readonly string[] | undefined;
}

const ACTOR = bundleOrModule(new URL('./actor.js', import.meta.url));
const STARTED_AHEAD = 3;

/** Runs it; `onRound` is called with each round as it ends. Ends early with a round that has found something. */
export async function killAtRandom(
  { kills, seconds, workers, seed, perRound, rounds }: RandomKillsOptions,
  onRound: (result: RoundResult) => void = () => undefined,
): Promise<RoundResult[]> {
  const company = new Company(() => new Actor(ACTOR), STARTED_AHEAD);
  const random = new Random(seed);
  const results: RoundResult[] = [];
  const end = performance.now() + seconds * 1000;
  const isOver = (): boolean => performance.now() >= end;
  const names = ROUND_NAMES.filter((name) => rounds?.includes(name) ?? true);
  let left = kills;
  try {
    for (let i = 0; left > 0 && !isOver(); i++) {
      const kind = ROUND_KINDS.find(({ name }) => name === names[i % names.length]);
      const most = Math.min(left, perRound);
      const luck = new Random(random.next());
      const round = kind === undefined ? new PoolRound(luck).run(most, isOver) : new Round(kind, company, luck).run(workers, most, isOver);
      const result = await round;
      results.push(result);
      onRound(result);
      left -= Object.values(result.kills).reduce((sum, count) => sum + count, 0);
      if (result.violations.length > 0) break;
    }
  } finally {
    await company.close();
  }
  return results;
}
