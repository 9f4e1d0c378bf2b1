/**
 * Suite `dashboard`: what a live view costs the program that it looks at.
 *
 * How a figure is made. A pool of two workers is kept busy with tasks of a fixed number of store operations: look-ups with an atomic addition, and one in 16 frees a variable and
 * creates it again. A round counts the tasks that end in some seconds, three times, in an order that changes from round to round:
 * - without: there is no dashboard;
 * - started: there is one, and no page is open;
 * - open: a page is open. What stands in for the browser is a connection of the same process that reads the stream and drops it: all that the server's side costs, and the
 *   reading besides; drawing is somebody else's processor.
 * Figures are the time per task, and the processor time per task of the whole process, reading of the stream included, started or open beside those without. The first is what
 * a program feels; the second tells a cost from other work of the machine, which takes time but none of the process's.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dashboard, dashboard } from '../../src/dashboard/dashboard.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { hits } from '../dashboard-type.js';
import type { HitsJob } from '../dashboard-worker.js';
import { createFigure, type CaseSpec, type Figure } from '../figures.js';
import type { Plan } from '../plan.js';

const WORKERS = 2;
const TASKS_PER_WORKER = 2;
const OPERATIONS = 5000;
const SIDES = ['without', 'started', 'open'] as const;
type Side = (typeof SIDES)[number];

/** Of one task, µs. */
interface Times {
  readonly wall: number;
  readonly processor: number;
}

const BAR = { on: 'ratio', relation: '≤', value: 1.01 } as const;

export function getDashboardCases(plan: Plan): CaseSpec[] {
  const { dashboardSize: variables, dashboardSettings: settings } = plan;
  return [{ suite: 'dashboard', name: 'tasks', keys: 'dense', variables, settings, workers: [WORKERS] }];
}

export async function runDashboardCase(spec: CaseSpec): Promise<Figure[]> {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 28, types: [hits] }));
  const filename = new URL('../dashboard-worker.js', import.meta.url);
  const pool = coordinator.createPool<HitsJob>({
    filename,
    minThreads: WORKERS,
    maxThreads: WORKERS,
    concurrentTasksPerWorker: TASKS_PER_WORKER,
  });
  const { variables, settings } = spec;
  for (let obj = 0; obj < variables; obj++) coordinator.store.alloc(obj, hits);
  let ended = 0;
  let stopped = false;
  const work = Array.from({ length: WORKERS * TASKS_PER_WORKER }, async (_, index) => {
    for (let first = index; !stopped; first += OPERATIONS, ended++) await pool.run({ variables, operations: OPERATIONS, first });
  });
  const measure = async (side: Side): Promise<Times> => {
    const view = side === 'without' ? undefined : await dashboard(coordinator);
    const page = side === 'open' ? await look(view) : undefined;
    const before = ended;
    const startedAt = performance.now();
    const usedBefore = process.cpuUsage();
    do await sleep(settings.milliseconds);
    while (ended === before);
    const tasks = ended - before;
    const { user, system } = process.cpuUsage(usedBefore);
    const times = { wall: ((performance.now() - startedAt) * 1000) / tasks, processor: (user + system) / tasks };
    page?.destroy();
    await view?.close();
    return times;
  };
  const times: Record<Side, Times[]> = { without: [], started: [], open: [] };
  try {
    for (let round = -settings.warmupRounds; round < settings.rounds; round++) {
      for (const [place] of SIDES.entries()) {
        const side = SIDES[(place + round + SIDES.length * settings.warmupRounds) % SIDES.length]!;
        const measured = await measure(side);
        if (round >= 0) times[side].push(measured);
      }
    }
  } finally {
    stopped = true;
    await Promise.all(work);
    await coordinator.close();
  }
  const figure = (what: string, side: Side, of: (measured: Times) => number): Figure => {
    const reference = { label: 'without', rounds: times.without.map(of) };
    return createFigure({ ...spec, name: `${what}, ${side}` }, 'µs', { label: side, rounds: times[side].map(of) }, reference, BAR);
  };
  return (['started', 'open'] as const).flatMap((side) => [
    figure('task', side, ({ wall }) => wall),
    figure('processor time', side, ({ processor }) => processor),
  ]);
}

/** The page's connection. Resolves once the first sample is there. */
async function look(view: Dashboard | undefined): Promise<IncomingMessage> {
  const [response] = (await once(get(`${view?.url}events`, { agent: false }), 'response')) as [IncomingMessage];
  await once(response, 'data');
  return response.resume();
}
