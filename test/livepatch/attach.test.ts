import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { BroadcastChannel, Worker } from 'node:worker_threads';

import { attach, currentVersion, safepoint, task } from '../../src/livepatch/attach.js';
import { announce, channelName, type Manifest, storeName, UNPATCHED, withdraw } from '../../src/livepatch/manifest.js';
import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { coded, coordinate, patch, until } from './fixtures/setup.js';

interface Bare {
  readonly worker: Worker;
  readonly attached: unknown;
  readonly again: unknown;
  readonly other: unknown;
  readonly run: () => Promise<string>;
}

async function start(t: TestContext, workerData: unknown = null): Promise<Bare> {
  const worker = new Worker(new URL('./fixtures/bare.js', import.meta.url), { workerData });
  t.after(() => worker.terminate());
  const [first] = (await once(worker, 'message')) as [Omit<Bare, 'worker' | 'run'>];
  const run = async (): Promise<string> => {
    worker.postMessage('run');
    const [{ answer }] = (await once(worker, 'message')) as [{ answer: string }];
    return answer;
  };
  return { ...first, worker, run };
}

test('a worker finds the store that the coordinator announces, and follows patches without a pool', async (t) => {
  const { coordinator } = coordinate(t);
  const { attached, again, run } = await start(t);
  assert.deepEqual([attached, again], ['umbra.store', true]);
  assert.equal(await run(), 'original 0');
  assert.equal((await coordinator.enable(patch('name=a&functions=touch'))).workers, 1);
  assert.equal(await run(), 'a 1');
  const late = await start(t);
  assert.equal(await late.run(), 'a 1');
  assert.equal((await coordinator.disable('a')).workers, 2);
  assert.deepEqual(await Promise.all([run(), late.run()]), ['original 0', 'original 0']);
});

test('a worker that was started before the coordinator gets its store by workerData and is switched all the same', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const { run } = await start(t, { umbra: store.handle });
  assert.equal(await run(), 'original 0');
  const coordinator = new PatchCoordinator(store, { pollMilliseconds: 60_000 });
  t.after(() => coordinator.close());
  assert.equal((await coordinator.enable(patch('name=a&functions=touch'))).workers, 1);
  assert.equal(await run(), 'a 1');
});

test('a worker that was started before the coordinator and has run nothing yet does not wait for the first patch', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const { run } = await start(t, { umbra: store.handle });
  const coordinator = new PatchCoordinator(store, { pollMilliseconds: 60_000 });
  t.after(() => coordinator.close());
  assert.equal(await run(), 'original 0');
});

test('a worker whose announcement is out of date asks, and runs nothing until it has the answer', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&functions=touch'));
  const { run } = await start(t, { umbra: store.handle });
  assert.equal(await run(), 'a 1');
  // Started now, attached when the announcement it was started with is three transitions old.
  const starting = start(t);
  await coordinator.enable(patch('name=b&functions=touch'));
  await coordinator.disable('b');
  await coordinator.disable('a');
  assert.equal(await (await starting).run(), 'original 0');
});

test('a thread that is still starting when a transition completes runs no task on the old version', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const { words } = store.internals;
  const loop = new Int32Array(new SharedArrayBuffer(8));
  const channel = new BroadcastChannel(channelName(storeName(words)));
  t.after(() => {
    channel.close();
    withdraw(storeName(words));
  });
  // What a coordinator does: the first manifest is announced; the second comes while the thread is evaluating the module of the first.
  const manifest = (epoch: number, query: string): Manifest => {
    const stack = [{ serial: epoch, name: 'a', url: patch(query).href, code: null }];
    return { ...UNPATCHED, epoch, version: epoch, stack, modules: [{ name: 'sessions', state: 'live' }] };
  };
  const old = manifest(1, 'name=old&functions=touch&breaks=stall');
  const fresh = manifest(2, 'name=fresh&functions=touch');
  announce(storeName(words), { handle: store.handle, manifest: old });
  Atomics.store(words, Layout.PATCH_EPOCH, 1);
  const { run } = await start(t, { loop });
  const answer = run();
  await until('the module of the old patch', () => Atomics.load(loop, 1) === 1);
  channel.postMessage({ kind: 'manifest', manifest: fresh });
  Atomics.store(words, Layout.PATCH_EPOCH, 2);
  Atomics.store(loop, 0, 1);
  Atomics.notify(loop, 0);
  assert.equal(await answer, 'fresh 2');
});

test('a worker that ends by itself, or is terminated, does not hold up a transition', async (t) => {
  const { coordinator } = coordinate(t);
  const [leaving, dying, staying] = [await start(t), await start(t), await start(t)];
  const exit = once(leaving.worker, 'exit');
  leaving.worker.postMessage('end');
  await exit;
  const enabling = coordinator.enable(patch('name=a&functions=touch&breaks=slow'));
  await dying.worker.terminate();
  assert.equal((await enabling).workers, 1);
  assert.equal(await staying.run(), 'a 1');
});

test('the death of the last thread that holds up a transition completes it', async (t) => {
  const { coordinator } = coordinate(t);
  const loop = new Int32Array(new SharedArrayBuffer(8));
  const { worker } = await start(t, { loop });
  worker.postMessage('hold');
  await until('the task', () => Atomics.load(loop, 1) === 1);
  const enabling = coordinator.enable(patch('name=a&functions=touch'));
  await until('the transition', () => coordinator.patches.length === 1);
  await worker.terminate();
  assert.equal((await enabling).workers, 0);
});

test('a worker older than the coordinator is not missed when it ends by itself', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const { worker } = await start(t, { umbra: store.handle });
  const coordinator = new PatchCoordinator(store, { pollMilliseconds: 60_000 });
  t.after(() => coordinator.close());
  const exit = once(worker, 'exit');
  worker.postMessage('end');
  await exit;
  assert.equal((await coordinator.enable(patch('name=a&functions=touch'))).workers, 0);
});

test('a manifest that is there before its epoch is acted on when the last task ends', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const loop = new Int32Array(new SharedArrayBuffer(8));
  const { worker, run } = await start(t, { umbra: store.handle, loop });
  worker.postMessage('hold');
  await until('the task', () => Atomics.load(loop, 1) === 1);
  const { memory, words } = store.internals;
  const version = (): number => words[threadSlotAddress(memory, 1) + Layout.THREAD_PATCH_VERSION]!;
  const loaded = (): number => words[threadSlotAddress(memory, 1) + Layout.THREAD_PATCH_LOADED]!;
  // What a coordinator does, stopped between the message and the epoch.
  const channel = new BroadcastChannel(channelName(storeName(words)));
  t.after(() => {
    channel.close();
  });
  const stack = [{ serial: 1, name: 'a', url: patch('name=a&functions=touch').href, code: null }];
  const modules = [{ name: 'sessions', state: 'live' }];
  channel.postMessage({ kind: 'manifest', manifest: { ...UNPATCHED, epoch: 1, version: 1, stack, modules } });
  await until('the code', () => loaded() === 1);
  assert.equal(version(), 0);
  Atomics.store(loop, 0, 1);
  await until('the switch', () => version() === 1);
  Atomics.store(words, Layout.PATCH_EPOCH, 1);
  assert.equal(await run(), 'a 1');
});

test('a worker ends by itself when it has nothing to do: following patches keeps no thread alive', async (t) => {
  coordinate(t);
  const { worker } = await start(t);
  const exit = once(worker, 'exit');
  worker.postMessage('end');
  assert.deepEqual(await exit, [0]);
});

test('a thread in a long loop switches at its safepoints', async (t) => {
  const { coordinator } = coordinate(t);
  const loop = new Int32Array(new SharedArrayBuffer(8));
  const { worker, run } = await start(t, { loop });
  await coordinator.enable(patch('name=a&functions=touch'));
  worker.postMessage('spin');
  await until('the loop', () => Atomics.load(loop, 1) === 1);
  assert.equal((await coordinator.disable('a')).workers, 1);
  await until('the loop to notice', () => Atomics.load(loop, 1) === 0);
  Atomics.store(loop, 0, 1);
  assert.equal(await run(), 'original 0');
});

test('a sleeping pool worker whose task left a call behind is kept awake until the call has ended', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = coordinator.createPool<Int32Array | null>({
    filename: new URL('./fixtures/leaver.js', import.meta.url),
    minThreads: 1,
    maxThreads: 1,
  });
  const flags = new Int32Array(new SharedArrayBuffer(4));
  assert.equal(await pool.run(flags), 'left');
  const enabling = coordinator.enable(patch('name=a&functions=touch'));
  await until('the transition', () => coordinator.stragglers().length === 1);
  assert.deepEqual(
    coordinator.stragglers()[0]?.calls.map(({ name }) => name),
    ['sessions.touch'],
  );
  Atomics.store(flags, 0, 1);
  await enabling;
  assert.equal(await pool.run(null), 'a');
});

test('a thread serves one store', async (t) => {
  const { store } = coordinate(t);
  const other = ShadowStore.create({ maxBytes: 2 ** 24 });
  assert.equal((await start(t, { other: other.handle })).other, 'ERR_PATCH_AGENT');
  assert.equal((await start(t, { other: store.handle })).other, 'umbra.store');
  assert.equal((await start(t, { other: { kind: 'no handle' } })).other, 'ERR_SHADOW_HANDLE');
});

test('a thread that finds no store, or several, says what to do', async (t) => {
  assert.equal((await start(t)).attached, 'ERR_PATCH_AGENT');
  const first = coordinate(t);
  coordinate(t);
  assert.equal((await start(t)).attached, 'ERR_PATCH_AGENT');
  assert.equal((await start(t, { umbra: first.store.handle })).attached, 'umbra.store');
});

test('after the coordinator was closed threads keep their version; one that would have to ask is refused', async (t) => {
  const { store, coordinator } = coordinate(t);
  const early = await start(t);
  await coordinator.enable(patch('name=a&functions=touch'));
  await coordinator.close();
  assert.equal(await early.run(), 'a 1');
  const late = await start(t, { umbra: store.handle });
  assert.match(await late.run(), /ERR_PATCH_CLOSED/);
});

test('a main thread without a coordinator is not attached by itself', async () => {
  assert.throws(() => attach(), coded('ERR_PATCH_AGENT', /found no store/));
  assert.throws(() => currentVersion(), coded('ERR_PATCH_AGENT'));
  assert.throws(() => {
    safepoint();
  }, coded('ERR_PATCH_AGENT'));
  await assert.rejects(task(() => 1)(undefined), coded('ERR_PATCH_AGENT'));
  assert.throws(() => task(3 as never), coded('ERR_PATCH_DECLARATION'));
});
