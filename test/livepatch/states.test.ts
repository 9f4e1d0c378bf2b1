import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defineShadowType } from '../../src/shadow/type.js';
import { declared } from './fixtures/declared.js';
import { log } from './fixtures/log.js';
import { coded, coordinate, createPool, hold, registrations, until } from './fixtures/setup.js';

const owned = defineShadowType({ id: 10, fields: { count: 'u32' } });

test('the callbacks of a state run when it is introduced and when it is given up', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', objects: { base: {} }, states: [{ id: 1 }] }));
  await coordinator.disable('a');
  assert.deepEqual(log, [
    ...['prePatch a state 1', 'prePatch a base', 'postPatch a state 1', 'postPatch a base'],
    ...['preUnpatch a state 1', 'preUnpatch a base', 'postUnpatch a state 1', 'postUnpatch a base'],
  ]);
});

test('a state that a replacing patch names as well is taken over without a word, and undone by the last that holds it', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1 }] }));
  await coordinator.enable(declared({ name: 'b', replace: true, states: [{ id: 1, version: 3 }] }));
  await coordinator.disable('b');
  assert.deepEqual(log, ['prePatch a state 1', 'postPatch a state 1', 'preUnpatch b state 1', 'postUnpatch b state 1']);
});

test('a state that a replacing patch lacks is undone by the patch that is replaced', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1 }] }));
  log.length = 0;
  await coordinator.enable(declared({ name: 'b', replace: true, states: [{ id: 2 }] }));
  assert.deepEqual(log, ['prePatch b state 2', 'preUnpatch a state 1', 'postUnpatch a state 1', 'postPatch b state 2']);
});

test('two replaced patches that share a state release it once, by the younger', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1, type: 10 }] }));
  await coordinator.enable(declared({ name: 'b', states: [{ id: 1, type: 10 }] }));
  log.length = 0;
  await coordinator.enable(declared({ name: 'c', replace: true }));
  assert.deepEqual(
    log.filter((entry) => entry.includes('state')),
    ['preUnpatch b state 1', 'postUnpatch b state 1'],
  );
  assert.deepEqual(coordinator.store.internals.registry.owners().length, 1, 'only the application holds a type');
});

test('patches side by side share a state: the first introduces it, the last gives it up', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1 }] }));
  await coordinator.enable(declared({ name: 'b', states: [{ id: 1 }] }));
  await coordinator.disable('a');
  await coordinator.disable('b');
  assert.deepEqual(log, ['prePatch a state 1', 'postPatch a state 1', 'preUnpatch b state 1', 'postUnpatch b state 1']);
});

test('the variables of a state live as long as any patch holds it, even one that does not know their type', async (t) => {
  const { store, coordinator } = coordinate(t);
  const events: string[] = [];
  coordinator.on('collecting', ({ id, patch, state }) => events.push(`collecting ${id} ${patch} ${state}`));
  coordinator.on('collected', ({ id, patch, state, variables }) => events.push(`collected ${id} ${patch} ${state} ${variables}`));
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1, type: 10 }] }));
  store.alloc(5, owned).count = 5;
  await coordinator.enable(declared({ name: 'b', replace: true, states: [{ id: 1 }] }));
  assert.equal(store.get(5, owned)?.count, 5);
  await coordinator.disable('b');
  assert.equal(store.get(5, owned), undefined);
  await until('collection', () => events.length === 2);
  assert.deepEqual(events, ['collecting 10 a 1', 'collected 10 a 1 1']);
  assert.equal(log.at(-1), 'destroy 10 of 5 by a');
  coordinator.on('unregistered', () => assert.fail('the type was given up before'));
  await coordinator.enable(declared({ name: 'c', states: [{ id: 1 }] }));
  await coordinator.disable('c');
});

for (const how of ['refused', 'reversed'] as const) {
  test(`a patch that brings a type to a state of another, and is ${how}, takes it away again`, async (t) => {
    const { store, coordinator } = coordinate(t);
    const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
    await coordinator.enable(declared({ name: 'b', states: [{ id: 1 }] }));
    const held = hold();
    const task = pool.run({ flags: held.flags });
    await until('the task is in flight', () => held.started() === 1);
    const refuses = how === 'refused' ? { refuses: ['prePatch a base'] } : {};
    const enabling = assert.rejects(
      coordinator.enable(declared({ name: 'a', objects: { base: {} }, states: [{ id: 1, type: 10 }], ...refuses })),
      coded(how === 'refused' ? 'ERR_PATCH_PRE_PATCH' : 'ERR_PATCH_REVERSED'),
    );
    if (how === 'reversed') {
      await until('the transition', () => coordinator.transition !== null);
      await coordinator.reverse();
    }
    await enabling;
    assert.deepEqual(registrations(store), []);
    held.release();
    await task;
  });
}

test('a state whose prePatch refuses leaves nothing: earlier ones are released, it and later ones hear nothing', async (t) => {
  const { store, coordinator } = coordinate(t);
  const milestones: unknown[] = [];
  coordinator.on('milestone', ({ milestone, ...event }) => milestones.push([milestone, 'object' in event ? event.object : undefined]));
  const patch = declared({
    name: 'a',
    objects: { base: {} },
    states: [{ id: 1 }, { id: 2, type: 10 }, { id: 3 }],
    refuses: ['prePatch a state 2'],
  });
  await assert.rejects(coordinator.enable(patch), coded('ERR_PATCH_PRE_PATCH', /state 2.*-19/));
  assert.deepEqual(log, ['prePatch a state 1', 'prePatch a state 2', 'postUnpatch a state 1']);
  assert.deepEqual(registrations(store), []);
  assert.deepEqual(coordinator.patches, []);
  assert.deepEqual(
    milestones.map((entry) => (entry as unknown[])[0]),
    [
      ...['enable-begin', 'transition-init', 'pre-patch-failed', 'enable-failed', 'transition-cancel'],
      ...['transition-completing', 'transition-done'],
    ],
  );
});

test('a refused replacement gives back what its obsolete states were told to undo', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1 }] }));
  log.length = 0;
  const refused = declared({ name: 'b', replace: true, objects: { base: {} }, refuses: ['prePatch b base'] });
  await assert.rejects(coordinator.enable(refused), coded('ERR_PATCH_PRE_PATCH'));
  assert.deepEqual(log, ['preUnpatch a state 1', 'prePatch b base', 'postPatch a state 1']);
  await coordinator.disable('a');
  assert.deepEqual(log.slice(3), ['preUnpatch a state 1', 'postUnpatch a state 1']);
});

test('reversing gives back what was undone, and undoes what was done', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1 }] }));
  log.length = 0;
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const replacing = assert.rejects(
    coordinator.enable(declared({ name: 'b', replace: true, states: [{ id: 2 }] })),
    coded('ERR_PATCH_REVERSED', /"b"/),
  );
  await until('the transition', () => coordinator.transition !== null);
  const result = await coordinator.reverse();
  await replacing;
  assert.deepEqual([result.kind, result.reversed, result.patch], ['replace', true, 'b']);
  assert.deepEqual(log, ['prePatch b state 2', 'preUnpatch a state 1', 'postUnpatch b state 2', 'postPatch a state 1']);
  held.release();
  await task;
  assert.deepEqual(
    coordinator.patches.map(({ name, enabled }) => [name, enabled]),
    [['a', true]],
  );
});

test('a state that blocks disabling: neither disable nor a replacement without it, nor a reversal, but one that has it', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(declared({ name: 'a', states: [{ id: 1, blockDisable: true }] }));
  await until('the transition', () => coordinator.transition !== null);
  await assert.rejects(coordinator.reverse(), coded('ERR_PATCH_BLOCKED', /state 1/));
  held.release();
  await Promise.all([task, enabling]);
  await assert.rejects(coordinator.disable('a'), coded('ERR_PATCH_BLOCKED', /"a".*state 1/));
  await assert.rejects(coordinator.enable(declared({ name: 'b', replace: true })), coded('ERR_PATCH_STATE'));
  await coordinator.enable(declared({ name: 'c', states: [{ id: 1 }] }));
  await coordinator.disable('a'); // c holds the state, so it is not left
  await coordinator.disable('c');
  assert.deepEqual(
    log.filter((entry) => entry.includes('state')),
    ['prePatch a state 1', 'postPatch a state 1', 'preUnpatch c state 1', 'postUnpatch c state 1'],
  );
});

test('getState and getPrevState tell what the callbacks may take over', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(declared({ name: 'a', states: [{ id: 1, version: 1, silent: true }] }));
  coordinator.getState('a', 1)!.data = { level: 5 };
  assert.equal(coordinator.getState('a', 2), undefined);
  assert.equal(coordinator.getState('b', 1), undefined);
  const warning = new Promise((resolve) => process.once('warning', resolve));
  assert.equal(coordinator.getPrevState(1), undefined);
  assert.match(String(await warning), /getPrevState\(1\)/);
  const seen: Record<string, unknown> = {};
  coordinator.on('callback', ({ callback, patch }) => {
    if (patch === 'b') seen[callback] = coordinator.getPrevState(1)?.data;
  });
  await coordinator.enable(declared({ name: 'b', replace: true, objects: { base: {} }, states: [{ id: 1, version: 2 }, { id: 3 }] }));
  assert.deepEqual(seen, { prePatch: { level: 5 }, postPatch: { level: 5 } }, 'the replaced patch is there until post_patch has run');
  assert.equal(coordinator.getState('a', 1), undefined);
});
