/** Pinned switches of an agent on this thread, conducted by hand: each task keeps the version it started with, and nobody waits. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { attach, currentVersion, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import type { PatchReference } from '../../src/livepatch/manifest.js';
import { prepareScripts } from '../../src/livepatch/script.js';
import { Layout } from '../../src/memory/layout.js';
import { Conductor, live, script } from './fixtures/conductor.js';
import { until } from './fixtures/setup.js';
import { signal } from './fixtures/signal.js';

const conductor = new Conductor(after);
attach(conductor.store.handle);
await prepareScripts();

const base = patchable('base', {
  name: () => 'original',
  deep: async () => {
    await nextTurn();
    return base.name();
  },
  wait: async (until: Promise<void>): Promise<string> => {
    await until;
    return 'original';
  },
});

const run = task(async (until: Promise<void>): Promise<string[]> => {
  const say = async (): Promise<string> => `${base.name()} ${await base.deep()} ${currentVersion()}`;
  const before = await say();
  await until;
  return [before, await say()];
});

/** What a task says before and after it was held up, on one version. */
function saying(name: string, number: number): string[] {
  const words = `${name} ${name} ${number}`;
  return [words, words];
}

let version = 0;
function pin(...stack: PatchReference[]): number {
  conductor.publish({ version: ++version, stack, mode: 'pin' });
  return version;
}

beforeEach(async () => {
  conductor.publish({ version: ++version, stack: [], standby: [], modules: live() });
  await until('the thread to be unpatched', () => conductor.version === version);
  await nextTurn();
  assert.deepEqual(conductor.activations(), {});
});

const A = { name: `() => 'a'` };
const B = { name: `() => 'b'` };
const WRAP = { name: `withOriginal((original) => () => original() + '+')` };

test('a thread without tasks just switches', async () => {
  pin(script('a', A));
  assert.deepEqual(await run(Promise.resolve()), saying('a', version));
  assert.equal(conductor.version, version);
});

test('tasks in flight keep their version, new ones have the new one, awaits included; the last old one completes the switch', async () => {
  const [old, fresh] = [signal(), signal()];
  const before = version;
  const [first, second] = [run(old.promise), run(old.promise)];
  pin(script('a', A));
  const third = run(fresh.promise);
  assert.equal(conductor.version, Layout.PATCH_MIXED);
  await nextTurn();
  old.give();
  assert.deepEqual(await Promise.all([first, second]), [saying('original', before), saying('original', before)]);
  assert.equal(conductor.version, version);
  assert.equal(conductor.reached, conductor.manifest.epoch);
  fresh.give();
  assert.deepEqual(await third, saying('a', version));
});

test('what is common to both versions is counted apart, so that new tasks do not hold up the end of the old ones', async () => {
  const a = script('a', A);
  conductor.publish({ version: ++version, stack: [a] });
  const [old, fresh] = [signal(), signal()];
  const first = run(old.promise);
  const before = version;
  pin(a, script('w', { ...WRAP, wait: `withOriginal((original) => (until) => original(until))` }));
  const waiting = task((until: Promise<void>) => base.wait(until))(fresh.promise);
  await nextTurn();
  assert.deepEqual(conductor.activations()['base.wait original'], 1);
  old.give();
  assert.deepEqual(await first, saying('a', before));
  assert.equal(conductor.version, version);
  assert.deepEqual(await run(Promise.resolve()), saying('a+', version));
  // It is a call of the version in force now, and holds up the next switch.
  conductor.publish({ version: ++version, stack: [a], mode: 'gate' });
  await nextTurn();
  assert.notEqual(conductor.version, version);
  fresh.give();
  assert.equal(await waiting, 'original');
  await until('the switch', () => conductor.version === version);
});

test('a patch that goes from below another is still there for the tasks that began with it', async () => {
  const [a, w] = [script('a', A), script('w', WRAP)];
  conductor.publish({ version: ++version, stack: [a, w] });
  const before = version;
  const { promise, give } = signal();
  const old = run(promise);
  pin(w);
  assert.deepEqual(await run(Promise.resolve()), saying('original+', version));
  give();
  assert.deepEqual(await old, saying('a+', before));
  assert.equal(conductor.version, version);
  assert.deepEqual(await run(Promise.resolve()), saying('original+', version));
});

test('calls outside tasks belong to the old version until it is over, suspended ones hold it', async () => {
  const { promise, give } = signal();
  const call = base.wait(promise);
  pin(script('a', { ...A, wait: `async () => 'a'` }));
  assert.deepEqual(await run(Promise.resolve()), saying('a', version));
  assert.equal(conductor.version, Layout.PATCH_MIXED);
  assert.equal(base.name(), 'original');
  give();
  assert.equal(await call, 'original');
  assert.equal(conductor.version, version);
  assert.equal(base.name(), 'a');
});

test('a reversal while both versions run turns new tasks back, and completes when those of the other have ended', async () => {
  const [old, fresh] = [signal(), signal()];
  const before = version;
  const first = run(old.promise);
  const after = pin(script('a', A));
  const second = run(fresh.promise);
  conductor.publish({ version: before, stack: [], mode: 'pin' });
  assert.deepEqual(await run(Promise.resolve()), saying('original', before));
  assert.equal(conductor.version, Layout.PATCH_MIXED);
  fresh.give();
  assert.deepEqual(await second, saying('a', after));
  assert.equal(conductor.version, before);
  old.give();
  assert.deepEqual(await first, saying('original', before));
});

test('a reversal of the reversal completes as well', async () => {
  const [old, fresh] = [signal(), signal()];
  const before = version;
  const first = run(old.promise);
  const a = script('a', A);
  const after = pin(a);
  const second = run(fresh.promise);
  conductor.publish({ version: before, stack: [], standby: [a], mode: 'pin' });
  const third = run(old.promise);
  conductor.publish({ version: after, stack: [a], standby: [], mode: 'pin' });
  const fourth = run(fresh.promise);
  await nextTurn();
  old.give();
  assert.deepEqual(await Promise.all([first, third]), [saying('original', before), saying('original', before)]);
  assert.equal(conductor.version, after);
  fresh.give();
  assert.deepEqual(await Promise.all([second, fourth]), [saying('a', after), saying('a', after)]);
});

for (const forward of [true, false]) {
  test(`a gate in the middle waits for the tasks of the other version only, ${forward ? 'forward' : 'back'}`, async () => {
    const [old, fresh] = [signal(), signal()];
    const before = version;
    const first = run(old.promise);
    const a = script('a', A);
    const after = pin(a);
    const second = run(fresh.promise);
    if (forward) conductor.publish({});
    else conductor.publish({ version: before, stack: [], standby: [a] });
    const behind = run(Promise.resolve());
    await nextTurn();
    assert.equal(conductor.version, Layout.PATCH_MIXED);
    (forward ? old : fresh).give();
    assert.deepEqual(await behind, forward ? saying('a', after) : saying('original', before));
    assert.equal(conductor.version, forward ? after : before);
    old.give();
    fresh.give();
    assert.deepEqual(await first, saying('original', before));
    assert.deepEqual(await second, saying('a', after));
    if (!forward) version = before;
  });
}

test('a third version in the middle waits for all tasks; force waits for none; hold reports when nothing is in flight', async () => {
  for (const mode of ['pin', 'gate', 'hold', 'force'] as const) {
    const [old, fresh] = [signal(), signal()];
    const before = version;
    const first = run(old.promise);
    const after = pin(script('a', A));
    const second = run(fresh.promise);
    await nextTurn();
    const { epoch } = conductor.publish({ version: ++version, stack: [script('b', B)], mode });
    const behind = run(Promise.resolve());
    await nextTurn();
    if (mode === 'force') {
      assert.equal(conductor.version, version);
      assert.deepEqual(await behind, saying('b', version));
    }
    old.give();
    await first;
    if (mode !== 'force') assert.equal(conductor.version, Layout.PATCH_MIXED);
    fresh.give();
    const [said] = await second;
    assert.equal(said, `a a ${after}`);
    if (mode === 'hold') {
      assert.equal(conductor.reached, epoch);
      conductor.publish({});
    }
    assert.deepEqual(await behind, saying('b', version));
    assert.equal(conductor.version, version);
    conductor.publish({ version: ++version, stack: [] });
    assert.deepEqual(await run(Promise.resolve()), saying('original', version));
    assert.ok(before < after);
  }
});

test('a module that comes or goes in the middle does so for both versions', async () => {
  const module = patchable('pinned', { name: () => 'original' });
  conductor.publish({ modules: live('pinned') });
  const { promise, give } = signal();
  const ask = task(async (until: Promise<void>) => {
    await until;
    return module.name();
  });
  const old = ask(promise);
  pin(script('a', A, 'pinned'));
  assert.equal(await ask(Promise.resolve()), 'a');
  conductor.publish({ mode: 'pin', modules: [{ name: 'pinned', state: 'gone' }] });
  assert.equal(await ask(Promise.resolve()), 'original');
  conductor.publish({ mode: 'pin', modules: live('pinned') });
  assert.equal(await ask(Promise.resolve()), 'a');
  give();
  assert.equal(await old, 'original');
  assert.equal(conductor.version, version);
});
