import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { CollectedEvent } from '../../src/livepatch/collector.js';
import type { RegistrationEvent } from '../../src/livepatch/events.js';
import { announcements } from '../../src/livepatch/manifest.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { log } from './fixtures/log.js';
import { coded, coordinate, createPool, hold, patch, registrations, until } from './fixtures/setup.js';

const typeOf = (id: number) => defineShadowType({ id, fields: { count: 'u32' } });
const [one, two, three] = [typeOf(1), typeOf(2), typeOf(3)];

test('an enabled patch keeps its types registered; disabling it collects them with its destructor', async (t) => {
  const { store, coordinator } = coordinate(t);
  const collected: CollectedEvent[] = [];
  coordinator.on('collected', (event) => collected.push(event));
  assert.throws(() => store.alloc(5, one), coded('ERR_SHADOW_UNREGISTERED'));
  await coordinator.enable(patch('name=a&types=1'));
  assert.deepEqual(registrations(store), ['a sessions 1']);
  store.alloc(5, one).count = 50;
  store.alloc(6, one);
  await coordinator.disable('a');
  assert.equal(store.get(5, one), undefined);
  assert.deepEqual(registrations(store), []);
  await until('collection', () => collected.length === 1);
  assert.deepEqual(
    collected.map(({ id, patch: by, variables }) => ({ id, by, variables })),
    [{ id: 1, by: 'a', variables: 2 }],
  );
  assert.deepEqual(log.filter((entry) => entry.startsWith('destroy')).sort(), ['destroy 1 of 5 by a', 'destroy 1 of 6 by a']);
});

// derivedGcScenarios gc/replace-keeps-shared-drops-missing
test('a replacing patch keeps the variables of shared ids and releases the types that only the replaced one had', async (t) => {
  const { store, coordinator } = coordinate(t);
  const events: string[] = [];
  coordinator.on('registered', ({ patch: name, id }: RegistrationEvent) => events.push(`register ${name} ${id}`));
  coordinator.on('unregistered', ({ patch: name, id }: RegistrationEvent) => events.push(`unregister ${name} ${id}`));
  coordinator.on('collected', ({ id, patch: by, variables }) => events.push(`collect ${id} ${by} ${variables}`));
  await coordinator.enable(patch('name=a&types=1,2&replace'));
  store.alloc('x', one).count = 1;
  store.alloc('y', two).count = 2;
  log.length = 0;
  await coordinator.enable(patch('name=b&types=1,3&replace'));
  assert.deepEqual(registrations(store), ['b sessions 1', 'b sessions 3']);
  assert.equal(store.get('x', one)?.count, 1);
  assert.equal(store.get('y', two), undefined);
  store.alloc('z', three);
  await until('collection of the replaced type', () => log.includes('destroy 2 of "y" by a'));
  assert.deepEqual(
    log.filter((entry) => !entry.startsWith('destroy')),
    ['prePatch b sessions', 'postPatch b sessions'],
  );
  await coordinator.disable('b');
  await until('collection of the rest', () => events.filter((event) => event.startsWith('collect')).length === 3);
  assert.deepEqual(
    events.filter((event) => !event.startsWith('collect')),
    [
      ...['register a 1', 'register a 2', 'register b 1', 'register b 3'],
      ...['unregister a 1', 'unregister a 2', 'unregister b 1', 'unregister b 3'],
    ],
  );
  assert.deepEqual(
    events.filter((event) => event.startsWith('collect')),
    ['collect 2 a 1', 'collect 1 b 1', 'collect 3 b 1'],
  );
});

test('types of several replaced patches are released oldest first, and the last user decides on the destructor', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&types=1'));
  await coordinator.enable(patch('name=b&types=1'));
  store.alloc(1, one);
  await coordinator.enable(patch('name=c&replace'));
  await until('collection', () => log.includes('destroy 1 of 1 by b'));
});

// derivedGcScenarios gc/shared-without-replace
test('patches side by side share a type until the last of them goes, in any order', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&types=1'));
  store.alloc(1, one).count = 7;
  await coordinator.enable(patch('name=b&types=1'));
  await coordinator.disable('a');
  assert.equal(store.get(1, one)?.count, 7);
  await coordinator.disable('b');
  await until('collection', () => log.includes('destroy 1 of 1 by b'));
});

test('one type in two objects of a patch is counted twice', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&types=1&audit=1'));
  assert.deepEqual(registrations(store), ['a sessions 1', 'a audit 1']);
  store.alloc(1, one);
  await coordinator.disable('a');
  await until('collection', () => log.includes('destroy 1 of 1 by a'));
});

test('a patch that was enabled, replaced and enabled again starts afresh, with a higher version', async (t) => {
  const { store, coordinator } = coordinate(t);
  const first = await coordinator.enable(patch('name=a&types=1&replace'));
  await coordinator.enable(patch('name=b&types=2&replace'));
  const again = await coordinator.enable(patch('name=a&types=1&replace'));
  assert.deepEqual([first.kind, again.kind], ['enable', 'replace']);
  assert.deepEqual(registrations(store), ['a sessions 1']);
  assert.deepEqual(
    coordinator.patches.map(({ name, version }) => ({ name, version })),
    [{ name: 'a', version: 3 }],
  );
  assert.equal(coordinator.version, 3);
  store.alloc(1, one);
  await coordinator.disable('a');
  await until('collection', () => log.includes('destroy 1 of 1 by a'));
  assert.equal(coordinator.version, 0);
  await coordinator.enable(patch('name=a&types=1&replace'));
  assert.equal(coordinator.version, 5);
});

test('callbacks run once each, in object order, around the transition', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&audit'));
  await coordinator.disable('a');
  const order = ['prePatch', 'postPatch', 'preUnpatch', 'postUnpatch'];
  assert.deepEqual(
    log,
    order.flatMap((callback) => [`${callback} a sessions`, `${callback} a audit`]),
  );
});

for (const how of ['return', 'throw']) {
  test(`a pre_patch that refuses by ${how} leaves nothing behind`, async (t) => {
    const { store, coordinator } = coordinate(t);
    const pool = createPool(coordinator);
    const unregistered: string[] = [];
    coordinator.on('unregistered', ({ object, id }) => unregistered.push(`${object} ${id}`));
    const phases: string[] = [];
    coordinator.on('transition', ({ phase }) => phases.push(phase));
    await assert.rejects(
      coordinator.enable(patch(`name=a&functions=touch&types=1&audit=2&refuse=audit&how=${how}`)),
      coded('ERR_PATCH_PRE_PATCH', how === 'throw' ? /not today/ : /-19/),
    );
    // The failing object gets no callback; the one before it gets post_unpatch, then loses its types.
    assert.deepEqual(log, ['prePatch a sessions', 'prePatch a audit', 'postUnpatch a sessions']);
    assert.deepEqual(unregistered, ['sessions 1', 'audit 2']);
    assert.deepEqual(registrations(store), []);
    assert.deepEqual(coordinator.patches, []);
    assert.deepEqual(phases, ['load', 'failed']);
    assert.deepEqual((await pool.run({})).answers, ['original']);
    await coordinator.enable(patch('name=a&functions=touch&types=1'));
    assert.deepEqual(registrations(store), ['a sessions 1']);
  });
}

test('threads that start after a patch was refused, or was replaced, do not even load it', async (t) => {
  const { coordinator } = coordinate(t);
  const toBeLoaded = (): unknown[] =>
    [...announcements().values()].map(({ manifest }) => [
      manifest.candidate,
      ...[...manifest.stack, ...manifest.standby].map(({ name }) => name),
    ]);
  coordinator.on('warning', (error) => assert.fail(error));
  await assert.rejects(coordinator.enable(patch('name=a&refuse=sessions&breaks=workers')), coded('ERR_PATCH_PRE_PATCH'));
  assert.deepEqual(toBeLoaded(), [[null]]);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await assert.rejects(coordinator.enable(patch('name=b&functions=touch,mistaken')), coded('ERR_PATCH_FUNCTION', /mistaken/));
  assert.deepEqual(toBeLoaded(), [[null]]);
  await coordinator.enable(patch('name=c'));
  await coordinator.enable(patch('name=d&replace'));
  assert.deepEqual(toBeLoaded(), [[null, 'd']]);
  await coordinator.disable('d');
  await pool.destroy();
  assert.deepEqual((await createPool(coordinator).run({})).answers, ['original']);
});

test('types that cannot be registered refuse the patch and leave nothing behind', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(new URL('./fixtures/wide.js', import.meta.url));
  await assert.rejects(coordinator.enable(patch('name=a&types=1&audit=2')), coded('ERR_SHADOW_SIZE_MISMATCH'));
  assert.deepEqual(log, ['prePatch a sessions', 'postUnpatch a sessions']);
  assert.deepEqual(registrations(store), ['wide base 2']);
});

for (const callback of ['postPatch', 'preUnpatch', 'postUnpatch']) {
  test(`a throwing ${callback} is reported and stops nothing`, async (t) => {
    const { coordinator } = coordinate(t);
    const warnings: Error[] = [];
    coordinator.on('warning', (error) => warnings.push(error));
    await coordinator.enable(patch(`name=a&audit&throws=${callback}`));
    await coordinator.disable('a');
    assert.deepEqual(coordinator.patches, []);
    assert.equal(warnings.length, 2);
    assert.ok(coded('ERR_PATCH_CALLBACK', new RegExp(`${callback}.*"sessions"`))(warnings[0]));
  });
}

test('a listener that throws does not stop a transition, nor keep the event from others', async (t) => {
  const { coordinator } = coordinate(t);
  const runners = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
  process.removeAllListeners('uncaughtException');
  t.after(() => {
    for (const runner of runners) process.on('uncaughtException', runner);
  });
  const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
  coordinator.once('transition', () => {
    throw new Error('listener failed');
  });
  const heard: string[] = [];
  coordinator.on('transition', ({ phase }) => heard.push(phase));
  await coordinator.enable(patch('name=a'));
  assert.equal(heard[0], 'load');
  assert.match(String(await uncaught), /listener failed/);
});

test('enabling an enabled name, disabling an unknown one, and loading what is no patch are refused', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a'));
  await assert.rejects(coordinator.enable(patch('name=a&functions=touch')), coded('ERR_PATCH_ENABLED', /"a"/));
  await assert.rejects(coordinator.disable('b'), coded('ERR_PATCH_NOT_ENABLED', /"b".*"a"/));
  await assert.rejects(coordinator.enable(new URL('./fixtures/missing.js', import.meta.url)), coded('ERR_PATCH_LOAD', /missing\.js/));
  await assert.rejects(coordinator.enable(new URL('./fixtures/log.js', import.meta.url)), coded('ERR_PATCH_DECLARATION', /log\.js/));
  await assert.rejects(coordinator.enable(patch('name=')), coded('ERR_PATCH_DECLARATION', /name/));
  await assert.rejects(coordinator.enable(''), coded('ERR_PATCH_LOAD'));
  assert.deepEqual(
    coordinator.patches.map(({ name }) => name),
    ['a'],
  );
});

// scenarios state/compatible, state/incompatible
test('states of enabled patches must be supported in the same or a higher version, by a replacing patch all of them', async (t) => {
  const { coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&states=1:2,5:1'));
  await assert.rejects(coordinator.enable(patch('name=b&states=1:1')), coded('ERR_PATCH_STATE', /"a".*state 1.*version 2/));
  await assert.rejects(coordinator.enable(patch('name=b&states=1:2&replace')), coded('ERR_PATCH_STATE', /state 5/));
  await coordinator.enable(patch('name=c')); // stays beside a, so it need not know a's states
  await coordinator.enable(patch('name=d&states=1:3,5:1&replace'));
  assert.deepEqual(
    coordinator.patches.map(({ name, states }) => ({ name, states })),
    [
      {
        name: 'd',
        states: [
          { id: 1, version: 3 },
          { id: 5, version: 1 },
        ],
      },
    ],
  );
});

test('one transition at a time: what comes while one is pending is refused, whichever way it goes', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const block = async () => {
    const held = hold();
    const task = pool.run({ flags: held.flags });
    await until('the task is in flight', () => held.started() === 1);
    return async () => {
      held.release();
      await task;
    };
  };
  await coordinator.enable(patch('name=a&functions=touch'));
  const releaseFirst = await block();
  const first = coordinator.enable(patch('name=b&functions=touch'));
  await until('the transition', () => coordinator.transition !== null);
  await assert.rejects(coordinator.enable(patch('name=c')), coded('ERR_PATCH_BUSY', /"c".*"b" \(patching\)/));
  await assert.rejects(coordinator.disable('a'), coded('ERR_PATCH_BUSY', /"a".*"b" \(patching\)/));
  await releaseFirst();
  await first;
  const releaseSecond = await block();
  const second = coordinator.disable('b');
  await until('the transition', () => coordinator.transition !== null);
  await assert.rejects(coordinator.enable(patch('name=c')), coded('ERR_PATCH_BUSY', /"b" \(unpatching\)/));
  await releaseSecond();
  await second;
  await coordinator.enable(patch('name=c'));
  assert.deepEqual(
    coordinator.patches.map(({ name, stackOrder }) => [name, stackOrder]),
    [
      ['a', 1],
      ['c', 2],
    ],
  );
});

test('patches are shown as plain data, in transition as well', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const url = patch('name=a&functions=touch,expire&types=1&audit=2&states=4:2');
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(url);
  await until('the transition', () => coordinator.patches.length === 1);
  const [thread] = coordinator.patches[0]!.workers.map((worker) => worker.thread);
  const objects = [
    { name: 'sessions', module: 'live', patched: true, functions: ['touch', 'expire'], shadowTypes: [1] },
    { name: 'audit', module: 'live', patched: true, functions: [], shadowTypes: [2] },
  ];
  const expected = {
    name: 'a',
    url: url.href,
    enabled: true,
    transition: true,
    replace: false,
    consistency: 'gate',
    forced: null,
    stackOrder: 1,
    version: 1,
    objects,
    functions: ['sessions.touch', 'sessions.expire'],
    shadowTypes: [
      { object: 'sessions', id: 1 },
      { object: 'audit', id: 2 },
    ],
    states: [{ id: 4, version: 2 }],
    workers: [{ thread, patchState: 0, version: 0, tasks: 1 }],
  };
  assert.deepEqual(JSON.parse(JSON.stringify(coordinator.patches)), [expected]);
  assert.deepEqual(coordinator.inspect('a'), expected);
  assert.throws(() => coordinator.inspect('b'), coded('ERR_PATCH_NOT_ENABLED', /"b".*"a"/));
  const { milliseconds, ...transition } = coordinator.transition!;
  assert.deepEqual(transition, { patch: 'a', kind: 'enable', direction: 'patching', reversed: false });
  assert.ok(milliseconds >= 0);
  held.release();
  await Promise.all([task, enabling]);
  assert.equal(coordinator.transition, null);
  const after = [{ thread, patchState: -1, version: 1, tasks: 0 }];
  assert.deepEqual(coordinator.patches, [{ ...expected, transition: false, workers: after }]);
});

test('a store has one coordinator during its life', async (t) => {
  const { store, coordinator } = coordinate(t);
  assert.throws(() => new PatchCoordinator(store), coded('ERR_PATCH_COORDINATOR'));
  await coordinator.close();
  assert.throws(() => new PatchCoordinator(store), coded('ERR_PATCH_COORDINATOR'));
});

test('bad options are refused', (t) => {
  const { store } = coordinate(t);
  assert.throws(
    () => new PatchCoordinator(store, { pollMillis: 3 } as never),
    coded('ERR_PATCH_DECLARATION', /pollMillis.*pollMilliseconds/),
  );
  assert.throws(() => new PatchCoordinator(store, { loadMilliseconds: 0 }), coded('ERR_PATCH_DECLARATION'));
});

test('a closed coordinator refuses everything and leaves the variables', async (t) => {
  const { store, coordinator } = coordinate(t);
  await coordinator.enable(patch('name=a&types=1'));
  store.alloc(1, one);
  await coordinator[Symbol.asyncDispose]();
  await assert.rejects(coordinator.enable(patch('name=b')), coded('ERR_PATCH_CLOSED'));
  await assert.rejects(coordinator.disable('a'), coded('ERR_PATCH_CLOSED'));
  assert.throws(() => createPool(coordinator), coded('ERR_PATCH_CLOSED'));
  assert.ok(store.has(1, one));
});

test('closing abandons a transition that waits, and ends the pools', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const held = hold();
  const task = assert.rejects(pool.run({ flags: held.flags }));
  await until('the task is in flight', () => held.started() === 1);
  const enabling = assert.rejects(coordinator.enable(patch('name=a&functions=touch')), coded('ERR_PATCH_CLOSED'));
  await until('the transition', () => coordinator.patches.length === 1);
  await coordinator.close();
  await Promise.all([task, enabling]);
  assert.equal(pool.threads.length, 0);
});
