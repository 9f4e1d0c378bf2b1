import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNK, runAlone, runContest, SEQUENCE } from '../../bench/contest.js';
import { createPopulation, createRandom, drawKeys } from '../../bench/keys.js';

const SETTINGS = { rounds: 3, warmupRounds: 1, milliseconds: 1 };

test('a contest measures both sides once a round, warm-up left out', () => {
  const result = runContest({ ours: () => 1, reference: () => 1 }, SETTINGS);
  assert.equal(result.ours.length, 3);
  assert.equal(result.reference.length, 3);
  for (const time of [...result.ours, ...result.reference]) assert.ok(time >= 0 && Number.isFinite(time));
});

test('sides that do different work are refused', () => {
  assert.throws(() => runContest({ ours: () => 1, reference: () => 2 }, SETTINGS), /same work/);
});

test('a reference that is not measured still tells what the work must come to', () => {
  let calls = 0;
  const rounds = runAlone({ ours: () => 1, reference: () => ++calls }, SETTINGS);
  assert.equal(rounds.length, 3);
  assert.equal(calls, 1);
  assert.throws(() => runAlone({ ours: () => 1, reference: () => 2 }, SETTINGS), /same work/);
});

test('an error of a side ends the contest', () => {
  let calls = 0;
  const fail = (): number => {
    if (++calls > 1) throw new Error('planted');
    return 1;
  };
  assert.throws(() => runContest({ ours: fail, reference: () => 1 }, SETTINGS), /planted/);
});

test('chunks never straddle the end of a sequence of keys', () => {
  assert.equal(SEQUENCE % CHUNK, 0);
});

for (const kind of ['dense', 'sparse'] as const) {
  test(`${kind} keys are distinct, valid parents, and the same for the same seed`, () => {
    const { present, absent } = createPopulation(kind, 5000);
    assert.equal(new Set([...present, ...absent]).size, 10_000);
    for (const key of [...present, ...absent]) assert.ok(Number.isInteger(key) && key >= 0 && key < 2 ** 40);
    assert.deepEqual(createPopulation(kind, 5000), { present, absent });
    assert.notDeepEqual(createPopulation(kind, 5000, 7).present, present);
  });
}

test('keys are drawn from everywhere about equally often', () => {
  const counts = new Array<number>(10).fill(0);
  for (const key of drawKeys([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 100_000)) counts[key]!++;
  for (const count of counts) assert.ok(count > 9_000 && count < 11_000, `counts ${counts.join(' ')}`);
});

test('random integers stay below their bound', () => {
  const random = createRandom(3);
  for (let i = 0; i < 1000; i++) assert.ok(random(3) < 3);
});
