/** A thread that dies, in whatever way and whoever hears of it, holds nothing up. The safety net is off: a death is noticed, not waited for. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import { threadSlotAddress } from '../../src/memory/threads.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Word } from './fixtures/mortal.js';
import { log } from './fixtures/log.js';
import { remains } from './fixtures/remains.js';
import { coded, hold, patch, registrations, until } from './fixtures/setup.js';

const LINUX = process.platform === 'linux';

interface Life {
  readonly store: ShadowStore;
  readonly coordinator: PatchCoordinator;
  readonly worker: Worker;
  readonly held: ReturnType<typeof hold>;
}

/** `unheard`: the worker was there before the coordinator, and was started by another thread: no exit event arrives where the store is known. */
async function live(t: TestContext, unheard: boolean): Promise<Life> {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [remains] });
  const held = hold();
  const options = {
    workerData: { umbra: store.handle, flags: held.flags },
    resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 },
  };
  const begin = (): Worker =>
    unheard
      ? new Worker(new URL('./fixtures/nurse.js', import.meta.url), { workerData: options })
      : new Worker(new URL('./fixtures/mortal.js', import.meta.url), options);
  const coordinate = (): PatchCoordinator => new PatchCoordinator(store, { pollMilliseconds: 60_000 });
  let worker: Worker | undefined;
  if (unheard) {
    worker = begin();
    await once(worker, 'message');
  }
  const coordinator = coordinate();
  if (worker === undefined) {
    worker = begin();
    await once(worker, 'message');
  }
  worker.on('error', () => undefined);
  t.after(async () => {
    await worker.terminate();
    await coordinator.close();
  });
  return { store, coordinator, worker, held };
}

function die(worker: Worker, how: 'terminate' | Word, unheard: boolean): void {
  if (how === 'terminate' && !unheard) void worker.terminate();
  else worker.postMessage(how);
}

/** A script whose type 60 has this version: from one to the other all threads are drained before any switches. */
function versioned(version: 1 | 2): { code: string } {
  return {
    code: `
    const { definePatch, defineShadowType } = require('umbra/worker');
    const v1 = defineShadowType({ id: 60, fields: { hits: 'u32' } });
    const v2 = defineShadowType({ id: 60, version: 2, fields: { hits: 'f64' }, previous: v1, migrate(obj, older, newer) { newer.hits = older.hits; } });
    module.exports = definePatch({ name: 'v${version}', replace: true, shadowTypes: [v${version}],
      objects: [{ name: 'sessions', functions: { touch: () => 'v${version}' } }] });`,
  };
}

for (const unheard of LINUX ? [false, true] : [false]) {
  for (const how of ['terminate', 'exit', 'throw', 'memory'] as const) {
    test(`a worker that dies by ${how}${unheard ? ', unheard,' : ''} holds nothing up`, async (t) => {
      await t.test('while a patch loads', async (t) => {
        const { store, coordinator, worker } = await live(t, unheard);
        let loads = 0;
        coordinator.on('transition', ({ phase }) => {
          if (phase === 'load') loads++;
        });
        const enabling = coordinator.enable(patch('name=a&functions=touch&breaks=hang'));
        await until('the load', () => loads === 1);
        die(worker, how, unheard);
        assert.equal((await enabling).workers, 0);
        await coordinator.disable('a');
        assert.deepEqual(registrations(store), []);
      });
      await t.test('while threads switch', async (t) => {
        const { coordinator, worker, held } = await live(t, unheard);
        worker.postMessage('hold');
        await until('the task', () => held.started() === 1);
        const enabling = coordinator.enable(patch('name=a&functions=touch'));
        await until('the transition', () => coordinator.transition !== null);
        assert.equal(coordinator.stragglers().length, 1);
        die(worker, how, unheard);
        assert.equal((await enabling).workers, 0);
      });
      await t.test('while threads are drained for a migration', async (t) => {
        const { store, coordinator, worker, held } = await live(t, unheard);
        await coordinator.enable(versioned(1));
        worker.postMessage('hold');
        await until('the task', () => held.started() === 1);
        const enabling = coordinator.enable(versioned(2));
        await until('the transition', () => coordinator.transition !== null);
        die(worker, how, unheard);
        assert.equal((await enabling).workers, 0);
        assert.equal(store.internals.registry.versionInForce(60), 2);
        const { memory, words } = store.internals;
        assert.equal(words[threadSlotAddress(memory, 1) + Layout.THREAD_AGENT], 0, 'nobody answers for the slot');
        await coordinator.disable('v2');
        assert.deepEqual(store.check().violations, []);
      });
    });
  }
}

test('what a dead thread left is recovered on the coordinator, its destructors included, and told', async (t) => {
  for (const [unheard, count] of LINUX
    ? ([
        [false, 7],
        [false, 13],
        [true, 13],
      ] as const)
    : ([[false, 13]] as const)) {
    await t.test(`${unheard ? 'unheard' : 'heard'}, ${count}`, async (t) => {
      const { store, coordinator, worker, held } = await live(t, unheard);
      const published: unknown[] = [];
      const listen = (message: unknown): void => {
        published.push(message);
      };
      subscribe('umbra:recovered', listen);
      t.after(() => unsubscribe('umbra:recovered', listen));
      const recovered: object[] = [];
      const warnings: Error[] = [];
      coordinator.on('recovered', (report) => recovered.push(report));
      coordinator.on('warning', (warning) => warnings.push(warning));
      store.alloc(1, remains).count = count;
      log.length = 0;
      worker.postMessage('free');
      await until('the destructor', () => held.started() === 1);
      die(worker, 'terminate', unheard);
      // Nobody waits for a lock of this thread: of the unheard one it is a transition that notices.
      await coordinator.enable(patch('name=a&functions=touch'));
      await until('the recovery', () => recovered.length === 1);
      const { thread, destructorsRun, complete } = recovered[0] as { thread: number; destructorsRun: number; complete: boolean };
      assert.ok(thread > 0);
      assert.deepEqual({ destructorsRun, complete }, { destructorsRun: 1, complete: true });
      assert.deepEqual(published, recovered);
      assert.deepEqual(
        log.filter((entry) => entry.startsWith('destroy')),
        [`destroy 1 with ${count}`],
      );
      assert.equal(warnings.length, count === 13 ? 1 : 0);
      if (count === 13) assert.ok(coded('ERR_PATCH_CALLBACK', new RegExp(`thread ${thread} died.*unlucky`))(warnings[0]));
      assert.deepEqual(store.check().violations, []);
    });
  }
});
