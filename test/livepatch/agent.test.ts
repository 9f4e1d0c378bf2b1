/** One agent on this thread, conducted by hand. */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { attach, currentVersion, safepoint, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import { prepareScripts } from '../../src/livepatch/script.js';
import { Layout } from '../../src/memory/layout.js';
import { Conductor, live, script } from './fixtures/conductor.js';
import { coded, until } from './fixtures/setup.js';
import { signal } from './fixtures/signal.js';

const conductor = new Conductor(after);
const { store } = attach(conductor.store.handle);
await prepareScripts();

const base = patchable('base', {
  name: () => 'original',
  other: () => 'original',
  wait: async (until: Promise<void>) => {
    await until;
    return 'original';
  },
  run: (callback: () => unknown) => callback(),
  *count(end: number): Generator<number> {
    for (let i = 0; i < end; i++) yield i;
  },
});
const ask = task(() => `${base.name()} ${currentVersion()}`, { name: 'ask' });
const hold = task(async (until: Promise<void>) => {
  const before = `${base.name()} ${currentVersion()}`;
  await until;
  return [before, `${base.name()} ${currentVersion()}`];
});

let version = 0;
beforeEach(async () => {
  conductor.publish({ version: ++version, stack: [], standby: [] });
  await until('the thread to be unpatched', () => conductor.version === version);
  assert.deepEqual(conductor.activations(), {});
});

test('a manifest is followed by the next task, without a turn of the event loop', async () => {
  const a = script('a', { name: `() => 'a'` });
  conductor.publish({ version: ++version, stack: [a] });
  const answer = ask(undefined);
  assert.equal(conductor.version, version);
  assert.equal(await answer, `a ${version}`);
});

test('tasks in flight hold back the switch and the tasks behind them; the last to end lets them in', async () => {
  const [first, second] = [signal(), signal()];
  const held = [hold(first.promise), hold(second.promise)];
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })] });
  const behind = ask(undefined);
  first.give();
  assert.deepEqual(await held[0], [`original ${before}`, `original ${before}`]);
  assert.equal(conductor.version, before);
  second.give();
  assert.deepEqual(await held[1], [`original ${before}`, `original ${before}`]);
  assert.equal(await behind, `a ${version}`);
});

test('a suspended call outside tasks holds back the switch of its function, and its end completes it', async () => {
  const { promise, give } = signal();
  const call = base.wait(promise);
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { wait: `async () => 'a'` })] });
  const behind = ask(undefined);
  await nextTurn();
  assert.equal(conductor.version, before);
  assert.deepEqual(conductor.activations(), { 'base.wait original': 1 });
  give();
  assert.equal(await call, 'original');
  assert.equal(conductor.version, version);
  assert.equal(await behind, `original ${version}`);
});

test('a suspended call of a function that does not change holds back nothing', async () => {
  const { promise, give } = signal();
  const call = base.wait(promise);
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })] });
  assert.equal(await ask(undefined), `a ${version}`);
  give();
  await call;
});

test('a switch that is refused inside a synchronous call is made in the next turn', async () => {
  const a = script('a', { run: `() => 'a'` });
  const before = version;
  const answer = base.run(() => {
    conductor.publish({ version: ++version, stack: [a] });
    safepoint();
    return conductor.version;
  });
  assert.equal(answer, before);
  await until('the switch', () => conductor.version === version);
  assert.equal(
    base.run(() => 0),
    'a',
  );
});

test('a safepoint outside tasks loads a script and switches, without a turn of the event loop', () => {
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })] });
  safepoint();
  assert.equal(base.name(), 'a');
  assert.equal(conductor.version, version);
});

test('only calls that would change under way count: those of an older version below stay as they are', async () => {
  const [outer, inner] = [signal(), signal()];
  const [a, b] = [
    script('a', { wait: `withOriginal((original) => (until) => original(until))` }),
    script('b', { wait: `withOriginal((original) => async (until) => { await original(until); return 'b'; })` }),
  ];
  conductor.publish({ version: ++version, stack: [a] });
  safepoint();
  const call = base.wait(inner.promise);
  await nextTurn();
  assert.deepEqual(conductor.activations(), { 'base.wait original': 1, 'base.wait a': 1 });
  // Below b nothing changes but who calls a; a itself is the version that is given up as the newest.
  const before = version;
  conductor.publish({ version: ++version, stack: [a, b] });
  safepoint();
  assert.equal(conductor.version, before);
  inner.give();
  await call;
  assert.equal(conductor.version, version);
  const late = base.wait(outer.promise);
  conductor.publish({ version: ++version, stack: [b] });
  safepoint();
  assert.notEqual(conductor.version, version);
  outer.give();
  assert.equal(await late, 'b');
  assert.equal(conductor.version, version);
});

test('a generator holds back the switch until it is finished, or given up', () => {
  for (const end of [
    (steps: Generator<number>) => [...steps],
    (steps: Generator<number>) => steps.return(undefined),
    (steps: Generator<number>) => {
      assert.throws(() => steps.throw(new RangeError('enough')), RangeError);
    },
  ]) {
    const steps = base.count(3);
    steps.next();
    const before = version;
    const stack = conductor.manifest.stack.length === 0 ? [script('a', { count: `function* () { yield 7; }` })] : [];
    conductor.publish({ version: ++version, stack });
    safepoint();
    assert.equal(conductor.version, before);
    end(steps);
    safepoint();
    assert.equal(conductor.version, version);
  }
});

test('hold: the thread says when nothing is in flight, and then does what the next manifest says', async () => {
  for (const forward of [true, false]) {
    const { promise, give } = signal();
    const held = hold(promise);
    const before = version;
    const [stack, old] = [[script('a', { name: `() => 'a'` })], conductor.manifest.stack];
    const { epoch } = conductor.publish({ version: ++version, stack, mode: 'hold' });
    const behind = ask(undefined);
    await nextTurn();
    assert.ok(conductor.reached < epoch);
    give();
    await held;
    assert.equal(conductor.reached, epoch);
    assert.equal(conductor.version, before);
    await nextTurn();
    if (forward) conductor.publish({});
    else conductor.publish({ version: before, stack: old });
    if (!forward) version = before;
    assert.match(await behind, forward ? /^a / : /^a |^original /);
    assert.equal(conductor.version, version);
  }
});

test('force: the thread switches at once, in the middle of its tasks', async () => {
  const { promise, give } = signal();
  const held = hold(promise);
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })], mode: 'force' });
  assert.equal(await ask(undefined), `a ${version}`);
  assert.equal(conductor.version, version);
  give();
  assert.deepEqual(await held, [`original ${before}`, `a ${version}`]);
});

test('a call that a forced switch left behind does not hold back the next one', async () => {
  const { promise, give } = signal();
  const stuck = base.wait(promise);
  conductor.publish({ version: ++version, stack: [script('a', { wait: `async () => 'a'` })], mode: 'force' });
  safepoint();
  conductor.publish({ version: ++version, stack: [], mode: 'gate' });
  safepoint();
  assert.equal(conductor.version, version);
  give();
  await stuck;
});

test('a reversal reopens the gate of a thread that is stuck, and finds it where it was', async () => {
  const { promise, give } = signal();
  const held = hold(promise);
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })] });
  const behind = ask(undefined);
  conductor.publish({ version: before, stack: [] });
  await nextTurn();
  assert.equal(await behind, `original ${before}`);
  version = before;
  give();
  await held;
});

test('a thread that is about to flip to a manifest that is out of date does not', async () => {
  const { promise, give } = signal();
  const held = hold(promise);
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })] });
  await nextTurn(); // received: the gate is closed, and the task's end will flip
  // The reversal's epoch is there, its message is late, as for a thread that opened its channel in between.
  Atomics.add(conductor.words, Layout.PATCH_EPOCH, 1);
  give();
  await held;
  assert.equal(conductor.version, before);
  await until('the thread to ask', () => conductor.reports('hello').length > 0);
  conductor.publish({ version: before, stack: [] });
  assert.equal(await ask(undefined), `original ${before}`);
  version = before;
});

test('a poke has the thread look again, and nothing else', async () => {
  conductor.say({ kind: 'poke' });
  await nextTurn();
  await nextTurn();
  assert.equal(await ask(undefined), `original ${version}`);
});

test('loading is reported with what is wrong with the candidate', async () => {
  const fine = script('fine', { name: `() => 1`, missing: `() => 1` });
  const broken = { ...script('broken', {}), code: 'throw new Error("no luck");' };
  const syntax = { ...script('syntax', {}), code: 'not javascript' };
  for (const patch of [fine, broken, syntax]) {
    const { epoch } = conductor.publish({ standby: [patch], candidate: patch.serial });
    safepoint();
    const report = conductor.reports('loaded').at(-1);
    assert.equal(report?.epoch, epoch);
    if (patch === fine) assert.deepEqual([report.undeclared, report.failure], [['base.missing'], null]);
    else assert.match(report.failure ?? '', /ERR_PATCH_LOAD: thread 0 cannot load patch/);
    assert.equal(conductor.word(Layout.THREAD_PATCH_LOADED), patch === fine ? epoch : -epoch);
  }
  assert.equal(await ask(undefined), `original ${version}`);
});

test('a thread that cannot load the stack runs nothing until there is one that it can', async () => {
  const broken = { ...script('broken', {}), code: 'throw new Error("no luck");' };
  conductor.publish({ version: ++version, stack: [broken] });
  await assert.rejects(ask(undefined), coded('ERR_PATCH_LOAD', /no luck/));
  assert.equal(conductor.version, Layout.PATCH_NOT_RUNNING);
  conductor.publish({ version: ++version, stack: [] });
  assert.equal(await ask(undefined), `original ${version}`);
});

test('tasks are listed with name and time while they are in flight', async () => {
  const { promise, give } = signal();
  const serial = conductor.word(Layout.THREAD_TASK_SERIAL);
  const started = Date.now() | 0;
  const held = Array.from({ length: Layout.TASK_ENTRIES + 2 }, () => hold(promise));
  assert.equal(conductor.word(Layout.THREAD_TASKS), held.length);
  assert.equal(conductor.word(Layout.THREAD_TASK_SERIAL), serial + held.length);
  const entry = (index: number, word: number): number => conductor.word(Layout.THREAD_TASK_TABLE + index * Layout.TASK_WORDS + word);
  const entries = Array.from({ length: Layout.TASK_ENTRIES }, (_, index) => index);
  assert.deepEqual(
    entries.map((index) => entry(index, Layout.TASK_SERIAL) - serial).sort((a, b) => a - b),
    entries.map((index) => index + 1),
  );
  const { tasks } = conductor.reports('names').at(-1)!;
  for (const index of entries) {
    assert.equal(tasks[entry(index, Layout.TASK_KIND)], 'task');
    assert.ok(((entry(index, Layout.TASK_STARTED) - started) | 0) >= 0);
  }
  assert.ok(tasks.includes('ask'));
  give();
  await Promise.all(held);
  assert.equal(conductor.word(Layout.THREAD_TASKS), 0);
  assert.ok(entries.every((index) => entry(index, Layout.TASK_SERIAL) === 0));
});

test('tasks wait until the coordinator has decided about the modules of the thread', async () => {
  const modules = patchable('late', { name: () => 'original' });
  const names = task(() => modules.name());
  const waiting = names(undefined);
  assert.deepEqual(conductor.reports('modules').at(-1)?.names, ['late']);
  let ended = false;
  void waiting.then(() => (ended = true));
  await nextTurn();
  assert.equal(ended, false);
  const patch = script('m', { name: `() => 'patched'` }, 'late');
  conductor.publish({ version: ++version, stack: [patch] }); // says nothing of the module either
  await until('the switch', () => conductor.version === version);
  await nextTurn();
  assert.equal(ended, false);
  conductor.publish({ modules: live('late') });
  assert.equal(await waiting, 'patched');
  conductor.publish({ modules: [{ name: 'late', state: 'gone' }] });
  assert.equal(await names(undefined), 'original');
  conductor.publish({ modules: [{ name: 'late', state: 'refused', why: 'patch m refused it' }] });
  await assert.rejects(names(undefined), coded('ERR_PATCH_MODULE', /"late" was refused: patch m refused it/));
  conductor.publish({ modules: live('late') });
  assert.equal(await names(undefined), 'patched');
});

test('modules come and go at once, also while tasks and calls are under way', async () => {
  const comings = patchable('comings', {
    name: () => 'original',
    wait: async (until: Promise<void>) => {
      await until;
      return comings.name();
    },
  });
  conductor.publish({ modules: live('late') });
  conductor.publish({ version: ++version, stack: [script('m', { name: `() => 'patched'` }, 'comings')], modules: live('late', 'comings') });
  assert.equal(await ask(undefined), `original ${version}`);
  const { promise, give } = signal();
  const held = hold(promise);
  assert.equal(comings.name(), 'patched');
  conductor.publish({ modules: [...live('late'), { name: 'comings', state: 'gone' }] });
  assert.equal(await ask(undefined), `original ${version}`);
  assert.equal(comings.name(), 'original');
  give();
  await held;
});

test('a coordinator that closes leaves the thread with the version it has, and reopens a gate that is only held', async () => {
  const { promise, give } = signal();
  const held = hold(promise);
  const before = version;
  conductor.publish({ version: ++version, stack: [script('a', { name: `() => 'a'` })], mode: 'hold' });
  const behind = ask(undefined);
  give();
  await held;
  conductor.close();
  assert.equal(await behind, `original ${before}`);
  Atomics.store(conductor.words, Layout.PATCH_COORDINATOR, Layout.COORDINATOR_LIVE);
  conductor.publish({ version: before, stack: [] });
  version = before;
});

test('a thread that gives its store back is no longer counted, and goes on', () => {
  const slot = store.internals.slotAddress;
  assert.notEqual(conductor.words[slot + Layout.THREAD_AGENT], 0);
  store[Symbol.dispose]();
  assert.equal(conductor.words[slot + Layout.THREAD_AGENT], 0);
  const words = conductor.words.slice(slot + Layout.THREAD_TASK_TABLE, slot + Layout.THREAD_WORDS);
  void base.wait(new Promise(() => undefined));
  assert.equal(base.name(), 'original');
  assert.deepEqual(conductor.words.slice(slot + Layout.THREAD_TASK_TABLE, slot + Layout.THREAD_WORDS), words);
});
