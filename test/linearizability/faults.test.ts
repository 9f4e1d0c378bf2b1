import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seedOf, SOAK } from '../concurrency/random.js';
import { FAULT_NAMES } from './faults.js';
import { run } from './run.js';
import { isClean } from './summary.js';

/** Far more than any of the faults needs to show. */
const MOST_OPERATIONS = 200_000 * SOAK;
/** Longest shrunk history of a fault: the two or three operations that contradict each other, and what is printed around them. */
const MOST_KEPT = 4;
const MOST_LINES = 12;

void describe('faults of real threads', () => {
  for (const fault of FAULT_NAMES) {
    test(`a ${fault} is found, and its history shrunk`, async (context) => {
      const result = await run({ seed: seedOf(context), operations: MOST_OPERATIONS, workers: 3, fault, findings: 1 });
      const [finding] = result.findings;
      assert.ok(finding !== undefined, `${result.operations} operations, and nothing was found`);
      assert.equal(isClean(result), false);
      context.diagnostic(`found within ${result.operations} operations`);
      for (const line of finding.lines) context.diagnostic(line);
      const { kept } = finding.shrunk;
      assert.ok(kept.length >= 1 && kept.length <= MOST_KEPT, finding.lines.join('\n'));
      assert.ok(finding.lines.length <= MOST_LINES, finding.lines.join('\n'));
    });
  }
});
