/** Patches come out of one directory, if the operator says so: whatever way leads out of it is refused, by the coordinator and by each thread. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import type { PatchReference } from '../../src/livepatch/manifest.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Conductor, live } from './fixtures/conductor.js';
import { coded, createPool, registrations, until } from './fixtures/setup.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'umbra-')));
after(() => {
  rmSync(folder, { recursive: true });
});
const root = join(folder, 'patches');
const elsewhere = join(folder, 'patches-of-others'); // begins like the root
mkdirSync(join(root, 'deep'), { recursive: true });
mkdirSync(elsewhere);
const FACE = new URL('../../src/worker.js', import.meta.url).href;
/** Raised by patches that must not be run. */
const state = globalThis as { ran?: string };

function write(file: string, name = basename(file)): string {
  const declaration = `definePatch({ name: ${JSON.stringify(name)}, objects: [{ name: 'sessions', functions: { touch: () => ${JSON.stringify(name)} } }] })`;
  const ran = `globalThis.ran = ${JSON.stringify(name)};`;
  const text = file.endsWith('.cjs')
    ? `const { definePatch } = require('umbra/worker'); ${ran} module.exports = ${declaration};`
    : `import { definePatch } from ${JSON.stringify(FACE)}; ${ran} export default ${declaration};`;
  writeFileSync(file, text);
  return text;
}

write(join(root, 'good.mjs'));
write(join(root, 'script.cjs'));
write(join(root, 'deep', 'good.mjs'), 'deep');
write(join(elsewhere, 'evil.mjs'));
write(join(elsewhere, 'evil.cjs'));
symlinkSync(join(elsewhere, 'evil.mjs'), join(root, 'link.mjs'));
symlinkSync(elsewhere, join(root, 'linked'));
symlinkSync(join(root, 'good.mjs'), join(root, 'alias.mjs'));
symlinkSync(root, join(folder, 'current'));
const href = pathToFileURL(root).href;

function coordinateIn(t: TestContext, options: ConstructorParameters<typeof PatchCoordinator>[1]): PatchCoordinator {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }), { pollMilliseconds: 60_000, ...options });
  t.after(() => coordinator.close());
  return coordinator;
}

test('a file inside the root is enabled by whatever address, and known by its real path', async (t) => {
  const coordinator = coordinateIn(t, { root });
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const good = `${href}/good.mjs`;
  const sources: [URL | string, string][] = [
    [join(root, 'good.mjs'), good],
    [relative(process.cwd(), join(root, 'good.mjs')), good],
    [new URL(`${good}?v=2`), `${good}?v=2`],
    [`${good}?v=../../2#x`, `${good}?v=../../2#x`],
    [`${href}/deep/../good.mjs?v=3`, `${good}?v=3`],
    [`${href}/deep/%2e%2E/good.mjs?v=4`, `${good}?v=4`],
    [join(root, 'alias.mjs'), good],
    [`${pathToFileURL(folder).href}/current/deep/good.mjs`, `${href}/deep/good.mjs`],
    [join(root, 'script.cjs'), `${href}/script.cjs`],
  ];
  for (const [source, url] of sources) {
    const { patch } = await coordinator.enable(source);
    assert.equal(coordinator.patches[0]?.url, url);
    assert.deepEqual((await pool.run({})).answers, [patch, 'original']);
    await coordinator.disable(patch);
  }
});

test('the root may be given as a URL, and by way of a link', async (t) => {
  for (const given of [pathToFileURL(root), `${href}/`, join(folder, 'current')]) {
    const coordinator = coordinateIn(t, { root: given });
    await coordinator.enable(join(root, 'good.mjs'));
    await assert.rejects(coordinator.enable(join(elsewhere, 'evil.mjs')), coded('ERR_PATCH_ROOT'));
  }
});

test('all else is refused before any of it runs, and nothing has changed', async (t) => {
  const coordinator = coordinateIn(t, { root });
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  coordinator.on('milestone', ({ milestone }) => phases.push(milestone));
  const evil = join(elsewhere, 'evil.mjs');
  const sources: unknown[] = [
    evil,
    join(elsewhere, 'evil.cjs'),
    pathToFileURL(evil),
    relative(process.cwd(), evil),
    `${href}/../patches-of-others/evil.mjs`,
    `${href}/%2e%2e/patches-of-others/evil.mjs`,
    `${href}/.%2E/patches-of-others/evil.mjs`,
    `${href}/deep/../%2e./../patches-of-others/evil.mjs`,
    `${href}/..%2fpatches-of-others%2Fevil.mjs`,
    `${href}/../patches-of-others/evil.mjs?x=${href}/good.mjs`,
    `${root}/../patches-of-others/evil.mjs`,
    join(root, 'link.mjs'),
    join(root, 'linked', 'evil.mjs'),
    `${href}/linked/evil.cjs`,
    `${href}/linked/evil.mjs?v=2`,
    `${pathToFileURL(elsewhere).href}/evil.mjs#${href}`,
    root,
    folder,
    join(folder, 'missing.mjs'),
    `file://host${root}/good.mjs`,
    'data:text/javascript,globalThis.ran="data"',
    `data:text/javascript;base64,${Buffer.from('globalThis.ran = 1').toString('base64')}`,
    'http://127.0.0.1:9/patch.mjs',
    'https://127.0.0.1:9/patch.mjs',
    'node:fs',
    'umbra:script',
    'blob:nodedata:1234',
    { code: 'globalThis.ran = "code"' },
    { code: 'globalThis.ran = "code"', filename: join(root, 'good.mjs') },
  ];
  for (const source of sources) {
    delete state.ran;
    const refused = coordinator.enable(source as string);
    await assert.rejects(refused, coded('ERR_PATCH_ROOT'), String(source));
    assert.equal(state.ran, undefined);
  }
  assert.deepEqual([phases, coordinator.patches, registrations(coordinator.store)], [[], [], []]);
  await assert.rejects(coordinator.enable(join(root, 'missing.mjs')), coded('ERR_PATCH_LOAD', /missing\.mjs cannot be read/));
});

test('scripts that come as text are accepted if that is said', async (t) => {
  const coordinator = coordinateIn(t, { root, allowCode: true });
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const code = `const { definePatch } = require('umbra'); module.exports = definePatch({ name: 'text', objects: [{ name: 'sessions', functions: { touch: () => 'text' } }] });`;
  await coordinator.enable({ code });
  assert.deepEqual((await pool.run({})).answers, ['text', 'original']);
  await assert.rejects(coordinator.enable(join(elsewhere, 'evil.mjs')), coded('ERR_PATCH_ROOT'));
});

test('a root that is none is refused', () => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const options = [{ root: 3 }, { root: '' }, { root: join(root, 'good.mjs') }, { root: join(folder, 'missing') }, { root: null }];
  for (const given of [...options, { root: new URL('http://x/') }, { root, allowCode: 1 }, { allowCode: false }]) {
    assert.throws(() => new PatchCoordinator(store, given as never), coded('ERR_PATCH_DECLARATION'));
  }
});

test('a worker that starts when a path leads elsewhere by now does not load it, though the text is the same', async (t) => {
  const coordinator = coordinateIn(t, { root });
  coordinator.on('warning', () => undefined);
  mkdirSync(join(root, 'moving'));
  mkdirSync(join(elsewhere, 'moving'));
  for (const place of [root, elsewhere]) write(join(place, 'moving', 'fix.mjs'));
  await coordinator.enable(join(root, 'moving', 'fix.mjs'));
  renameSync(join(root, 'moving'), join(root, 'moved'));
  symlinkSync(join(elsewhere, 'moving'), join(root, 'moving'));
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await assert.rejects(pool.run({}), /ERR_PATCH_LOAD: .*ERR_PATCH_ROOT: .*fix\.mjs is not inside/);
});

/** What a thread says about patches that it is told to load, by whomever. */
async function told(t: TestContext, own: unknown, references: readonly PatchReference[], policy: unknown): Promise<(string | null)[]> {
  const conductor = new Conductor((done) => {
    t.after(done);
  });
  const worker = new Worker(new URL('./fixtures/rooted.js', import.meta.url), {
    workerData: { umbra: conductor.store.handle, options: own },
  });
  t.after(() => worker.terminate());
  await once(worker, 'message');
  const failures: (string | null)[] = [];
  for (const reference of references) {
    conductor.forget();
    const change = { standby: [reference], candidate: reference.serial, modules: live('sessions') };
    conductor.publish({ ...change, ...(policy === undefined || failures.length > 0 ? {} : { policy: policy as never }) });
    await until('the report', () => conductor.reports('loaded').length > 0);
    failures.push(conductor.reports('loaded')[0]!.failure);
  }
  return failures;
}

test('a thread believes no manifest: it loads nothing from outside the root that it was told first, or has of its own', async (t) => {
  let serial = 0;
  const reference = (url: string, code: string | null = null): PatchReference => ({ serial: ++serial, name: 'x', url, code });
  const text = write(join(root, 'other.cjs'));
  const references = [
    reference(`${href}/good.mjs?told`),
    reference(pathToFileURL(join(elsewhere, 'evil.mjs')).href),
    reference(`${href}/link.mjs`),
    reference('data:text/javascript,1'),
    reference('umbra:script', text),
    reference(`${href}/other.cjs`, text),
    reference(`${href}/other.cjs`, `${text} `),
    reference(pathToFileURL(join(elsewhere, 'evil.cjs')).href, text),
  ];
  const codes = (failures: readonly (string | null)[]): (string | undefined)[] =>
    failures.map((failure) => (failure === null ? 'loaded' : /from .*?: (ERR_PATCH_\w+):/.exec(failure)?.[1]));
  const refused = 'ERR_PATCH_ROOT';
  const expected = ['loaded', refused, refused, refused, refused, 'loaded', refused, refused];
  assert.deepEqual(codes(await told(t, { root }, references, undefined)), expected, 'a root of its own');
  assert.deepEqual(codes(await told(t, { root }, references, { root: folder, allowCode: true })), expected, 'which counts more');
  assert.deepEqual(codes(await told(t, {}, references, { root, allowCode: false })), expected, 'a root that the first manifest names');
  const open = codes(await told(t, { root, allowCode: true }, references, undefined));
  assert.deepEqual(open, ['loaded', refused, refused, refused, 'loaded', 'loaded', 'loaded', 'loaded']);
});
