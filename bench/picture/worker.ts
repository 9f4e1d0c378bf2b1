/** What the workers of the picture run: tasks that wait, and tell when they arrived, began and ended, and which version answered them. Imports the public face and told. */
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { attach, patchable, task } from '../../src/worker.js';
import { now, type Told } from './told.js';

attach();
const { version } = patchable('picture', { version: () => 'old' });

interface Work {
  readonly milliseconds: number;
  readonly arrived: number;
}

const work = task(async ({ milliseconds, arrived }: Work): Promise<Told> => {
  const began = now();
  const first = version();
  await sleep(milliseconds);
  return { thread: threadId, arrived, began, ended: now(), versions: [first, version()] };
});

/** Exported by name, for the pool's run(): the time before task() is that before the gate. */
export function run(milliseconds: number): Promise<Told> {
  return work({ milliseconds, arrived: now() });
}
