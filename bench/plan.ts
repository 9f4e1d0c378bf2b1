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
  /** Transitions per round. */
  readonly transitions: number;
  readonly peers: PeersPlan;
  readonly traces: TracesPlan;
  /** Where Redis answers, if the command line says so. */
  readonly redis?: string | undefined;
  /** What the command line gives as recorded input. */
  readonly trace?: TraceSource | undefined;
}

export interface TracesPlan {
  /** Of a generated workload, at its start. */
  readonly records: number;
  /** Of each worker in each round. */
  readonly requests: number;
  readonly workers: number;
  readonly settings: Settings;
}

export interface PeersPlan {
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
  settings: { rounds: 11, warmupRounds: 3, milliseconds: 100 },
  threadsSize: 1_000_000,
  threadsWorkers: [1, 2, 4],
  threadsSettings: { rounds: 9, warmupRounds: 2, milliseconds: 250 },
  memorySize: 1_000_000,
  transitions: 20,
  peers: {
    sizes: [100_000, 1_000_000],
    workerMapSize: 1000,
    workers: [1, 2],
    settings: { rounds: 7, warmupRounds: 2, milliseconds: 60 },
  },
  traces: { records: 100_000, requests: 100_000, workers: 2, settings: { rounds: 7, warmupRounds: 2, milliseconds: 0 } },
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
};
