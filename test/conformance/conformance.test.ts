import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ownCatalogue, readCatalogue, type Scenario } from './catalogue.js';
import { replay } from './replay.js';
import { runsOf } from './runs.js';

const catalogue = readCatalogue(ownCatalogue());

for (const { id, run } of runsOf(catalogue)) {
  test(`conforms to ${id}`, async () => {
    const { reason } = await run({ workers: 2 });
    assert.equal(reason, null, reason ?? '');
  });
}

test('a scenario that does not end in time fails, and says how far it came', async () => {
  const load = ['op', 'load', 'busy', { block: true }];
  // Nobody lets the work end: the module never goes.
  const scenario: Scenario = {
    id: 'endless',
    title: '',
    stateCallbacks: false,
    steps: [load, ['note', 'start N workers looping on getPid'], ['note', 'wait until the replacement has been entered by each']],
    events: [load, ['module', 'init', 'busy'], ['module', 'work-enter', 'busy'], ['op', 'unload', 'busy']],
  };
  const { passed, reason } = await replay(scenario, catalogue.fixtures, { workers: 1, limitMilliseconds: 1500 });
  assert.equal(passed, false);
  assert.match(reason!, /^not over after 1500 ms\nfirst difference at event 3\n[^]*"unload"/);
});
