import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUICK_PLAN } from '../../bench/plan.js';
import { quickFigures } from './quick.js';

test('a quick run of recover kills a worker in every way and tells median and p99 of when its lock was taken', () => {
  const figures = quickFigures('recover');
  const cases = ['bucket lock, terminated', 'bucket lock, exited', 'variable lock, terminated', 'variable lock, exited'];
  const untold = 'bucket lock, nobody told';
  assert.deepEqual(
    [...figures.values()].map(({ name, unit }) => [name, unit]),
    [...cases.map((name) => [name, 'µs']), [untold, 'ms']].flatMap(([name, unit]) => [
      [name, unit],
      [`${name}, p99`, unit],
    ]),
  );
  for (const name of [...cases, untold]) {
    const [all, p99] = [figures.get(name)!.ours.summary, figures.get(`${name}, p99`)!.ours.summary];
    assert.equal(all.rounds.length, QUICK_PLAN.recoverSettings.rounds, `every death of ${name} counts`);
    assert.ok(p99.median >= all.median && p99.median <= all.max);
  }
  assert.ok(figures.get(untold)!.ours.summary.min > 0, 'a thread that nobody tells has to find out');
});
