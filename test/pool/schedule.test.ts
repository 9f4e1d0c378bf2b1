/**
 * Random schedules of everything that an operator may do, under load, with workers that are killed and pools that grow and shrink. Whatever
 * comes of an operation, the list of enabled patches is what its outcome says; every task runs on one version; and in the end nothing is left.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ShadowError } from '../../src/errors.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { Random, seedOf, SOAK } from '../concurrency/random.js';
import { declared } from '../livepatch/fixtures/declared.js';
import { coordinate, createPool, registrations, until } from '../livepatch/fixtures/setup.js';
import type { Seen } from '../livepatch/fixtures/sessions.js';

const FUNCTIONS = ['touch', 'expire', 'later'];
const one = defineShadowType({ id: 1, fields: { count: 'u32' } });
const OPERATIONS = 60 * SOAK;
/** What an operation may end with although nothing is wrong. */
const ENDS: readonly string[] = [
  'ERR_PATCH_REVERSED',
  'ERR_PATCH_STALLED',
  'ERR_PATCH_ABORTED',
  'ERR_PATCH_BUSY',
  'ERR_PATCH_NO_TRANSITION',
];

async function settle(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
    return 'done';
  } catch (error) {
    if (error instanceof ShadowError && ENDS.includes(error.code)) return error.code;
    throw error;
  }
}

test('whatever operators do at random, no task is mixed and nothing is left', async (t) => {
  const random = new Random(seedOf(t));
  // No more slots than threads may be there at once: those of the dead come back.
  const { store, coordinator } = coordinate(t, { pollMilliseconds: 200 }, 10);
  const pool = createPool(coordinator, {
    minThreads: 1,
    maxThreads: 4,
    idleTimeout: 30,
    concurrentTasksPerWorker: 3,
    stricterFIFO: true,
    execArgv: ['--no-experimental-require-module'], // see group.ts: Node 20 may abort when a thread is killed while it loads
  });
  pool.on('error', () => undefined); // threads that are killed
  const answerOf = new Map<number, string>([[0, 'original']]);
  const seen: Seen[] = [];
  let stop = false;
  let enabled: string[] = [];
  const load = Array.from({ length: 10 }, async (_, i) => {
    while (!stop) {
      const run = pool.run({ rounds: 1 + random.below(3), pause: random.below(2), churn: random.oneIn(4) });
      // A task dies with its thread; that is all that may go wrong.
      await run.then(
        (result) => seen.push(result),
        (error: unknown) => assert.match(String(error), /Terminating worker|exited|Worker|uncaught/),
      );
      if (i > 5) await sleep(random.below(40)); // lets the pool shrink
    }
  });
  const note = (): void => {
    const { version } = coordinator;
    const name = enabled.at(-1) ?? 'original';
    assert.equal(answerOf.get(version) ?? name, name, `version ${version} means two things`);
    answerOf.set(version, name);
  };
  const kill = async (): Promise<void> => {
    const how = random.below(4);
    if (how === 0) await pool.threads[random.below(Math.max(1, pool.threads.length))]?.terminate();
    const abort = new AbortController();
    const dying =
      how === 1
        ? pool.run({ rounds: 50, pause: 1 }, { signal: abort.signal })
        : how > 1
          ? pool.run({ die: how === 2 ? 'exit' : 'throw' })
          : undefined;
    setTimeout(() => {
      abort.abort();
    }, random.below(8));
    await dying?.catch(() => undefined);
  };
  /** While an operation is pending, others disturb it. */
  const disturb = async (): Promise<void> => {
    await sleep(random.below(6));
    const what = random.below(6);
    if (what === 0) await settle(coordinator.reverse());
    else if (what === 1) await kill();
    else if (what === 2) {
      // Refused as long as the other transition is pending; if that has just ended, it may come, and has to go.
      const intruder = declared({ name: 'intruder', salt: random.next(), objects: { sessions: { functions: FUNCTIONS } } });
      if ((await settle(coordinator.enable(intruder))) === 'done') await coordinator.disable('intruder');
    } else if (what === 3 && coordinator.modules.some(({ name, phase }) => name === 'audit' && phase === 'live')) {
      await coordinator.unloadModule('audit');
      await coordinator.loadModule('audit');
    }
  };
  for (let step = 0; step < OPERATIONS; step++) {
    const options = random.oneIn(4) ? { timeout: 5 + random.below(60) } : {};
    if (enabled.length > 0 && random.oneIn(3)) {
      const name = random.pick(enabled);
      const operation = settle(coordinator.disable(name, options));
      const busy = random.oneIn(2) ? untilPending().then(disturb) : undefined;
      if ((await operation) === 'done') enabled = enabled.filter((other) => other !== name);
      await busy;
    } else {
      const name = `p${step}`;
      const replace = random.oneIn(2);
      // An answer must tell the version, so a patch on top replaces all functions.
      const patch = declared({
        name,
        replace,
        salt: step,
        objects: { sessions: { functions: FUNCTIONS, types: [1] }, audit: { types: [1, 2] } },
      });
      const operation = settle(coordinator.enable(patch, options));
      const disturbance = random.oneIn(2) ? untilPending().then(disturb) : undefined;
      if ((await operation) === 'done') enabled = replace ? [name] : [...enabled, name];
      await disturbance;
    }
    await until('the end of the transition', () => coordinator.transition === null);
    assert.deepEqual(
      coordinator.patches.map(({ name }) => name),
      enabled,
    );
    note();
    if (enabled.length > 0) store.getOrAlloc(step % 7, one).count++;
  }
  for (const name of enabled) await coordinator.disable(name);
  stop = true;
  await Promise.all(load);
  assert.ok(seen.length > 50, `only ${seen.length} tasks`);
  for (const { versions, answers } of seen) {
    assert.equal(versions.length, 1, `mixed: ${JSON.stringify({ versions, answers })}`);
    const answer = answerOf.get(versions[0]!);
    if (answer !== undefined) assert.deepEqual(answers, [answer], `version ${versions[0]}`);
    else assert.equal(answers.length, 1, `a version that was reversed: ${JSON.stringify(answers)}`);
  }
  assert.deepEqual(registrations(store), []);
  await until('collection', () => store.stats().types.every(({ id, live }) => id === 900 || live === 0));

  async function untilPending(): Promise<void> {
    for (let look = 0; look < 200 && coordinator.transition === null; look++) await sleep(1);
  }
});
