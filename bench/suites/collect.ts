/**
 * Suite `collect`: a patch goes that was the last user of an id, and its variables (16 bytes each) are collected, beside as many of another id.
 *
 * How a figure is made. Each round enables a patch that declares the id, fills the store with variables of it, and disables the patch. The coordinator then sweeps
 * in slices between turns of the event loop, as it does at work. Both ids have parents of their own, spread over one table. That all variables were destroyed,
 * and all others are still there, is checked in every round.
 *
 * - invisible: from the event that says that the patch's post_unpatch is about to run, right before its registrations are withdrawn, to the first look-up of a
 *   worker that finds nothing, by the clock that all threads share. The worker does nothing but look up variables of the id, and found one at every look before.
 *   So what the release itself takes is counted, too.
 * - swept: variables by the time from the end of the last registration to the end of the sweep, without destructor, and with one that counts. Reference: a
 *   thread-local Map that holds objects of both kinds and is walked to delete those of one.
 * - readers: a worker looks up variables of the other id with a cursor, uniformly at random, and reads a field. Every single look is timed: the mean of many would
 *   hide what one of them had to wait. What two readings of the clock cost by themselves is taken off. Ratio: during the sweep ÷ without one, both in every
 *   round and for about as long, the quiet time before the sweep in one round and after it in the next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ALONE, COLLECTING, CollectionStage, PAUSE, type ReadResult, STOP } from '../collection.js';
import { type Bar, createFigure, type CaseSpec, type Figure, type Settings } from '../figures.js';
import { createPopulation, type Population } from '../keys.js';
import type { Plan } from '../plan.js';
import { createTally, initialReads, type Tally } from '../subjects.js';

/** Of the id that is collected, where the bars stand. */
const BAR_VARIABLES = 1_000_000;
const INVISIBLE_BAR = { on: 'ours', relation: '≤', value: 1 } as const;
const SWEPT_BAR = { on: 'ours', relation: '≥', value: 3 } as const;
const READERS_BAR = { on: 'ratio', relation: '≤', value: 1.5 } as const;

export function getCollectCases(plan: Plan): CaseSpec[] {
  return ['invisible', 'swept', 'swept, destructor', 'readers'].map((name) => ({
    suite: 'collect',
    name,
    keys: 'sparse',
    variables: plan.collectSize,
    settings: plan.collectSettings,
  }));
}

export async function runCollectCase(spec: CaseSpec): Promise<Figure[]> {
  const population = createPopulation(spec.keys, spec.variables);
  const stage = new CollectionStage(population, spec.name === 'swept, destructor');
  try {
    if (spec.name === 'invisible') return await runInvisible(spec, stage);
    if (spec.name === 'readers') return await runReaders(spec, stage);
    return await runSwept(spec, stage, population);
  } finally {
    await stage.end();
  }
}

function at(spec: CaseSpec, bar: Bar): Bar | null {
  return spec.variables === BAR_VARIABLES ? bar : null;
}

async function runInvisible(spec: CaseSpec, stage: CollectionStage): Promise<Figure[]> {
  const milliseconds = await inRounds(spec.settings, async () => {
    await stage.fill();
    const { result } = await stage.begin('watch');
    const { releasedAt } = await stage.collect();
    const { goneAt, seen } = await result;
    if (seen === 0) throw new Error('the worker saw no variable before the release');
    return (goneAt - releasedAt) / 1e6;
  });
  return [createFigure(spec, 'ms', { label: 'release to first miss', rounds: milliseconds }, null, at(spec, INVISIBLE_BAR))];
}

async function runSwept(spec: CaseSpec, stage: CollectionStage, population: Population): Promise<Figure[]> {
  const compared = spec.name === 'swept';
  const [ours, reference]: [number[], number[]] = [[], []];
  await inRounds(spec.settings, async (round) => {
    await stage.fill();
    globalThis.gc?.();
    const { variables, milliseconds } = await stage.collect();
    const map = compared ? deleteGuests(population) : 0;
    if (round < 0) return;
    ours.push(variables / milliseconds / 1000);
    reference.push(map);
  });
  const labels = { ours: compared ? 'sweep' : 'sweep + destructors', reference: 'Map, walk + delete' };
  return [
    createFigure(
      spec,
      'M/s',
      { label: labels.ours, rounds: ours },
      compared ? { label: labels.reference, rounds: reference } : null,
      compared ? at(spec, SWEPT_BAR) : null,
    ),
  ];
}

/** Millions per second at which a Map of both kinds gets rid of one of them. */
function deleteGuests({ present, absent }: Population): number {
  const map = new Map<number, Tally & { readonly kind: 'host' | 'guest' }>();
  for (const key of present) map.set(key, { ...createTally(initialReads(key)), kind: 'host' });
  for (const key of absent) map.set(key, { ...createTally(initialReads(key)), kind: 'guest' });
  globalThis.gc?.();
  const startedAt = performance.now();
  for (const [key, { kind }] of map) if (kind === 'guest') map.delete(key);
  const milliseconds = performance.now() - startedAt;
  if (map.size !== present.length) throw new Error(`the Map holds ${map.size} instead of ${present.length}`);
  return absent.length / milliseconds / 1000;
}

async function runReaders(spec: CaseSpec, stage: CollectionStage): Promise<Figure[]> {
  let quiet = spec.settings.milliseconds;
  const results: ReadResult[] = [];
  await inRounds(spec.settings, async (round) => {
    await stage.fill();
    const { result } = await stage.begin('read');
    const collect = async (): Promise<void> => {
      const { milliseconds } = await stage.collect(() => (stage.phase = COLLECTING));
      stage.phase = PAUSE;
      quiet = milliseconds;
    };
    const wait = async (): Promise<void> => {
      stage.phase = ALONE;
      await sleep(quiet);
      stage.phase = PAUSE;
    };
    for (const part of round % 2 === 0 ? [wait, collect] : [collect, wait]) await part();
    stage.phase = STOP;
    const { collecting, alone, misses } = await result;
    if (misses > 0) throw new Error(`${misses} look-ups missed variables that are there`);
    if (collecting.lookups === 0 || alone.lookups === 0) throw new Error('the reader came to nothing');
    if (round >= 0) results.push({ collecting, alone, misses });
  });
  return (['p99', 'median'] as const).map((which) =>
    createFigure(
      { ...spec, name: `readers of another id, ${which}` },
      'ns',
      { label: 'during a collection', rounds: results.map(({ collecting }) => collecting[which]) },
      { label: 'without', rounds: results.map(({ alone }) => alone[which]) },
      which === 'p99' ? at(spec, READERS_BAR) : null,
    ),
  );
}

/** What the rounds that count came to. */
async function inRounds<T>({ rounds, warmupRounds }: Settings, run: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = -warmupRounds; round < rounds; round++) {
    const result = await run(round);
    if (round >= 0) results.push(result);
  }
  return results;
}
