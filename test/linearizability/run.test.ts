import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seedOf, SOAK } from '../concurrency/random.js';
import { Kind, KIND_NAMES, Outcome } from './operations.js';
import { run } from './run.js';
import { isClean, summary } from './summary.js';

const OPERATIONS = 200_000;

void test('200,000 operations of 2 to 8 threads are linearizable', async (context) => {
  const result = await run({ seed: seedOf(context), operations: OPERATIONS * SOAK, workers: undefined });
  const lines = summary(result);
  for (const line of lines) context.diagnostic(line);
  assert.ok(isClean(result), lines.join('\n'));
  assert.ok(result.operations >= OPERATIONS * SOAK);
  // A test that never brings the threads together shows nothing: every operation was made, every refusal came up, and many operations overlapped.
  for (let kind = Kind.GET; kind <= Kind.REGISTER; kind++) assert.ok(result.counts[kind]! > 0, `no ${KIND_NAMES[kind]} was made`);
  for (let outcome = Outcome.ABSENT; outcome <= Outcome.DONE; outcome++)
    assert.ok(result.outcomes[outcome]! > 0, `outcome ${outcome} never came up`);
  assert.ok(result.outcomes[Outcome.NONE]! <= result.kills, 'every call returned, but for those of killed threads');
  assert.ok(result.kills > 0);
  assert.ok(result.overlapping > result.operations / 200, 'operations at one key did overlap');
});
