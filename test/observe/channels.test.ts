/** What is published on the channels, in which thread and how often. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test, type TestContext } from 'node:test';

import { CHANNELS } from '../../src/channels.js';
import {
  type LockWait,
  observe,
  PatchCoordinator,
  type RecoveryReport,
  ShadowStore,
  type ThreadDeath,
  type UmbraChannels,
} from '../../src/index.js';
import { CoordinatorEmitter, type Announce, type CoordinatorEvents } from '../../src/livepatch/events.js';
import { Layout } from '../../src/memory/layout.js';
import { acquire, release } from '../../src/memory/lock.js';
import { TOLD_MILLISECONDS, waitEnds } from '../../src/memory/lock-waits.js';
import { coded, until } from '../livepatch/fixtures/setup.js';
import { cargo, hatch } from './fixtures/cargo.js';
import { hire } from './fixtures/crew.js';
import type { WaitsHeard } from './fixtures/sailor.js';

const LINUX = process.platform === 'linux';

type MessageOf<K extends keyof CoordinatorEvents> = [CoordinatorEvents[K][0], UmbraChannels[K]] extends [
  UmbraChannels[K],
  CoordinatorEvents[K][0],
]
  ? true
  : never;
/** The compiler refuses this if an event has no channel, or one of another type. */
const EVENTS: { readonly [K in keyof CoordinatorEvents]: MessageOf<K> } = {
  transition: true,
  milestone: true,
  callback: true,
  registered: true,
  unregistered: true,
  collecting: true,
  collected: true,
  migrated: true,
  poke: true,
  module: true,
  pinned: true,
  unpinned: true,
  recovered: true,
  warning: true,
};

function createStore(t: TestContext): ShadowStore {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [cargo, hatch] });
  store.alloc(1, cargo);
  t.after(() => {
    store[Symbol.dispose]();
  });
  return store;
}

/** What is published in this thread on a channel from now on. */
function listen<K extends keyof UmbraChannels>(t: TestContext, name: K): UmbraChannels[K][] {
  const heard: UmbraChannels[K][] = [];
  t.after(observe(name, (message) => heard.push(message)));
  return heard;
}

test('every event of a coordinator is published on the channel of its name, but for recoveries, which others publish too', (t) => {
  const emitter = new (class extends CoordinatorEmitter {
    readonly tell: Announce = this.announce;
  })();
  for (const name of Object.keys(EVENTS) as (keyof CoordinatorEvents)[]) {
    const [heard, emitted]: [unknown[], unknown[]] = [listen(t, name), []];
    emitter.on(name, (event: unknown) => emitted.push(event));
    const event = { name };
    emitter.tell(name, event as never);
    assert.deepEqual([emitted, heard], [[event], name === 'recovered' ? [] : [event]]);
    assert.equal(CHANNELS[name].name, `umbra:${name}`);
  }
});

for (const coordinated of [false, true]) {
  const name = coordinated ? 'with a coordinator' : 'of a store without a coordinator';
  test(`a death is published once, and so is the recovery, ${name}`, async (t) => {
    let coordinator: PatchCoordinator | undefined;
    t.after(() => coordinator?.close());
    const store = createStore(t);
    if (coordinated) coordinator = new PatchCoordinator(store);
    const [deaths, recoveries, events]: [ThreadDeath[], RecoveryReport[], RecoveryReport[]] = [
      listen(t, 'death'),
      listen(t, 'recovered'),
      [],
    ];
    coordinator?.on('recovered', (report) => events.push(report));
    const { worker } = await hire(t, store);
    const { slot, osThreadId } = store.stats().threads.find(({ threadId }) => threadId === worker.threadId)!;
    const { threadId } = worker;
    void worker.terminate();
    await until('the death and the recovery', () => deaths.length + recoveries.length === 2);
    assert.equal(store.recover().length, 0);
    await new Promise(setImmediate);
    assert.deepEqual(
      deaths.map((death) => ({ ...death, noticed: '' })),
      [{ slot, threadId, osThreadId, noticed: '' }],
    );
    assert.deepEqual(
      recoveries.map(({ thread, complete, operation }) => ({ thread, complete, operation })),
      [{ thread: threadId, complete: true, operation: 'none' }],
    );
    assert.deepEqual(events, coordinated ? recoveries : []);
  });
}

test('a thread that waits for the lock of a dead one finds it dead, and tells the death and its own wait', { skip: !LINUX }, async (t) => {
  const store = createStore(t);
  const [deaths, waits] = [listen(t, 'death'), listen(t, 'lock-wait')];
  const gate = new Int32Array(new SharedArrayBuffer(16));
  const { worker, tell } = await hire(t, store, gate);
  const { threadId } = worker;
  tell('hold');
  await until('the lock', () => Atomics.load(gate, 0) === 1);
  void worker.terminate();
  store.withLock(store.get(1, cargo)!, () => {
    assert.deepEqual([deaths, waits], [[], []], 'nothing is told while a lock is held');
  });
  await Promise.resolve();
  assert.deepEqual(
    deaths.map((death) => [death.threadId, death.noticed]),
    [[threadId, 'lock']],
  );
  assert.deepEqual(
    waits.map(({ lock, slot, owner }) => [lock, slot, owner]),
    [['variable', store.internals.slot, deaths[0]!.slot]],
  );
});

/** Holds a lock until somebody sleeps for it, who was told to once it was held, and 12 ms longer. */
function outwait(words: Int32Array, lock: number): void {
  while (Atomics.load(words, lock) >= 0);
  for (const since = performance.now(); performance.now() - since < 12;);
}

function essence(waits: readonly LockWait[]): unknown[] {
  return waits.map(({ lock, slot, owner, ownerThreadId, milliseconds }) => [lock, slot, owner, ownerThreadId, milliseconds >= 12]);
}

test('a wait for a lock is told in the thread that waited, to those who asked for waits of that length', async (t) => {
  const store = createStore(t);
  const { words, slot, slotAddress } = store.internals;
  const here = listen(t, 'lock-wait');
  const { ask, tell, answer, worker } = await hire(t, store);
  const theirs = store.stats().threads.find(({ threadId }) => threadId === worker.threadId)!.slot;
  const order = { over: [0, undefined, 1e9], subscribe: true, throws: false } as const;

  const view = store.get(1, cargo)!;
  store.withLock(view, () => {
    tell({ wait: 'variable', ...order });
    outwait(words, words[slotAddress + Layout.THREAD_VARIABLE]! + Layout.BLOCK_LOCK);
  });
  const wait = ['variable', theirs, slot, 0, true];
  const heard = (await answer()) as WaitsHeard;
  assert.deepEqual([heard.observed.map(essence), essence(heard.subscribed)], [[[wait], [wait], []], [wait]]);
  assert.equal(heard.clock, 2);

  store.alloc(3, hatch, () => {
    tell({ wait: 'bucket', ...order });
    outwait(words, words[slotAddress + Layout.THREAD_INTENT_BUCKET]!);
  });
  const second = (await answer()) as WaitsHeard;
  const bucket = ['bucket', theirs, slot, 0, true];
  assert.deepEqual([second.observed.map(essence), essence(second.subscribed)], [[[bucket], [bucket], []], [bucket]]);
  assert.deepEqual(here, []);

  const idle = (await ask({ wait: 'variable', ...order })) as WaitsHeard;
  assert.deepEqual([idle.observed, idle.subscribed, idle.clock], [[[], [], []], [], 0], 'who does not wait reads no clock');
  assert.equal(store.get(1, cargo)!.weight, 4, 'the subscribers used the store');
});

test('who finds the lock free in the end has waited for nobody', async (t) => {
  const { thread, words } = createStore(t).internals;
  const heard: unknown[] = [];
  t.after(observe('lock-wait', (message) => heard.push(message), { overMilliseconds: 0 }));
  const lock = Layout.SPACE_LOCK;
  words[lock] = thread.owner + 1;
  t.mock.method(performance, 'now', () => {
    words[lock] = 0; // whoever held it gives it back as this thread looks at the clock, and before it sleeps
    return 0;
  });
  acquire(thread, lock);
  release(thread, lock);
  await Promise.resolve();
  assert.deepEqual(heard, []);
});

test('a wait that is shorter than anybody wants to hear of is not told', async (t) => {
  const { thread } = createStore(t).internals;
  const heard: unknown[] = [];
  const listener = (message: unknown): void => void heard.push(message);
  subscribe('umbra:lock-wait', listener);
  t.after(() => unsubscribe('umbra:lock-wait', listener));
  const wait = async (milliseconds: number): Promise<number> => {
    waitEnds(thread, 'pages', thread.owner, performance.now() - milliseconds);
    await Promise.resolve();
    return heard.splice(0).length;
  };
  assert.deepEqual([await wait(TOLD_MILLISECONDS), await wait(-1000)], [1, 0]); // of a wait that ended just now nobody knows how long ago that is
  const ends = [
    observe('lock-wait', () => undefined, { overMilliseconds: 2 }),
    observe('lock-wait', () => undefined, { overMilliseconds: 2 }),
  ];
  assert.deepEqual([await wait(2), await wait(-1000)], [1, 0]);
  ends[0]!();
  ends[0]!();
  assert.equal(await wait(2), 1);
  ends[1]!();
  assert.equal(await wait(-1000), 0);
});

test('a wait of which nobody wants to hear reads no clock, and neither does a task', async (t) => {
  const store = createStore(t);
  const { words, slotAddress } = store.internals;
  const { ask, tell, answer } = await hire(t, store);
  store.withLock(store.get(1, cargo)!, () => {
    tell({ wait: 'variable', over: [], subscribe: false, throws: false });
    outwait(words, words[slotAddress + Layout.THREAD_VARIABLE]! + Layout.BLOCK_LOCK);
  });
  assert.equal(((await answer()) as WaitsHeard).clock, 0);
  assert.equal(await ask({ tasks: 20 }), 0);
  await ask('meter');
  assert.equal(await ask({ tasks: 20 }), 40);
});

test('a subscriber that throws disturbs nobody', async (t) => {
  const store = createStore(t);
  const { words, slotAddress } = store.internals;
  const { ask, tell, answer } = await hire(t, store);
  store.withLock(store.get(1, cargo)!, () => {
    tell({ wait: 'variable', over: [0, 0], subscribe: true, throws: true });
    outwait(words, words[slotAddress + Layout.THREAD_VARIABLE]! + Layout.BLOCK_LOCK);
  });
  const { observed, subscribed, uncaught } = (await answer()) as WaitsHeard;
  assert.deepEqual([observed.map(({ length }) => length), subscribed.length], [[1, 1], 1]);
  assert.deepEqual(uncaught, ['a subscriber that throws', 'a subscriber that throws']);
  assert.equal(await ask({ tasks: 3 }), 0);
  assert.ok(store.check().ok);
});

test('observe() refuses what it does not know', () => {
  const nothing = (): void => undefined;
  assert.throws(() => observe('transitions' as never, nothing), coded('ERR_SHADOW_OPTION', /"transitions".*transition/));
  assert.throws(() => observe('death', 'x' as never), coded('ERR_SHADOW_OPTION'));
  assert.throws(() => observe('death', nothing, { overMilliseconds: 3 }), coded('ERR_SHADOW_OPTION', /lock-wait/));
  assert.throws(() => observe('lock-wait', nothing, { overMilliseconds: -1 }), coded('ERR_SHADOW_OPTION', /-1/));
  assert.throws(() => observe('lock-wait', nothing, { over: 1 } as never), coded('ERR_SHADOW_OPTION'));
  assert.throws(() => observe('lock-wait', nothing, null as never), coded('ERR_SHADOW_OPTION'));
});
