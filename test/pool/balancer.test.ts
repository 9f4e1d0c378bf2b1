import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArrayTaskQueue, type Piscina } from 'piscina';

import { leastBusyBalancer, PassableQueue } from '../../src/pool/balancer.js';
import type { PoolOptions } from '../../src/pool/group.js';
import { coordinate, createPool, hold, patch, until } from '../livepatch/fixtures/setup.js';

const ALL = 'functions=touch,expire,later';
type Balancer = NonNullable<PoolOptions['loadBalancer']>;
type Worker = Parameters<Balancer>[1][number];

function worker(id: number, currentUsage: number, isRunningAbortableTask = false): Worker {
  return { id, currentUsage: isRunningAbortableTask ? Infinity : currentUsage, isRunningAbortableTask } as Worker;
}

test('without a balancer of the user, tasks go where Piscina would put them', () => {
  const choose = leastBusyBalancer(3);
  const plain = { isAbortable: false } as Parameters<Balancer>[0];
  const abortable = { isAbortable: true } as Parameters<Balancer>[0];
  assert.equal(choose(plain, [worker(1, 2), worker(2, 0), worker(3, 0)])?.id, 2);
  assert.equal(choose(plain, [worker(1, 2), worker(2, 1), worker(3, 1)])?.id, 2);
  assert.equal(choose(plain, [worker(1, 3), worker(2, 3)]), null);
  assert.equal(choose(plain, [worker(1, 1, true), worker(2, 2)])?.id, 2);
  assert.equal(choose(abortable, [worker(1, 1), worker(2, 0)])?.id, 2);
  assert.equal(choose(abortable, [worker(1, 1)]), null);
});

test('a queue looks empty only while something passes it', () => {
  const queue = new PassableQueue(new ArrayTaskQueue());
  const task = {} as Parameters<PassableQueue['push']>[0];
  queue.push(task);
  assert.equal(queue.size, 1);
  assert.equal(
    queue.pass(() => queue.size),
    0,
  );
  assert.throws(() => queue.pass(() => assert.fail('thrown')), /thrown/);
  assert.equal(queue.size, 1);
  queue.unshift?.(task);
  assert.equal(queue.shift(), task);
  queue.remove(task);
  assert.equal(queue.shift(), null);
  assert.equal('unshift' in new PassableQueue({ size: 0, shift: () => null, push: () => undefined, remove: () => undefined }), false);
});

for (const concurrentTasksPerWorker of [1, 3]) {
  test(`control tasks neither take places nor add any: at most ${concurrentTasksPerWorker} tasks are under way in a worker`, async (t) => {
    const { coordinator } = coordinate(t);
    const pool = createPool(coordinator, { concurrentTasksPerWorker, stricterFIFO: true });
    let stop = false;
    let most = 0;
    const loading = Promise.all(
      Array.from({ length: 3 * concurrentTasksPerWorker + 2 }, async (_, i) => {
        while (!stop) most = Math.max(most, (await pool.run({ rounds: 2, pause: i % 2 })).together);
      }),
    );
    for (let cycle = 0; cycle < 20; cycle++) {
      await coordinator.enable(patch(`name=a&${ALL}`));
      await coordinator.disable('a');
    }
    stop = true;
    await loading;
    assert.equal(most, concurrentTasksPerWorker);
  });
}

test('control tasks pass a full queue without counting against maxQueue, and without waiting behind it', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1, maxQueue: 3 });
  const [first, second] = [hold(), hold()];
  const tasks = [pool.run({ flags: first.flags })];
  await until('the first task is in flight', () => first.started() === 1);
  tasks.push(...[1, 2, 3].map(() => pool.run({ flags: second.flags })));
  assert.equal(pool.queueSize, 3);
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('the transition', () => coordinator.patches.length === 1);
  assert.equal(pool.queueSize, 3);
  first.release();
  await enabling; // although three tasks still wait in the queue or run
  second.release();
  const seen = await Promise.all(tasks);
  assert.deepEqual(
    seen.map(({ versions }) => versions[0]),
    [0, 1, 1, 1],
  );
});

test("a balancer and a queue of the user's see the user's tasks only, and keep their say", async (t) => {
  const { coordinator } = coordinate(t);
  const filenames = new Set<string>();
  let avoided = -1;
  const balancer: Balancer = (task, workers) => {
    filenames.add(task.filename);
    return workers.find(({ id, currentUsage }) => currentUsage === 0 && id !== avoided) ?? null;
  };
  const pool: Piscina = createPool(coordinator, { minThreads: 3, maxThreads: 3, loadBalancer: balancer, taskQueue: new ArrayTaskQueue() });
  avoided = pool.threads[1]!.threadId;
  const tasks = Promise.all(Array.from({ length: 60 }, () => pool.run({ rounds: 2, pause: 0 }) as Promise<{ thread: number }>));
  for (let cycle = 0; cycle < 5; cycle++) {
    assert.equal((await coordinator.enable(patch(`name=a&${ALL}`))).workers, 3, 'the avoided worker is switched as well');
    await coordinator.disable('a');
  }
  assert.equal(
    (await tasks).some(({ thread }) => thread === avoided),
    false,
  );
  assert.equal(filenames.size, 1);
});

test('an abortable task keeps its worker to itself while a control task runs there', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 2 });
  const abort = new AbortController();
  const held = hold();
  const abortable = assert.rejects(pool.run({ flags: held.flags }, { signal: abort.signal }), /abort/i);
  await until('the abortable task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch(`name=a&${ALL}&breaks=slow`)); // its control task stays while the patch loads
  await new Promise((resolve) => setTimeout(resolve, 50));
  const other = pool.run({});
  assert.equal(pool.queueSize, 1, 'a task was put beside one that may end its thread');
  abort.abort();
  await abortable;
  assert.equal((await other).versions.length, 1);
  await enabling;
});

test("a pool's workerData stays the user's", async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool({
    filename: new URL('./fixtures/data.js', import.meta.url).href,
    workerData: { mine: 3 },
    minThreads: 1,
    maxThreads: 1,
  });
  assert.deepEqual(await pool.run(undefined), { workerData: { mine: 3 }, attached: true });
});

test('a pool that is ended while its workers start lets them finish starting: Node may abort the process otherwise', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator);
  await pool.destroy();
  assert.equal(pool.completed, 2, 'each worker has run a control task');
});

test('ending a pool, at any time, leaves no error behind and the coordinator working', async (t) => {
  const { coordinator } = coordinate(t);
  for (let round = 0; round < 6; round++) {
    const pool = createPool(coordinator);
    pool.on('error', (error: Error) => assert.fail(error));
    const enabling = coordinator.enable(patch(`name=a&${ALL}`));
    await new Promise((resolve) => setTimeout(resolve, 20 * round));
    await pool.destroy();
    await enabling;
    await coordinator.disable('a');
  }
  // The worker's answer is on its way when its thread is ended.
  for (let round = 0; round < 10; round++) {
    const pool = createPool(coordinator);
    pool.on('error', (error: Error) => assert.fail(error));
    await coordinator.enable(patch(`name=a&${ALL}`));
    const disabling = coordinator.disable('a');
    while (coordinator.patches[0]?.transition !== true) await Promise.resolve();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * round);
    await pool.destroy();
    await disabling;
  }
  const pool = createPool(coordinator);
  await pool.close();
  assert.equal((await coordinator.enable(patch(`name=a&${ALL}`))).workers, 0);
});
