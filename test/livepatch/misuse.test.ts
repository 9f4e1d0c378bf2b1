/** Wrong arguments end in a typed error at once: nothing is taken that means nothing, and nothing is changed. */
import assert from 'node:assert/strict';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { PatchCoordinator, type ErrorCode, ShadowStore } from '../../src/index.js';
import { formatRehearsal } from '../../src/testing/index.js';
import { attach, definePatch, defineShadowType, intercept, patchable, task, waitForWork } from '../../src/worker.js';
import { coded, coordinate } from './fixtures/setup.js';

const type = defineShadowType({ id: 71, fields: { n: 'u32' } });

test('what a thread says wrongly is refused', async (t) => {
  coordinate(t);
  attach();
  patchable('base', { misused: () => 1 });
  const words = new Int32Array(new SharedArrayBuffer(8));
  const wrong: [ErrorCode, RegExp, () => unknown][] = [
    ['ERR_PATCH_DECLARATION', /\{ owner \}/, () => intercept('base', 'misused', (next) => next, undefined as never)],
    ['ERR_PATCH_DECLARATION', /\{ name \}/, () => task(() => 1, null as never)],
    ['ERR_PATCH_DECLARATION', /\{ name \}/, () => task(() => 1, { nmae: 'x' } as never)],
    ['ERR_PATCH_DECLARATION', /64 characters/, () => patchable('x'.repeat(100), { f: () => 1 })],
    ['ERR_PATCH_DECLARATION', /\[Map\]/, () => patchable('maps', new Map([['f', () => 1]]) as never)],
    ['ERR_PATCH_DECLARATION', /\[Map\]/, () => definePatch({ name: 'p', objects: [{ name: 'base', functions: new Map() as never }] })],
    [
      'ERR_PATCH_DECLARATION',
      /"pin"/,
      () =>
        definePatch({
          name: 'p',
          consistency: 'pin',
          objects: [
            {
              name: 'base',
              callbacks: new (class {
                postPatch() {
                  return 0;
                }
              })(),
            },
          ],
        }),
    ],
    ['ERR_SHADOW_TYPE', /"destructor"/, () => defineShadowType({ id: 72, fields: { n: 'u32' }, destructor: () => undefined } as never)],
    ['ERR_PATCH_DECLARATION', /rehearse/, () => formatRehearsal(undefined as never)],
  ];
  for (const [code, pattern, misuse] of wrong) assert.throws(misuse, coded(code, pattern), String(misuse));
  for (const [first, index] of [
    ['x', 0],
    [words, -1],
    [words, 'x'],
    [new Int32Array(2), 0],
  ] as [never, never][])
    await assert.rejects(waitForWork(first, index, 0, 1), coded('ERR_PATCH_DECLARATION', /Int32Array/));
});

test('what is said wrongly to the coordinator or the store is refused', async (t) => {
  const { coordinator } = coordinate(t);
  const other = ShadowStore.create({ maxBytes: 2 ** 22, types: [type] });
  const view = other.alloc(1, type);
  assert.throws(() => new PatchCoordinator(other.handle as never), coded('ERR_PATCH_DECLARATION', /ShadowStore/));
  assert.throws(() => new PatchCoordinator(undefined as never), coded('ERR_PATCH_DECLARATION', /ShadowStore/));
  assert.throws(() => coordinator.createPool(null as never), coded('ERR_PATCH_DECLARATION', /options/));
  assert.throws(
    () => {
      coordinator.setRedirection('off' as never);
    },
    coded('ERR_PATCH_DECLARATION', /true or false/),
  );
  await assert.rejects(coordinator.enable('./x.js', [] as never), coded('ERR_PATCH_DECLARATION', /options/));
  await coordinator.loadModule('misused');
  await assert.rejects(coordinator.unloadModule('misused', 5 as never), coded('ERR_PATCH_MODULE', /5/));
  await assert.rejects(coordinator.loadModule('other2', 5 as never), coded('ERR_PATCH_MODULE', /5/));
  assert.deepEqual(coordinator.modules.at(-1), { name: 'misused', phase: 'live' });
  assert.throws(() => other.getMany(5 as never, type), coded('ERR_SHADOW_OPTION', /array/));
  assert.throws(() => other.withLock(view, undefined as never), coded('ERR_SHADOW_OPTION', /function/));
  assert.throws(
    () => {
      view.update(5 as never);
    },
    coded('ERR_SHADOW_OPTION', /function/),
  );
  other.withLock(view, () => undefined);
});

test('a callback that asks its own coordinator for something is told that it would wait for itself', async (t) => {
  const { coordinator } = coordinate(t);
  const answers: Promise<unknown>[] = [];
  const globals = globalThis as { misusedCoordinator?: PatchCoordinator; misusedAnswers?: Promise<unknown>[] };
  globals.misusedCoordinator = coordinator;
  globals.misusedAnswers = answers;
  const code = `
    const { definePatch } = require('umbra/worker');
    const { misusedCoordinator: coordinator, misusedAnswers: answers } = globalThis;
    const ask = (what) => { const answer = what(); answers.push(answer.catch((error) => error.code)); return answer.catch(() => undefined); };
    module.exports = definePatch({ name: 'asks', objects: [{ name: 'base', callbacks: {
      async prePatch() {
        await ask(() => coordinator.loadModule('x'));
        await new Promise((resolve) => setTimeout(resolve, 1));
        await ask(() => coordinator.disable('asks'));
        await ask(() => coordinator.close());
      },
    } }] });`;
  await coordinator.enable({ code });
  assert.deepEqual(await Promise.all(answers), ['ERR_PATCH_BUSY', 'ERR_PATCH_BUSY', 'ERR_PATCH_BUSY']);
  await coordinator.loadModule('x');
  await coordinator.disable('asks');
});

test('a file that was edited under its address is refused, rather than run in some threads', async (t) => {
  const { coordinator } = coordinate(t);
  const folder = await mkdtemp(join(tmpdir(), 'umbra-edited-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = pathToFileURL(join(folder, 'patch.mjs'));
  const worker = new URL('../../src/worker.js', import.meta.url).href;
  const text = (name: string): string => `import { definePatch } from ${JSON.stringify(worker)};
    export default definePatch({ name: ${JSON.stringify(name)}, objects: [{ name: 'base' }] });`;
  await writeFile(file, text('first'));
  await coordinator.enable(file);
  await coordinator.disable('first');
  await coordinator.enable(file);
  await coordinator.disable('first');
  await writeFile(file, text('second'));
  await assert.rejects(coordinator.enable(file), coded('ERR_PATCH_LOAD', /edited.*\?v=2/));
  await coordinator.enable(new URL('?v=2', file));
  assert.equal(coordinator.patches[0]?.name, 'second');
});
