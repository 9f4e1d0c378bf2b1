/** Patch sources, and that everything of a bundled script is garbage once its patch is dropped. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { getHeapStatistics } from 'node:v8';

import { activationNames } from '../../src/livepatch/activity.js';
import { attach, safepoint, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import { loadPatch, patchSource } from '../../src/livepatch/loader.js';
import { prepareScripts } from '../../src/livepatch/script.js';
import { collectGarbage } from '../garbage.js';
import { Conductor, script } from './fixtures/conductor.js';
import { coded, patch } from './fixtures/setup.js';

const folder = mkdtempSync(join(tmpdir(), 'umbra-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const PATCH = `const { definePatch } = require('umbra'); module.exports = definePatch({ name: 'a', objects: [{ name: 'base' }] });`;

test('a .cjs file is read once, by the thread that names it; all else is an address', async () => {
  const file = join(folder, 'a.cjs');
  writeFileSync(file, PATCH);
  for (const source of [file, pathToFileURL(file), `${pathToFileURL(file).href}?v=2`]) {
    const { url, code } = patchSource(source);
    assert.equal(code, PATCH);
    assert.equal((await loadPatch({ url, code })).name, 'a');
  }
  const module = patch('name=b&functions=touch');
  const { digest, ...address } = patchSource(module);
  assert.deepEqual(address, { url: module.href, code: null });
  assert.match(digest ?? '', /^[\w+/]{43}=$/, 'the text that all threads have to load');
  assert.equal((await loadPatch(patchSource(module))).name, 'b');
  assert.deepEqual(patchSource('some/where.js'), { url: pathToFileURL(join(process.cwd(), 'some/where.js')).href, code: null });
  assert.throws(() => patchSource(join(folder, 'missing.cjs')), coded('ERR_PATCH_LOAD', /missing\.cjs cannot be read/));
});

test('source in hand needs no file; its require starts at the filename, or at the working directory', async () => {
  writeFileSync(join(folder, 'helper.cjs'), 'module.exports = "helped";');
  const code = `const { definePatch } = require('umbra/worker'); const path = require('node:path');
    exports.default = definePatch({ name: path.basename(require('./helper.cjs')), objects: [{ name: 'base' }] });`;
  assert.equal((await loadPatch(patchSource({ code, filename: join(folder, 'x.js') }))).name, 'helped');
  assert.equal((await loadPatch(patchSource({ code: PATCH }))).name, 'a');
  await assert.rejects(loadPatch(patchSource({ code })), coded('ERR_PATCH_LOAD', /Cannot find module '\.\/helper\.cjs'/));
});

test('what is no patch is refused', async () => {
  for (const source of [undefined, null, 3, {}, { code: 3 }, '']) {
    assert.throws(() => patchSource(source as never), coded('ERR_PATCH_LOAD'));
  }
  await assert.rejects(loadPatch(patchSource({ code: '(' })), coded('ERR_PATCH_LOAD', /umbra:script failed/));
  await assert.rejects(loadPatch(patchSource({ code: 'throw 3' })), coded('ERR_PATCH_LOAD', /failed: 3/));
  await assert.rejects(loadPatch(patchSource({ code: 'module.exports = 3' })), coded('ERR_PATCH_DECLARATION', /exports 3/));
  await assert.rejects(
    loadPatch(patchSource({ code: `require('umbra').definePatch({})` })),
    coded('ERR_PATCH_DECLARATION', /name of a patch/),
  );
});

test('a stack trace names the file of the script', async () => {
  const code = `\nthrow new RangeError('here');`;
  await assert.rejects(loadPatch({ url: 'file:///some/where.cjs', code }), (error: Error) => {
    assert.match(String((error.cause as Error).stack), /file:\/\/\/some\/where\.cjs:2/);
    return true;
  });
});

test('scripts that come and go leave nothing behind', async () => {
  const conductor = new Conductor(after);
  attach(conductor.store.handle);
  await prepareScripts();
  const base = patchable('base', {
    name: (n: number): unknown => n,
    later: async () => Promise.resolve(0),
    *steps(): Generator<number> {
      yield 0;
    },
  });
  const ask = task(() => base.name(1));
  const helpers = Array.from({ length: 150 }, (_, i) => `function helper${i}(x) { return x === ${i} ? 'nobody ${i}' : x + ${i}; }`);
  let version = 0;
  /** One script through everything that a patch goes through. */
  const cycle = async (n: number): Promise<void> => {
    const ballast = `${helpers.join(' ')} const ballast = new Array(5000).fill(${n});`;
    const functions = {
      name: `withOriginal((original) => { ${ballast} return (x) => [original(x), helper3(x), ballast.length]; })`,
      later: `async () => ${n}`,
      steps: `function* () { yield ${n}; }`,
    };
    const reference = script(
      `p${n}`,
      functions,
      'base',
      `shadowTypes: [defineShadowType({ id: ${n}, size: 8, dtor() { return ${n}; } })],`,
    );
    conductor.publish({ standby: [reference], candidate: reference.serial });
    safepoint();
    conductor.publish({ version: ++version, stack: [reference], standby: [] });
    assert.deepEqual(await ask(undefined), [1, 4, 5000]);
    assert.equal(await base.later(), n);
    assert.deepEqual([...base.steps()], [n]);
    conductor.publish({ version: ++version, stack: [], standby: [] });
    assert.equal(await ask(undefined), 1);
  };
  const used = async (): Promise<number> => {
    conductor.forget();
    // The engine lets go of compiled code only after several collections.
    for (let round = 0; round < 8; round++) {
      await nextTurn();
      collectGarbage();
    }
    return getHeapStatistics().used_heap_size;
  };
  const sizes: number[] = [];
  for (let n = 0; n <= 200; n++) {
    if (n % 100 === 0) sizes.push(await used());
    await cycle(n);
  }
  const [start, half, end] = sizes as [number, number, number];
  const most = 400 * 1024; // 1 MiB and more when no more than one function of each script is held
  assert.ok(end - half < most, `the first 100 left ${half - start} bytes behind, the last 100 ${end - half}`);
  assert.ok(activationNames().every(({ patch: name }) => name === null));
});
