import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import type { PatchCoordinator } from '../../src/pool/coordinator.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { declared } from './fixtures/declared.js';
import { coded, coordinate, createPool, hold, until } from './fixtures/setup.js';

const seven = defineShadowType({ id: 7, fields: { count: 'u32' } });

/** Everything that a transition announces about its steps, as lines. */
function record(coordinator: PatchCoordinator): string[] {
  const lines: string[] = [];
  coordinator.on('milestone', ({ milestone, patch, ...rest }) => lines.push([milestone, patch, ...Object.values(rest)].join(' ')));
  coordinator.on('callback', ({ callback, patch, object, state, module }) =>
    lines.push(`${callback} ${patch} ${object ?? `state ${state}`} ${module}`),
  );
  coordinator.on('registered', ({ patch, object, id, references }) => lines.push(`register ${patch} ${object} ${id} ${references}`));
  coordinator.on('unregistered', ({ patch, object, id, references }) => lines.push(`unregister ${patch} ${object} ${id} ${references}`));
  coordinator.on('collecting', ({ id, patch }) => lines.push(`collecting ${id} ${patch}`));
  coordinator.on('module', ({ name, phase }) => lines.push(`module ${name} ${phase}`));
  return lines;
}

test('every step of a transition is announced, in the order of the kernel', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.loadModule('target');
  const lines = record(coordinator);
  await coordinator.enable(declared({ name: 'd', objects: { base: { types: [7, 8] }, target: { types: [7] } } }));
  store.alloc(1, seven);
  await coordinator.disable('d');
  assert.deepEqual(lines, [
    ...['enable-begin d', 'transition-init d patching'],
    ...['register d base 7 1', 'register d base 8 1', 'prePatch d base null'],
    ...['register d target 7 2', 'prePatch d target live'],
    ...['transition-start d patching', 'transition-completing d patching'],
    ...['postPatch d base null', 'postPatch d target live', 'transition-done d patching'],
    ...['transition-init d unpatching', 'preUnpatch d base null', 'preUnpatch d target live'],
    ...['transition-start d unpatching', 'transition-completing d unpatching'],
    ...['postUnpatch d base null', 'unregister d base 7 1', 'unregister d base 8 0', 'collecting 8 d'],
    ...['postUnpatch d target live', 'unregister d target 7 0', 'collecting 7 d'],
    'transition-done d unpatching',
  ]);
});

test('a refused patch is announced as cancelled, and completed towards nothing', async (t) => {
  const { coordinator } = coordinate(t);
  const lines = record(coordinator);
  const patch = declared({ name: 'd', objects: { base: { types: [7] }, sessions: { types: [9] } }, refuses: ['prePatch d sessions live'] });
  await assert.rejects(coordinator.enable(patch), coded('ERR_PATCH_PRE_PATCH'));
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('module')),
    [
      ...['enable-begin d', 'transition-init d patching', 'register d base 7 1', 'prePatch d base null'],
      ...['register d sessions 9 1', 'prePatch d sessions live', 'pre-patch-failed d sessions'],
      ...['enable-failed d', 'transition-cancel d', 'transition-completing d unpatching'],
      ...['postUnpatch d base null', 'unregister d base 7 0', 'collecting 7 d'],
      ...['unregister d sessions 9 0', 'collecting 9 d', 'transition-done d unpatching'],
    ],
  );
});

test('an incompatible patch is announced as that and as nothing else', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1, version: 2 }] }));
  const lines = record(coordinator);
  await assert.rejects(coordinator.enable(declared({ name: 'b', states: [{ id: 1, version: 1 }] })), coded('ERR_PATCH_STATE'));
  assert.deepEqual(lines, ['incompatible b']);
});

test('while redirection is off, patches with functions are refused, and it stays on while one is enabled', async (t) => {
  const { coordinator } = coordinate(t);
  createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const patch = declared({ name: 'd', objects: { base: { types: [7] }, sessions: { functions: ['touch', 'expire'] } } });
  const code = declared({ name: 'c', objects: { base: { types: [7] } } });
  coordinator.setRedirection(false);
  await coordinator.enable(code);
  const lines = record(coordinator);
  await assert.rejects(coordinator.enable(patch), coded('ERR_PATCH_REDIRECTION', /sessions\.touch.*setRedirection\(true\)/));
  assert.deepEqual(
    lines.filter((line) => !line.includes('7')),
    [
      ...['enable-begin d', 'transition-init d patching', 'prePatch d base null', 'prePatch d sessions live'],
      ...['redirect-failed d sessions touch EBUSY', 'patch-object-failed d sessions', 'enable-failed d', 'transition-cancel d'],
      // Its pre_patch had agreed, so the object that failed is told as well.
      ...['transition-completing d unpatching', 'postUnpatch d base null', 'postUnpatch d sessions live', 'transition-done d unpatching'],
    ],
  );
  coordinator.setRedirection(true);
  await coordinator.enable(patch);
  assert.throws(
    () => {
      coordinator.setRedirection(false);
    },
    coded('ERR_PATCH_REDIRECTION', /"d"/),
  );
  await coordinator.disable('d');
  coordinator.setRedirection(false);
});

test('every event goes to the diagnostics channel of its name', async (t) => {
  const { coordinator } = coordinate(t);
  const seen: string[] = [];
  const names = ['transition', 'milestone', 'callback', 'registered', 'unregistered', 'collecting', 'collected', 'module', 'warning'];
  const listeners = names.map((name) => {
    const listener = (event: unknown): void => void seen.push(`${name} ${typeof event}`);
    subscribe(`umbra:${name}`, listener);
    t.after(() => unsubscribe(`umbra:${name}`, listener));
    return listener;
  });
  assert.equal(listeners.length, names.length);
  coordinator.on('warning', () => undefined);
  await coordinator.enable(declared({ name: 'd', objects: { base: { types: [7] } } }));
  await coordinator.disable('d');
  await coordinator.unloadModule('sessions', () => Promise.reject(new Error('no exit')));
  await until('collection', () => seen.includes('collected object'));
  assert.deepEqual([...new Set(seen)].sort(), names.map((name) => `${name} object`).sort());
});

test('who holds up a transition is named: thread, tasks, and calls with the version they run', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  assert.deepEqual(coordinator.stragglers(), []);
  await coordinator.enable(declared({ name: 'a', objects: { sessions: { functions: ['touch'] } } }));
  const held = hold();
  const tasks = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(declared({ name: 'b', replace: true, objects: { sessions: { functions: ['touch'] } } }));
  await until('one straggler', () => coordinator.stragglers().length === 1);
  const [straggler] = coordinator.stragglers();
  assert.equal(straggler!.version, 1);
  assert.ok(pool.threads.some(({ threadId }) => threadId === straggler!.thread));
  assert.equal(straggler!.tasks.length, 1);
  assert.ok(straggler!.tasks[0]!.milliseconds < 60_000);
  held.release();
  await Promise.all([tasks, enabling]);
  assert.deepEqual(coordinator.stragglers(), []);
});

test('a word of shared memory tells which way a transition goes, and replaced patches are not enabled when post_patch runs', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const word = (): number => Atomics.load(store.internals.words, Layout.PATCH_TARGET);
  const seen: unknown[] = [];
  coordinator.on('milestone', (event) => {
    if ('direction' in event) seen.push([event.milestone, event.direction, word()]);
  });
  coordinator.on('callback', ({ callback }) => {
    if (callback === 'postPatch') seen.push(coordinator.patches.map(({ name, enabled }) => `${name} ${enabled}`));
  });
  await coordinator.enable(declared({ name: 'a', objects: { base: {} } }));
  seen.length = 0;
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(declared({ name: 'b', replace: true, objects: { base: {} } }));
  await until('the transition', () => coordinator.transition !== null);
  const reversing = [coordinator.reverse(), coordinator.reverse()] as const;
  const first = assert.rejects(reversing[0], coded('ERR_PATCH_REVERSED'));
  held.release();
  await Promise.all([task, enabling, first, reversing[1]]);
  assert.deepEqual(seen, [
    ['transition-init', 'patching', -1],
    ['transition-start', 'patching', 1],
    ['transition-start', 'unpatching', 0],
    ['transition-start', 'patching', 1],
    ['transition-completing', 'patching', 1],
    ['a false', 'b true'],
    ['transition-done', 'patching', -1],
  ]);
});
