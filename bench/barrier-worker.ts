/**
 * A worker of a `WorkerCrew`: see barrier.ts, whose control words it reads; it writes ARRIVED alone.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { ACTIVE, ARRIVED, ROUND, SIDE, STOP, type Body, type CreateBodies, type CrewWorkerData, type WorkerRound } from './barrier.js';

const { control: buffer, module, data, index, port } = workerData as CrewWorkerData;
const control = new Int32Array(buffer);
const { createBodies } = (await import(module)) as { createBodies: CreateBodies };
const bodies = await createBodies(data, index, port);

parentPort?.postMessage('ready');
for (let seen = 0; ;) {
  Atomics.wait(control, ROUND, seen);
  seen = Atomics.load(control, ROUND);
  const active = Atomics.load(control, ACTIVE);
  if (index >= active) continue;
  const body = bodies[Atomics.load(control, SIDE)];
  if (body === undefined) throw new RangeError('the module has no such body');
  meet(active);
  parentPort?.postMessage(await run(body));
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

async function run(body: Body): Promise<WorkerRound> {
  const start = performance.now();
  const first = body();
  // Which kind of body it is decides once: a loop that had to ask, or to await a number, would not be the same loop any more.
  const operations = typeof first === 'number' ? first + repeat(body as () => number) : (await first) + (await repeatAsync(body));
  return { index, threadId, operations, milliseconds: performance.now() - start };
}

function repeat(body: () => number): number {
  let operations = 0;
  while (Atomics.load(control, STOP) === 0) operations += body();
  return operations;
}

async function repeatAsync(body: Body): Promise<number> {
  let operations = 0;
  while (Atomics.load(control, STOP) === 0) operations += await body();
  return operations;
}
