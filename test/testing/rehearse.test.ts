/** Rehearsals in which nothing is wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatRehearsal, rehearse, type Rehearsal } from '../../src/testing/index.js';
import { patch, workload } from './fixtures/shop-workload.js';

function assertClean(rehearsal: Rehearsal): void {
  assert.ok(rehearsal.ok, formatRehearsal(rehearsal));
  assert.deepEqual(rehearsal.findings, []);
}

describe('rehearse() finds nothing', () => {
  it('in patches that replace each other, at every number of workers that have switched', async () => {
    const rehearsal = await rehearse([patch('a', { replace: true }), patch('b', { replace: true })], workload({ workers: 3 }));
    assertClean(rehearsal);
    assert.deepEqual(rehearsal.patches, ['a', 'b']);
    assert.equal(rehearsal.paths.length, 12);
    for (const { name, outcome, steps } of rehearsal.paths) {
      assert.equal(outcome, 'done', name);
      for (const { step, outcome: end } of steps)
        assert.equal(end, step.includes('reversed at') ? 'reversed' : 'done', `${step} of ${name}`);
    }
    const reversals = rehearsal.paths.flatMap(({ steps }) => steps.filter(({ outcome }) => outcome === 'reversed'));
    assert.equal(reversals.length, 3 * 6);
    assert.ok(rehearsal.tasks > reversals.length * 3);
    assert.deepEqual(rehearsal.types, [{ id: 700, before: 8, after: 8, settled: true }]);
    assert.deepEqual(JSON.parse(JSON.stringify(rehearsal)), rehearsal);
  });

  it('in patches that stack, and one that replaces them all', async () => {
    const rehearsal = await rehearse([patch('a'), patch('b'), patch('c', { replace: true })], workload());
    assertClean(rehearsal);
    assert.ok(rehearsal.paths.some(({ name }) => name === 'enable a, enable b, enable c (replace), disable c'));
  });

  it('in a patch whose tasks keep their version, next to one at whose gate they wait', async () => {
    assertClean(await rehearse([patch('a', { fault: 'pins' }), patch('b')], workload()));
  });

  for (const fault of ['migrates', 'migrates-eagerly'] as const) {
    it(`in a patch that ${fault.replace('-', ' ')}, next to one that knows nothing of that`, async () => {
      assertClean(await rehearse([patch('a', { fault }), patch('b', { fault: 'forgets-callbacks' })], workload()));
    });
  }

  it('in a state that brings a type and is undone', async () => {
    assertClean(await rehearse([patch('a', { fault: 'state' }), patch('b', { replace: true })], workload()));
  });

  it('in refusals after which nothing has changed', async () => {
    const rehearsal = await rehearse(
      [patch('a', { fault: 'newer-state' }), patch('b', { fault: 'older-state', replace: true })],
      workload(),
    );
    assertClean(rehearsal);
    const refused = rehearsal.paths.filter(({ outcome }) => outcome === 'refused');
    assert.deepEqual(
      refused.map(({ name }) => name),
      ['enable a, enable b (replace), disable b'],
    );
    for (const { step, outcome, why } of refused[0]!.steps) {
      if (!step.startsWith('enable b')) continue;
      assert.equal(outcome, 'refused');
      assert.match(why!, /^ERR_PATCH_STATE/);
    }
    assert.match(formatRehearsal(rehearsal), /^nothing found: .*\n {2}refused: ERR_PATCH_STATE/);
  });

  it('in a patch that cannot be disabled; each path has a stage of its own then', async () => {
    const rehearsal = await rehearse([patch('a', { fault: 'blocks' })], workload());
    assertClean(rehearsal);
    assert.ok(rehearsal.paths.every(({ outcome }) => outcome === 'refused'));
  });
});
