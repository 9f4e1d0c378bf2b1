/** A worker that sleeps in Atomics.wait between its tasks, where no message wakes it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import { Conductor, script } from './fixtures/conductor.js';
import { patch, until } from './fixtures/setup.js';

async function start(t: TestContext): Promise<{ conductor: Conductor; ring: (value: number) => Promise<unknown>; first: unknown }> {
  const conductor = new Conductor((done) => {
    t.after(done);
  });
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./fixtures/sleeper.js', import.meta.url), { workerData: { bell, umbra: conductor.store.handle } });
  t.after(() => worker.terminate());
  const [first] = (await once(worker, 'message')) as unknown[];
  const ring = async (value: number): Promise<unknown> => {
    Atomics.store(bell, 0, value);
    Atomics.notify(bell, 0);
    const [message] = (await once(worker, 'message')) as unknown[];
    return message;
  };
  return { conductor, ring, first };
}

test('it answers as Atomics.wait does, and is refused inside a task', async (t) => {
  const { first, ring } = await start(t);
  assert.deepEqual(first, ['not-equal', 'timed-out', 'ERR_PATCH_AGENT']);
  assert.equal(await ring(1), 'original 0');
});

test('a sleeping thread loads and switches without being woken', async (t) => {
  const { conductor, ring } = await start(t);
  conductor.publish({ version: 1, stack: [script('a', { name: `() => 'a'` })] });
  await until('the switch', () => conductor.version === 1);
  assert.equal(await ring(1), 'a 1');
  const module = { serial: 1000, name: 'b', url: patch('name=b&functions=touch').href, code: null };
  conductor.publish({ version: 2, stack: [module] });
  await until('the switch', () => conductor.version === 2);
  assert.equal(await ring(2), 'original 2');
});

test('a sleeping thread holds back no memory', async (t) => {
  const { conductor, ring } = await start(t);
  for (const value of [1, 2, 3]) {
    await ring(value);
    await until('the thread to have passed a safepoint', () => conductor.word(Layout.THREAD_EPOCH) === 0);
  }
});

test('work that comes while a switch waits for a suspended call is done first', async (t) => {
  const { conductor, ring } = await start(t);
  assert.equal(await ring(100), 'original 0');
  conductor.publish({ version: 1, stack: [script('a', { wait: `async () => 'a'` })], mode: 'pin' });
  assert.equal(await ring(101), 'original 1');
  await until('the switch', () => conductor.version === 1);
});
