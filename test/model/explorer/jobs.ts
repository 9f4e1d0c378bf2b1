/**
 * Owns the spreading of explorations over threads: each takes the next plan when it is done with one. Imports the forms of explore.
 */
import { Worker } from 'node:worker_threads';

import type { Exploration, Explored } from './explore.js';

export interface Plan extends Exploration {
  readonly scenario: string;
}

/**
 * Explores all plans on so many threads; `done` hears of each as it ends, and the first word of `counted` is raised all the time. Plans whose turn comes after
 * the deadline are left out.
 */
export async function exploreAll(
  plans: readonly Plan[],
  jobs: number,
  counted: Int32Array,
  done: (explored: Explored) => void,
): Promise<void> {
  const left = [...plans];
  await Promise.all(Array.from({ length: Math.min(jobs, plans.length) }, () => work(left, counted, done)));
}

async function work(left: Plan[], counted: Int32Array, done: (explored: Explored) => void): Promise<void> {
  const worker = new Worker(new URL('./job.js', import.meta.url), { workerData: counted });
  try {
    for (let plan = left.shift(); plan !== undefined; plan = left.shift()) {
      if (plan.deadline !== undefined && Date.now() >= plan.deadline) continue;
      done(await ask(worker, plan));
    }
  } finally {
    await worker.terminate();
  }
}

function ask(worker: Worker, plan: Plan): Promise<Explored> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      worker.off('message', hear);
      worker.off('error', reject);
    };
    const hear = (explored: Explored): void => {
      stop();
      resolve(explored);
    };
    worker.on('message', hear);
    worker.on('error', reject);
    worker.postMessage(plan);
  });
}
