import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOf, SOAK } from '../concurrency/random.js';
import { isLinearizable, type Model, possibilities } from './brute-force.js';
import { firstUnexplained } from './checker.js';
import { Kind, Operation, Outcome } from './operations.js';
import { shrink } from './shrink.js';
import { timeline } from './timeline.js';

const KINDS = [
  [Kind.GET, 4],
  [Kind.ALLOC, 3],
  [Kind.GET_OR_ALLOC, 3],
  [Kind.ADD, 2],
  [Kind.UPDATE, 2],
  [Kind.FREE, 3],
  [Kind.FREE_ALL, 1],
  [Kind.UNREGISTER, 1],
  [Kind.REGISTER, 1],
] as const;
const CHOICES = KINDS.flatMap(([kind, weight]) => new Array<Kind>(weight).fill(kind));

/**
 * A tiny history. Threads call and return at random; each operation happens at some moment in between, or, sometimes, just outside: then what it tells may be
 * impossible. Some do not return.
 */
function randomHistory(random: Random): Operation[] {
  const operations: Operation[] = [];
  let clock = 0;
  for (let thread = 0; thread < 3; thread++) {
    clock = random.below(6);
    for (let count = 1 + random.below(2); count > 0; count--) {
      const call = clock + random.below(8);
      const returned = call + 1 + random.below(8);
      // A stamp of its own for each call and return, whatever the thread.
      operations.push(Operation.of({ kind: random.pick(CHOICES), thread, call: call * 4 + thread, returned: returned * 4 + thread }));
      clock = returned + 1;
    }
  }
  for (const operation of operations) operation.number = operation.call + 1;
  const stray = random.oneIn(3) ? 0 : 6;
  const moments = operations.map(({ call, returned }) => call - stray + (random.below(1000) / 1000) * (returned - call + 2 * stray));
  let model: Model = 'nothing';
  for (const i of [...operations.keys()].sort((a, b) => moments[a]! - moments[b]!)) {
    const operation = operations[i]!;
    const possible = possibilities(operation, model);
    const chosen = possible.length > 1 && random.oneIn(3) ? random.pick(possible) : possible[0];
    if (chosen === undefined) {
      operation.outcome = Outcome.DONE; // a registration that was none
      continue;
    }
    const [outcome, constructed, instance, value] = chosen.told.split(',').map(Number) as [Outcome, number, number, number];
    Object.assign(operation, { outcome, constructed, instance, value });
    model = chosen.after;
  }
  for (const operation of operations) {
    if (random.oneIn(12)) Object.assign(operation, { outcome: Outcome.NONE, returned: Infinity, constructed: 0, instance: 0, value: 0 });
  }
  return operations;
}

const shown = (operations: readonly Operation[]): string =>
  timeline({ kept: operations, made: [], of: operations.length, from: undefined }, 'history').join('\n');

void test('the verdict on thousands of tiny histories is that of trying every order, and what is kept of a bad one is all needed', (context) => {
  const random = new Random(seedOf(context));
  let bad = 0;
  const histories = 6000 * SOAK;
  for (let i = 0; i < histories; i++) {
    const operations = randomHistory(random);
    const right = isLinearizable(operations);
    assert.equal(firstUnexplained({ operations }) === undefined, right, shown(operations));
    if (right) continue;
    bad++;
    const { kept } = shrink(operations);
    assert.equal(isLinearizable(kept), false, 'what is kept is a failure by itself');
    const others = new Set(operations.filter((operation) => !kept.includes(operation)));
    assert.equal(isLinearizable(operations, others), false, `the others repair nothing:\n${shown(operations)}\n${shown(kept)}`);
    for (const one of kept) assert.equal(isLinearizable(operations, new Set([...others, one])), true, `needed:\n${shown(kept)}`);
  }
  context.diagnostic(`${histories} histories, ${bad} of them not linearizable`);
  assert.ok(bad > histories / 10 && bad < (histories * 9) / 10, 'both verdicts come up often');
});
