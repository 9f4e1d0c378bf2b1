import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertEmpty, catchWarnings, coded, open } from './fixtures/setup.js';

const fields = { value: 'u32' } as const;
const type = defineShadowType({ id: 77, fields });

test('a type that nobody registered has no variables: every look-up finds nothing, every creation is ERR_SHADOW_UNREGISTERED', (t) => {
  catchWarnings(t);
  const store = open();
  for (let twice = 0; twice < 2; twice++) {
    for (const parent of [1, 2 ** 40, null, 'name', {}]) {
      assert.equal(store.get(parent, type), undefined);
      assert.equal(store.has(parent, type), false);
      assert.equal(store.free(parent, type), false);
      assert.equal(store.cursor(type).find(parent), false);
      assert.deepEqual(store.getMany([parent, parent], type), [undefined, undefined]);
      assert.throws(() => store.alloc(parent, type), coded('ERR_SHADOW_UNREGISTERED', /type 77 is not registered/));
      assert.throws(() => store.getOrAlloc(parent, type), coded('ERR_SHADOW_UNREGISTERED'));
    }
    assert.deepEqual([...store.entries(type)], []);
    assert.equal(store.freeAll(type), 0);
  }
  assertEmpty(store);
});

test('every look-up of an unregistered type is counted once', (t) => {
  catchWarnings(t);
  const store = open();
  const cursor = store.cursor(type);
  const before = store.stats().unregisteredLookups;
  for (let i = 0; i < 10; i++) store.get(i, type);
  assert.equal(store.stats().unregisteredLookups - before, 10);
  for (let i = 0; i < 10; i++) cursor.find(i);
  assert.equal(store.stats().unregisteredLookups - before, 20);
  assert.equal(store.stats().threads[0]!.unregisteredLookups, before + 20);
});

test('each unregistered id gives one process warning, in whichever thread it is used first', (t) => {
  const warnings = catchWarnings(t);
  const store = open();
  const other = ShadowStore.attach(store.handle);
  const types = [0, 5, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1].map((id) => defineShadowType({ id, fields }));
  for (const each of [store, other, store]) for (const one of types) each.get(1, one);
  assert.deepEqual(
    warnings.map(({ message, code }) => [/^shadow type (\d+) is used/.exec(message)?.[1], code]),
    types.map(({ id }) => [String(id), 'UMBRA_UNREGISTERED']),
  );
});

test('ids that share a place in the record of warnings are warned of one by one', (t) => {
  const warnings = catchWarnings(t);
  const store = open();
  const types = [1, 65, 129, 2].map((id) => defineShadowType({ id, fields }));
  for (let round = 0; round < 3; round++) for (const one of types) store.get(1, one);
  assert.equal(warnings.length, 4);
});

test('more unregistered ids than the record holds end in silence, not in a warning per look-up', (t) => {
  const warnings = catchWarnings(t);
  const store = open();
  const types = Array.from({ length: 100 }, (_, i) => defineShadowType({ id: 1000 + i, fields }));
  for (let round = 0; round < 3; round++) for (const one of types) store.get(1, one);
  assert.equal(warnings.length, Layout.WARNED_ID_WORDS);
});

test('a registered type gives no warning and is not counted, from its registration on', (t) => {
  const warnings = catchWarnings(t);
  const store = open();
  store.internals.registry.register('patch', 'object', [type]);
  const other = ShadowStore.attach(store.handle);
  for (const each of [store, other]) {
    each.get(1, type);
    each.getOrAlloc(1, type).value++;
  }
  assert.equal(store.get(1, type)!.value, 2);
  assert.deepEqual(warnings, []);
  assert.equal(store.stats().unregisteredLookups, 0);
});

test('a type looked up too early is found as soon as it is registered', (t) => {
  catchWarnings(t);
  const store = open();
  const other = ShadowStore.attach(store.handle);
  const cursor = other.cursor(type);
  assert.equal(other.get(1, type), undefined);
  assert.equal(cursor.find(1), false);
  store.internals.registry.register('patch', 'object', [type]);
  store.alloc(1, type).value = 5;
  assert.equal(other.get(1, type)!.value, 5);
  assert.equal(cursor.find(1), true);
  assert.equal(cursor.value, 5);
});
