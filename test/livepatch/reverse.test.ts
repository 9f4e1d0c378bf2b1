import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { CoordinatorOptions } from '../../src/livepatch/options.js';
import type { PatchCoordinator } from '../../src/pool/coordinator.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { attach, patchable, task } from '../../src/worker.js';
import { declared } from './fixtures/declared.js';
import { log } from './fixtures/log.js';
import { coded, coordinate, createPool, hold, patch, registrations, until } from './fixtures/setup.js';

const ALL = 'functions=touch,expire,later';
const [one, two] = [1, 2].map((id) => defineShadowType({ id, fields: { count: 'u32' } }));

/** A coordinator whose two workers each have a task in flight until `release()`. */
function busy(t: TestContext, options?: CoordinatorOptions) {
  const { store, coordinator } = coordinate(t, options);
  const pool = createPool(coordinator);
  let held = hold();
  let tasks: Promise<{ answers: string[] }>[] = [];
  const block = async (count = 2): Promise<void> => {
    held = hold();
    tasks = Array.from({ length: count }, () => pool.run({ flags: held.flags }));
    await until('the tasks are in flight', () => held.started() === count);
  };
  const release = async (): Promise<string[][]> => {
    held.release();
    return (await Promise.all(tasks)).map(({ answers }) => answers);
  };
  return { store, coordinator, pool, block, release };
}

function names(coordinator: PatchCoordinator): string[] {
  return coordinator.patches.map(({ name, enabled, transition }) => `${name} ${enabled} ${transition}`);
}

for (const how of ['reverse', 'disable'] as const) {
  test(`a replacing enable that is reversed by ${how}() leaves the old patch and its variables, and nothing of the new`, async (t) => {
    const { store, coordinator, pool, block, release } = busy(t);
    await coordinator.enable(patch(`name=a&${ALL}&types=1`));
    store.alloc('x', one!).count = 4;
    await block(1);
    log.length = 0;
    const enabling = assert.rejects(coordinator.enable(patch(`name=b&${ALL}&types=1,2&replace`)), coded('ERR_PATCH_REVERSED', /"b"/));
    await until('the other worker switched', () => coordinator.patches[1]?.workers.some(({ patchState }) => patchState === 1) === true);
    store.alloc('z', two!);
    const result = await (how === 'reverse' ? coordinator.reverse() : coordinator.disable('b'));
    await enabling;
    assert.deepEqual([result.patch, result.kind, result.reversed, result.workers], ['b', 'replace', true, 2]);
    assert.deepEqual(log.slice(0, 2), ['prePatch b sessions', 'postUnpatch b sessions']);
    assert.deepEqual(names(coordinator), ['a true false']);
    assert.deepEqual(registrations(store), ['a sessions 1']);
    assert.equal(store.get('x', one!)?.count, 4);
    assert.equal(store.get('z', two!), undefined);
    assert.equal(coordinator.version, 1);
    assert.deepEqual(await release(), [['a']], 'the task that held it up never saw the new version');
    for (let i = 0; i < 4; i++) assert.deepEqual((await pool.run({})).answers, ['a']);
  });
}

test('a disable that is reversed: post_patch runs again, and the patch is as enabled as before', async (t) => {
  const { store, coordinator, block, release, pool } = busy(t);
  await coordinator.enable(patch(`name=a&${ALL}&types=1`));
  await block();
  log.length = 0;
  const disabling = assert.rejects(coordinator.disable('a'), coded('ERR_PATCH_REVERSED'));
  await until('the transition', () => coordinator.transition !== null);
  assert.deepEqual(names(coordinator), ['a false true']);
  await assert.rejects(coordinator.disable('a'), coded('ERR_PATCH_NOT_ENABLED', /being disabled already/));
  const result = await coordinator.reverse();
  await disabling;
  assert.deepEqual([result.kind, result.reversed], ['disable', true]);
  assert.deepEqual(log, ['preUnpatch a sessions', 'postPatch a sessions']);
  assert.deepEqual(names(coordinator), ['a true false']);
  assert.deepEqual(registrations(store), ['a sessions 1']);
  assert.deepEqual(await release(), [['a'], ['a']]);
  assert.deepEqual((await pool.run({})).answers, ['a']);
  await coordinator.disable('a');
  assert.deepEqual(log.slice(2), ['preUnpatch a sessions', 'postUnpatch a sessions']);
});

test('a transition may be turned round again and again; the last turn counts', async (t) => {
  const { coordinator, block, release, pool } = busy(t);
  await block(1);
  const milestones: string[] = [];
  coordinator.on('milestone', (event) => {
    if (event.milestone === 'transition-reverse') milestones.push(`${event.from} ${event.to}`);
  });
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('the other worker switched', () => coordinator.patches[0]?.workers.some(({ patchState }) => patchState === 1) === true);
  // The free worker has to switch back, which takes a turn of its event loop at least: the second turn comes before.
  const back = assert.rejects(coordinator.reverse(), coded('ERR_PATCH_REVERSED'));
  const forth = coordinator.reverse();
  assert.deepEqual(await release(), [['original']]);
  assert.deepEqual([(await enabling).reversed, (await forth).reversed], [false, false]);
  await back;
  assert.deepEqual(milestones, ['patching unpatching', 'unpatching patching']);
  assert.deepEqual(names(coordinator), ['a true false']);
  for (let i = 0; i < 4; i++) assert.deepEqual((await pool.run({})).answers, ['a']);
});

test('a transition that is turned round when its last thread has switched is not complete: that thread has to switch back', async (t) => {
  const { coordinator, pool, block, release } = busy(t);
  await block();
  let resume = (): void => undefined;
  (globalThis as { gate?: Promise<void> }).gate = new Promise((resolve) => (resume = resolve));
  const code = `module.exports = require('umbra/worker').definePatch({ name: 'a', objects: [
    { name: 'sessions', functions: { touch: () => 'a', expire: () => 'a', later: async () => 'a' } },
    { name: 'target', callbacks: { prePatch: () => globalThis.gate } }] });`;
  const enabling = assert.rejects(coordinator.enable({ code }), coded('ERR_PATCH_REVERSED'));
  await until('the transition', () => coordinator.transition !== null);
  const loading = coordinator.loadModule('target');
  const reversing = coordinator.reverse();
  await release();
  await until('both switched', () => coordinator.patches[0]!.workers.every(({ patchState }) => patchState === 1));
  await block();
  resume();
  await loading;
  await until('it was turned round', () => coordinator.transition?.reversed === true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(coordinator.stragglers().length, 2);
  assert.deepEqual(await release(), [['a'], ['a']]);
  assert.equal((await reversing).workers, 2);
  await enabling;
  assert.deepEqual((await pool.run({})).answers, ['original']);
});

test('reverse and force need a pending transition, and force a reason', async (t) => {
  const { coordinator } = coordinate(t);
  await assert.rejects(coordinator.reverse(), coded('ERR_PATCH_NO_TRANSITION'));
  await assert.rejects(coordinator.force('why not'), coded('ERR_PATCH_NO_TRANSITION'));
  await assert.rejects(coordinator.force(''), coded('ERR_PATCH_DECLARATION', /reason/));
  assert.throws(
    () => {
      coordinator.unpin('a');
    },
    coded('ERR_PATCH_PINNED', /"a".*none/),
  );
});

test('a forced replacement ends at once; what the old code may still use stays until it is unpinned', async (t) => {
  const { store, coordinator, pool, block, release } = busy(t);
  await coordinator.enable(patch(`name=a&${ALL}&types=1`));
  store.alloc('x', one!).count = 4;
  await block();
  const enabling = coordinator.enable(patch(`name=b&${ALL}&replace&types=2`));
  await until('the transition', () => coordinator.transition !== null);
  const events: string[] = [];
  coordinator.on('pinned', ({ patch: name, types }) => events.push(`pinned ${name} ${types.join()}`));
  coordinator.on('unpinned', ({ patch: name }) => events.push(`unpinned ${name}`));
  let marked: unknown;
  coordinator.on('transition', ({ phase }) => {
    if (phase === 'forced') marked = coordinator.patches.map(({ name, forced: reason }) => [name, reason]);
  });
  const [forced, enabled] = await Promise.all([coordinator.force('task stuck'), enabling]);
  assert.deepEqual([forced.forced, enabled.forced], ['task stuck', 'task stuck']);
  assert.deepEqual(log.at(-1), 'postPatch b sessions');
  assert.deepEqual(
    coordinator.patches.map(({ name, forced: reason }) => [name, reason]),
    [['b', 'task stuck']],
  );
  assert.deepEqual(
    coordinator.pinned.map(({ patch: name, reason, types }) => [name, reason, types]),
    [['a', 'task stuck', [1]]],
  );
  assert.deepEqual(
    marked,
    ['a', 'b'].map((name) => [name, 'task stuck']),
  );
  assert.equal(store.get('x', one!)?.count, 4, 'still there for the code that was left behind');
  await release();
  await coordinator.enable(patch(`name=a&${ALL}&types=1`)); // the name is free, and counts for itself
  await coordinator.disable('a');
  assert.equal(store.get('x', one!)?.count, 4);
  coordinator.unpin('a');
  assert.equal(store.get('x', one!), undefined);
  assert.deepEqual(events, ['pinned a 1', 'unpinned a']);
  assert.deepEqual([coordinator.pinned, registrations(store)], [[], ['b sessions 2']]);
  assert.deepEqual((await pool.run({})).answers, ['b']);
  await coordinator.disable('b');
  assert.deepEqual([coordinator.pinned, registrations(store)], [[], []], 'it was forced in, not away');
});

test('a forced disable pins what the patch registered, and runs its callbacks', async (t) => {
  const { store, coordinator, block, release, pool } = busy(t);
  await coordinator.enable(patch(`name=a&${ALL}&types=1`));
  store.alloc('x', one!);
  await block();
  const disabling = coordinator.disable('a');
  await until('the transition', () => coordinator.transition !== null);
  await coordinator.force('service must go on');
  assert.equal((await disabling).forced, 'service must go on');
  assert.equal(log.at(-1), 'postUnpatch a sessions');
  assert.deepEqual(coordinator.patches, []);
  assert.ok(store.has('x', one!));
  await release();
  assert.deepEqual((await pool.run({})).answers, ['original']);
  coordinator.unpin('a');
  await until('collection', () => log.at(-1) === 'destroy 1 of "x" by a');
});

test('a forced transition reaches threads that look only when it is complete: their tasks do not wait for the one that is stuck', async (t) => {
  const { store, coordinator } = coordinate(t);
  attach(store.handle); // this thread hears nothing before force() has done all it does
  const { touch } = patchable('sessions', { touch: () => 'original' });
  const held = hold();
  const run = task(async (flags: Int32Array | null) => {
    if (flags !== null) Atomics.add(flags, 1, 1);
    while (flags !== null && Atomics.load(flags, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    return touch();
  });
  const stuck = run(held.flags);
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch('name=a&functions=touch'));
  await until('the transition', () => coordinator.transition !== null);
  await Promise.all([coordinator.force('task stuck'), enabling]);
  let answer = '';
  void run(null).then((value) => (answer = value));
  await until('another task ran', () => answer !== '');
  assert.equal(answer, 'a');
  held.release();
  assert.equal(await stuck, 'a');
});

test('variables of a state that outlived the patch with their type are pinned with the one that was forced away', async (t) => {
  const { store, coordinator, block, release } = busy(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 5, type: 1 }] }));
  store.alloc('x', one!);
  await coordinator.enable(declared({ name: 'b', replace: true, states: [{ id: 5 }] }));
  await block(1);
  const disabling = coordinator.disable('b');
  await until('the transition', () => coordinator.transition !== null);
  await Promise.all([coordinator.force('task stuck'), disabling]);
  assert.deepEqual(
    coordinator.pinned.map(({ patch: name, types }) => [name, types]),
    [['b', [1]]],
  );
  assert.ok(store.has('x', one!));
  coordinator.unpin('b');
  assert.equal(store.get('x', one!), undefined);
  await release();
});

test('who waits for a turn waits no longer than the time limit, or the signal, says', async (t) => {
  const { coordinator } = coordinate(t);
  createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const first = new AbortController();
  const phases: string[] = [];
  coordinator.on('transition', ({ patch: name, phase }) => phases.push(`${name} ${phase}`));
  const loading = assert.rejects(
    coordinator.enable(patch(`name=a&${ALL}&breaks=hang`), { signal: first.signal }),
    coded('ERR_PATCH_ABORTED'),
  );
  await until('it is loading', () => phases.length === 1);
  await assert.rejects(coordinator.enable(patch('name=b'), { timeout: 50 }), coded('ERR_PATCH_STALLED', /had not begun/));
  const second = new AbortController();
  const disabling = assert.rejects(coordinator.disable('c', { signal: second.signal }), coded('ERR_PATCH_ABORTED'));
  second.abort();
  await disabling;
  first.abort();
  await loading;
  assert.deepEqual(phases, ['a load', 'a failed'], 'what was given up is not begun later');
});

test('a patch that this thread cannot finish loading is refused by the time limit', async (t) => {
  const { coordinator } = coordinate(t);
  const endless = new URL(`data:text/javascript,await new Promise(() => {})`);
  await assert.rejects(coordinator.enable(endless, { timeout: 50 }), coded('ERR_PATCH_STALLED'));
});

/** Milliseconds in which a patch is loaded everywhere, however busy the machine is: the time limit counts from before that. */
const LOADED = 3000;

test('a time limit that passes while a callback blocks this thread is told once', async (t) => {
  const { coordinator, block, release } = busy(t);
  await coordinator.enable(patch(`name=a&${ALL}`));
  await block(1);
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  let callbacks = 0;
  coordinator.on('callback', () => {
    callbacks++;
    for (const end = performance.now() + 150; performance.now() < end;);
  });
  const disabling = coordinator.disable('a', { timeout: 100, onStall: 'wait' });
  await until('the time is up', () => phases.includes('stalled'));
  coordinator.removeAllListeners('callback');
  assert.ok(callbacks > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await release();
  await disabling;
  assert.equal(phases.filter((phase) => phase === 'stalled').length, 1);
});

test('when the time is up the transition is turned round, and the error names who held it up', async (t) => {
  const { coordinator, block, release, pool } = busy(t);
  await block(1);
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  await assert.rejects(
    coordinator.enable(patch(`name=a&${ALL}`), { timeout: LOADED }),
    coded('ERR_PATCH_STALLED', /"a" was not complete within 3000 ms: thread \d+ in version 0: task \w+ #1 for \d+ ms.*reversed/),
  );
  assert.deepEqual(
    phases.filter((phase) => phase !== 'progress'),
    ['load', 'start', 'stalled', 'reverse', 'complete'],
  );
  assert.deepEqual(coordinator.patches, []);
  assert.deepEqual(await release(), [['original']]);
  assert.deepEqual((await pool.run({})).answers, ['original']);
});

test('onStall: wait tells and waits, force forces; a disable has the same options', async (t) => {
  const { coordinator, block, release } = busy(t);
  await block(1);
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  const enabling = coordinator.enable(patch(`name=a&${ALL}`), { timeout: LOADED, onStall: 'wait' });
  await until('the time is up', () => phases.includes('stalled'));
  assert.equal(coordinator.stragglers().length, 1);
  await release();
  assert.equal((await enabling).reversed, false);
  await block(1);
  const forced = await coordinator.disable('a', { timeout: 300, onStall: 'force' });
  assert.match(forced.forced ?? '', /300 ms/);
  assert.deepEqual(coordinator.pinned, [], 'it had no types');
  await release();
});

test('a signal turns a transition round, or keeps a patch from being loaded', async (t) => {
  const { coordinator, block, release } = busy(t);
  const gone = AbortSignal.abort(new Error('too late'));
  await assert.rejects(coordinator.enable(patch(`name=a&${ALL}`), { signal: gone }), coded('ERR_PATCH_ABORTED'));
  const loading = new AbortController();
  setTimeout(() => {
    loading.abort();
  }, 100);
  await assert.rejects(coordinator.enable(patch(`name=a&${ALL}&breaks=hang`), { signal: loading.signal }), coded('ERR_PATCH_ABORTED'));
  await block(1);
  const controller = new AbortController();
  const enabling = assert.rejects(coordinator.enable(patch(`name=a&${ALL}`), { signal: controller.signal }), (error: Error) => {
    assert.ok(coded('ERR_PATCH_ABORTED')(error));
    assert.equal(error.cause, 'changed my mind');
    return true;
  });
  await until('the transition', () => coordinator.transition !== null);
  controller.abort('changed my mind');
  await enabling;
  assert.deepEqual(coordinator.patches, []);
  await release();
});

test('a patch that does not load in time is refused by the time limit as well', async (t) => {
  const { coordinator } = coordinate(t);
  createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await assert.rejects(
    coordinator.enable(patch(`name=a&${ALL}&breaks=hang`), { timeout: 700 }),
    coded('ERR_PATCH_STALLED', /not done within 700 ms: not loaded in thread \d+/),
  );
  await coordinator.enable(patch(`name=b&${ALL}`));
});

test('bad options of a transition are refused', async (t) => {
  const { coordinator } = coordinate(t);
  for (const options of [{ timeout: 0 }, { timeout: '5' }, { onStall: 'panic' }, { signal: {} }, { timeOut: 5 }, null]) {
    await assert.rejects(coordinator.enable(patch('name=a'), options as never), coded('ERR_PATCH_DECLARATION'));
    await assert.rejects(coordinator.disable('a', options as never), coded('ERR_PATCH_DECLARATION'));
  }
});

test('threads that do not switch are poked after so many looks, and named', async (t) => {
  const { coordinator, block, release } = busy(t, { pollMilliseconds: 20, pokeEvery: 3 });
  await block(1);
  const attempts: number[] = [];
  const named = new Set<string>();
  coordinator.on('poke', ({ patch: name, attempt, stragglers }) => {
    attempts.push(attempt);
    for (const { tasks, version } of stragglers) for (const task of tasks) named.add(`${name} ${version} ${task.serial}`);
  });
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('two pokes', () => attempts.length >= 2);
  assert.deepEqual(attempts.slice(0, 2), [4, 7]);
  assert.deepEqual([...named], ['a 0 1']);
  await release();
  await enabling;
});

test('a pinned patch: tasks in flight keep their version, others do not wait; then it is complete', async (t) => {
  const { coordinator, pool, block, release } = busy(t);
  await block();
  const functions = ['touch', 'expire', 'later'];
  const enabling = coordinator.enable(declared({ name: 'p', consistency: 'pin', objects: { sessions: { functions } } }));
  await until('the transition', () => coordinator.transition !== null);
  assert.deepEqual(await release(), [['original'], ['original']]);
  await enabling;
  assert.deepEqual((await pool.run({})).answers, ['p']);
  await block();
  const disabling = coordinator.disable('p');
  await until('the transition', () => coordinator.transition !== null);
  assert.deepEqual(await release(), [['p'], ['p']]);
  await disabling;
  assert.deepEqual((await pool.run({})).answers, ['original']);
});
