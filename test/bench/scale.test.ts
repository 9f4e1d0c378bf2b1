import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyspace } from '../../bench/keys.js';
import { manyTypesContests, oneTypeContests, type Contests } from '../../bench/scale-stores.js';
import { missingMemory } from '../../bench/suites/scale.js';
import { quickReport } from './quick.js';

const OPERATIONS = ['cursor hit', 'cursor miss', 'getMany ÷ cursor', 'alloc + free', 'add'];

test('a quick run tells every operation at every size and number of types, beside a Map where there is one', () => {
  const { figures, leftOut } = quickReport('scale');
  assert.deepEqual(leftOut, []);
  assert.deepEqual(
    figures.map(({ name, variables }) => `${name} ${variables}`),
    [
      ...[1000, 3000].flatMap((variables) => OPERATIONS.map((name) => `${name} ${variables}`)),
      ...['1 type', '100 types', '2000 types'].flatMap((types) => OPERATIONS.map((name) => `${name}, ${types} 20000`)),
    ],
  );
  for (const { name, variables, ours, reference, ratio } of figures) {
    const alone = variables === 3000 && name !== 'getMany ÷ cursor';
    assert.equal(reference === null, alone, name);
    assert.equal(ratio === null, alone, name);
    for (const summary of [ours.summary, ...(reference === null ? [] : [reference.summary])]) {
      assert.equal(summary.rounds.length, 2);
      for (const value of summary.rounds) assert.ok(value > 0 && Number.isFinite(value), name);
    }
  }
});

const STORES: Readonly<Record<string, () => Contests>> = {
  'of one type': () => oneTypeContests(createKeyspace('sparse', 2000), 2000, 'all keys'),
  'of one type without a Map': () => oneTypeContests(createKeyspace('dense', 2000), 2000, 'first chunk'),
  'of many types': () => manyTypesContests(createKeyspace('sparse', 2000), 2000, 7),
};

for (const [name, create] of Object.entries(STORES)) {
  test(`in a store ${name} both sides find what they ask for, miss what is not there and change the same`, () => {
    const contests = create();
    for (const contest of Object.values(contests) as Contests[keyof Contests][]) assert.equal(contest.ours(), contest.reference());
    assert.equal(contests.miss.ours(), 0);
    assert.ok(contests.hit.ours() > 0 && contests.getMany.ours() > 0);
    assert.equal(contests.allocFree.ours(), 4096);
  });
}

for (const kind of ['dense', 'sparse'] as const) {
  test(`${kind} parents told by their index are distinct and valid`, () => {
    const { present, absent } = createKeyspace(kind, 5000);
    const keys = Array.from({ length: 5000 }, (_, index) => [present(index), absent(index)]).flat();
    assert.equal(new Set(keys).size, 10_000);
    for (const key of keys) assert.ok(Number.isInteger(key) && key >= 0 && key < 2 ** 40);
  });
}

test('a size that does not fit is left out for a reason', () => {
  const gibibyte = 2 ** 30;
  assert.equal(missingMemory(1_000_000, 200, gibibyte, gibibyte), null);
  assert.match(missingMemory(50_000_000, 0, gibibyte, gibibyte)!, /needs 3\.6 GiB of memory, and 1\.0 GiB are free/);
  assert.match(missingMemory(10_000_000, 200, 8 * gibibyte, gibibyte)!, /heap of 1\.9 GiB, and Node allows for 1\.0 GiB/);
});
