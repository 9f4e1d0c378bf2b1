import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { millionsPerSecond, WorkerCrew } from '../../bench/barrier.js';
import type { BarrierTestData } from './barrier-bodies.js';

const WORKERS = 3;

let crew: WorkerCrew;
let words: Int32Array;

beforeEach(async () => {
  const shared = new SharedArrayBuffer(4 * (1 + WORKERS));
  words = new Int32Array(shared);
  const data: BarrierTestData = { shared, workers: WORKERS };
  crew = await WorkerCrew.start(WORKERS, new URL('./barrier-bodies.js', import.meta.url), data);
});

afterEach(() => crew.end());

test('a round runs exactly the workers asked for, each in a thread of its own, and counts all they did', async () => {
  const rounds = await crew.round(2, 0, 5);
  assert.deepEqual(
    rounds.map((round) => round.index),
    [0, 1],
  );
  assert.equal(new Set(rounds.map((round) => round.threadId)).size, 2);
  assert.deepEqual([...words.subarray(1)], [rounds[0]!.operations, rounds[1]!.operations, 0]);
});

test('all workers of a round are inside at the same time', async () => {
  const rounds = await crew.round(WORKERS, 1, 1);
  assert.equal(rounds.length, WORKERS);
  assert.equal(words[0]! >= WORKERS, true);
});

test('rounds follow each other with other numbers of workers', async () => {
  for (const active of [1, 3, 2]) assert.equal((await crew.round(active, 0, 2)).length, active);
});

test('a worker that fails ends its round with its error', async () => {
  await assert.rejects(crew.round(1, 2, 5), /planted in worker 0/);
});

test('a body that takes turns of the event loop is called one time after the other, and its calls are counted', async () => {
  const rounds = await crew.round(2, 3, 20);
  assert.ok(rounds.every((round) => round.operations > 1));
  assert.deepEqual([...words.subarray(1)], [rounds[0]!.operations, rounds[1]!.operations, 0]);
});

test('a body whose promise is rejected ends its round with its error', async () => {
  await assert.rejects(crew.round(1, 4, 5), /planted in worker 0/);
});

for (const side of [0, 3]) {
  test(`a round of no length runs body ${side} once in each worker`, async () => {
    for (let round = 1; round <= 20; round++) {
      await crew.round(2, side, 0);
      assert.deepEqual([...words.subarray(1)], [round, round, 0]);
    }
  });
}

test('each worker gets its own port', async () => {
  const channels = Array.from({ length: WORKERS }, () => new MessageChannel());
  const data: BarrierTestData = { shared: words.buffer as SharedArrayBuffer, workers: WORKERS };
  const ports = channels.map(({ port2 }) => port2);
  const connected = await WorkerCrew.start(WORKERS, new URL('./barrier-bodies.js', import.meta.url), data, ports);
  try {
    channels.forEach(({ port1 }, index) => port1.postMessage(10 + index));
    assert.deepEqual(
      (await connected.round(WORKERS, 5, 0)).map((round) => round.operations),
      [10, 11, 12],
    );
  } finally {
    await connected.end();
  }
});

test('more workers than the crew has are refused', async () => {
  await assert.rejects(crew.round(WORKERS + 1, 0, 1), RangeError);
});

test('a module that cannot be loaded fails the start', async () => {
  await assert.rejects(WorkerCrew.start(2, new URL('./no-such-module.js', import.meta.url), null), /no-such-module/);
});

test('rates of a round add up', () => {
  const round = { threadId: 1, operations: 4000, milliseconds: 2 };
  assert.equal(
    millionsPerSecond([
      { ...round, index: 0 },
      { ...round, index: 1 },
    ]),
    4,
  );
});
