/** What a coordinator leaves that dies at one certain step, where the deaths of takeover.test.ts come by rarely or not at all. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BroadcastChannel, Worker } from 'node:worker_threads';

import { channelName, type CoordinatorMessage, storeName, UNPATCHED } from '../../src/livepatch/manifest.js';
import type { CoordinatorOptions } from '../../src/livepatch/options.js';
import { Layout } from '../../src/memory/layout.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { declared } from './fixtures/declared.js';
import { log } from './fixtures/log.js';
import type { Errand } from './fixtures/mate.js';
import { coded, patch, registrations, until } from './fixtures/setup.js';

const LINUX = process.platform === 'linux';

/** A store whose coordinator, on a worker, has done an errand, or been parked on the way, and is dead. */
async function orphan(t: TestContext, errand: Errand, store = ShadowStore.create({ maxBytes: 2 ** 24 })): Promise<ShadowStore> {
  const worker = new Worker(new URL('./fixtures/mate.js', import.meta.url), { workerData: { umbra: store.handle, errand } });
  t.after(() => worker.terminate());
  const [message] = (await once(worker, 'message')) as [string];
  assert.equal(message, errand.parkAt === undefined ? 'done' : 'parked');
  await worker.terminate();
  return store;
}

/** The log begins with it. */
async function recover(t: TestContext, store: ShadowStore, options: CoordinatorOptions = {}): Promise<PatchCoordinator> {
  log.length = 0;
  const coordinator = await PatchCoordinator.recover(store, { pollMilliseconds: 60_000, ...options });
  t.after(() => coordinator.close());
  return coordinator;
}

test('what the dead coordinator had sent, and not put in force, is not taken for what the new one sends', { skip: !LINUX }, async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const bystander = new Worker(new URL('./fixtures/bare.js', import.meta.url), { workerData: { umbra: store.handle } });
  t.after(() => bystander.terminate());
  await once(bystander, 'message');
  const run = async (): Promise<string> => {
    bystander.postMessage('run');
    const [{ answer }] = (await once(bystander, 'message')) as [{ answer: string }];
    return answer;
  };
  await orphan(t, { enable: [patch('name=a&functions=touch').href] }, store);
  assert.equal(await run(), 'a 1');
  const { words } = store.internals;
  const channel = new BroadcastChannel(channelName(storeName(words)));
  const manifest = { ...UNPATCHED, version: 2, epoch: Atomics.load(words, Layout.PATCH_EPOCH) + 1 };
  channel.postMessage({ kind: 'manifest', manifest } satisfies CoordinatorMessage);
  channel.close();
  const coordinator = await recover(t, store);
  assert.equal(await run(), 'a 1');
  await coordinator.disable('a');
  assert.equal(await run(), 'original 0');
});

test('the root of the dead coordinator holds for what is loaded to take over', { skip: !LINUX }, async (t) => {
  const { root, elsewhere } = folders(t);
  const text = `export { default } from ${JSON.stringify(patch('name=a&functions=touch').href)};`;
  const file = join(root, 'file.mjs');
  writeFileSync(file, text);
  writeFileSync(join(elsewhere, 'file.mjs'), text);
  const store = await orphan(t, { enable: [file], options: { root } });
  rmSync(file);
  symlinkSync(join(elsewhere, 'file.mjs'), file);
  await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_LOAD', /ERR_PATCH_ROOT/));
  rmSync(file);
  writeFileSync(file, text);
  await recover(t, store);
});

test('the root of the new coordinator is where it led when the taking over began', { skip: !LINUX }, async (t) => {
  const { root, elsewhere, link } = folders(t);
  symlinkSync(root, link);
  const file = join(root, 'file.mjs');
  writeFileSync(file, `globalThis.umbraLoads?.(); export { default } from ${JSON.stringify(patch('name=a&functions=touch').href)};`);
  writeFileSync(join(elsewhere, 'other.mjs'), `export { default } from ${JSON.stringify(patch('name=b&functions=touch').href)};`);
  const store = await orphan(t, { enable: [file] });
  (globalThis as { umbraLoads?: () => void }).umbraLoads = () => {
    rmSync(link);
    symlinkSync(elsewhere, link);
  };
  const coordinator = await recover(t, store, { root: link });
  assert.equal(realpathSync(link), elsewhere, 'it was loaded, and has done what it was to do');
  await assert.rejects(coordinator.enable(join(elsewhere, 'other.mjs')), coded('ERR_PATCH_ROOT'));
  assert.deepEqual(
    coordinator.patches.map(({ name }) => name),
    ['a'],
  );
});

function folders(t: TestContext): { readonly root: string; readonly elsewhere: string; readonly link: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'umbra-')));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const [root, elsewhere, link] = ['root', 'elsewhere', 'link'].map((name) => join(folder, name)) as [string, string, string];
  for (const one of [root, elsewhere]) mkdirSync(one);
  return { root, elsewhere, link };
}

test('a completion that was cut short is ended before a module goes on its way', { skip: !LINUX }, async (t) => {
  const store = await orphan(t, {
    modules: ['sessions', 'audit'],
    enable: [declared({ name: 'a', objects: { audit: { types: [1] } } }).href],
    go: ['audit'],
    last: declared({ name: 'b', objects: { sessions: {}, audit: { types: [1] } } }).href,
    parkAt: 'postPatch b sessions live',
  });
  const coordinator = await recover(t, store);
  await until('the end of the transition', () => coordinator.transition === null);
  await until('the end of the module', () => coordinator.modules.length === 1);
  assert.deepEqual(log, [
    'postPatch b sessions live',
    'postPatch b audit going',
    'preUnpatch a audit going',
    'postUnpatch a audit going',
    'preUnpatch b audit going',
    'postUnpatch b audit going',
  ]);
  assert.deepEqual(coordinator.takenOver, {
    transition: { patch: 'b', kind: 'enable', fate: 'resumed' },
    uncertain: { callback: 'postPatch', patch: 'b', object: 'sessions', state: null },
  });
  assert.deepEqual(registrations(store), []);
});

test('a pre_patch of a module that was cut short is answered, and the module may come again', { skip: !LINUX }, async (t) => {
  const store = await orphan(t, {
    enable: ['a', 'b', 'c'].map((name) => declared({ name, objects: { audit: { types: [1] } } }).href),
    come: ['audit'],
    parkAt: 'prePatch b audit coming',
  });
  const coordinator = await recover(t, store);
  assert.deepEqual(log, ['preUnpatch a audit coming', 'postUnpatch a audit coming', 'postUnpatch b audit coming']);
  assert.deepEqual(coordinator.takenOver, {
    transition: null,
    uncertain: { callback: 'prePatch', patch: 'b', object: 'audit', state: null },
  });
  assert.deepEqual([registrations(store), coordinator.modules], [[], []]);
  log.length = 0;
  await coordinator.loadModule('audit');
  assert.deepEqual(
    log,
    ['a', 'b', 'c'].flatMap((name) => [`prePatch ${name} audit coming`, `postPatch ${name} audit coming`]),
  );
  assert.deepEqual(registrations(store), ['a audit 1', 'b audit 1', 'c audit 1']);
});
