import assert from 'node:assert/strict';
import { test } from 'node:test';

import { coordinate, createPool, hold, patch, until } from '../livepatch/fixtures/setup.js';
import type { Seen } from '../livepatch/fixtures/sessions.js';

const ALL = 'functions=touch,expire,later';

/** Keeps a pool busy until told to stop; returns what every task saw. */
async function load(run: () => Promise<Seen>, inFlight: number, stop: () => boolean): Promise<Seen[]> {
  const seen: Seen[] = [];
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (!stop()) seen.push(await run());
    }),
  );
  return seen;
}

for (const atomics of ['sync', 'async', 'disabled'] as const) {
  test(`no task sees two versions, whatever it awaits, while patches come and go (atomics: ${atomics})`, async (t) => {
    const { coordinator } = coordinate(t);
    // Without stricterFIFO, Piscina moves a task that finds no room to the end of its queue, where under steady load it may stay for ever.
    const pool = createPool(coordinator, { concurrentTasksPerWorker: 4, atomics, stricterFIFO: true });
    let stop = false;
    const pauses = [0, undefined, 1, 0, 2];
    let next = 0;
    const loading = load(
      () => pool.run({ rounds: 1 + (next % 3), pause: pauses[next++ % pauses.length] as number }),
      14,
      () => stop,
    );
    const versions = new Map<number, string>([[0, 'original']]);
    const steps: [string, () => Promise<unknown>][] = [
      ['a', () => coordinator.enable(patch(`name=a&${ALL}&replace`))],
      ['b', () => coordinator.enable(patch(`name=b&${ALL}&replace`))],
      ['b+c', () => coordinator.enable(patch('name=c&wraps=touch,expire&functions='))],
      ['b', () => coordinator.disable('c')],
      ['a', () => coordinator.enable(patch(`name=a&${ALL}&replace`))],
      ['d', () => coordinator.enable(patch(`name=d&${ALL}`))],
      ['d', () => coordinator.disable('a')],
      ['original', () => coordinator.disable('d')],
    ];
    for (let cycle = 0; cycle < 4; cycle++) {
      for (const [answer, step] of steps) {
        await step();
        versions.set(coordinator.version, answer);
        const { versions: fresh } = await pool.run({ rounds: 1 });
        assert.deepEqual(fresh, [coordinator.version], 'a task that came after the transition runs the new version');
      }
    }
    stop = true;
    const seen = await loading;
    assert.ok(seen.length > 100, `only ${seen.length} tasks ran`);
    for (const task of seen) {
      assert.equal(task.versions.length, 1, `mixed versions: ${JSON.stringify(task)}`);
      const answer = versions.get(task.versions[0]!)!;
      // Patch c wraps two of the three functions, so a task on it has two right answers.
      assert.deepEqual(task.answers.sort(), answer === 'b+c' ? ['b', 'b+c'] : [answer], JSON.stringify(task));
    }
    assert.ok(new Set(seen.map((task) => task.versions[0])).size > 8, 'tasks ran on many of the versions');
  });
}

test('tasks that come while a worker waits for its last old task run on the new version, and only then', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 3 });
  const held = hold();
  const old = pool.run({ flags: held.flags });
  await until('the old task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('the transition', () => coordinator.patches.length === 1);
  let ended = 0;
  const late = [1, 2].map(async () => {
    const seen = await pool.run({ rounds: 2, pause: 0 });
    ended++;
    return seen;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ended, 0, 'a task overtook the gate');
  assert.ok(pool.completed <= 4, 'the worker was woken over and over');
  held.release();
  assert.deepEqual((await old).answers, ['original']);
  for (const seen of await Promise.all(late)) assert.deepEqual([seen.answers, seen.versions], [['a'], [1]]);
  assert.equal((await enabling).workers, 1);
});

test('a task that throws ends like any other: it does not hold the gate', async (t) => {
  const { coordinator } = coordinate(t);
  const pool = createPool(coordinator, { concurrentTasksPerWorker: 2 });
  await Promise.all(Array.from({ length: 8 }, () => assert.rejects(pool.run({ fail: true, pause: 0 }), /task failed/)));
  const held = hold();
  const failing = assert.rejects(pool.run({ flags: held.flags, fail: true }), /task failed/);
  await until('the task is in flight', () => held.started() === 1);
  const enabling = coordinator.enable(patch(`name=a&${ALL}`));
  await until('the transition', () => coordinator.patches.length === 1);
  held.release();
  await failing;
  await enabling;
  assert.deepEqual((await pool.run({})).answers, ['a']);
});

test('the end of a task is a safepoint: what it freed can be used again although its worker goes to sleep', async (t) => {
  const { store, coordinator } = coordinate(t);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  for (const fail of [false, true]) {
    await pool.run({ churn: true, fail }).catch(() => undefined);
    assert.equal(store.stats().retired, 0);
  }
  assert.equal(store.stats().allocated, 2);
});

test('workers that sleep are switched at once, without a task and without the safety net', async (t) => {
  const { coordinator } = coordinate(t); // the safety net would look after a minute
  const pool = createPool(coordinator, { minThreads: 4, maxThreads: 4 });
  assert.equal((await coordinator.enable(patch(`name=a&${ALL}`))).workers, 4);
  assert.equal((await coordinator.disable('a')).workers, 4);
  assert.equal((await coordinator.enable(patch(`name=b&${ALL}`))).workers, 4);
  assert.deepEqual(
    (await Promise.all([1, 2, 3, 4].map(() => pool.run({})))).map(({ answers }) => answers[0]),
    ['b', 'b', 'b', 'b'],
  );
});
