/** Threads of every kind, and threads that do not answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { threadId, Worker } from 'node:worker_threads';

import { attach, currentVersion, patchable, task } from '../../src/worker.js';
import { coded, coordinate, createPool, hold, patch, until } from '../livepatch/fixtures/setup.js';
import type { StuckJob } from './fixtures/stuck.js';

const main = patchable('sessions', { touch: () => 'original' });
const STUCK = new URL('./fixtures/stuck.js', import.meta.url);

function bareWorker(t: TestContext): { worker: Worker; run: () => Promise<string> } {
  const worker = new Worker(new URL('../livepatch/fixtures/bare.js', import.meta.url));
  t.after(() => worker.terminate());
  const run = async (): Promise<string> => {
    worker.postMessage('run');
    const [{ answer }] = (await once(worker, 'message')) as [{ answer: string }];
    return answer;
  };
  return { worker, run };
}

test('a pool, bare workers and the main thread are patched together, and each can hold a transition up', async (t) => {
  const { store, coordinator } = coordinate(t);
  assert.equal(attach().store, store, 'the main thread works with the store of the coordinator');
  const pool = createPool(coordinator);
  const { worker, run } = bareWorker(t);
  await once(worker, 'message');
  const [handler, held] = [task(() => `${main.touch()} ${currentVersion()}`), hold()];
  const holding = task(async () => {
    Atomics.add(held.flags, 1, 1);
    while (Atomics.load(held.flags, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    return main.touch();
  })(undefined);
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch('name=a&functions=touch'));
  await until('only the main thread is left', () => coordinator.transition !== null && coordinator.stragglers().length === 1);
  assert.deepEqual(
    coordinator.stragglers().map(({ thread }) => thread),
    [threadId],
  );
  assert.deepEqual(coordinator.patches[0]!.workers.map(({ patchState }) => patchState).sort(), [0, 1, 1, 1]);
  held.release();
  assert.equal(await holding, 'original');
  assert.equal((await enabling).workers, 4);
  assert.deepEqual([await handler(undefined), await run(), (await pool.run({})).answers.sort()[0]], ['a 1', 'a 1', 'a']);
  await coordinator.disable('a');
  assert.deepEqual([await handler(undefined), await run()], ['original 0', 'original 0']);
});

test('a thread stuck in a loop refuses a patch in time, by name, and nothing has changed', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool<StuckJob, { answer: string }>({ filename: STUCK, minThreads: 2, maxThreads: 2 });
  await Promise.all([pool.run({}), pool.run({})]);
  const held = hold();
  const stuck = pool.run({ flags: held.flags });
  await until('the loop has begun', () => held.started() === 1);
  await assert.rejects(
    coordinator.enable(patch('name=a&functions=touch'), { timeout: 400 }),
    coded('ERR_PATCH_STALLED', /not loaded in thread \d+ \(thread \d+ in version 0: task stuck #\d+ for \d+ ms\)/),
  );
  assert.deepEqual([coordinator.patches, (await pool.run({})).answer], [[], 'original']);
  held.release();
  assert.equal((await stuck).answer, 'original');
  await coordinator.enable(patch('name=a&functions=touch'));
  for (let i = 0; i < 4; i++) assert.equal((await pool.run({})).answer, 'a');
});

test('a thread that gets stuck after loading: the transition away from it is reversed without its help', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool<StuckJob, { answer: string }>({ filename: STUCK, minThreads: 2, maxThreads: 2 });
  await coordinator.enable(patch('name=a&functions=touch'));
  const held = hold();
  const stuck = pool.run({ flags: held.flags });
  await until('the loop has begun', () => held.started() === 1);
  await assert.rejects(coordinator.disable('a', { timeout: 300 }), coded('ERR_PATCH_STALLED', /task stuck/));
  assert.deepEqual(
    coordinator.patches.map(({ name, enabled, transition }) => [name, enabled, transition]),
    [['a', true, false]],
  );
  assert.equal((await pool.run({})).answer, 'a', 'the other worker has switched back');
  const forced = coordinator.disable('a', { timeout: 300, onStall: 'force' });
  assert.match((await forced).forced ?? '', /300 ms/);
  assert.equal((await pool.run({})).answer, 'original');
  held.release();
  assert.equal((await stuck).answer, 'a', 'what runs goes on as it was, until its thread can switch');
  for (let i = 0; i < 4; i++) assert.equal((await pool.run({})).answer, 'original');
});

test('a thread that is killed while it is stuck does not hold anything up', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool<StuckJob, { thread: number }>({ filename: STUCK, minThreads: 2, maxThreads: 2 });
  await coordinator.enable(patch('name=a&functions=touch'));
  const held = hold();
  const abort = new AbortController();
  const stuck = assert.rejects(pool.run({ flags: held.flags }, { signal: abort.signal }), /abort/i);
  await until('the loop has begun', () => held.started() === 1);
  const disabling = coordinator.disable('a');
  await until('the transition', () => coordinator.transition !== null);
  abort.abort();
  await Promise.all([stuck, disabling]);
  assert.deepEqual(coordinator.patches, []);
});
