import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { formatRehearsal, rehearse, type Workload } from '../../src/testing/index.js';
import { readWorkload } from '../../src/testing/workload.js';
import { coded } from '../livepatch/fixtures/setup.js';
import { patch, workload } from './fixtures/shop-workload.js';

describe('a workload', () => {
  it('has the values that nobody gave', () => {
    const { inputs, workers, concurrentTasks, exportName, timeout } = readWorkload({ filename: 'shop.js', task: (n) => n * 2 });
    assert.deepEqual([inputs.length, inputs[3], workers, concurrentTasks, exportName, timeout], [24, 6, 3, 2, 'default', 10_000]);
  });

  it('is refused when it is malformed, and says what is wrong', () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ filename: '' }, /filename is ""/],
      [{ filename: 7 }, /filename is 7/],
      [{ task: 'x' }, /task is "x"/],
      [{ check: 1 }, /check is 1/],
      [{ name: 1 }, /name is 1/],
      [{ workers: 0 }, /workers is 0; give a whole number from 1 to 64/],
      [{ tasks: 1.5 }, /tasks is 1.5/],
      [{ concurrentTasks: 65 }, /concurrentTasks/],
      [{ timeout: 1 }, /timeout/],
      [{ types: 'all' }, /types is "all"/],
      [{ modules: [1] }, /modules/],
      [{ worker: 3 }, /unknown property "worker"/],
    ];
    for (const [properties, message] of wrong) {
      const malformed = { ...workload(), ...properties } as Workload;
      assert.throws(() => readWorkload(malformed), coded('ERR_PATCH_DECLARATION', message));
    }
    assert.throws(() => readWorkload(null as unknown as Workload), coded('ERR_PATCH_DECLARATION'));
  });

  it('whose file cannot be used ends the rehearsal', async () => {
    const nowhere = { ...workload(), filename: new URL('./nowhere.js', import.meta.url) };
    await assert.rejects(rehearse([patch('a')], nowhere), coded('ERR_PATCH_LOAD', /the workload .*nowhere\.js cannot be loaded/));
    await assert.rejects(rehearse([patch('a')], workload({ name: 'other' })), coded('ERR_PATCH_LOAD', /exports no function as other/));
  });
});

describe('the patches of a rehearsal', () => {
  it('are a list of patches with different names', async () => {
    await assert.rejects(rehearse([], workload()), coded('ERR_PATCH_DECLARATION', /one or more patches/));
    await assert.rejects(
      rehearse([patch('a'), patch('a', { replace: true })], workload()),
      coded('ERR_PATCH_DECLARATION', /are named "a"/),
    );
    await assert.rejects(rehearse([new URL('./nowhere.js', import.meta.url)], workload()), coded('ERR_PATCH_LOAD'));
  });
});

describe('the report for a person', () => {
  const finding = { kind: 'stalled', path: 'enable a, disable a', step: 'disable a', patch: 'a', detail: 'it hangs', times: 1 } as const;
  const step = { step: 'enable b', outcome: 'refused', why: 'ERR_PATCH_STATE: no' } as const;
  const rehearsal = {
    ok: false,
    patches: ['a', 'b'],
    workers: 2,
    findings: [finding, { ...finding, patch: null, times: 3 }],
    tasks: 9,
    types: [],
  };
  const paths = [
    { name: 'enable b', outcome: 'refused', steps: [step, step] },
    { name: 'enable a', outcome: 'skipped', steps: [] },
  ] as const;

  it('tells each finding with where it was found, and each refusal once', () => {
    assert.deepEqual(formatRehearsal({ ...rehearsal, paths }).split('\n'), [
      '2 findings: 2 paths with 2 steps among a, b; 9 tasks in 2 workers',
      '  stalled (a): it hangs',
      '    once at "disable a" of: enable a, disable a',
      '  stalled: it hangs',
      '    3 times, first at "disable a" of: enable a, disable a',
      '  skipped: enable a',
      '  refused: ERR_PATCH_STATE: no',
      '    2 times, first at "enable b" of: enable b',
    ]);
  });

  it('says so when nothing was found', () => {
    assert.equal(
      formatRehearsal({ ...rehearsal, ok: true, findings: [], paths: [] }),
      'nothing found: 0 paths with 0 steps among a, b; 9 tasks in 2 workers',
    );
  });
});
