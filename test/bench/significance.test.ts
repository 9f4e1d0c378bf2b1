import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holmAdjust, studentTail, studentTest } from '../../bench/significance.js';

const near = (actual: number, expected: number, tolerance = 1e-4): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test("the tail of Student's t agrees with the printed tables, for odd and even degrees of freedom", () => {
  // Two-sided 5 % and 0.1 % points.
  for (const [degrees, five, tenth] of [
    [1, 12.706, 636.619],
    [2, 4.303, 31.599],
    [3, 3.182, 12.924],
    [4, 2.776, 8.61],
    [5, 2.571, 6.869],
    [8, 2.306, 5.041],
    [9, 2.262, 4.781],
    [30, 2.042, 3.646],
  ] as const) {
    near(studentTail(five, degrees), 0.05);
    near(studentTail(-tenth, degrees), 0.001, 1e-6);
  }
  near(studentTail(0, 6), 1);
});

test('the test pools the variance of both sides', () => {
  // Means 2 and 5, variances 1 and 1, three values each: t = 3 ÷ √(2/3) = 3.674 with 4 degrees of freedom.
  const { difference, p } = studentTest([1, 2, 3], [4, 5, 6]);
  near(difference, 3);
  near(p, 0.0213);
  near(studentTest([4, 5, 6], [1, 2, 3]).p, p, 1e-12);
});

test('values that do not spread are told apart exactly', () => {
  assert.deepEqual(studentTest([2, 2], [2, 2]), { difference: 0, p: 1 });
  assert.deepEqual(studentTest([2, 2], [3, 3]), { difference: 1, p: 0 });
});

test('two values are too few to test', () => {
  assert.throws(() => studentTest([1], [2]), RangeError);
  assert.throws(() => studentTest([], [1, 2, 3]), RangeError);
});

test('Holm multiplies the smallest by their number, the next by one less, and never turns the order around', () => {
  const adjusted = holmAdjust([0.01, 0.04, 0.03, 0.005]);
  for (const [index, expected] of [0.03, 0.06, 0.06, 0.02].entries()) near(adjusted[index]!, expected, 1e-12);
  assert.deepEqual(holmAdjust([0.9, 0.8]), [1, 1]);
  assert.deepEqual(holmAdjust([]), []);
});
