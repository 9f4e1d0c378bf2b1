/** Rehearsals in which something is wrong: each fault is planted, and found as what it is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { type Finding, type FindingKind, formatRehearsal, rehearse, type Rehearsal } from '../../src/testing/index.js';
import type { Fault } from './fixtures/patch.js';
import { patch, workload } from './fixtures/shop-workload.js';

/** The findings; those of other kinds than `kinds` are a surprise. */
function found(rehearsal: Rehearsal, ...kinds: readonly FindingKind[]): readonly Finding[] {
  const { findings, ok } = rehearsal;
  assert.deepEqual([...new Set(findings.map(({ kind }) => kind))].sort(), [...kinds].sort(), formatRehearsal(rehearsal));
  assert.equal(ok, false);
  return findings;
}

/** One patch, with one fault. */
async function alone(fault: Fault, options: Parameters<typeof workload>[0] = {}): Promise<Rehearsal> {
  return rehearse([patch('a', { fault })], workload(options));
}

describe('rehearse() finds', () => {
  it('a callback without a counterpart', async () => {
    const [first, ...others] = found(await alone('no-counterpart'), 'callback-not-undone');
    assert.equal(others.length, 0);
    assert.deepEqual([first!.patch, first!.path], ['a', 'enable a, disable a']);
    assert.match(first!.detail, /^postPatch of object cart ran, and no preUnpatch/);
  });

  it('callbacks that the patch which takes the place of theirs does not undo', async () => {
    const patches = [patch('a'), patch('b', { replace: true, fault: 'forgets-callbacks' })];
    const findings = found(await rehearse(patches, workload()), 'callback-not-undone');
    assert.deepEqual(
      findings.map(({ patch: whose, path, times, detail }) => [whose, path, times, detail.slice(0, detail.indexOf(' of '))]),
      [
        ['a', 'enable a, enable b (replace), disable b', 1, 'prePatch'],
        ['a', 'enable a, enable b (replace), disable b', 1, 'postPatch'],
      ],
    );
  });

  it('a state without a counterpart, and one that its replacement forgets to undo', async () => {
    const [own] = found(await alone('state-without-counterpart'), 'callback-not-undone');
    assert.match(own!.detail, /^prePatch of state 1/);
    const patches = [patch('a', { fault: 'state' }), patch('b', { replace: true, fault: 'takes-state-silently' })];
    const { findings } = await rehearse(patches, workload());
    const forgotten = findings.find(({ kind }) => kind === 'callback-not-undone');
    assert.deepEqual([forgotten?.patch, forgotten?.path], ['a', 'enable a, enable b (replace), disable b']);
  });

  it("variables of the application's type that a patch has left", async () => {
    const [first] = found(await alone('keeps-variables'), 'left-over-variables');
    assert.match(first!.detail, /^type 700 of the application has variables that it would not have without a: of 100\d, .* and 5 more$/);
    assert.equal(first!.patch, 'a');
  });

  it('a type that stays registered, also after a reversal', async () => {
    const findings = found(await alone('stays-registered'), 'left-over-registration', 'not-as-before');
    assert.equal(findings[0]!.kind, 'not-as-before');
    assert.equal(findings[1]!.detail, 'type 702 is still registered by somebody, object cart');
  });

  it('a task that is none, so that it is patched half-way', async () => {
    const findings = found(await rehearse([patch('a')], workload({ name: 'ungated' })), 'mixed-task');
    assert.ok(findings.some(({ detail }) => detail === 'one task ran the original and the version of patch a of cart.add'));
    // A task that outlasts the patch may have run the original before and after it, and nothing of the patch.
    assert.ok(findings.every(({ patch: whose, detail }) => (whose === null ? !detail.includes('the version of patch') : whose === 'a')));
  });

  it('a task that goes on after it was answered', async () => {
    const { findings } = await rehearse([patch('a', { fault: 'forgets-callbacks' })], workload({ name: 'detached' }));
    assert.ok(findings.some(({ kind, detail }) => kind === 'mixed-task' && /after it had been answered: it has to await/.test(detail)));
  });

  it('a wrong result', async () => {
    const [first, ...others] = found(await alone('wrong-price'), 'wrong-result');
    assert.equal(others.length, 0);
    assert.match(first!.detail, /^under a: the price is 1 too high \(task \d+\)$/);
    assert.equal(first!.patch, 'a');
    const check = (): string => {
      throw new Error('no receipt');
    };
    const [thrown] = found(await rehearse([patch('a')], workload({ check })), 'wrong-result');
    assert.match(thrown!.detail, /^under no patch: check\(\) threw: no receipt/);
    assert.equal(thrown!.step, '');
  });

  it('a task that is rejected', async () => {
    const [first] = found(await alone('rejects'), 'task-failed');
    assert.match(first!.detail, /^under a: the cart is full \(task (3|11|19)\)$/);
  });

  it('a result that cannot be sent', async () => {
    const [first] = found(await rehearse([patch('a')], workload({ name: 'unclonable' })), 'task-failed');
    assert.match(first!.detail, /its result cannot be sent/);
  });

  it('a worker that ends; every path is tried all the same', async () => {
    const rehearsal = await alone('ends-worker');
    const findings = found(rehearsal, 'task-failed');
    assert.deepEqual([...new Set(findings.map(({ detail }) => detail))], ['a worker ended by itself']);
    assert.equal(
      findings.reduce((sum, { times }) => sum + times, 0),
      rehearsal.paths.length,
    );
    assert.ok(rehearsal.paths.every(({ outcome }) => outcome === 'failed'));
  });

  it('a call that never ends, and gives up after a few', async () => {
    const rehearsal = await alone('hangs', { timeout: 600 });
    const findings = found(rehearsal, 'stalled');
    assert.equal(
      findings.reduce((sum, { times }) => sum + times, 0),
      3,
    );
    // Of the first time of each kind of stall it is told what is still going on: a call, or the number of a task.
    for (const { detail } of findings) assert.match(detail, /in flight: base\.price \(a\), .*task order|: (\d+, )*(3|11|19)\b/);
    assert.deepEqual(
      rehearsal.paths.map(({ outcome }) => outcome),
      ['failed', 'failed', 'failed', 'skipped', 'skipped'],
    );
  });

  it('a callback that throws', async () => {
    const [first] = found(await alone('throwing-callback'), 'warning');
    assert.match(first!.detail, /^ERR_PATCH_CALLBACK: postPatch of patch "a", object "cart" threw: no paper in the printer/);
  });

  it('a type that a patch uses and does not name', async () => {
    const [first] = found(await alone('forgets-type'), 'warning');
    assert.match(first!.detail, /^variables were looked up of a type that nobody had registered/);
    assert.equal(first!.patch, 'a');
  });

  it('a patch that cannot be enabled although nothing is in its way', async () => {
    const [unknown] = found(await alone('unknown-function'), 'step-failed');
    assert.match(unknown!.detail, /^ERR_PATCH_FUNCTION/);
    const [refused] = found(await alone('refuses'), 'step-failed');
    assert.match(refused!.detail, /^ERR_PATCH_PRE_PATCH/);
  });

  it('a damaged store', async () => {
    const [first] = found(await alone('damages-store'), 'store-damaged');
    assert.match(first!.detail, /^store\.check\(\) found a violation of rule count: type 700/);
  });

  it('a worker that takes thread slots and keeps them', async () => {
    const rehearsal = await rehearse([patch('a')], workload({ name: 'intruder', workers: 1 }));
    assert.ok(
      rehearsal.findings.some(({ detail }) => detail.startsWith('ERR_SHADOW_THREADS_FULL')),
      formatRehearsal(rehearsal),
    );
  });
});
