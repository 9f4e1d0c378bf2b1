/**
 * Suite `oversubscribed`: up to 32 workers on the machine's processors, all of them after the same few 16-byte variables.
 *
 * How a figure is made. One process per load, with all workers alive throughout; a round lets the first n of them go together at a
 * barrier (barrier.ts), for so long that the operating system gives each of them several turns. Rounds go through all numbers of
 * workers before the next begins. Throughput is the operations of all workers ÷ the longest of their times: with more workers than
 * processors each starts late and ends late, and its own clock leaves out what it waited before and after. A worker passes a safepoint
 * every 256 operations.
 *
 * - zipf 50/50: gets and updates in turn, over 100,000 keys, zipf 0.99. Beside the store the same with a Map per worker: what the machine
 *   itself makes of that many threads, and how evenly it serves them.
 * - one key update: all workers change the same variable under its lock. one key add: the same by the atomic `cursor.add`. Beside it what
 *   one worker does alone.
 * - 32 ÷ 2: the store against itself.
 * - least/most, Jain: how evenly the operations of a round were shared out among its workers, 1 when all had the same.
 *
 * In the end the variables must hold as many changes as all rounds together made: none was lost.
 */
import { WorkerCrew, type WorkerRound } from '../barrier.js';
import { SAFEPOINT_INTERVAL } from '../contest.js';
import { createFigure, type Bar, type CaseSpec, type Figure } from '../figures.js';
import { type HotData, type Load, WARM_UP_CALLS, WRITES } from '../hot-bodies.js';
import { createPopulation } from '../keys.js';
import type { Plan } from '../plan.js';
import { jainIndex, leastToMost } from '../statistics.js';
import { createFilledStore, initialReads, tally } from '../subjects.js';
import type { ShadowStore } from '../../src/shadow/store.js';

const LOADS: Readonly<Record<string, Load>> = { 'zipf 50/50': 'zipf', 'one key update': 'update', 'one key add': 'add' };
const STORE = 0;
const MAP = 1;

/** 32 workers ÷ 2. */
const COLLAPSE = { many: 32, few: 2, bar: { on: 'ratio', relation: '≥', value: 0.85 } as Bar };
/** Any number of workers on one variable ÷ one worker alone. */
const CONTENTION_BAR: Bar = { on: 'ratio', relation: '≥', value: 0.25 };

export function getOversubscribedCases(plan: Plan): CaseSpec[] {
  return Object.entries(LOADS).map(([name, load]) => ({
    suite: 'oversubscribed',
    name,
    keys: 'sparse',
    variables: load === 'zipf' ? plan.hotKeys : 1,
    settings: plan.oversubscribedSettings,
    workers: plan.oversubscribedWorkers,
  }));
}

export async function runOversubscribedCase(spec: CaseSpec): Promise<Figure[]> {
  const load = LOADS[spec.name];
  if (load === undefined) throw new RangeError(`suite oversubscribed has no case ${spec.name}`);
  const counts = spec.workers ?? [1];
  const keys = createPopulation(spec.keys, spec.variables).present;
  const store = createFilledStore(keys, keys.length, Math.max(...counts) + 1);
  const data: HotData = { handle: store.handle, load, keys };
  const crew = await WorkerCrew.start(Math.max(...counts), new URL('../hot-bodies.js', import.meta.url), data);
  try {
    const measured = await runRounds(crew, counts, load === 'zipf' ? [STORE, MAP] : [STORE], spec);
    const calls = measured.operations / SAFEPOINT_INTERVAL + Math.max(...counts) * WARM_UP_CALLS;
    requireChanges(store, keys, calls * WRITES[load]);
    return figuresOf(spec, load, counts, measured);
  } finally {
    await crew.end();
    store[Symbol.dispose]();
  }
}

/** What the rounds of one side came to, by number of workers. */
interface SideRounds {
  /** Millions of operations per second. */
  readonly rates: Map<number, number[]>;
  readonly leastToMost: Map<number, number[]>;
  readonly jain: Map<number, number[]>;
}

interface HotRounds {
  readonly sides: readonly SideRounds[];
  /** On the store, by all workers in all rounds, the warm-up too. */
  readonly operations: number;
}

async function runRounds(
  crew: WorkerCrew,
  counts: readonly number[],
  sides: readonly number[],
  { settings }: CaseSpec,
): Promise<HotRounds> {
  const measured = sides.map((): SideRounds => ({ rates: new Map(), leastToMost: new Map(), jain: new Map() }));
  let operations = 0;
  for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
    for (const count of counts) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const reports = await crew.round(count, side, settings.milliseconds);
        const done = reports.map((report) => report.operations);
        if (side === STORE) operations += done.reduce((sum, each) => sum + each, 0);
        if (round < 0) continue;
        note(measured[side]!.rates, count, totalRate(reports));
        note(measured[side]!.leastToMost, count, leastToMost(done));
        note(measured[side]!.jain, count, jainIndex(done));
      }
    }
  }
  return { sides: measured, operations };
}

function note(rounds: Map<number, number[]>, count: number, value: number): void {
  const noted = rounds.get(count);
  if (noted === undefined) rounds.set(count, [value]);
  else noted.push(value);
}

/** Operations per microsecond of all workers together, by the clock of the one that took longest. */
function totalRate(reports: readonly WorkerRound[]): number {
  const operations = reports.reduce((sum, report) => sum + report.operations, 0);
  return operations / Math.max(...reports.map((report) => report.milliseconds)) / 1000;
}

function requireChanges(store: ShadowStore, keys: readonly number[], changes: number): void {
  const cursor = store.cursor(tally);
  let found = 0;
  for (const key of keys) if (cursor.find(key)) found += cursor.reads - initialReads(key);
  if ((found - changes) % 2 ** 32 !== 0) throw new Error(`the workers made ${changes} changes, and the store holds ${found}`);
}

function figuresOf(spec: CaseSpec, load: Load, counts: readonly number[], { sides }: HotRounds): Figure[] {
  const [store, maps] = [sides[STORE]!, sides[MAP]];
  const several = counts.filter((count) => count > 1);
  const figures = several.map((count) =>
    createFigure(
      { ...spec, name: `${spec.name}, ${count} workers` },
      'Mops/s',
      { label: `${count} workers`, rounds: store.rates.get(count)! },
      maps === undefined ? { label: '1 worker', rounds: store.rates.get(1)! } : { label: 'a Map each', rounds: maps.rates.get(count)! },
      load === 'zipf' ? null : CONTENTION_BAR,
    ),
  );
  const [many, few] = [Math.max(...counts), Math.min(...several)];
  figures.push(collapseFigure(spec, 'store', many, few, store));
  if (maps !== undefined) figures.push(collapseFigure(spec, 'Maps', many, few, maps));
  for (const [name, fairness] of [
    ['least/most', 'leastToMost'],
    ['Jain', 'jain'],
  ] as const) {
    for (const count of several) {
      const ours = { label: 'store', rounds: store[fairness].get(count)! };
      const reference = maps === undefined ? null : { label: 'a Map each', rounds: maps[fairness].get(count)! };
      figures.push(createFigure({ ...spec, name: `${spec.name}, ${count}: ${name}` }, 'share', ours, reference, null));
    }
  }
  return figures;
}

function collapseFigure(spec: CaseSpec, label: 'store' | 'Maps', many: number, few: number, { rates }: SideRounds): Figure {
  const applies = label === 'store' && many === COLLAPSE.many && few === COLLAPSE.few;
  return createFigure(
    { ...spec, name: `${spec.name}, ${label}: ${many} ÷ ${few}` },
    'Mops/s',
    { label: `${many} workers`, rounds: rates.get(many)! },
    { label: `${few} workers`, rounds: rates.get(few)! },
    applies ? COLLAPSE.bar : null,
  );
}
