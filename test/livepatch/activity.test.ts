/** What counts as an active call, and that counting changes nothing for the caller. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { activationNames, claimCounter, counters, isRaised, moveCounters, releaseCounter } from '../../src/livepatch/activity.js';
import { install } from '../../src/livepatch/chains.js';
import { patchable } from '../../src/livepatch/functions.js';
import { LoadedPatch } from '../../src/livepatch/loaded.js';
import { definePatch } from '../../src/livepatch/define-patch.js';
import { type PatchFunction, withOriginal } from '../../src/livepatch/patch.js';
import { Layout } from '../../src/memory/layout.js';
import { collectGarbage } from '../garbage.js';
import { until } from './fixtures/setup.js';
import { signal } from './fixtures/signal.js';

/** Active calls, as "object.function patch" → number. */
function active(): Record<string, number> {
  const calls = activationNames().map(({ counter, name, patch }) => [`${name} ${patch ?? 'original'}`, counters[counter]!] as const);
  return Object.fromEntries(calls.filter(([, count]) => count !== 0));
}

let patches = 0;
function load(functions: Record<string, PatchFunction | ReturnType<typeof withOriginal>>): LoadedPatch {
  return new LoadedPatch(definePatch({ name: `p${++patches}`, objects: [{ name: 'base', functions }] }));
}

afterEach(() => {
  install([]);
  assert.deepEqual(active(), {});
});

class Lazy<T> implements PromiseLike<T> {
  asked = 0;
  readonly #work: () => Promise<T>;
  constructor(work: () => Promise<T>) {
    this.#work = work;
  }
  then<A = T, B = never>(fulfilled?: ((value: T) => A | PromiseLike<A>) | null, rejected?: ((e: unknown) => B | PromiseLike<B>) | null) {
    this.asked++;
    return this.#work().then(fulfilled, rejected);
  }
}

class Tracked<T> extends Promise<T> {
  readonly tag = 'mine';
}

const f = patchable('base', {
  plain: (value: unknown) => value,
  call: (callback: () => unknown) => callback(),
  fail: (): void => {
    throw new RangeError('no');
  },
  later: async (until: Promise<unknown>) => until,
  recursive: async (depth: number, until: Promise<unknown>): Promise<unknown> => (depth === 0 ? until : f.recursive(depth - 1, until)),
  promise: (promise: Promise<unknown>) => promise,
  thenable: (work: () => Promise<unknown>) => new Lazy(work),
  *steps(): Generator<string | undefined, string, string | undefined> {
    const got = yield 'first';
    yield got;
    return 'end';
  },
  async *asyncSteps(until: Promise<unknown>): AsyncGenerator<number> {
    yield 1;
    await until;
    yield 2;
  },
});

test('a synchronous call counts while it runs, nested ones each, whatever way it ends', () => {
  const inside = f.call(() => f.call(() => active()));
  assert.deepEqual(inside, { 'base.call original': 2 });
  assert.throws(f.fail, RangeError);
  assert.throws(() =>
    f.call(() => {
      throw new TypeError('no');
    }),
  );
});

test('each version of a function counts by itself', () => {
  const a = load({
    call: withOriginal((original: (callback: () => unknown) => unknown) => (callback: () => unknown) => original(callback)),
  });
  install([a]);
  assert.deepEqual(
    f.call(() => active()),
    { 'base.call original': 1, [`base.call ${a.patch.name}`]: 1 },
  );
  install([]);
  a.release();
});

test('results of every kind come back as they are', () => {
  const strict = new Proxy(
    {},
    {
      get: (_, key) => {
        throw new Error(`there is no ${String(key)}`);
      },
    },
  );
  for (const value of [undefined, null, 0, '', false, 1n, Symbol.iterator, {}, [], () => 1, { then: 3 }, Object.freeze({}), strict]) {
    assert.equal(f.plain(value), value);
  }
});

test('an asynchronous call counts until its promise settles, recursion included', async () => {
  const { promise, give } = signal();
  const calls = [
    f.later(promise.then(() => 7)),
    f.recursive(
      3,
      promise.then(() => 8),
    ),
  ];
  assert.deepEqual(active(), { 'base.later original': 1, 'base.recursive original': 4 });
  give();
  assert.deepEqual(await Promise.all(calls), [7, 8]);
});

test('rejections reach the caller, and those that nobody handles are reported once', async () => {
  const failing = async (): Promise<never> => Promise.reject(new Error('no'));
  await assert.rejects(f.later(failing()), /no/);
  await assert.rejects(f.promise(Tracked.reject(new Error('no'))), /no/);
  const [reported] = (await once(new Worker(new URL('./fixtures/rejections.js', import.meta.url)), 'message')) as [string[]];
  assert.deepEqual(reported.sort(), ['lost', 'lost of a class']);
});

test('a promise of a class of its own stays the very object; extras of a plain one are kept', async () => {
  const { promise, give } = signal();
  const tracked = new Tracked<number>((resolve) => {
    void promise.then(() => {
      resolve(5);
    });
  });
  assert.equal(f.promise(tracked), tracked);
  assert.deepEqual(active(), { 'base.promise original': 1 });
  const extra = f.promise(Object.assign(promise.then(), { kill: 'me' })) as Promise<void> & { kill: string };
  assert.equal(extra.kill, 'me');
  give();
  assert.equal(await tracked, 5);
  assert.equal(tracked.tag, 'mine');
  await extra;
});

test('a thenable that starts its work when it is asked is asked by the caller only', async () => {
  const { promise, give } = signal();
  let runs = 0;
  const lazy = f.thenable(async () => {
    runs++;
    await promise;
    return 3;
  });
  assert.ok(lazy instanceof Lazy);
  await nextTurn();
  assert.deepEqual([runs, lazy.asked], [0, 0]);
  assert.deepEqual(active(), { 'base.thenable original': 1 });
  const answer = (async () => lazy)();
  give();
  assert.equal(await answer, 3);
  assert.deepEqual([runs, lazy.asked], [1, 1]);
});

test('a generator counts until it ends, and works as before', async () => {
  const steps = f.steps();
  assert.equal(steps[Symbol.iterator](), steps);
  assert.deepEqual(
    [steps.next('ignored'), steps.next('second')],
    [
      { value: 'first', done: false },
      { value: 'second', done: false },
    ],
  );
  assert.deepEqual(active(), { 'base.steps original': 1 });
  assert.deepEqual(steps.next('x'), { value: 'end', done: true });
  assert.deepEqual(active(), {});
  assert.deepEqual([...f.steps()].length, 2);
  for (const _ of f.steps()) break;
  assert.throws(() => f.steps().throw(new RangeError('no')), RangeError);
  const { promise, give } = signal();
  const asynchronous = f.asyncSteps(promise);
  assert.deepEqual(await asynchronous.next(), { value: 1, done: false });
  const next = asynchronous.next();
  assert.deepEqual(active(), { 'base.asyncSteps original': 1 });
  give();
  assert.deepEqual(await next, { value: 2, done: false });
  await asynchronous.return(undefined);
  assert.deepEqual(active(), {});
  const failing = f.asyncSteps(Promise.reject(new RangeError('no')));
  await failing.next();
  await assert.rejects(failing.next(), RangeError);
});

test('a generator that is used from within itself is not taken for ended', () => {
  const all: { steps?: Generator<number> } = {};
  const more = patchable('base', {
    *odd(): Generator<number> {
      assert.throws(() => all.steps?.next(), /already running/);
      yield 1;
    },
  });
  all.steps = more.odd();
  all.steps.next();
  assert.deepEqual(active(), { 'base.odd original': 1 });
  all.steps.return(undefined);
});

test('a generator that is given up half-way, or a thenable that nobody asks, ends when it is collected', async () => {
  (() => {
    f.steps().next();
    f.thenable(() => Promise.resolve(1));
    void f.asyncSteps(Promise.resolve()).next();
  })();
  await nextTurn();
  assert.deepEqual(active(), { 'base.steps original': 1, 'base.thenable original': 1, 'base.asyncSteps original': 1 });
  await until('the collection', () => {
    collectGarbage();
    return Object.keys(active()).length === 0;
  });
});

test('counters of a dropped patch are used again, but not while a call is active', async () => {
  const { promise, give } = signal();
  const a = load({ later: async (until: Promise<unknown>) => until });
  install([a]);
  const call = f.later(promise);
  install([]);
  a.release();
  const taken = claimCounter('x', null);
  assert.deepEqual(active(), { [`base.later ${a.patch.name}`]: 1 });
  give();
  await call;
  const names = activationNames(); // looks after what has ended
  assert.ok(names.every(({ patch }) => patch !== a.patch.name));
  releaseCounter(taken);
  const again = [claimCounter('y', null), claimCounter('z', null)];
  assert.equal(activationNames().length, names.length + 1);
  again.forEach(releaseCounter);
});

test('when all counters are taken the rest share one, which still tells that something is active', () => {
  const taken: number[] = [];
  for (let i = 0; i < Layout.ACTIVATION_COUNTERS + 5; i++) taken.push(claimCounter(`filler.${i}`, null));
  const { crowded } = patchable('base', { crowded: (callback: () => unknown) => callback() });
  const shared = taken.at(-1)!;
  assert.equal(
    crowded(() => isRaised(shared)),
    true,
  );
  assert.equal(isRaised(shared), false);
  assert.equal(new Set(taken).size, taken.filter((counter) => counter !== shared).length + 1);
  taken.forEach(releaseCounter);
});

test('counters are carried over in the middle of calls, into a slot and back', async () => {
  const words = new Int32Array(new SharedArrayBuffer(3 * Layout.THREAD_WORDS * Layout.WORD_BYTES));
  words.fill(99, Layout.THREAD_WORDS, 2 * Layout.THREAD_WORDS); // what another thread left there
  const { promise, give } = signal();
  const call = f.later(promise);
  f.call(() => {
    moveCounters({ words, address: Layout.THREAD_WORDS });
    assert.deepEqual(active(), { 'base.later original': 1, 'base.call original': 1 });
    return f.plain(1);
  });
  assert.deepEqual(active(), { 'base.later original': 1 });
  moveCounters(null);
  give();
  await call;
  assert.deepEqual(active(), {});
  assert.ok(words.subarray(0, Layout.THREAD_WORDS).every((word) => word === 0));
  assert.ok(words.subarray(2 * Layout.THREAD_WORDS).every((word) => word === 0));
});
