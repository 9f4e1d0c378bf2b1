/**
 * Records one real transition: four workers with tasks in flight, a patch enabled in the middle. Plain data, so that the picture can be drawn from what is kept.
 * Imports the public face and told.
 */
import { PatchCoordinator, ShadowStore } from '../../src/index.js';
import { now, type Told } from './told.js';

const WORKERS = 4;
const TASKS_PER_WORKER = 2;
/** ms before and after the transition that are recorded. */
const AROUND = 45;

export interface RecordedTask {
  /** 0…workers − 1 */
  readonly worker: number;
  /** ms since the recording began: handed to the worker, let in, done. */
  readonly arrived: number;
  readonly began: number;
  readonly ended: number;
  readonly version: 'old' | 'new';
}

export interface Recording {
  readonly node: string;
  readonly workers: number;
  /** ms since the recording began. */
  readonly enableCalled: number;
  /** Every thread had loaded the patch, and was told to switch. */
  readonly told: number;
  readonly complete: number;
  readonly tasks: readonly RecordedTask[];
}

const PATCH = `const { definePatch } = require('umbra/worker');
module.exports = definePatch({ name: 'picture', objects: [{ name: 'picture', functions: { version: () => 'new' } }] });`;

export async function recordTransition(): Promise<Recording> {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }));
  const pool = coordinator.createPool<number, Told>({
    filename: new URL('./worker.js', import.meta.url),
    minThreads: WORKERS,
    maxThreads: WORKERS,
    concurrentTasksPerWorker: TASKS_PER_WORKER,
  });
  const told: Told[] = [];
  let stopped = false;
  let serial = 0;
  const keepBusy = async (): Promise<void> => {
    while (!stopped) told.push(await pool.run(6 + ((serial++ * 7) % 19), { name: 'run' }));
  };
  const lines = Array.from({ length: WORKERS * TASKS_PER_WORKER }, keepBusy);
  await reached(() => new Set(told.map(({ thread }) => thread)).size === WORKERS);
  const start = now();
  const marks: { told?: number; complete?: number } = {};
  coordinator.on('transition', ({ phase }) => {
    if (phase === 'start') marks.told = now();
    if (phase === 'complete') marks.complete = now();
  });
  await reached(() => now() >= start + AROUND);
  const enableCalled = now();
  await coordinator.enable({ code: PATCH });
  const end = now() + AROUND;
  await reached(() => now() >= end);
  stopped = true;
  await Promise.all(lines);
  await coordinator.close();
  const threads = [...new Set(told.map(({ thread }) => thread))].sort((a, b) => a - b);
  const since = (time: number): number => Math.round((time - start) * 100) / 100;
  const tasks = told
    .filter(({ ended, arrived }) => ended > start && arrived < end)
    .map(({ thread, arrived, began, ended, versions }) => ({
      worker: threads.indexOf(thread),
      arrived: since(arrived),
      began: since(began),
      ended: since(ended),
      version: versionOf(versions),
    }))
    .sort((a, b) => a.worker - b.worker || a.arrived - b.arrived);
  return {
    node: process.version,
    workers: threads.length,
    enableCalled: since(enableCalled),
    told: since(marks.told!),
    complete: since(marks.complete!),
    tasks,
  };
}

function versionOf([first, last]: Told['versions']): 'old' | 'new' {
  if (first !== last || (first !== 'old' && first !== 'new')) throw new Error(`a task ran ${first} and then ${last}`);
  return first;
}

/** Looks once in a turn of the event loop. */
async function reached(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
