/**
 * How much is measured: the whole, or a quick look that proves that everything runs and says nothing about speed.
 */
import type { CaseSpec, Settings } from './figures.js';

export interface Plan {
  readonly sizes: readonly number[];
  readonly keys: readonly CaseSpec['keys'][];
  readonly sharedMapSize: number;
  readonly settings: Settings;
  readonly threadsSize: number;
  readonly threadsWorkers: readonly number[];
  readonly threadsSettings: Settings;
  readonly memorySize: number;
  /** Transitions per round, an even number. */
  readonly transitions: number;
  readonly transitionWorkers: readonly number[];
  readonly transitionSettings: Settings;
  readonly throughputSettings: Settings;
  /** Variables of the id that is collected, and of the one that stays. */
  readonly collectSize: number;
  readonly collectSettings: Settings;
  readonly recoverSize: number;
  /** A round is a death; the time is how long somebody has slept waiting for the lock before it. */
  readonly recoverSettings: Settings;
}

export const FULL_PLAN: Plan = {
  sizes: [10_000, 100_000, 1_000_000],
  keys: ['dense', 'sparse'],
  sharedMapSize: 100_000,
  settings: { rounds: 11, warmupRounds: 3, milliseconds: 100 },
  threadsSize: 1_000_000,
  threadsWorkers: [1, 2, 4],
  threadsSettings: { rounds: 9, warmupRounds: 2, milliseconds: 250 },
  memorySize: 1_000_000,
  transitions: 20,
  transitionWorkers: [2, 8, 32],
  transitionSettings: { rounds: 5, warmupRounds: 1, milliseconds: 0 },
  throughputSettings: { rounds: 7, warmupRounds: 1, milliseconds: 250 },
  collectSize: 1_000_000,
  collectSettings: { rounds: 5, warmupRounds: 1, milliseconds: 300 },
  recoverSize: 100_000,
  recoverSettings: { rounds: 80, warmupRounds: 3, milliseconds: 2 },
};

export const QUICK_PLAN: Plan = {
  sizes: [1000],
  keys: ['dense', 'sparse'],
  sharedMapSize: 1000,
  settings: { rounds: 3, warmupRounds: 1, milliseconds: 2 },
  threadsSize: 1000,
  threadsWorkers: [1, 2],
  threadsSettings: { rounds: 3, warmupRounds: 1, milliseconds: 10 },
  memorySize: 10_000,
  transitions: 2,
  transitionWorkers: [2, 3],
  transitionSettings: { rounds: 2, warmupRounds: 0, milliseconds: 0 },
  throughputSettings: { rounds: 2, warmupRounds: 0, milliseconds: 20 },
  collectSize: 20_000,
  collectSettings: { rounds: 2, warmupRounds: 1, milliseconds: 5 },
  recoverSize: 1000,
  recoverSettings: { rounds: 3, warmupRounds: 0, milliseconds: 2 },
};
