import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import { acquire, acquireVariable, lockOwner, readVersion, release, releaseVariable, tryAcquire } from '../../src/memory/lock.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { blockOf, MEBIBYTE } from '../shadow/fixtures/setup.js';

const WAITERS = -(2 ** 31);
const VERSION_STEP = 1024;
const type = defineShadowType({ id: 1, fields: { value: 'u32' } });

/** Two threads of one store, a plain lock nobody else uses, and a block for a variable lock. */
function setup() {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, maxThreads: 8, types: [type] });
  const other = ShadowStore.attach(store.handle);
  const block = blockOf(store.alloc(1, type));
  return {
    store,
    words: store.internals.words,
    thread: store.internals.thread,
    other: other.internals.thread,
    plain: Layout.NAME_LOCK,
    block,
  };
}

test('a plain lock holds its owner, admits nobody else, and is zero again after release', () => {
  const { words, thread, other, plain } = setup();
  acquire(other, plain);
  assert.equal(lockOwner(words[plain]!), other.slot + 1);
  assert.equal(tryAcquire(thread, plain), false);
  assert.equal(words[plain], other.slot + 1, 'trying leaves no trace');
  release(other, plain);
  assert.equal(words[plain], 0);
  assert.equal(tryAcquire(thread, plain), true);
  assert.equal(words[plain], thread.slot + 1);
  release(thread, plain);
});

test('the owner of a lock is told apart from the waiters bit', () => {
  assert.equal(lockOwner(7 | WAITERS), 7);
  assert.equal(lockOwner(7), 7);
  assert.equal(lockOwner(0), 0);
});

test('every release of a variable lock raises its version and clears owner and waiters', () => {
  const { words, thread, other, block } = setup();
  const lock = block + Layout.BLOCK_LOCK;
  for (let version = 0; version < 3; version++) {
    assert.equal(words[lock], version * VERSION_STEP);
    assert.equal(readVersion(words, block), version * VERSION_STEP);
    acquireVariable(other, block);
    assert.equal(words[lock], version * VERSION_STEP + other.slot + 1);
    assert.equal(readVersion(words, block), -1, 'nobody reads while it is held');
    if (version === 1) words[lock] = words[lock] | WAITERS;
    releaseVariable(other, block);
  }
  words[lock] = (words[lock]! | WAITERS) >> 0;
  assert.equal(readVersion(words, block), 3 * VERSION_STEP, 'somebody who waits does not keep readers away');
  words[lock] = 3 * VERSION_STEP;
  acquireVariable(thread, block);
  releaseVariable(thread, block);
  assert.equal(words[lock], 4 * VERSION_STEP);
});

test('the version of a variable lock wraps without touching owner or waiters', () => {
  const { words, thread, block } = setup();
  const lock = block + Layout.BLOCK_LOCK;
  words[lock] = 0x7ffffc00;
  acquireVariable(thread, block);
  assert.equal(words[lock], 0x7ffffc00 + thread.slot + 1);
  releaseVariable(thread, block);
  assert.equal(words[lock], 0);
});

/** Resolves with the second message of a worker, which may come in the same turn as the first. */
function finished(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    let messages = 0;
    worker.on('message', () => {
      if (++messages === 2) resolve();
    });
    worker.on('error', reject);
  });
}

for (const kind of ['plain', 'variable'] as const) {
  test(`${kind} locks exclude each other across threads, and every waiter is woken`, async () => {
    const { store, words, plain, block } = setup();
    const counter = block + Layout.BLOCK_DATA;
    const rounds = 4000;
    const workers = [1, 2, 3].map(
      () =>
        new Worker(new URL('./workers/locks.js', import.meta.url), {
          workerData: { handle: store.handle, kind, lock: kind === 'plain' ? plain : block, counter, rounds },
        }),
    );
    try {
      await Promise.all(workers.map(finished));
      assert.equal(words[counter], 3 * rounds);
      assert.equal(lockOwner(words[plain]!), 0);
      assert.equal(words[block + Layout.BLOCK_LOCK]! & 0x3ff, 0);
      if (kind === 'variable') assert.equal(words[block + Layout.BLOCK_LOCK], 3 * rounds * VERSION_STEP);
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });

  test(`${kind} lock: who waits leaves the waiters bit, is counted once, and gets the lock although a waiter died and the wake was lost`, async () => {
    const { store, words, thread, plain, block } = setup();
    const lock = kind === 'plain' ? plain : block + Layout.BLOCK_LOCK;
    const counter = block + Layout.BLOCK_DATA;
    if (kind === 'plain') acquire(thread, plain);
    else acquireVariable(thread, block);
    const workers = [1, 2].map(
      () =>
        new Worker(new URL('./workers/locks.js', import.meta.url), {
          workerData: { handle: store.handle, kind, lock: kind === 'plain' ? plain : block, counter, rounds: 1 },
        }),
    );
    try {
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      const waiting = (): number => store.stats().threads.filter(({ lockWaits }) => lockWaits === 1).length;
      while (waiting() < 2 || Atomics.load(words, lock) >= 0) await setImmediate();
      assert.equal(words[lock]! & 0x3ff, thread.slot + 1, 'the owner is still there');
      assert.equal(words[counter], 0, 'nobody is inside');
      const survivor = once(workers[1]!, 'message');
      await workers[0]!.terminate();
      Atomics.store(words, lock, 0); // a release whose wake went to the dead
      const [{ lockWaits }] = (await survivor) as [{ lockWaits: number }];
      assert.equal(lockWaits, 1, 'one wait, however often it looked again');
      assert.equal(words[counter], 1);
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });
}
