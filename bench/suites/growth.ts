/**
 * Suite `growth`: how long single operations take while two workers bring a store of 16-byte variables from 1,000 to 10 million, beside
 * how long the same operations take while the store stays as large as it is.
 *
 * How a figure is made. Steps of ten times as many variables: 1,000 → 10,000 → … → 10,000,000. In each the workers first grow the store
 * to the next size and then stay at it, with the same operations, as many of them and in the same order but for one thing: of the
 * insertions and frees seven in eight are insertions while it grows, and half when it stays. So each stretch of growth stands beside one
 * of equal length at the size that it ends with, in the same store, threads and compiled code; the last step is nine tenths of all. Both
 * workers take each step together, and the main thread sleeps. An operation is a call with its look-up: `cursor.find` and a field,
 * `getOrAlloc` of a key that is not there, `cursor.find` and `add` or `update`, `free` of the oldest, and, after 256 of them, a
 * safepoint. That each met what it had to meet is checked, and in the end the number of variables.
 *
 * Each operation is timed by itself, by `performance.now()` before and after it, which resolves nanoseconds, costs as much as
 * `process.hrtime.bigint()` and leaves less garbage; the 40 ns of the clock are in both sides. Tails are what a worker sees, whatever the
 * cause: collections of the young generation and threads that are put off their processor are in both sides as well. The first touch of
 * each page of memory is in growth alone, and where the machine is a virtual one it takes several microseconds, once per processor. That
 * is what a user sees, so the bar is held against it; and against the figures named `committed`, of a store made with `commit: true`, which is there for
 * services that cannot have it. Each round has a store and workers of its own; a percentile is that of the
 * operations of both workers together.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ShadowStore } from '../../src/shadow/store.js';
import { createFigure, type Bar, type CaseSpec, type Figure } from '../figures.js';
import { countKeys, countLeft, type GrowthData, type GrowthReport, OPERATIONS, planSteps, type Steps } from '../growth-mix.js';
import { createKeyspace } from '../keys.js';
import { Latencies, PERCENTILES } from '../latency.js';
import type { Plan } from '../plan.js';
import { tally } from '../subjects.js';

const FIRST_SIZE = 1000;
const WORKERS = 2;
const COMMITTED = 'memory committed';
const UNCOMMITTED = 'memory as it is touched';
/** What the store may take: more than it needs, and not so much more that touching it takes long. */
const FIRST_BYTES = 2 ** 26;
const BYTES_PER_VARIABLE = 96;
const BAR: Bar = { on: 'ratio', relation: '≤', value: 3 };
const BAR_PERCENTILE = 99.9;
const BAR_SIZE = 10_000_000;
/** Enough for the compiler to be done with all that a worker runs. */
const WARMUP_CYCLES = 20_000;

export function getGrowthCases(plan: Plan): CaseSpec[] {
  return [UNCOMMITTED, COMMITTED].map((name) => ({
    suite: 'growth',
    name,
    keys: 'sparse',
    variables: plan.growthSize,
    settings: plan.growthSettings,
    workers: [WORKERS],
  }));
}

export async function runGrowthCase(spec: CaseSpec): Promise<Figure[]> {
  const workers = spec.workers?.[0] ?? WORKERS;
  const steps = planSteps(FIRST_SIZE, spec.variables, workers, Math.min(WARMUP_CYCLES, spec.variables));
  const rounds: GrowthRound[] = [];
  for (let round = -spec.settings.warmupRounds; round < spec.settings.rounds; round++) {
    const measured = await runGrowthRound(steps, workers, spec.name === COMMITTED);
    if (round >= 0) rounds.push(measured);
  }
  return OPERATIONS.flatMap((operation, kind) => PERCENTILES.map((percentile) => figureOf(spec, operation, kind, percentile, rounds)));
}

function figureOf(spec: CaseSpec, operation: string, kind: number, percentile: number, rounds: readonly GrowthRound[]): Figure {
  const name = `${operation}, ${percentile === 100 ? 'max' : `p${percentile}`}${spec.name === COMMITTED ? ', committed' : ''}`;
  return createFigure(
    { ...spec, name },
    'ns',
    { label: 'growing', rounds: rounds.map(({ growing }) => growing.at(kind, percentile)) },
    { label: 'fixed size', rounds: rounds.map(({ steady }) => steady.at(kind, percentile)) },
    percentile === BAR_PERCENTILE && spec.variables === BAR_SIZE ? BAR : null,
  );
}

export interface GrowthRound {
  readonly growing: Latencies;
  readonly steady: Latencies;
}

/** One store from its first variables to its last. @throws Error when the store does not hold in the end what the workers left in it */
export async function runGrowthRound(steps: Steps, workers: number, commit: boolean): Promise<GrowthRound> {
  const store = createFirstStore(steps, workers, commit);
  const meetings = new SharedArrayBuffer(2 * steps.cycles.length * Int32Array.BYTES_PER_ELEMENT);
  const reports = Array.from({ length: workers }, (_, index) => runWorker({ handle: store.handle, meetings, index, workers, steps }));
  const round: GrowthRound = { growing: new Latencies(OPERATIONS), steady: new Latencies(OPERATIONS) };
  for (const { growing, steady } of await Promise.all(reports)) {
    round.growing.addEncoded(growing);
    round.steady.addEncoded(steady);
  }
  const { live } = store.stats();
  store[Symbol.dispose]();
  const left = countLeft(steps) * workers;
  if (live !== left) throw new Error(`the store holds ${live} variables, and the workers left ${left} in it`);
  return round;
}

function createFirstStore(steps: Steps, workers: number, commit: boolean): ShadowStore {
  const maxBytes = FIRST_BYTES + countLeft(steps) * workers * BYTES_PER_VARIABLE;
  const store = ShadowStore.create({ maxBytes, maxThreads: workers + 1, commit, types: [tally] });
  const { present } = createKeyspace('sparse', countKeys(steps) * workers);
  for (let i = 0; i < steps.initial * workers; i++) store.alloc(present(i), tally).reads = 1;
  store.safepoint();
  return store;
}

async function runWorker(workerData: GrowthData): Promise<GrowthReport> {
  const worker = new Worker(new URL('../growth-worker.js', import.meta.url), { workerData });
  const exit = once(worker, 'exit');
  const [report] = (await once(worker, 'message')) as [GrowthReport];
  await exit;
  return report;
}
