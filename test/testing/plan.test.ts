import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { definePatch } from '../../src/livepatch/define-patch.js';
import type { Patch } from '../../src/livepatch/patch.js';
import { planPaths, type Step, tellStep } from '../../src/testing/plan.js';

function patch(name: string, replace: boolean, objects: readonly string[] = ['base']): Patch {
  return definePatch({ name, replace, objects: objects.map((object) => ({ name: object, functions: { call: () => undefined } })) });
}

function names(patches: readonly Patch[], modules: readonly string[] = []): string[] {
  return planPaths(patches, modules, 2).map(({ name }) => name);
}

describe('the paths of a rehearsal', () => {
  it('are upgrade and downgrade for patches that replace', () => {
    assert.deepEqual(names([patch('a', true), patch('b', true)]), [
      'enable a (replace), disable a',
      'enable b (replace), disable b',
      'enable a (replace), enable b (replace), disable b',
      'enable b (replace), enable a (replace), disable a',
    ]);
  });

  it('are both orders of coming and both of going for patches that stack', () => {
    assert.deepEqual(names([patch('a', false), patch('b', false)]).slice(2), [
      'enable a, enable b, disable a, disable b',
      'enable a, enable b, disable b, disable a',
      'enable b, enable a, disable b, disable a',
      'enable b, enable a, disable a, disable b',
    ]);
  });

  it('end a whole stack by one patch that replaces', () => {
    const all = names([patch('a', false), patch('b', false), patch('c', true)]);
    assert.ok(all.includes('enable a, enable b, enable c (replace), disable c'));
    assert.ok(all.includes('enable c (replace), enable a, disable c, disable a'));
  });

  it('make a module come and go with each patch that patches it, and those that are named', () => {
    assert.deepEqual(names([patch('a', false, ['base', 'cart'])], ['till']).slice(1), [
      'enable a, unload module cart, load module cart, disable a',
      'unload module cart, enable a, load module cart, disable a',
      'enable a, unload module cart, disable a, load module cart',
      'enable a during which unload module cart, load module cart, disable a during which unload module cart, load module cart',
      'enable a, unload module till, load module till, disable a',
      'unload module till, enable a, load module till, disable a',
      'enable a, unload module till, disable a, load module till',
      'enable a during which unload module till, load module till, disable a during which unload module till, load module till',
    ]);
  });

  it('reverse each transition once for each number of workers that may have switched', () => {
    for (const workers of [1, 3]) {
      const paths = planPaths([patch('a', false), patch('b', false), patch('c', true)], [], workers);
      const reversed = new Map<string, number[]>();
      for (const { name, steps } of paths) {
        steps.forEach((step, index) => {
          if (step.kind === 'reverse') reversed.set(key(name, steps, index), [...(reversed.get(key(name, steps, index)) ?? []), step.at]);
        });
      }
      assert.ok(reversed.size > 0);
      for (const [step, at] of reversed) assert.deepEqual(at, [...Array(workers).keys()], step);
    }
  });

  it('reverse what they then do for good', () => {
    for (const { steps } of planPaths([patch('a', false), patch('b', true)], [], 2)) {
      steps.forEach((step, index) => {
        if (step.kind !== 'reverse') return;
        const lasting = steps.slice(index).find(({ kind }) => kind !== 'reverse');
        assert.equal(lasting, step.change);
      });
    }
  });
});

/** A change at one place of one path. */
function key(name: string, steps: readonly Step[], index: number): string {
  const lasting = steps.slice(index).find(({ kind }) => kind !== 'reverse')!;
  return `${name}: ${steps.indexOf(lasting)} ${tellStep(lasting)}`;
}
