import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seedOf, SOAK } from '../concurrency/random.js';
import { tryMutation } from './mutant.js';
import { MUTATIONS } from './mutations.js';

const WORKERS = 3;

void describe('a rule taken out of the protocol', () => {
  for (const mutation of MUTATIONS.filter(({ quick }) => quick === true || SOAK > 1)) {
    test(`is found: ${mutation.name}`, (context) => {
      const { output, status } = tryMutation(mutation, seedOf(context), WORKERS);
      context.diagnostic(output.trim().split('\n').slice(-3).join('\n'));
      assert.equal(status, 1, output);
    });
  }
});
