import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quickFigures } from './quick.js';

test('a quick run of observe has tasks and locks, watched beside not watched', () => {
  const figures = quickFigures('observe');
  assert.deepEqual([...figures.keys()], ['task', 'free lock']);
  for (const { ours, reference } of figures.values()) assert.deepEqual([ours.label, reference!.label], ['watched', 'not watched']);
});
