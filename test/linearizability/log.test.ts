import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ShadowStore } from '../../src/shadow/store.js';
import { Random, seedOf } from '../concurrency/random.js';
import { checkHistory } from './checker.js';
import { readHistory } from './history.js';
import { clearLogs, createLogs, Log } from './log.js';
import { Kind, Outcome } from './operations.js';
import { Performer } from './performer.js';
import { planRound } from './plan.js';
import { GO, type Order, type Reply } from './crew.js';

const GROUPS = [{ first: 0, keys: 3 }];

void describe('the recorder', () => {
  test('what two logs hold is one history in the order of the clock', () => {
    const logs = createLogs(2, 10);
    const [one, other] = [new Log(logs, 0), new Log(logs, 1)];
    assert.equal(one.called(Kind.ALLOC, 1), 1);
    assert.equal(other.called(Kind.GET, 1), 2);
    one.returned(Outcome.CREATED, 1, 0, 1);
    other.returned(Outcome.FOUND, 1, 1);
    assert.equal(one.called(Kind.FREE_ALL, 0), 5);
    one.freed(1, 1);
    one.returned(Outcome.DONE);
    one.freed(2, 7); // not in a freeAll
    const history = readHistory(logs.buffers, GROUPS);
    assert.equal(history.operations, 3);
    assert.deepEqual(
      history
        .operationsAt(1)
        .map(({ kind, thread, call, returned, outcome, instance }) => [kind, thread, call, returned, outcome, instance]),
      [
        [Kind.ALLOC, 0, 1, 3, Outcome.CREATED, 1],
        [Kind.GET, 1, 2, 4, Outcome.FOUND, 1],
        [Kind.FREE_ALL, 0, 5, 6, Outcome.REMOVED, 1],
      ],
    );
    assert.deepEqual(
      history.operationsAt(2).map(({ kind, outcome }) => [kind, outcome]),
      [[Kind.FREE_ALL, Outcome.DONE]],
    );
    assert.deepEqual(checkHistory(history), { violations: [], overlapping: 2, deepest: 2 });
  });

  test('a call that did not return is there, and may have happened or not; the log goes on with another thread', () => {
    const logs = createLogs(2, 10);
    new Log(logs, 0).called(Kind.ALLOC, 0);
    const dead = new Log(logs, 1);
    dead.called(Kind.FREE_ALL, 0);
    dead.freed(2, 9);
    const heir = new Log(logs, 0);
    heir.called(Kind.GET, 0);
    heir.returned(Outcome.ABSENT);
    heir.called(Kind.GET, 0);
    heir.returned(Outcome.FOUND, 1, 1);
    heir.called(Kind.GET, 0);
    heir.returned(Outcome.ABSENT);
    const history = readHistory(logs.buffers, GROUPS);
    assert.equal(history.outcomes[Outcome.NONE], 2);
    assert.deepEqual(checkHistory(history).violations, []);
    assert.deepEqual(
      history.operationsAt(2).map(({ outcome, instance, returned }) => [outcome, instance, returned]),
      [
        [Outcome.REMOVED, 9, Infinity],
        [Outcome.NONE, 0, Infinity],
      ],
    );
  });

  test('freeAll that freed the right variable, or the wrong one', () => {
    for (const [freed, right] of [
      [1, true],
      [2, false],
    ] as const) {
      const logs = createLogs(1, 10);
      const log = new Log(logs, 0);
      log.called(Kind.ALLOC, 0);
      log.returned(Outcome.CREATED, 1, 0, 1);
      log.called(Kind.FREE_ALL, 0);
      log.freed(0, freed);
      log.returned(Outcome.DONE);
      assert.equal(checkHistory(readHistory(logs.buffers, GROUPS)).violations.length === 0, right);
    }
  });

  test('a full log and a clock that is used up are errors, not wrong histories', () => {
    const logs = createLogs(1, 2);
    const log = new Log(logs, 0);
    log.called(Kind.GET, 0);
    log.returned(Outcome.ABSENT);
    new Int32Array(logs.clock)[0] = 2 ** 31 - 2;
    assert.equal(log.called(Kind.GET, 0), 2 ** 31 - 1);
    assert.throws(() => log.returned(Outcome.ABSENT), /2\^31 − 1 stamps/);
    assert.throws(() => log.called(Kind.GET, 0), /full with 2 records/);
    assert.throws(() => new Log(logs, 1), /no log 1 among 1/);
    clearLogs(logs);
    assert.equal(new Log(logs, 0).called(Kind.GET, 0), 1);
  });
});

void test('the history of a thread that is killed at any moment is whole, and what it left behind is what it says', async (context) => {
  const random = new Random(seedOf(context));
  let pending = 0;
  let operations = 0;
  for (let kill = 0; kill < 6; kill++) {
    const logs = createLogs(2, 400_000);
    const plan = planRound({ seed: random.next(), workers: 2, profile: 'hot' }, 0, 800_000);
    const witness = new Performer(plan, new Log(logs, 1), 1, (types) => ShadowStore.create({ maxBytes: plan.maxBytes, types }));
    const control = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./workers/performer.js', import.meta.url));
    const order: Order = { plan, handle: witness.store.handle, logs, control: control.buffer, index: 0 };
    worker.postMessage(order);
    const [{ kind }] = (await once(worker, 'message')) as [Reply];
    assert.equal(kind, 'ready');
    Atomics.store(control, GO, 1);
    Atomics.notify(control, GO);
    await sleep(1 + random.below(120));
    await worker.terminate();
    // Looking takes no lock, of those keys that are not changed under one: the dead thread may hold any.
    const { first, keys } = plan.groups[0]!;
    for (let key = first; key < first + keys; key++) witness.get(key);
    const history = readHistory(logs.buffers, plan.groups);
    assert.deepEqual(checkHistory(history).violations, []);
    pending += history.outcomes[Outcome.NONE]!;
    operations += history.operations;
  }
  context.diagnostic(`${operations} operations, ${pending} of 6 threads died within a call`);
  assert.ok(operations > 0);
});
