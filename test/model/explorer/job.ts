/**
 * Owns the thread of one job: explores what it is told, one plan after the other, with builds of its own. Imports explore, scenarios.
 */
import { parentPort, workerData } from 'node:worker_threads';

import { Builds, explore } from './explore.js';
import type { Plan } from './jobs.js';
import { SCENARIOS } from './scenarios.js';

const builds = new Builds();
const counted = workerData as Int32Array;

parentPort!.on('message', (plan: Plan) => {
  const scenario = SCENARIOS.find(({ name }) => name === plan.scenario)!;
  void explore(scenario, builds, plan, (count) => Atomics.add(counted, 0, count)).then((explored) => {
    parentPort!.postMessage(explored);
  });
});
