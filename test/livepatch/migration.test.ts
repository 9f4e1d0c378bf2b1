import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PatchCoordinator } from '../../src/pool/coordinator.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded, coordinate, createPool, hold, until } from './fixtures/setup.js';

const v1 = defineShadowType({ id: 60, fields: { hits: 'u32' } });
const v2 = defineShadowType({
  id: 60,
  version: 2,
  fields: { hits: 'f64', migrations: 'u32' },
  previous: v1,
  migrate: (_obj, older, newer) => {
    newer.hits = older.hits;
    newer.migrations = 1;
  },
});

/**
 * A patch as a bundled script whose `touch` counts hits of object 1 in its version of type 60. Both versions live in each script, as they would in
 * two builds of a service. `way`: which migrations version 2 offers.
 */
function build(name: string, version: 1 | 2, { way = 'both', replace = true, migrate = 'lazy' } = {}): { code: string } {
  return {
    code: `
    const { attach, definePatch, defineShadowType } = require('umbra/worker');
    const v1 = defineShadowType({ id: 60, fields: { hits: 'u32' } });
    const v2 = defineShadowType({
      id: 60, version: 2, fields: { hits: 'f64', migrations: 'u32' }, previous: v1,
      migrate(obj, older, newer) { newer.hits = older.hits; newer.add('migrations', 1); },
      ${way === 'both' ? 'migrateBack(obj, newer, older) { older.hits = newer.hits; },' : ''}
    });
    const type = ${version === 1 ? 'v1' : 'v2'};
    module.exports = definePatch({
      name: ${JSON.stringify(name)}, replace: ${replace}, migrate: ${JSON.stringify(migrate)}, shadowTypes: [type],
      objects: [{ name: 'sessions', functions: {
        touch() {
          const view = attach().store.getOrAlloc(1, type);
          view.hits += 1;
          return ${JSON.stringify(name)} + ' ' + view.hits${version === 2 ? " + ' ' + view.migrations" : ''};
        },
      } }],
    });`,
  };
}

function migrated(coordinator: PatchCoordinator): string[] {
  const events: string[] = [];
  coordinator.on('migrated', ({ id, from, to, variables }) => events.push(`${id}: ${from} → ${to}, ${variables}`));
  return events;
}

for (const migrate of ['lazy', 'eager'] as const) {
  test(`a patch with a newer version of a type takes its variables over, ${migrate}`, async (t) => {
    const { store, coordinator } = coordinate(t);
    const events = migrated(coordinator);
    const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
    await coordinator.enable(build('one', 1));
    assert.deepEqual((await pool.run({})).answers.slice(0, 1), ['one 1']);
    for (let object = 2; object < 1000; object++) store.alloc(object, v1).hits = object;
    await coordinator.enable(build('two', 2, { migrate }));
    if (migrate === 'eager') await until('the sweep', () => events.length === 1);
    for (let object = 2; object < 1000; object++) {
      const view = store.get(object, v2)!;
      assert.deepEqual([view.hits, view.migrations], [object, 1]);
    }
    assert.throws(() => store.get(2, v1), coded('ERR_SHADOW_VERSION'));
    assert.deepEqual((await pool.run({})).answers.slice(0, 1), ['two 2 1']);
    assert.equal(events.length, migrate === 'eager' ? 1 : 0);
    await coordinator.disable('two');
    assert.equal(store.internals.registry.versionInForce(60), undefined);
    assert.deepEqual(store.check().violations, []);
  });
}

test('a downgrade with a way back migrates everything back, by a sweep, though the newer patch is gone', async (t) => {
  const { store, coordinator } = coordinate(t);
  const events = migrated(coordinator);
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  await coordinator.enable(build('two', 2));
  assert.deepEqual((await pool.run({})).answers.slice(0, 1), ['two 1 0']);
  for (let object = 2; object < 60_000; object++) store.alloc(object, v2).hits = object;
  await coordinator.enable(build('one', 1));
  assert.deepEqual((await pool.run({})).answers.slice(0, 1), ['one 2']);
  await until('the sweep', () => events.length === 1);
  for (let object = 2; object < 60_000; object++) assert.equal(store.get(object, v1)?.hits, object);
  assert.deepEqual(store.check().violations, []);
});

test('a downgrade without a way back is refused before anything starts, by enable and by disable', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(build('one', 1));
  store.alloc(1, v1).hits = 7;
  await coordinator.enable(build('two', 2, { way: 'up', replace: false }));
  const milestones: string[] = [];
  coordinator.on('milestone', ({ milestone }) => milestones.push(milestone));
  await assert.rejects(coordinator.disable('two'), coded('ERR_PATCH_MIGRATION', /type 60.*version 2.*version 1.*migrateBack/));
  await assert.rejects(coordinator.enable(build('three', 1, { way: 'up' })), coded('ERR_PATCH_MIGRATION'));
  assert.deepEqual(milestones, []);
  assert.equal(store.get(1, v2)?.hits, 7);
  await coordinator.disable('one'); // two declares the newest version, so this changes nothing
  assert.equal(store.get(1, v2)?.hits, 7);
  await coordinator.disable('two'); // nobody needs the id any more
});

test('no task runs while the version changes: all threads are drained first, and a reversal opens them again', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  await coordinator.enable(build('one', 1));
  await pool.run({});
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const refused = assert.rejects(coordinator.enable(build('two', 2)), coded('ERR_PATCH_REVERSED'));
  await until('the other worker is drained', () => coordinator.transition !== null && coordinator.stragglers().length === 1);
  let ended = 0;
  const late = [1, 2, 3].map(async () => {
    const { answers } = await pool.run({});
    ended++;
    return answers[0]!.split(' ')[0];
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ended, 0, 'a task ran beside one that knows the other layout');
  await coordinator.reverse();
  await refused;
  held.release();
  await task;
  assert.deepEqual(await Promise.all(late), ['one', 'one', 'one']);
  assert.equal(store.internals.registry.versionInForce(60), 1);
  const again = pool.run({ flags: held.flags });
  assert.equal((await coordinator.enable(build('two', 2))).workers, 2);
  await again;
  assert.match((await pool.run({})).answers[0]!, /^two \d+ 1$/);
});

test('under load no hit is lost while versions go up and down', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 3, maxThreads: 3, concurrentTasksPerWorker: 3, stricterFIFO: true });
  await coordinator.enable(build('one', 1));
  let [stop, failures] = [false, 0];
  const load = Array.from({ length: 9 }, async () => {
    while (!stop) {
      const { answers } = await pool.run({ rounds: 2, pause: 0 }).catch((error: unknown) => {
        failures++;
        return { answers: [String(error)] };
      });
      for (const answer of answers) if (answer.includes('Error')) assert.fail(answer);
    }
  });
  for (let round = 0; round < 12; round++) {
    await coordinator.enable(build(`two ${round}`, 2, { migrate: round % 2 === 0 ? 'lazy' : 'eager' }));
    await coordinator.enable(build(`one ${round}`, 1));
  }
  stop = true;
  await Promise.all(load);
  assert.equal(failures, 0);
  assert.deepEqual(store.check().violations, []);
});

for (const last of ['replaced', 'disabled'] as const) {
  test(`what nobody has used is migrated before the patch that can do it is ${last}`, async (t) => {
    const { store, coordinator } = coordinate(t);
    const events = migrated(coordinator);
    await coordinator.enable(build('one', 1));
    for (let object = 1; object < 100; object++) store.alloc(object, v1).hits = object;
    await coordinator.enable(build('two', 2, { way: 'up' }));
    assert.equal(store.get(1, v2)?.hits, 1);
    const three = `const { definePatch, defineShadowType } = require('umbra/worker');
      const v2 = defineShadowType({ id: 60, version: 2, fields: { hits: 'f64', migrations: 'u32' } });
      module.exports = definePatch({ name: 'three', replace: ${last === 'replaced'}, shadowTypes: [v2] });`;
    await coordinator.enable({ code: three });
    if (last === 'disabled') await coordinator.disable('two');
    await until('the sweep', () => events.length > 0);
    assert.deepEqual(events, ['60: 1 → 2, 98']);
    assert.deepEqual(store.internals.registry.versionsStored(60), [2]);
    const plain = defineShadowType({ id: 60, version: 2, fields: { hits: 'f64', migrations: 'u32' } });
    for (let object = 1; object < 100; object++) assert.equal(store.get(object, plain)?.hits, object);
  });
}

test('a module that comes begins with the version that the newest patch declares', async (t) => {
  const { store, coordinator } = coordinate(t);
  const inModule = (name: string, version: 1 | 2): { code: string } => ({
    code: build(name, version, { replace: false })
      .code.replace('shadowTypes: [type],', '')
      .replace('objects: [', `$&{ name: 'late', shadowTypes: [type] }, `),
  });
  await coordinator.enable(inModule('one', 1));
  await coordinator.enable(inModule('two', 2));
  await coordinator.loadModule('late');
  assert.equal(store.internals.registry.versionInForce(60), 2);
  store.alloc(1, v2).hits = 7;
  await coordinator.disable('two');
  assert.equal(store.get(1, v1)?.hits, 7);
});

test('types full: no version can be put in force, so the transition goes back, even one that nobody could reverse; force refuses', async (t) => {
  const { store, coordinator } = coordinate(t);
  const { registry } = store.internals;
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await coordinator.enable(build('one', 1));
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const blocking = build('two', 2).code.replace('objects: [', `states: [{ id: 1, blockDisable: true }], $&`);
  const enabling = assert.rejects(coordinator.enable({ code: blocking }), coded('ERR_SHADOW_TYPES_FULL'));
  await until('the transition', () => coordinator.transition !== null);
  await assert.rejects(coordinator.reverse(), coded('ERR_PATCH_BLOCKED'));
  let owners = 0;
  for (;;) {
    try {
      registry.register(`test ${owners}`, '', [defineShadowType({ id: 1000 + owners, fields: { count: 'u32' } })]);
    } catch {
      break;
    }
    owners++;
  }
  await assert.rejects(coordinator.force('task stuck'), coded('ERR_SHADOW_TYPES_FULL'));
  assert.equal(coordinator.patches[1]?.forced, null);
  held.release();
  await Promise.all([task, enabling]);
  assert.deepEqual(
    coordinator.patches.map(({ name, transition }) => [name, transition]),
    [['one', false]],
  );
  assert.match((await pool.run({})).answers[0]!, /^one/);
});

test('force puts the new version in force at once; a transition that was turned round leaves the old one, forced or not', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await coordinator.enable(build('one', 1));
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  for (const turned of [true, false]) {
    const enabling = coordinator.enable(build('two', 2));
    const refused = turned ? assert.rejects(enabling, coded('ERR_PATCH_REVERSED')) : enabling;
    await until('the transition', () => coordinator.transition !== null);
    await Promise.all([...(turned ? [coordinator.reverse()] : []), coordinator.force('task stuck'), refused]);
    assert.equal(store.internals.registry.versionInForce(60), turned ? 1 : 2);
  }
  assert.equal(coordinator.version, 3);
  held.release();
  await task.catch(() => undefined); // it runs into a layout that it does not know
  assert.match((await pool.run({})).answers[0]!, /^two/);
});
