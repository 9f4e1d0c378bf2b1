import assert from 'node:assert/strict';
import { test } from 'node:test';

import { log } from '../livepatch/fixtures/log.js';
import { coded, coordinate, createPool, hold, patch, registrations, until } from '../livepatch/fixtures/setup.js';

const ALL = 'functions=touch,expire,later';

test('a patch that fails to load in one worker changes nothing anywhere', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 3, maxThreads: 3 });
  const broken = pool.threads[1]!.threadId;
  await assert.rejects(
    coordinator.enable(patch(`name=a&${ALL}&types=1&breaks=${broken}`)),
    coded('ERR_PATCH_LOAD', new RegExp(`broken in thread ${broken}`)),
  );
  assert.deepEqual([log, registrations(store), coordinator.patches], [[], [], []]);
  for (let i = 0; i < 6; i++) assert.deepEqual((await pool.run({})).versions, [0]);
  assert.equal((await coordinator.enable(patch(`name=b&${ALL}`))).workers, 3, 'the pool is as good as before');
});

test('a patch that replaces a function nobody declares is refused, with the names', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator);
  await assert.rejects(coordinator.enable(patch('name=a&functions=touch,tuoch&types=1')), coded('ERR_PATCH_FUNCTION', /sessions\.tuoch/));
  assert.deepEqual([log, registrations(store)], [[], []]);
  assert.deepEqual((await pool.run({})).answers, ['original']);
});

test('a function is known if the workers of one of several pools declare it', async (t) => {
  const { coordinator } = coordinate(t);
  const one = { minThreads: 1, maxThreads: 1 };
  const pool = createPool(coordinator, one);
  const other = coordinator.createPool({ filename: new URL('./fixtures/other.js', import.meta.url), ...one });
  const plain = coordinator.createPool({ filename: new URL('./fixtures/plain.js', import.meta.url), ...one });
  assert.equal((await coordinator.enable(patch(`name=a&${ALL}&others=double`))).workers, 3);
  assert.deepEqual((await pool.run({})).answers, ['a']);
  assert.equal(await other.run(5), 'a');
  assert.equal(await plain.run(5), 10, 'a worker that knows nothing of umbra goes on working');
});

test('a patch that does not load in time is refused, naming the threads', async (t) => {
  const { coordinator } = coordinate(t, { loadMilliseconds: 300 });
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await pool.run({});
  const thread = pool.threads[0]!.threadId;
  await assert.rejects(
    coordinator.enable(patch(`name=a&${ALL}&breaks=hang`)),
    coded('ERR_PATCH_LOAD', new RegExp(`300 ms in thread ${thread}`)),
  );
  assert.deepEqual((await pool.run({})).answers, ['original']);
  await until('the control task, which waited for the code, to give up', () => pool.completed === 3);
});

test('tasks go on while a patch loads, in workers that would otherwise sleep as well', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await pool.run({});
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  const enabling = coordinator.enable(patch(`name=a&${ALL}&breaks=slow`));
  await until('loading', () => phases.includes('load'));
  let tasks = 0;
  while (!phases.includes('start')) {
    const { answers } = await pool.run({});
    if (phases.includes('start')) break;
    assert.deepEqual(answers, ['original']);
    tasks++;
  }
  assert.ok(tasks > 5, `only ${tasks} tasks ran while the patch was loading`);
  await enabling;
  assert.deepEqual((await pool.run({})).answers, ['a']);
});

test('a worker that starts later runs its first task on the enabled patches, in their order', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 4, idleTimeout: Infinity });
  await coordinator.enable(patch('name=a&functions=touch,expire,later'));
  await coordinator.enable(patch('name=b&wraps=touch,expire'));
  const held = hold();
  const tasks = [1, 2, 3, 4].map(() => pool.run({ flags: held.flags }));
  await until('four workers are busy', () => held.started() === 4);
  held.release();
  for (const { answers, versions } of await Promise.all(tasks)) assert.deepEqual([answers, versions], [['a+b', 'a'], [2]]);
  assert.equal(new Set((await Promise.all(tasks)).map(({ thread }) => thread)).size, 4);
  const second = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  assert.deepEqual((await second.run({})).versions, [2]);
});

test('a worker that starts during a transition runs its first task on the new version, before the transition is complete', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 3, idleTimeout: Infinity });
  await coordinator.enable(patch(`name=a&${ALL}`));
  const held = hold();
  const old = pool.run({ flags: held.flags });
  await until('the old task is in flight', () => held.started() === 1);
  let complete = false;
  const enabling = coordinator.enable(patch(`name=b&${ALL}&replace`)).then((result) => {
    complete = true;
    return result;
  });
  await until('the transition', () => coordinator.patches.length === 2);
  const fresh = await Promise.all([pool.run({ pause: 0 }), pool.run({ pause: 0 })]);
  assert.equal(complete, false);
  for (const { answers, versions } of fresh) assert.deepEqual([answers, versions], [['b'], [2]]);
  held.release();
  assert.deepEqual((await old).answers, ['a']);
  assert.equal((await enabling).workers, pool.threads.length);
});

test('a worker that starts later and cannot load what is enabled runs nothing, and says so', async (t) => {
  const { coordinator } = coordinate(t);
  const warnings: Error[] = [];
  coordinator.on('warning', (error) => warnings.push(error));
  await coordinator.enable(patch(`name=a&${ALL}&breaks=workers`)); // no worker is there to notice
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  await assert.rejects(pool.run({}), /ERR_PATCH_LOAD: thread \d+ cannot load patch "a".*broken in workers/);
  await until('the warning', () => warnings.length > 0);
  assert.ok(coded('ERR_PATCH_LOAD', /broken in workers/)(warnings[0]));
  await coordinator.disable('a');
  assert.deepEqual((await pool.run({})).answers, ['original'], 'once the patch is gone the worker is good again');
});

test('a worker that dies during a transition does not hold it up', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator);
  const held = hold();
  const abort = new AbortController();
  const dying = assert.rejects(pool.run({ flags: held.flags }, { signal: abort.signal }), /abort/i);
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('the transition', () => coordinator.patches.length === 1);
  abort.abort(); // Piscina terminates the thread and starts another
  await dying;
  await enabling;
  for (let i = 0; i < 4; i++) assert.deepEqual((await pool.run({})).answers, ['a']);
});

test('a worker that dies while a patch is loading does not hold it up', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator);
  await pool.run({});
  const phases: string[] = [];
  coordinator.on('transition', ({ phase }) => phases.push(phase));
  const enabling = coordinator.enable(patch(`name=a&${ALL}&breaks=slow`));
  await until('loading', () => phases.includes('load'));
  pool.on('error', () => undefined);
  await pool.threads[0]!.terminate();
  await enabling;
  for (let i = 0; i < 4; i++) assert.deepEqual((await pool.run({})).answers, ['a']);
});

test('workers come and go under load while patches do', async (t) => {
  const { coordinator } = coordinate(t, { pollMilliseconds: 60_000 }, 1000); // a worker that is terminated leaves its slot to recovery
  const pool = createPool(coordinator, { minThreads: 0, maxThreads: 3, idleTimeout: 0, stricterFIFO: true });
  let stop = false;
  const seen: { answers: string[]; versions: number[] }[] = [];
  const loading = Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      for (let n = 0; !stop; n++) {
        if (i === 0 && n % 8 === 7) {
          const abort = new AbortController();
          const held = hold();
          const doomed = assert.rejects(pool.run({ flags: held.flags }, { signal: abort.signal }), /abort/i);
          await until('the doomed task is in flight', () => held.started() === 1);
          abort.abort();
          await doomed;
        } else {
          seen.push(await pool.run({ rounds: 2, pause: 1 }));
          if (n % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 20)); // lets the pool shrink
        }
      }
    }),
  );
  for (let cycle = 0; cycle < 8; cycle++) {
    await coordinator.enable(patch(`name=a&${ALL}&replace`));
    await coordinator.enable(patch(`name=b&${ALL}&replace`));
    await coordinator.disable('b');
  }
  stop = true;
  await loading;
  for (const { answers, versions } of seen) {
    assert.equal(versions.length, 1);
    // Version numbers go a, b, original in every cycle of three.
    assert.deepEqual(answers, [versions[0] === 0 ? 'original' : versions[0]! % 3 === 1 ? 'a' : 'b'], JSON.stringify(versions));
  }
});
