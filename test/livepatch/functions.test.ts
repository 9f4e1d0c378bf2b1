import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { install, setLive } from '../../src/livepatch/chains.js';
import { undeclared } from '../../src/livepatch/declared.js';
import { patchable } from '../../src/livepatch/functions.js';
import { LoadedPatch } from '../../src/livepatch/loaded.js';
import { definePatch } from '../../src/livepatch/define-patch.js';
import { type PatchFunction, type WithOriginal, withOriginal } from '../../src/livepatch/patch.js';
import { coded } from './fixtures/setup.js';

type Replacements = Record<string, PatchFunction | WithOriginal>;

let patches = 0;
const live = new Set<string>();

/** A patch of one module, which it makes live. */
function load(object: string, functions: Replacements): LoadedPatch {
  setLive(new Set(live.add(object)));
  return new LoadedPatch(definePatch({ name: `fix-${++patches}`, objects: [{ name: object, functions }] }));
}

afterEach(() => {
  install([]);
});

test('the newest installed patch is on top, and taking any patch away leaves the others', () => {
  const { name } = patchable('stacking', { name: () => 'original' });
  const [a, b, c] = ['a', 'b', 'c'].map((tag) => load('stacking', { name: () => tag })) as [LoadedPatch, LoadedPatch, LoadedPatch];
  assert.equal(name(), 'original');
  install([a]);
  assert.equal(name(), 'a');
  install([a, b, c]);
  assert.equal(name(), 'c');
  install([a, c]);
  assert.equal(name(), 'c');
  install([a]);
  assert.equal(name(), 'a');
  install([]);
  assert.equal(name(), 'original');
});

test('a wrapping replacement reaches the next older function, whichever that is at the time', () => {
  const { trail } = patchable('wrapping', { trail: (n: number) => `${n}` });
  const wrap = (tag: string): LoadedPatch =>
    load('wrapping', { trail: withOriginal((original: (n: number) => string) => (n: number) => `${original(n)}${tag}`) });
  const [a, b, c] = [wrap('a'), wrap('b'), wrap('c')];
  install([a, b, c]);
  assert.equal(trail(1), '1abc');
  install([a, c]);
  assert.equal(trail(2), '2ac');
  install([c]);
  assert.equal(trail(3), '3c');
  install([c, a]);
  assert.equal(trail(4), '4ca');
});

test('functions that a stack does not touch are the original ones', () => {
  const { one, two } = patchable('partial', { one: () => 1, two: () => 2 });
  install([load('partial', { one: () => 10, two: () => 20 })]);
  assert.deepEqual([one(), two()], [10, 20]);
  install([load('partial', { one: () => 100 })]);
  assert.deepEqual([one(), two()], [100, 2]);
});

test('a function declared after its patch was installed is patched from the start', () => {
  install([load('late', { name: () => 'patched' })]);
  assert.equal(patchable('late', { name: () => 'original' }).name(), 'patched');
});

test('this, all arguments, name and length pass through, before and after a patch', () => {
  const counter = patchable('methods', {
    total(this: { base: number }, ...more: number[]): number {
      return more.reduce((sum, n) => sum + n, this.base);
    },
    pair(a: number, b: number): number[] {
      return [a, b];
    },
  });
  assert.equal(counter.total.call({ base: 1 }, 2, 3), 6);
  assert.deepEqual([counter.pair.name, counter.pair.length], ['pair', 2]);
  install([
    load('methods', {
      total: withOriginal(
        (original: (this: unknown, ...more: number[]) => number) =>
          function (this: unknown, ...more: number[]): number {
            return -original.apply(this, more);
          },
      ),
    }),
  ]);
  assert.equal(counter.total.call({ base: 1 }, 2, 3), -6);
});

test('methods that call each other through this are patched as well', () => {
  const steps = patchable('this', {
    outer(): string {
      return `outer ${this.inner()}`;
    },
    inner(): string {
      return 'inner';
    },
  });
  install([load('this', { inner: () => 'patched' })]);
  assert.equal(steps.outer(), 'outer patched');
});

test('asynchronous functions and generators work', async () => {
  const all = patchable('kinds', {
    async later(n: number): Promise<number> {
      await Promise.resolve();
      return n;
    },
    *count(n: number): Generator<number> {
      for (let i = 0; i < n; i++) yield i;
    },
  });
  assert.deepEqual([await all.later(3), [...all.count(3)]], [3, [0, 1, 2]]);
  install([
    load('kinds', {
      later: withOriginal((original: (n: number) => Promise<number>) => async (n: number) => (await original(n)) * 2),
      *count(n: number): Generator<number> {
        yield n;
      },
    }),
  ]);
  assert.deepEqual([await all.later(3), [...all.count(3)]], [6, [3]]);
});

test('what a patched function throws reaches the caller', () => {
  const { fail } = patchable('throwing', { fail: () => 1 });
  install([
    load('throwing', {
      fail: () => {
        throw new RangeError('no');
      },
    }),
  ]);
  assert.throws(fail, RangeError);
});

test('one object may be declared in several places, one function only once', () => {
  patchable('split', { one: () => 1 });
  patchable('split', { two: () => 2 });
  assert.throws(() => patchable('split', { two: () => 2 }), coded('ERR_PATCH_DECLARATION', /split\.two is declared twice/));
});

test('a refused declaration declares nothing', () => {
  assert.throws(() => patchable('atomic', { good: () => 1, bad: 2 as never }), coded('ERR_PATCH_DECLARATION', /atomic\.bad is 2/));
  assert.throws(() => patchable('', { good: () => 1 }), coded('ERR_PATCH_DECLARATION'));
  assert.throws(() => patchable('atomic', null as never), coded('ERR_PATCH_DECLARATION'));
  assert.deepEqual(undeclared(load('atomic', { good: () => 1 }).patch), ['atomic.good']);
});

test('a factory that returns no function, or calls the original too early, is refused when it is loaded', () => {
  assert.throws(() => load('early', { name: withOriginal((() => 3) as never) }), coded('ERR_PATCH_DECLARATION'));
  assert.throws(
    () =>
      load('early', {
        name: withOriginal((original: () => string) => {
          original();
          return original;
        }),
      }),
    coded('ERR_PATCH_FUNCTION'),
  );
});
