/**
 * The part of suite `transition` that patches pools of 2, 8 and 32 workers.
 *
 * How a figure is made.
 * - enable, replace: from the moment the patch is loaded everywhere (event `start`) to the moment all threads run it (event `complete`). enable: a patch is enabled
 *   and disabled in turn, and both count; replace: two patches supersede each other. One round is the median of several transitions.
 *   - compute, wait: all workers are busy with tasks of one millisecond, two of them per worker under way. Reference: what such a task took meanwhile, on average;
 *     with more workers than processors a task that computes takes longer than it is made for.
 *   - idle: all workers sleep. Reference: one message to each of as many plain workers, all at once, until all of them have answered.
 * - throughput: tasks that a busy pool ends in a second while patches come and go without a pause, against the same pool left alone, in turn.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Bar, createFigure, type CaseSpec, type Figure } from '../figures.js';
import { type Load, PatchedPool } from '../patched-pool.js';
import type { Plan } from '../plan.js';
import { summarize } from '../statistics.js';

const LOADS: readonly Load[] = ['idle', 'compute', 'wait'];
/** Where the bar of the busy ones stands. */
const BAR_WORKERS = 8;
const BUSY_BAR = { on: 'ratio', relation: '≤', value: 10 } as const;
const THROUGHPUT = 'throughput';

export function getPoolCases(plan: Plan): CaseSpec[] {
  const base = { suite: 'transition', keys: 'dense', variables: plan.transitions } as const;
  return plan.transitionWorkers.flatMap((workers) => [
    ...LOADS.map((load) => ({ ...base, name: `${workers} workers, ${load}`, settings: plan.transitionSettings, workers: [workers] })),
    ...LOADS.filter((load) => load !== 'idle' && workers <= BAR_WORKERS).map((load) => ({
      ...base,
      name: `${THROUGHPUT}, ${workers} workers, ${load}`,
      settings: plan.throughputSettings,
      workers: [workers],
    })),
  ]);
}

export async function runPoolCase(spec: CaseSpec): Promise<Figure[]> {
  const load = LOADS.find((candidate) => spec.name.endsWith(`, ${candidate}`));
  const [workers] = spec.workers ?? [];
  if (load === undefined || workers === undefined) throw new RangeError(`suite transition has no case ${spec.name}`);
  const pool = await PatchedPool.start(workers, load);
  try {
    if (pool.threads !== workers) throw new Error(`the pool has ${pool.threads} workers instead of ${workers}`);
    if (spec.name.startsWith(THROUGHPUT)) return await runThroughput(spec, pool);
    return load === 'idle' ? await runIdle(spec, pool, workers) : await runBusy(spec, pool, workers);
  } finally {
    await pool.end();
  }
}

/** Enabling and disabling, then replacing; each on its own figure. */
async function runBusy(spec: CaseSpec, pool: PatchedPool, workers: number): Promise<Figure[]> {
  const bar = workers === BAR_WORKERS ? BUSY_BAR : null;
  return inRounds(spec, pool, bar, 'task', async () => {
    while (pool.taskTimes.length === 0) await sleep(1);
    const { taskTimes } = pool;
    return taskTimes.reduce((sum, time) => sum + time, 0) / taskTimes.length;
  });
}

async function runIdle(spec: CaseSpec, pool: PatchedPool, workers: number): Promise<Figure[]> {
  const echoes = Array.from({ length: workers }, () => new Worker(new URL('../echo-worker.js', import.meta.url)));
  try {
    await Promise.all(echoes.map((echo) => once(echo, 'message')));
    return await inRounds(spec, pool, null, 'messages', async () => {
      const times: number[] = [];
      for (let i = 0; i < spec.variables; i++) {
        const startedAt = performance.now();
        const answers = Promise.all(echoes.map((echo) => once(echo, 'message')));
        for (const echo of echoes) echo.postMessage(i);
        await answers;
        times.push(performance.now() - startedAt);
      }
      return summarize(times).median;
    });
  } finally {
    await Promise.all(echoes.map((echo) => echo.terminate()));
  }
}

/** `compare` tells what the reference was in the round. */
async function inRounds(
  spec: CaseSpec,
  pool: PatchedPool,
  bar: Bar | null,
  label: string,
  compare: () => Promise<number>,
): Promise<Figure[]> {
  const kinds = [
    { name: 'enable', patch: (times: number) => pool.comeAndGo(times / 2), ours: [] as number[], reference: [] as number[] },
    { name: 'replace', patch: (times: number) => pool.supersede(times / 2), ours: [] as number[], reference: [] as number[] },
  ];
  const { rounds, warmupRounds } = spec.settings;
  for (let round = -warmupRounds; round < rounds; round++) {
    for (const { patch, ours, reference } of kinds) {
      pool.taskTimes = [];
      const durations = await patch(spec.variables);
      const compared = await compare();
      if (round < 0) continue;
      ours.push(summarize(durations).median);
      reference.push(compared);
    }
  }
  return kinds.map(({ name, ours, reference }) =>
    createFigure(
      { ...spec, name: `${name}, ${spec.name}` },
      'ms',
      { label: 'transition', rounds: ours },
      { label, rounds: reference },
      bar,
    ),
  );
}

async function runThroughput(spec: CaseSpec, pool: PatchedPool): Promise<Figure[]> {
  const { rounds, warmupRounds, milliseconds } = spec.settings;
  const [patching, alone]: [number[], number[]] = [[], []];
  const rate = async (patched: boolean): Promise<number> => {
    const startedAt = performance.now();
    pool.taskTimes = [];
    do await (patched ? pool.comeAndGo(1) : sleep(milliseconds));
    while (performance.now() - startedAt < milliseconds || pool.taskTimes.length === 0); // a machine with other work may end no task in time
    return (pool.taskTimes.length / (performance.now() - startedAt)) * 1000;
  };
  for (let round = -warmupRounds; round < rounds; round++) {
    const first = round % 2 === 0;
    const rates = [await rate(first), await rate(!first)];
    if (round < 0) continue;
    patching.push(rates[first ? 0 : 1]!);
    alone.push(rates[first ? 1 : 0]!);
  }
  return [createFigure(spec, 'tasks/s', { label: 'while patching', rounds: patching }, { label: 'left alone', rounds: alone }, null)];
}
