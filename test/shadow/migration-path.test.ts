import assert from 'node:assert/strict';
import { test } from 'node:test';

import { declarationOf, migrationPath } from '../../src/shadow/migration-path.js';
import { type AnyShadowType, defineShadowType } from '../../src/shadow/type.js';

const none = (): void => undefined;

/** A version of id 1 of `size` bytes; with `back` it leads both ways. */
function version(number: number, size: number, previous?: AnyShadowType, back = false): AnyShadowType {
  if (previous === undefined) return defineShadowType({ id: 1, version: number, size });
  return defineShadowType({ id: 1, version: number, size, previous, migrate: none, ...(back ? { migrateBack: none } : {}) });
}

/** The versions on the way. */
function way(from: number, to: AnyShadowType, known: AnyShadowType[] = [], fromSize?: number): number[] | undefined {
  return migrationPath(1, from, to, known, fromSize)?.map((step) => step.to.version);
}

const v1 = version(1, 8);
const v2 = version(2, 16, v1, true);
const v3 = version(3, 24, v2);

test('up: step by step along previous', () => {
  assert.deepEqual(way(2, v3), [3]);
  assert.deepEqual(way(1, v3), [2, 3]);
  assert.deepEqual(way(3, v3), [], 'nothing to do');
  assert.equal(way(1, version(3, 24)), undefined);
  assert.equal(migrationPath(2, 1, v3, []), undefined, 'of another id');
});

test('a shorter way is taken where one is known', () => {
  const direct = version(3, 24, v1);
  assert.deepEqual(way(1, v3, [direct]), [3]);
  assert.equal(migrationPath(1, 1, v3, [direct])![0]!.to, direct);
});

test('down: by migrateBack of a type that the thread knows, and only with it', () => {
  assert.equal(way(2, v1), undefined);
  assert.deepEqual(way(2, v1, [v2]), [1]);
  assert.equal(way(3, v1, [v3]), undefined, 'no way back from version 3');
  const reversible = version(3, 24, v2, true);
  assert.deepEqual(way(3, v1, [reversible]), [2, 1]);
  assert.deepEqual(way(3, version(1, 8), [reversible]), [2, 1], 'another declaration of version 1 is version 1');
});

test('up and down, where a version between was left out', () => {
  const other = version(4, 32, v1);
  assert.deepEqual(way(2, other, [v2]), [1, 4]);
});

test('a version is a number and a size', () => {
  assert.equal(way(1, v2, [], 9), undefined, 'stored with another size than previous says');
  assert.deepEqual(way(1, v2, [], 8), [2]);
  assert.equal(way(3, v3, [], 23), undefined);
  assert.equal(way(1, version(2, 20), [v2]), undefined, 'leads to version 2 of another size');
  const v2wide = version(2, 20, v1);
  const v3wide = version(3, 30, v2wide);
  assert.deepEqual(way(1, v3wide, [v2, v3]), [2, 3]);
  assert.equal(migrationPath(1, 1, v3wide, [v2, v3])![0]!.to, v2wide);
});

test('declarations that lead in a circle end the search', () => {
  assert.equal(way(2, version(9, 8), [v2, v3, version(3, 24, v2, true)]), undefined);
});

test('a declaration is found by version and size, the given type first', () => {
  const twin = version(1, 8);
  assert.equal(declarationOf(v3, 1, 8, [twin], 1), v1);
  assert.equal(declarationOf(version(3, 24), 1, 8, [twin, v1], 1), twin);
  assert.equal(declarationOf(undefined, 2, 16, [v3], 1), v2);
  assert.equal(declarationOf(v3, 1, 9, [twin], 1), undefined);
  assert.equal(declarationOf(v3, 1, 8, [twin], 2), undefined);
});
