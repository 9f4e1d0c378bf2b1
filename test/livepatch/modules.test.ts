import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defineShadowType } from '../../src/shadow/type.js';
import { attach, intercept, patchable } from '../../src/worker.js';
import { declared } from './fixtures/declared.js';
import { log } from './fixtures/log.js';
import { coded, coordinate, createPool, hold, registrations, until } from './fixtures/setup.js';

const seven = defineShadowType({ id: 7, fields: { count: 'u32' } });
const both = { base: { types: [7] }, target: { types: [7, 11] } };

test('an enabled patch is applied to a module before its init, and reverted after its exit', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'd', objects: both }));
  store.alloc(1, seven).count = 3;
  log.length = 0;
  await coordinator.loadModule('target', () => log.push('init'));
  assert.deepEqual(registrations(store), ['d base 7', 'd target 7', 'd target 11']);
  assert.deepEqual(coordinator.modules.at(-1), { name: 'target', phase: 'live' });
  await coordinator.unloadModule('target', () => log.push('exit'));
  assert.deepEqual(log, [
    ...['prePatch d target coming', 'postPatch d target coming', 'init'],
    ...['exit', 'preUnpatch d target going', 'postUnpatch d target going'],
  ]);
  assert.deepEqual(registrations(store), ['d base 7']);
  assert.equal(store.get(1, seven)?.count, 3, 'the base object still keeps the id');
  await coordinator.loadModule('target');
  await coordinator.disable('d');
  assert.deepEqual(registrations(store), []);
});

test('only objects that are there take part in a transition', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'd', objects: both }));
  await coordinator.loadModule('target');
  log.length = 0;
  await coordinator.disable('d');
  assert.deepEqual(log, [...['preUnpatch d base', 'preUnpatch d target live'], ...['postUnpatch d base', 'postUnpatch d target live']]);
  assert.deepEqual(
    coordinator.modules.map(({ name }) => name),
    ['sessions', 'audit', 'other', 'target'],
  );
});

test('a patch that refuses a module has it rolled back from all patches before it', async (t) => {
  const { store, coordinator } = coordinate(t);
  const milestones: string[] = [];
  await coordinator.enable(declared({ name: 'a', objects: { target: { types: [7] } } }));
  await coordinator.enable(declared({ name: 'b', objects: both, refuses: ['prePatch b target coming'] }));
  await coordinator.enable(declared({ name: 'c', objects: { target: {} } }));
  log.length = 0;
  coordinator.on('milestone', (event) => milestones.push(`${event.milestone} ${event.patch}`));
  await assert.rejects(
    coordinator.loadModule('target', () => assert.fail('init ran')),
    coded('ERR_PATCH_MODULE', /"target" was refused by patch "b".*-19/),
  );
  assert.deepEqual(log, [
    ...['prePatch a target coming', 'postPatch a target coming', 'prePatch b target coming'],
    ...['preUnpatch a target coming', 'postUnpatch a target coming'],
  ]);
  assert.deepEqual(milestones, [
    ...['apply-to-module a', 'apply-to-module b', 'pre-patch-failed b', 'module-refused b'],
    'revert-from-module a',
  ]);
  assert.deepEqual(registrations(store), ['b base 7'], 'the registrations of the failing object went as well');
  assert.deepEqual(
    coordinator.modules.map(({ name }) => name),
    ['sessions', 'audit', 'other'],
  );
  await coordinator.disable('b');
  await coordinator.loadModule('target');
  assert.deepEqual(registrations(store), ['a target 7']);
});

test('a module whose init fails goes again', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'd', objects: both }));
  log.length = 0;
  await assert.rejects(
    coordinator.loadModule('target', () => {
      throw new Error('no disk');
    }),
    coded('ERR_PATCH_MODULE', /"target".*no disk/),
  );
  assert.equal(log.at(-1), 'postUnpatch d target coming');
  assert.deepEqual(registrations(store), ['d base 7']);
  await coordinator.loadModule('target');
});

test('a module that comes and goes during a transition: no post_patch, hence no pre_unpatch', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await coordinator.enable(declared({ name: 'old', objects: { target: {} } }));
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(declared({ name: 'd', objects: both }));
  await until('the transition', () => coordinator.transition !== null);
  log.length = 0;
  await coordinator.loadModule('target');
  assert.deepEqual(log, ['prePatch old target coming', 'postPatch old target coming', 'prePatch d target coming']);
  log.length = 0;
  await coordinator.unloadModule('target');
  assert.deepEqual(log, ['preUnpatch old target going', 'postUnpatch old target going', 'postUnpatch d target going']);
  await coordinator.loadModule('target');
  log.length = 0;
  held.release();
  await Promise.all([task, enabling]);
  assert.deepEqual(log, ['postPatch d base', 'postPatch d target live']);
});

test('modules come and go in order only', async (t) => {
  const { coordinator } = coordinate(t);
  await assert.rejects(coordinator.unloadModule('target'), coded('ERR_PATCH_MODULE', /not loaded/));
  await assert.rejects(coordinator.loadModule('base'), coded('ERR_PATCH_MODULE', /"base"/));
  await assert.rejects(coordinator.loadModule(''), coded('ERR_PATCH_MODULE'));
  await assert.rejects(coordinator.loadModule(5 as never), coded('ERR_PATCH_MODULE', /5/));
  let release = (): void => undefined;
  const coming = coordinator.loadModule('target', () => new Promise<void>((resolve) => (release = resolve)));
  await until('the module comes', () => coordinator.modules.at(-1)?.phase === 'coming');
  await assert.rejects(coordinator.loadModule('target'), coded('ERR_PATCH_MODULE', /coming already/));
  await assert.rejects(coordinator.unloadModule('target'), coded('ERR_PATCH_MODULE', /coming/));
  release();
  await coming;
  const warnings: Error[] = [];
  coordinator.on('warning', (error) => warnings.push(error));
  await coordinator.unloadModule('target', () => Promise.reject(new Error('exit failed')));
  assert.ok(coded('ERR_PATCH_CALLBACK', /exit failed/)(warnings[0]));
  await coordinator.loadModule('target');
});

test('the first worker that declares functions of a module makes it come; its tasks wait until the patches are applied', async (t) => {
  const { coordinator } = coordinate(t);
  const pooled = { filename: new URL('./fixtures/gadgets.js', import.meta.url), minThreads: 1, maxThreads: 1 };
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } } }));
  assert.deepEqual(log, []);
  const pool = coordinator.createPool<null, string>(pooled);
  assert.equal(await pool.run(null), 'd');
  assert.deepEqual(log, ['prePatch d gadgets coming', 'postPatch d gadgets coming']);
  await coordinator.unloadModule('gadgets');
  assert.equal(await pool.run(null), 'original');
  const second = coordinator.createPool<null, string>(pooled);
  assert.equal(await second.run(null), 'original', 'the application has said that it is gone');
  await coordinator.loadModule('gadgets');
  assert.equal(await pool.run(null), 'd');
  assert.equal(await second.run(null), 'd');
});

test('a worker whose module is refused gets its tasks refused, until the patch is gone', async (t) => {
  const { coordinator } = coordinate(t);
  const warnings: Error[] = [];
  coordinator.on('warning', (error) => warnings.push(error));
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } }, refuses: ['prePatch d gadgets coming'] }));
  const filename = new URL('./fixtures/gadgets.js', import.meta.url);
  const pool = coordinator.createPool<null, string>({ filename, minThreads: 1, maxThreads: 1 });
  await assert.rejects(pool.run(null), /ERR_PATCH_MODULE.*"gadgets" was refused by patch "d"/);
  assert.ok(coded('ERR_PATCH_MODULE')(warnings[0]));
  await coordinator.disable('d');
  assert.equal(await pool.run(null), 'original');
});

test('a module that the application unloaded and cannot load again stays away: workers go on without it', async (t) => {
  const { coordinator } = coordinate(t);
  const filename = new URL('./fixtures/gadgets.js', import.meta.url);
  const pool = coordinator.createPool<null, string>({ filename, minThreads: 1, maxThreads: 1 });
  assert.equal(await pool.run(null), 'original');
  await coordinator.unloadModule('gadgets');
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } }, refuses: ['prePatch d gadgets coming'] }));
  await assert.rejects(coordinator.loadModule('gadgets'), coded('ERR_PATCH_MODULE', /refused by patch "d"/));
  assert.equal(await pool.run(null), 'original');
  assert.deepEqual(log, ['prePatch d gadgets coming'], 'the patch was asked once');
});

test('a module of a worker that is starting when a patch is asked for comes before the patch does', async (t) => {
  const { coordinator } = coordinate(t);
  const filename = new URL('./fixtures/gadgets.js', import.meta.url);
  const pool = coordinator.createPool<null, string>({ filename, minThreads: 1, maxThreads: 1 });
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } } }));
  assert.deepEqual(log, ['prePatch d gadgets live', 'postPatch d gadgets live']);
  assert.equal(await pool.run(null), 'd');
});

test('functions of a module that is not there may be unknown to every thread', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await pool.run({});
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } } }));
  assert.deepEqual(log, []);
});

test('who owns a function exclusively keeps its module from coming, whatever has been loaded since the patch was', async (t) => {
  const { store, coordinator } = coordinate(t);
  const { cut } = patchable('tools', { cut: () => 'original' });
  attach(store.handle);
  await until('the module is live', () => coordinator.modules.at(-1)?.phase === 'live' && coordinator.modules.at(-1)?.name === 'tools');
  await coordinator.unloadModule('tools');
  const release = intercept('tools', 'cut', (next) => next, { owner: 'probe', exclusive: true });
  await coordinator.enable(declared({ name: 'd', objects: { tools: { functions: ['cut'] } } }));
  await coordinator.enable(declared({ name: 'e' }));
  await assert.rejects(coordinator.loadModule('tools'), coded('ERR_PATCH_MODULE', /"d".*"probe" owns its slot/));
  assert.equal(cut(), 'original');
  release();
});

test('a module that a worker asks for while the application is about to load it comes once', async (t) => {
  const { coordinator } = coordinate(t);
  coordinator.on('warning', (error) => assert.fail(error));
  let resume = (): void => undefined;
  (globalThis as { gate?: Promise<void> }).gate = new Promise((resolve) => (resume = resolve));
  const slow = `module.exports = require('umbra/worker').definePatch({ name: 'slow', objects: [
    { name: 'target', callbacks: { prePatch: () => globalThis.gate } }] });`;
  await coordinator.enable({ code: slow });
  await coordinator.enable(declared({ name: 'd', objects: { gadgets: { functions: ['spin'] } } }));
  const loading = [coordinator.loadModule('target'), coordinator.loadModule('gadgets')];
  const filename = new URL('./fixtures/gadgets.js', import.meta.url);
  const pool = coordinator.createPool<null, string>({ filename, minThreads: 1, maxThreads: 1 });
  const answer = pool.run(null);
  await until('the worker is there', () => coordinator.patches[0]!.workers.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50)); // its message arrives
  resume();
  await Promise.all(loading);
  assert.equal(await answer, 'd');
  assert.deepEqual(log, ['prePatch d gadgets coming', 'postPatch d gadgets coming']);
});

test('a module that was refused to workers comes when the application loads it and the patch agrees', async (t) => {
  const { coordinator } = coordinate(t);
  coordinator.on('warning', () => undefined);
  const code = `let asked = 0;
    module.exports = require('umbra/worker').definePatch({ name: 'd', objects: [
      { name: 'gadgets', functions: { spin: () => 'd' }, callbacks: { prePatch: () => (asked++ === 0 ? -19 : 0) } }] });`;
  await coordinator.enable({ code });
  const filename = new URL('./fixtures/gadgets.js', import.meta.url);
  const pool = coordinator.createPool<null, string>({ filename, minThreads: 1, maxThreads: 1 });
  await assert.rejects(pool.run(null), /ERR_PATCH_MODULE/);
  await coordinator.loadModule('gadgets');
  assert.equal(await pool.run(null), 'd');
});
