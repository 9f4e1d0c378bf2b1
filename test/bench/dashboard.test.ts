import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL_PLAN } from '../../bench/plan.js';
import { getDashboardCases } from '../../bench/suites/dashboard.js';
import { quickFigures } from './quick.js';

test('a quick run of dashboard holds a task with a dashboard started, and with its page open, against one without', () => {
  const figures = quickFigures('dashboard');
  assert.deepEqual(
    [...figures.values()].map(({ name, unit, reference }) => [name, unit, reference?.label]),
    [
      ['task, started', 'µs', 'without'],
      ['processor time, started', 'µs', 'without'],
      ['task, open', 'µs', 'without'],
      ['processor time, open', 'µs', 'without'],
    ],
  );
  for (const { ours, ratio } of figures.values()) {
    assert.ok(ours.summary.min > 0 && ratio!.min > 0);
  }
});

test('in the full plan a page gets a sample or more in every round', () => {
  for (const { settings } of getDashboardCases(FULL_PLAN)) assert.ok(settings.milliseconds >= 2000);
});
