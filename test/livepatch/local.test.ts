/** The coordinator's own thread as one of those that run tasks. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { attach, task } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import { registerLocalStore, withdrawLocalStore } from '../../src/livepatch/local.js';
import { storeName } from '../../src/livepatch/manifest.js';
import { prepareScripts } from '../../src/livepatch/script.js';
import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Conductor, script } from './fixtures/conductor.js';
import { coded } from './fixtures/setup.js';

test('a coordinator on this thread: its own store object, without another slot', async () => {
  const [other, conductor] = [ShadowStore.create({ maxBytes: 2 ** 24 }), new Conductor(after)];
  assert.throws(() => attach(), coded('ERR_PATCH_AGENT', /found no store/));
  registerLocalStore(storeName(other.internals.words), other);
  registerLocalStore(storeName(conductor.words), conductor.store);
  assert.throws(() => attach(), coded('ERR_PATCH_AGENT', /2 stores/));
  withdrawLocalStore(storeName(other.internals.words));
  conductor.publish({ version: 3, stack: [] });
  assert.equal(attach().store, conductor.store);
  assert.equal(attach(conductor.store.handle).store, conductor.store);
  assert.throws(() => attach(other.handle), coded('ERR_PATCH_AGENT', /another store/));
  assert.equal(conductor.word(Layout.THREAD_STATE, 1), Layout.THREAD_FREE);
  assert.notEqual(conductor.word(Layout.THREAD_AGENT, 0), 0);
  assert.equal(conductor.word(Layout.THREAD_PATCH_VERSION, 0), 3);
  await prepareScripts();
  const { name } = patchable('base', { name: () => 'original' });
  const ask = task(() => name());
  assert.equal(await ask(undefined), 'original');
  conductor.publish({ version: 4, stack: [script('a', { name: `() => 'a'` })] });
  assert.equal(await ask(undefined), 'a');
  assert.equal(conductor.word(Layout.THREAD_PATCH_VERSION, 0), 4);
});
