/**
 * Suite `threads`: 1, 2 and 4 workers on one store of 16-byte variables, uniformly at random.
 *
 * How a figure is made. One process per mix. All workers are alive for the whole case; a round picks the first n of them and one side,
 * and lets them go together at a barrier (barrier.ts). A figure is operations per second of all workers of a round together, each by
 * its own clock. Rounds go through all numbers of workers and both sides before the next begins. The reference is what the same
 * workers reach with nothing shared at all: a Map each. On the store's side a worker passes a safepoint every 256 operations, and that
 * costs what it costs.
 *
 * - 100/0, 95/5, 50/50: gets and updates; a get is `cursor.find` and a field, an update `cursor.update` of two fields under the
 *   variable's lock (the Map's object is just changed).
 * - churn 50/25/25: gets, `getOrAlloc`, `free`, over twice as many keys, so that the store stays half full.
 * - n workers ÷ 1 worker: the store against itself, with the Maps' own scaling beside it: what this machine allows for. Where the
 *   Maps do not come near n, something else is using the processors, and the store's figure says nothing.
 */
import { availableParallelism } from 'node:os';
import { millionsPerSecond, WorkerCrew } from '../barrier.js';
import { createFigure, type CaseSpec, type Figure } from '../figures.js';
import { createPopulation } from '../keys.js';
import type { Plan } from '../plan.js';
import { createFilledStore } from '../subjects.js';
import type { Mix, ThreadsData } from '../threads-bodies.js';

const MIXES: Readonly<Record<string, Mix>> = {
  '100/0': { updates: 0, inserts: 0, deletes: 0 },
  '95/5': { updates: 5, inserts: 0, deletes: 0 },
  '50/50': { updates: 50, inserts: 0, deletes: 0 },
  'churn 50/25/25': { updates: 0, inserts: 25, deletes: 25 },
};

const SCALING_BARS: Readonly<Record<string, { readonly workers: number; readonly variables: number; readonly atLeast: number }>> = {
  '100/0': { workers: 2, variables: 1_000_000, atLeast: 1.85 },
  '95/5': { workers: 2, variables: 1_000_000, atLeast: 1.8 },
  '50/50': { workers: 2, variables: 1_000_000, atLeast: 1.7 },
};

const STORE = 0;
const MAP = 1;

export function getThreadsCases(plan: Plan): CaseSpec[] {
  return Object.keys(MIXES).map((name) => ({
    suite: 'threads',
    name,
    keys: 'sparse',
    variables: plan.threadsSize,
    settings: plan.threadsSettings,
    workers: plan.threadsWorkers,
  }));
}

export async function runThreadsCase(spec: CaseSpec): Promise<Figure[]> {
  const mix = MIXES[spec.name];
  if (mix === undefined) throw new RangeError(`suite threads has no case ${spec.name}`);
  const counts = spec.workers ?? [1];
  const { present, absent } = createPopulation(spec.keys, spec.variables);
  const store = createFilledStore(present);
  const data: ThreadsData = { handle: store.handle, mix, present, absent };
  const crew = await WorkerCrew.start(Math.max(...counts), new URL('../threads-bodies.js', import.meta.url), data);
  try {
    return figuresOf(spec, counts, await runRounds(crew, counts, spec));
  } finally {
    await crew.end();
    store[Symbol.dispose]();
  }
}

/** Millions of operations per second: [side][number of workers] → rounds. */
type Rates = readonly [store: Map<number, number[]>, map: Map<number, number[]>];

async function runRounds(crew: WorkerCrew, counts: readonly number[], { settings }: CaseSpec): Promise<Rates> {
  const rates: Rates = [new Map(), new Map()];
  for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
    for (const count of counts) {
      for (const side of round % 2 === 0 ? [STORE, MAP] : [MAP, STORE]) {
        const rate = millionsPerSecond(await crew.round(count, side, settings.milliseconds));
        if (round < 0) continue;
        const rounds = rates[side]!.get(count) ?? [];
        rounds.push(rate);
        rates[side]!.set(count, rounds);
      }
    }
  }
  return rates;
}

function figuresOf(spec: CaseSpec, counts: readonly number[], [stores, maps]: Rates): Figure[] {
  const figures = counts.map((count) =>
    createFigure(
      { ...spec, name: `${spec.name}, ${workers(count)}` },
      'Mops/s',
      { label: 'one store', rounds: stores.get(count)! },
      { label: 'a Map each', rounds: maps.get(count)! },
      null,
    ),
  );
  for (const [label, rates] of [
    ['store', stores],
    ['Maps', maps],
  ] as const) {
    for (const count of counts.filter((each) => each > 1)) figures.push(scalingFigure(spec, label, count, rates));
  }
  return figures;
}

function scalingFigure(spec: CaseSpec, label: 'store' | 'Maps', count: number, rates: Map<number, number[]>): Figure {
  const bar = SCALING_BARS[spec.name];
  const applies = label === 'store' && bar?.workers === count && bar.variables === spec.variables && availableParallelism() >= count;
  return createFigure(
    { ...spec, name: `${spec.name}, ${label}: ${count} ÷ 1` },
    'Mops/s',
    { label: workers(count), rounds: rates.get(count)! },
    { label: workers(1), rounds: rates.get(1)! },
    applies ? { on: 'ratio', relation: '≥', value: bar.atLeast } : null,
  );
}

function workers(count: number): string {
  return count === 1 ? '1 worker' : `${count} workers`;
}
