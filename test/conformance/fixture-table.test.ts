import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ownCatalogue, readCatalogue } from './catalogue.js';
import { CALLBACK_NAMES, functionsByObject, isPatch, planModule, planPatch, UnknownForm } from './fixture-table.js';

const { fixtures, scenarios } = readCatalogue(ownCatalogue());

test('every load of the catalogue has a plan', () => {
  for (const { id, steps, stateCallbacks } of scenarios) {
    for (const [component, operation, subject, params] of steps) {
      if (component !== 'op' || operation !== 'load') continue;
      const name = String(subject);
      const given = (params ?? {}) as Record<string, unknown>;
      assert.equal(
        (isPatch(fixtures, name) ? planPatch(fixtures, name, given, stateCallbacks) : planModule(fixtures, name, given)).name,
        name,
        id,
      );
    }
  }
});

test('parameters go before declared defaults, and those before none', () => {
  const replaces = (name: string, params = {}) => planPatch(fixtures, name, params, false).replace;
  assert.deepEqual(
    [replaces('replacer'), replaces('replacer', { replace: false }), replaces('A'), replaces('A', { replace: true }), replaces('basic')],
    [true, false, false, true, false],
  );
  const types = (name: string, params = {}) => planPatch(fixtures, name, params, false).objects.map((object) => object.types);
  assert.deepEqual(types('A'), [[7]]);
  assert.deepEqual(types('A', { types: [7, 8] }), [[7, 8]]);
  assert.deepEqual(types('B'), [[7, 9], []]);
  assert.deepEqual(types('D'), [[7], [7, 11]]);
  assert.equal(planPatch(fixtures, 'demo', { pre_patch_ret: -19 }, false).prePatchResult, -19);
});

test('callbacks belong to the objects, or to the states where a proposal is replayed', () => {
  const plan = (name: string, stateCallbacks: boolean, params = {}) => planPatch(fixtures, name, params, stateCallbacks);
  assert.deepEqual(plan('state2', false).objects[0]?.callbacks, CALLBACK_NAMES);
  assert.deepEqual(plan('state2', false).states, [{ id: 1, version: 2, isShadow: false, blockDisable: false, callbacks: [] }]);
  assert.deepEqual(plan('state2', true).objects[0]?.callbacks, []);
  assert.deepEqual(plan('state2', true, { block_disable: true }).states, [
    { id: 1, version: 0, isShadow: false, blockDisable: true, callbacks: CALLBACK_NAMES },
  ]);
  assert.deepEqual(plan('state1', true, { no_state: true }).states, []);
  assert.deepEqual(
    [plan('state1', false).takesOver, plan('state2', false).takesOver, plan('state3', false).takesOver],
    [false, true, true],
  );
  assert.deepEqual(plan('B', false).objects[1]?.callbacks, []);
});

test('modules are what the prose says', () => {
  assert.deepEqual(planModule(fixtures, 'target', {}), {
    name: 'target',
    functions: [],
    announces: true,
    work: undefined,
    hold: undefined,
  });
  assert.deepEqual(planModule(fixtures, 'busy', {}).work, { function: 'busyWork', block: false, early: false, afterwards: undefined });
  assert.deepEqual(planModule(fixtures, 'speaker', { block: true }).work, {
    function: 'blockWork',
    block: true,
    early: true,
    afterwards: 'welcome',
  });
  const holder = planModule(fixtures, 'probeHolder', { exclusive: true });
  assert.deepEqual([holder.announces, holder.hold], [false, { function: 'showCmdline', exclusive: true }]);
  assert.deepEqual(planModule({ modules: {}, patches: {}, objects: ['extra'] }, 'extra', {}).announces, true);
});

test('numbered instances share a fixture; patches and modules share their functions', () => {
  assert.equal(planPatch(fixtures, 'replacer-2', {}, false).name, 'replacer-2');
  assert.ok(isPatch(fixtures, 'basic3'));
  assert.deepEqual(functionsByObject(fixtures).get('busy'), ['busyWork']);
  assert.ok(functionsByObject(fixtures).get('base')?.includes('showMeminfo'));
});

test('what no rule covers is refused by name', () => {
  const unknown = (pattern: RegExp) => (error: unknown) => error instanceof UnknownForm && pattern.test(error.message);
  assert.throws(() => planPatch(fixtures, 'basic', { flavour: 1 }, false), unknown(/flavour/));
  assert.throws(() => planModule(fixtures, 'target', { colour: 1 }), unknown(/colour/));
  assert.throws(() => planModule(fixtures, 'nothing', {}), unknown(/nothing/));
  assert.throws(() => planPatch(fixtures, 'target', {}, false), unknown(/target/));
});
