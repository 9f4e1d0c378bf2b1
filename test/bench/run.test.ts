import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaseSpec } from '../../bench/figures.js';
import { runCases } from '../../bench/run.js';

const CHILD = new URL('./planted-child.js', import.meta.url);

function spec(name: string): CaseSpec {
  return { suite: 'get', name, keys: 'dense', variables: 10, settings: { rounds: 1, warmupRounds: 0, milliseconds: 1 } };
}

test('a case that is left out and one that fails are told by name, and the cases after them run', async () => {
  const shown: string[] = [];
  const begun: string[] = [];
  const audience = { line: (text: string) => void shown.push(text), begins: (what: string) => void begun.push(what) };
  const { figures, failures, leftOut } = await runCases(['left out', 'fails', 'works'].map(spec), 1, audience, CHILD);
  assert.deepEqual(begun, ['get left out dense 10 variables', 'get fails dense 10 variables', 'get works dense 10 variables']);
  assert.deepEqual(
    figures.map((figure) => figure.name),
    ['works'],
  );
  assert.deepEqual(leftOut, [{ case: 'get left out dense 10 variables', reason: 'no such peer here' }]);
  assert.deepEqual(failures, [{ case: 'get fails dense 10 variables', message: 'the case ended with code 1' }]);
  assert.ok(shown.includes('get left out dense 10 variables: left out: no such peer here'));
  assert.ok(shown.includes('get fails dense 10 variables: the case ended with code 1'));
});
