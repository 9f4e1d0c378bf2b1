/**
 * A worker of a `WorkerCrew`: see barrier.ts, whose control words it reads; it writes ARRIVED alone.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { ACTIVE, ARRIVED, ROUND, SIDE, STOP, type CreateBodies, type CrewWorkerData, type WorkerRound } from './barrier.js';

const { control: buffer, module, data, index } = workerData as CrewWorkerData;
const control = new Int32Array(buffer);
const { createBodies } = (await import(module)) as { createBodies: CreateBodies };
const bodies = createBodies(data, index);

parentPort?.postMessage('ready');
for (let seen = 0; ;) {
  Atomics.wait(control, ROUND, seen);
  seen = Atomics.load(control, ROUND);
  const active = Atomics.load(control, ACTIVE);
  if (index >= active) continue;
  const body = bodies[Atomics.load(control, SIDE)];
  if (body === undefined) throw new RangeError('the module has no such body');
  meet(active);
  parentPort?.postMessage(run(body));
}

/** Returns in all workers of the round at the same moment. */
function meet(active: number): void {
  if (Atomics.add(control, ARRIVED, 1) + 1 === active) {
    Atomics.notify(control, ARRIVED);
    return;
  }
  for (let arrived = Atomics.load(control, ARRIVED); arrived < active; arrived = Atomics.load(control, ARRIVED)) {
    Atomics.wait(control, ARRIVED, arrived, 1);
  }
}

function run(body: () => number): WorkerRound {
  let operations = 0;
  const start = performance.now();
  do operations += body();
  while (Atomics.load(control, STOP) === 0);
  return { index, threadId, operations, milliseconds: performance.now() - start };
}
