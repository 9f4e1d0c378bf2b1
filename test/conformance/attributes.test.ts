import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PatchCoordinator } from '../../src/index.js';
import { readAttribute, type Surroundings } from './attributes.js';
import { UnknownForm } from './fixture-table.js';

const infos = [
  { name: 'basic', enabled: true, transition: false, replace: false, stackOrder: 1, objects: [{ name: 'base', patched: true }] },
  {
    name: 'demo',
    enabled: true,
    transition: true,
    replace: true,
    stackOrder: 2,
    objects: [
      { name: 'base', patched: true },
      { name: 'target', patched: false },
    ],
  },
];
const around: Surroundings = {
  coordinator: { patches: infos } as unknown as PatchCoordinator,
  newest: 'demo',
  isPatch: (name) => ['basic', 'demo', 'gone'].includes(name),
  pendingWorkers: () => 3,
};
const read = (name: string, expected: unknown = '', owner?: unknown) => readAttribute(name, owner, expected, around);

test('an attribute belongs to the patch that is named, however, or to the one that was loaded last', () => {
  for (const name of ['basic/stack_order', 'stack_order:basic', 'basic:stack_order', 'basic.stack_order', 'stack_order of basic']) {
    assert.equal(read(name), '1', name);
  }
  assert.equal(read('stack_order', '', 'basic'), '1');
  assert.deepEqual(
    [read('stack_order'), read('enabled'), read('transition'), read('replace'), read('basic/replace')],
    ['2', '1', '1', '1', '0'],
  );
  assert.deepEqual(
    [read('base/patched'), read('demo/target/patched'), read('target/patched'), read('basic/patched')],
    ['1', '0', '0', '1'],
  );
  assert.deepEqual([read('gone/enabled'), read('basic/target/patched')], ['absent', 'absent']);
});

test('once the patch that was loaded last is gone, the newest of the others counts', () => {
  assert.equal(readAttribute('stack_order', undefined, '', { ...around, newest: 'gone' }), '2');
});

test('the enabled patches can be counted and named, and pending workers counted', () => {
  for (const name of ['patches', 'active-patches', 'number of livepatches', 'patch_count']) assert.equal(read(name, '3'), '2', name);
  assert.equal(read('enabled-patches', 'basic,demo'), 'basic,demo');
  assert.equal(read('pending-workers'), '3');
});

test('access follows from what the product says can be read and written', () => {
  const modes = ['mode:', 'mode:demo', 'mode:enabled', 'mode:force', 'mode:transition', 'mode:base/patched', 'mode:demo/target/patched'];
  assert.deepEqual(
    modes.map((name) => read(name)),
    ['dir-rwxr-xr-x', 'dir-rwxr-xr-x', 'rw-r--r--', '-w-------', 'r--r--r--', 'r--r--r--', 'r--r--r--'],
  );
});

test('what is no attribute is refused by name', () => {
  for (const name of ['weight', 'demo/weight', 'mode:weight', 'force', 'target/enabled', 'demo']) {
    assert.throws(
      () => read(name),
      (error) => error instanceof UnknownForm && error.message.includes(name.replace('mode:', '')),
      name,
    );
  }
});
