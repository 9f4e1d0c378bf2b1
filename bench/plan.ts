/**
 * How much is measured: the whole, or a quick look that proves that everything runs and says nothing about speed.
 */
import type { CaseSpec, Settings, TraceSource } from './figures.js';

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
  readonly peers: PeersPlan;
  readonly traces: TracesPlan;
  /** Where Redis answers, if the command line says so. */
  readonly redis?: string | undefined;
  /** What the command line gives as recorded input. */
  readonly trace?: TraceSource | undefined;
  /** Variables that the store grows to. */
  readonly growthSize: number;
  readonly growthSettings: Settings;
  /** Variables that all workers are after. */
  readonly hotKeys: number;
  readonly oversubscribedWorkers: readonly number[];
  readonly oversubscribedSettings: Settings;
  readonly scaleSizes: readonly number[];
  /** Variables beyond which there is no Map to compare with. */
  readonly scaleMapLimit: number;
  readonly scaleTypes: readonly number[];
  /** Variables of all types together. */
  readonly scaleTypesSize: number;
  readonly scaleSettings: Settings;
  readonly transitionWorkers: readonly number[];
  readonly transitionSettings: Settings;
  readonly throughputSettings: Settings;
  /** Variables of the id that is collected, and of the one that stays. */
  readonly collectSize: number;
  readonly collectSettings: Settings;
  readonly recoverSize: number;
  /** A round is a death; the time is how long somebody has slept waiting for the lock before it. */
  readonly recoverSettings: Settings;
  /** Variables of the store that is looked at. */
  readonly dashboardSize: number;
  readonly dashboardSettings: Settings;
}

interface TracesPlan {
  /** Of a generated workload, at its start. */
  readonly records: number;
  /** Of each worker in each round. */
  readonly requests: number;
  readonly workers: number;
  readonly settings: Settings;
}

interface PeersPlan {
  readonly sizes: readonly number[];
  /** worker_map takes time in proportion to its size. */
  readonly workerMapSize: number;
  readonly workers: readonly number[];
  readonly settings: Settings;
}

export const FULL_PLAN: Plan = {
  sizes: [10_000, 100_000, 1_000_000],
  keys: ['dense', 'sparse'],
  sharedMapSize: 100_000,
  settings: { rounds: 9, warmupRounds: 2, milliseconds: 80 },
  threadsSize: 1_000_000,
  threadsWorkers: [1, 2, 4],
  threadsSettings: { rounds: 7, warmupRounds: 1, milliseconds: 250 },
  memorySize: 1_000_000,
  transitions: 20,
  peers: {
    sizes: [100_000, 1_000_000],
    workerMapSize: 1000,
    workers: [1, 2],
    settings: { rounds: 5, warmupRounds: 2, milliseconds: 60 },
  },
  traces: { records: 100_000, requests: 100_000, workers: 2, settings: { rounds: 5, warmupRounds: 2, milliseconds: 0 } },
  growthSize: 10_000_000,
  growthSettings: { rounds: 2, warmupRounds: 0, milliseconds: 0 },
  hotKeys: 100_000,
  oversubscribedWorkers: [1, 2, 4, 8, 16, 32],
  oversubscribedSettings: { rounds: 4, warmupRounds: 1, milliseconds: 400 },
  scaleSizes: [10_000, 100_000, 1_000_000, 10_000_000, 50_000_000],
  scaleMapLimit: 2 ** 24,
  scaleTypes: [1, 100, 2000],
  scaleTypesSize: 1_000_000,
  scaleSettings: { rounds: 5, warmupRounds: 1, milliseconds: 100 },
  transitionWorkers: [2, 8, 32],
  transitionSettings: { rounds: 5, warmupRounds: 1, milliseconds: 0 },
  throughputSettings: { rounds: 7, warmupRounds: 1, milliseconds: 250 },
  collectSize: 1_000_000,
  collectSettings: { rounds: 5, warmupRounds: 1, milliseconds: 300 },
  recoverSize: 100_000,
  recoverSettings: { rounds: 80, warmupRounds: 3, milliseconds: 2 },
  dashboardSize: 100_000,
  dashboardSettings: { rounds: 12, warmupRounds: 1, milliseconds: 2000 },
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
  peers: { sizes: [1000], workerMapSize: 100, workers: [1, 2], settings: { rounds: 3, warmupRounds: 1, milliseconds: 10 } },
  traces: { records: 1000, requests: 5000, workers: 2, settings: { rounds: 3, warmupRounds: 1, milliseconds: 0 } },
  growthSize: 20_000,
  growthSettings: { rounds: 2, warmupRounds: 0, milliseconds: 0 },
  hotKeys: 1000,
  oversubscribedWorkers: [1, 2, 32],
  oversubscribedSettings: { rounds: 2, warmupRounds: 1, milliseconds: 20 },
  scaleSizes: [1000, 3000],
  scaleMapLimit: 2000,
  scaleTypes: [1, 100, 2000],
  scaleTypesSize: 20_000,
  scaleSettings: { rounds: 2, warmupRounds: 1, milliseconds: 2 },
  transitionWorkers: [2, 3],
  transitionSettings: { rounds: 2, warmupRounds: 0, milliseconds: 0 },
  throughputSettings: { rounds: 2, warmupRounds: 0, milliseconds: 20 },
  collectSize: 20_000,
  collectSettings: { rounds: 2, warmupRounds: 1, milliseconds: 5 },
  recoverSize: 1000,
  recoverSettings: { rounds: 3, warmupRounds: 0, milliseconds: 2 },
  dashboardSize: 1000,
  dashboardSettings: { rounds: 3, warmupRounds: 0, milliseconds: 10 },
};
