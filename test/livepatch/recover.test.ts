/** Who may take over what: refusals, sources, pools, memory. What is taken over is proved in takeover.test.ts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import type { CoordinatorOptions } from '../../src/livepatch/options.js';
import { Records } from '../../src/shadow/records.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { hitsV1, hitsV2, RAISING, sixties, sixty, sixty2 } from './fixtures/hits.js';
import type { Errand } from './fixtures/mate.js';
import { coded, createPool, hold, patch, registrations, until } from './fixtures/setup.js';

const LINUX = process.platform === 'linux';
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'umbra-')));
after(() => {
  rmSync(folder, { recursive: true });
});
const FACE = new URL('../../src/worker.js', import.meta.url).href;

function write(name: string, answer = name): string {
  const file = join(folder, name);
  const declaration = `definePatch({ name: 'file', objects: [{ name: 'sessions', functions: { touch: () => ${JSON.stringify(answer)} } }] })`;
  const head = name.endsWith('.cjs')
    ? `const { definePatch } = require('umbra'); module.exports =`
    : `import { definePatch } from ${JSON.stringify(FACE)}; export default`;
  writeFileSync(file, `${head} ${declaration};`);
  return file;
}

/** A store whose coordinator, on a worker, has done an errand and is dead, unless it is to stay. */
async function orphan(
  t: TestContext,
  errand: Errand,
  stays = false,
  between?: (store: ShadowStore) => Promise<void>,
): Promise<{ store: ShadowStore; worker: Worker }> {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: errand.types === true ? [hitsV1] : [] });
  if (errand.types === true) store.alloc(1, hitsV1).hits = 7;
  const worker = new Worker(new URL('./fixtures/mate.js', import.meta.url), { workerData: { umbra: store.handle, errand } });
  t.after(() => worker.terminate());
  await once(worker, 'message');
  if (between !== undefined) {
    await between(store);
    worker.postMessage('go on');
    await once(worker, 'message');
  }
  if (!stays) await worker.terminate();
  return { store, worker };
}

async function recover(t: TestContext, store: ShadowStore, options: CoordinatorOptions = {}): Promise<PatchCoordinator> {
  const coordinator = await PatchCoordinator.recover(store, { pollMilliseconds: 60_000, ...options });
  t.after(() => coordinator.close());
  return coordinator;
}

test('nobody takes over from a coordinator that lives, was closed, or never was', { skip: !LINUX }, async (t) => {
  const { store, worker } = await orphan(t, { enable: [patch('name=a&functions=touch').href] }, true);
  const alive = coded('ERR_PATCH_COORDINATOR', new RegExp(`alive, on thread ${worker.threadId}`));
  await assert.rejects(PatchCoordinator.recover(store), alive);
  assert.throws(() => new PatchCoordinator(store), coded('ERR_PATCH_COORDINATOR', /PatchCoordinator\.recover\(store\)/));
  await worker.terminate();
  assert.throws(() => new PatchCoordinator(store), coded('ERR_PATCH_COORDINATOR', /PatchCoordinator\.recover\(store\)/));
  const coordinator = await recover(t, store);
  await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_COORDINATOR', /alive, on thread 0/));
  assert.deepEqual(
    coordinator.patches.map(({ name }) => name),
    ['a'],
  );
  await coordinator.close();
  await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_COORDINATOR', /closed/));
  const fresh = ShadowStore.create({ maxBytes: 2 ** 24 });
  await assert.rejects(PatchCoordinator.recover(fresh), coded('ERR_PATCH_TAKEOVER', /new PatchCoordinator\(store\)/));
  await assert.rejects(PatchCoordinator.recover({} as never), coded('ERR_PATCH_DECLARATION'));
  await assert.rejects(PatchCoordinator.recover(store, { root: 3 } as never), coded('ERR_PATCH_DECLARATION'));
});

test('a sweep that migrates is ended, by the patches that know how', { skip: !LINUX }, async (t) => {
  const { store } = await orphan(t, { scripts: [sixties('one', 1), sixties('two', 2)], variables: 3000, park: 'Migration' });
  const { registry } = store.internals;
  const coordinator = await recover(t, store);
  await until('the end of the transition', () => coordinator.transition === null);
  await until('the sweep', () => registry.versionsStored(60).length === 1);
  for (let object = 0; object < 3000; object++) assert.equal(store.get(object, sixty2)?.hits, object);
  assert.deepEqual(store.check().violations, []);
});

test('a collection is ended, with the destructor of the patch that was the last user', { skip: !LINUX }, async (t) => {
  const destroyed: unknown[] = [];
  (globalThis as { umbraLog?: unknown[] }).umbraLog = destroyed;
  const { store } = await orphan(t, { scripts: [sixties('one', 1), sixties('none', 0)], variables: 3000, park: 'Collection' });
  const before = store.stats().live;
  assert.ok(before > 0 && before < 3000, `${before} are left`);
  const coordinator = await recover(t, store);
  const collected: object[] = [];
  coordinator.on('collected', (event) => collected.push(event));
  await until('the sweep', () => collected.length === 1);
  assert.deepEqual(
    collected.map((event) => ({ ...event, milliseconds: 0 })),
    [{ id: 60, patch: 'one', state: null, variables: before, milliseconds: 0 }],
  );
  assert.equal(new Set(destroyed).size, before);
  assert.deepEqual([store.stats().types, store.check().violations], [[], []]);
});

test('what is pinned stays so, until somebody gives it up', { skip: !LINUX }, async (t) => {
  const held = hold();
  const errand = { modules: ['sessions'], scripts: [sixties('one', 1)], variables: 3, force: 'one' };
  const { store } = await orphan(t, errand, false, ({ handle }) => {
    const bystander = new Worker(new URL('./fixtures/mortal.js', import.meta.url), { workerData: { umbra: handle, flags: held.flags } });
    t.after(() => bystander.terminate());
    bystander.postMessage('hold');
    return until('the task', () => held.started() === 1);
  });
  const coordinator = await recover(t, store);
  const pinned = coordinator.pinned.map(({ patch: name, reason, types }) => ({ name, reason, types }));
  assert.deepEqual(pinned, [{ name: 'one', reason: 'the test', types: [60] }]);
  assert.equal(store.get(2, sixty)?.hits, 2);
  held.release();
  coordinator.unpin('one');
  await until('the sweep', () => store.stats().types.length === 0);
  assert.deepEqual([coordinator.pinned, store.check().violations], [[], []]);
});

test('of several that want to take over one does', { skip: !LINUX }, async (t) => {
  const { store } = await orphan(t, { enable: [patch('name=a&functions=touch').href] });
  const others = [1, 2].map(() => ShadowStore.attach(store.handle));
  const attempts = await Promise.allSettled([store, ...others].map((one) => PatchCoordinator.recover(one)));
  const won = attempts.filter((attempt) => attempt.status === 'fulfilled').map(({ value }) => value);
  assert.equal(won.length, 1);
  for (const attempt of attempts) if (attempt.status === 'rejected') assert.ok(coded('ERR_PATCH_COORDINATOR')(attempt.reason));
  await won[0]!.disable('a');
  await won[0]!.close();
});

test('a pool of the new coordinator runs what was enabled, its registrations and redirection as they were', { skip: !LINUX }, async (t) => {
  const sources = [patch('name=a&functions=touch,expire,later&types=1,2').href, patch('name=b&wraps=touch&types=1').href];
  const { store } = await orphan(t, { modules: ['sessions'], enable: sources });
  const coordinator = await recover(t, store);
  assert.deepEqual(registrations(store), ['a sessions 1', 'a sessions 2', 'b sessions 1']);
  const pool = createPool(coordinator);
  for (let i = 0; i < 4; i++) assert.deepEqual((await pool.run({})).answers, ['a+b', 'a']);
  assert.throws(() => {
    coordinator.setRedirection(false);
  }, coded('ERR_PATCH_REDIRECTION'));
  assert.deepEqual(coordinator.takenOver, { transition: null, uncertain: null });
  await coordinator.disable('a');
  assert.deepEqual(registrations(store), ['b sessions 1']);
  assert.deepEqual((await pool.run({})).answers, ['original+b', 'original']);
  await coordinator.enable(patch('name=c&functions=touch&replace&types=3'));
  assert.deepEqual(registrations(store), ['c sessions 3']);
  await assert.rejects(coordinator.enable(patch('name=c&functions=touch')), coded('ERR_PATCH_ENABLED'));
});

test('scripts are taken over with their text, files as they were when they were enabled', { skip: !LINUX }, async (t) => {
  const script = write('script.cjs', 'as it was');
  const { store } = await orphan(t, { modules: ['sessions'], enable: [script] });
  write('script.cjs', 'edited');
  const coordinator = await recover(t, store);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  assert.deepEqual((await pool.run({})).answers, ['as it was', 'original']);
});

test(
  'a file that is not what it was, or not there, is ERR_PATCH_LOAD, and whoever puts it back can take over',
  { skip: !LINUX },
  async (t) => {
    const file = write('module.mjs');
    const { store } = await orphan(t, { modules: ['sessions'], enable: [file] });
    write('module.mjs', 'another');
    await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_LOAD', /"file".*edited.*nothing was taken over/));
    rmSync(file);
    await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_LOAD', /nothing was taken over/));
    write('module.mjs');
    const coordinator = await recover(t, store);
    assert.equal(coordinator.patches[0]?.url, pathToFileURL(file).href);
  },
);

test('the root of the dead coordinator holds, and so does another one', { skip: !LINUX }, async (t) => {
  const inside = write('inside.mjs');
  const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'umbra-')));
  t.after(() => {
    rmSync(elsewhere, { recursive: true });
  });
  const { store } = await orphan(t, { enable: [inside], options: { root: folder } });
  await assert.rejects(PatchCoordinator.recover(store, { root: elsewhere }), coded('ERR_PATCH_LOAD', /ERR_PATCH_ROOT/));
  const coordinator = await recover(t, store);
  await assert.rejects(coordinator.enable(patch('name=a&functions=touch')), coded('ERR_PATCH_ROOT'));
  await assert.rejects(coordinator.enable({ code: '' }), coded('ERR_PATCH_ROOT'));
  await coordinator.enable(write('more.mjs').replace('more', 'deep/../more')).catch((error: unknown) => {
    assert.ok(coded('ERR_PATCH_ENABLED')(error), 'found, and of a name that is there already');
  });
});

test('a record that is lost, damaged or of another build is refused', { skip: !LINUX }, async (t) => {
  const { store } = await orphan(t, { enable: [patch('name=a&functions=touch').href] });
  const { words, variables, bindings } = store.internals;
  const records = new Records(variables, bindings);
  const text = records.read()!;
  const spoiled: [string, RegExp][] = [
    ['{', /JSON/],
    ['null', /schema/],
    ['{"schema":2}', /schema is 2/],
    ['{"schema":1}', /./],
    [text.replace('"list":[1]', '"list":[7]'), /patch number 7/],
    [text.replace('"name":"a"', '"name":"b"'), /does not hold the patch "b"/],
    [text.replace('"holders":[', '"holders":[[3,[1]],[4],'), /./],
    [text.replace('"application":[', '"application":[5,'), /./],
  ];
  for (const [bad, pattern] of spoiled) {
    assert.notEqual(bad, text);
    records.write(bad);
    await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_TAKEOVER', pattern), bad);
  }
  words[Layout.PATCH_RECORD]! += 2;
  await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_TAKEOVER', /damaged/));
  records.lose();
  await assert.rejects(PatchCoordinator.recover(store), coded('ERR_PATCH_TAKEOVER', /lost/));
  records.write(text);
  const coordinator = await recover(t, store);
  await coordinator.disable('a');
  assert.deepEqual(registrations(store), []);
});

test('a coordinator that died before it had done anything leaves nothing but its place', { skip: !LINUX }, async (t) => {
  const { store } = await orphan(t, {});
  const { words } = store.internals;
  words[Layout.PATCH_RECORD] = 0; // as if it had died before its first record
  const coordinator = await recover(t, store);
  await coordinator.enable(patch('name=a&functions=touch'));
  assert.equal(coordinator.version, 1);
});

test('a store without memory says so when a script does not fit, and when nobody could take over any more', async (t) => {
  const full = defineShadowType({ id: 1, size: 4000 });
  const store = ShadowStore.create({ maxBytes: 2 ** 22, types: [full] });
  const coordinator = new PatchCoordinator(store, { pollMilliseconds: 60_000 });
  t.after(() => coordinator.close());
  const warnings: Error[] = [];
  coordinator.on('warning', (warning) => warnings.push(warning));
  const script = (name: string, bytes: number): { code: string } => ({
    code: `module.exports = require('umbra').definePatch({ name: '${name}', objects: [{ name: 'base' }] }); // ${'x'.repeat(bytes)}`,
  });
  await assert.rejects(coordinator.enable(script('big', 2 ** 22)), coded('ERR_SHADOW_EXHAUSTED'));
  assert.deepEqual([coordinator.patches, coordinator.transition], [[], null]);
  await coordinator.enable(script('small', 10));
  let object = 0;
  assert.throws(() => {
    for (;;) store.alloc(object++, full);
  }, coded('ERR_SHADOW_EXHAUSTED'));
  const names = Array.from({ length: 60 }, (_, i) => `module${i}`.padEnd(64, 'x'));
  for (const name of names) await coordinator.loadModule(name);
  assert.ok(warnings.length > 0);
  assert.ok(coded('ERR_SHADOW_EXHAUSTED', /nobody can take over/)(warnings[0]));
  assert.equal(Atomics.load(store.internals.words, Layout.PATCH_RECORD), Layout.RECORD_LOST);
  await coordinator.disable('small');
  for (const one of Array.from({ length: 20 }, (_, i) => i)) store.free(one, full);
  store.safepoint();
  store.safepoint();
  await coordinator.unloadModule(names[0]!);
  assert.ok(Atomics.load(store.internals.words, Layout.PATCH_RECORD) > 0, 'there is memory again');
  assert.deepEqual(store.check().violations, []);
});

test('a coordinator that is closed keeps no record', async () => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const coordinator = new PatchCoordinator(store);
  await coordinator.enable({ code: `module.exports = require('umbra').definePatch({ name: 'a', objects: [{ name: 'base' }] });` });
  await coordinator.close();
  assert.equal(Atomics.load(store.internals.words, Layout.PATCH_RECORD), 0);
  assert.deepEqual([store.check().violations, store.stats().growth.entries], [[], 0]);
});

test(
  'a version of one of the types of the application is left again after a takeover, by whoever knows them',
  { skip: !LINUX },
  async (t) => {
    const { store } = await orphan(t, { types: true, scripts: [RAISING] });
    const heir = ShadowStore.attach(store.handle); // which knows nothing of the application's types, as the store object that was created does
    const coordinator = await recover(t, heir, { types: [hitsV1] });
    assert.equal(heir.get(1, hitsV2)?.hits, 7);
    assert.throws(() => store.get(1, hitsV1), coded('ERR_SHADOW_VERSION'));
    await coordinator.disable('raising');
    assert.equal(store.get(1, hitsV1)?.hits, 7);
    await coordinator.close();
    assert.throws(
      () => new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }), { types: 3 } as never),
      coded('ERR_PATCH_DECLARATION'),
    );
  },
);

test('where the operating system tells nothing, the exit event of the coordinator’s thread does', async () => {
  const script = fileURLToPath(new URL('./fixtures/elsewhere.js', import.meta.url));
  const preload = `data:text/javascript,Object.defineProperty(process,'platform',{value:'elsewhere'})`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', preload, script], { timeout: 20_000 });
  assert.equal(stdout, 'alive, then a\n');
});
