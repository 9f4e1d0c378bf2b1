import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countLeft, countOperations, GROWING, OPERATIONS, planSteps, SAFEPOINT, STEADY } from '../../bench/growth-mix.js';
import { Latencies, PERCENTILES } from '../../bench/latency.js';
import { runGrowthRound } from '../../bench/suites/growth.js';
import { quickReport } from './quick.js';

test('a quick run tells every percentile of every operation, and none is below the one before it', () => {
  const { figures } = quickReport('growth');
  const shown = ['p50', 'p99', 'p99.9', 'p99.99', 'max'];
  const names = OPERATIONS.flatMap((operation) => shown.map((percentile) => `${operation}, ${percentile}`));
  assert.deepEqual(
    figures.map(({ name }) => name),
    [...names, ...names.map((name) => `${name}, committed`)],
  );
  for (let at = 0; at < figures.length; at += PERCENTILES.length) {
    for (const side of ['ours', 'reference'] as const) {
      const rounds = figures.slice(at, at + PERCENTILES.length).map((figure) => figure[side]!.summary.rounds);
      assert.equal(rounds[0]!.length, 2);
      rounds[0]!.forEach((first, round) => {
        assert.ok(first > 0);
        for (let i = 1; i < rounds.length; i++) assert.ok(rounds[i]![round]! >= rounds[i - 1]![round]!, `${figures[at]!.name}, ${side}`);
      });
    }
  }
});

for (const commit of [false, true]) {
  test(`both sides time each operation as often as it is planned, memory ${commit ? 'committed' : 'as it is touched'}`, async () => {
    const workers = 2;
    const steps = planSteps(1000, 13_000, workers, 10);
    assert.equal(steps.cycles.length, 2);
    assert.ok(countLeft(steps) * workers >= 13_000 && countLeft(steps) * workers < 13_100);
    const { growing, steady } = await runGrowthRound(steps, workers, commit);
    for (const [side, mix] of [
      [growing, GROWING],
      [steady, STEADY],
    ] as const) {
      OPERATIONS.forEach((name, kind) => {
        if (kind !== SAFEPOINT) assert.equal(side.count(kind), countOperations(mix, steps, kind) * workers, name);
      });
      const operations = OPERATIONS.reduce((sum, _, kind) => sum + (kind === SAFEPOINT ? 0 : side.count(kind)), 0);
      assert.ok(Math.abs(side.count(SAFEPOINT) - operations / 256) <= workers * steps.cycles.length);
    }
  });
}

test('growth and fixed size have the same operations but for the share of insertions', () => {
  for (const operation of ['get hit', 'get miss', 'add', 'update'].map((name) => OPERATIONS.indexOf(name))) {
    const count = (mix: readonly number[]): number => mix.filter((each) => each === operation).length;
    assert.equal(count(GROWING), 1);
    assert.equal(count(STEADY), 1);
  }
  assert.equal(GROWING.length, STEADY.length);
  const steps = planSteps(1000, 10_000, 2, 0);
  assert.equal(countOperations(STEADY, steps, OPERATIONS.indexOf('insert')), countOperations(STEADY, steps, OPERATIONS.indexOf('free')));
});

test('latencies are nanoseconds, to three digits, and those of several threads add up', () => {
  const [one, other] = [new Latencies(['a', 'b']), new Latencies(['a', 'b'])];
  for (let i = 1; i <= 1000; i++) (i % 2 === 0 ? one : other).record(1, 5, 5 + i / 1e6);
  one.record(1, 0, 2000); // two seconds
  one.addEncoded(other.encode());
  assert.equal(one.count(0), 0);
  assert.equal(one.count(1), 1001);
  assert.equal(one.at(1, 50), 501);
  assert.equal(one.at(1, 99), 991);
  assert.ok(Math.abs(one.at(1, 100) - 2e9) < 2e9 / 1000);
});
