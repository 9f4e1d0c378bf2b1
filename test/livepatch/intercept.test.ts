import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { attach, intercept, safepoint } from '../../src/livepatch/attach.js';
import { patchable } from '../../src/livepatch/functions.js';
import { prepareScripts } from '../../src/livepatch/script.js';
import { Conductor, live, script } from './fixtures/conductor.js';
import { coded } from './fixtures/setup.js';

const conductor = new Conductor(after);
attach(conductor.store.handle);
await prepareScripts();

type Name = (this: unknown, ...more: string[]) => string;
const base = patchable('base', { name: (...more: string[]) => ['original', ...more].join(' '), free: () => 'original' });
const module = patchable('shop', { name: () => 'original' });
const around =
  (tag: string) =>
  (next: Name): Name =>
    function (...more) {
      return `${tag}(${next.apply(this, more)})`;
    };

let version = 0;
function enable(...stack: ReturnType<typeof script>[]): void {
  conductor.publish({ version: ++version, stack, modules: live('shop') });
  safepoint();
  assert.equal(conductor.version, version);
}

test('interceptions nest, the last outermost, and stay around whatever patches do below', () => {
  const first = intercept('base', 'name', around('first'), { owner: 'tracer' });
  const second = intercept('base', 'name', around('second'), { owner: 'double' });
  assert.equal(base.name('x'), 'second(first(original x))');
  enable(script('a', { name: `withOriginal((original) => (...more) => 'a ' + original(...more))` }));
  assert.equal(base.name('x'), 'second(first(a original x))');
  first();
  assert.equal(base.name(), 'second(a original)');
  enable();
  assert.equal(base.name(), 'second(original)');
  second();
  second();
  assert.equal(base.name(), 'original');
});

test('an interception is no activation, what it calls is', () => {
  const release = intercept(
    'base',
    'name',
    (next: Name) => () => {
      const outside = JSON.stringify(conductor.activations());
      return `${outside} ${next()}`;
    },
    { owner: 'tracer' },
  );
  assert.equal(base.name(), '{} original');
  release();
});

test('an exclusive one is alone: others are refused, and patches of the function are told of', () => {
  const release = intercept('base', 'name', around('mine'), { owner: 'profiler', exclusive: true });
  assert.throws(() => intercept('base', 'name', around('x'), { owner: 'tracer' }), coded('ERR_PATCH_REDIRECTION', /"profiler"/));
  assert.throws(
    () => intercept('base', 'name', around('x'), { owner: 'tracer', exclusive: true }),
    coded('ERR_PATCH_REDIRECTION', /"profiler"/),
  );
  const candidate = script('c', { name: `() => 'c'`, free: `() => 'c'` });
  conductor.publish({ standby: [candidate], candidate: candidate.serial });
  safepoint();
  assert.deepEqual(conductor.reports('loaded').at(-1)?.owned, [{ name: 'base.name', owner: 'profiler' }]);
  release();
  conductor.publish({ standby: [candidate], candidate: candidate.serial });
  safepoint();
  assert.deepEqual(conductor.reports('loaded').at(-1)?.owned, []);
  conductor.publish({ standby: [] });
  safepoint();
});

test('an exclusive one is refused where somebody is, or a patch is or will be', () => {
  const exclusive = { owner: 'profiler', exclusive: true };
  const shared = intercept('base', 'name', around('x'), { owner: 'tracer' });
  assert.throws(() => intercept('base', 'name', around('y'), exclusive), coded('ERR_PATCH_REDIRECTION', /"tracer"/));
  shared();
  const a = script('a', { name: `() => 'a'` });
  conductor.publish({ standby: [a], candidate: a.serial });
  safepoint();
  assert.throws(() => intercept('base', 'name', around('y'), exclusive), coded('ERR_PATCH_REDIRECTION', /patch "a"/));
  enable(a);
  assert.throws(() => intercept('base', 'name', around('y'), exclusive), coded('ERR_PATCH_REDIRECTION', /patch "a"/));
  intercept('base', 'free', around('y'), exclusive)();
  intercept('shop', 'name', around('y'), exclusive)();
  assert.equal(module.name(), 'original');
  conductor.publish({ version: ++version, stack: [], standby: [] });
  safepoint();
  intercept('base', 'name', around('y'), exclusive)();
});

test('what cannot be intercepted is refused', () => {
  const owner = { owner: 'tracer' };
  assert.throws(() => intercept('base', 'nothing', around('x'), owner), coded('ERR_PATCH_FUNCTION', /"nothing" of "base"/));
  assert.throws(() => intercept('base', 'name', around('x'), { owner: '' }), coded('ERR_PATCH_DECLARATION'));
  assert.throws(() => intercept('base', 'name', 3 as never, owner), coded('ERR_PATCH_DECLARATION'));
  assert.throws(() => intercept('base', 'name', (() => 3) as never, owner), coded('ERR_PATCH_DECLARATION', /is 3/));
  assert.throws(() => intercept('base', 'name', around('x'), { owner: 'x', exclusive: 1 as never }), coded('ERR_PATCH_DECLARATION'));
  assert.equal(base.name(), 'original');
});
