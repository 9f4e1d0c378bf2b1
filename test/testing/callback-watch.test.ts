import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { CallbackEvent } from '../../src/livepatch/events.js';
import { definePatch } from '../../src/livepatch/define-patch.js';
import { CallbackWatch } from '../../src/testing/callback-watch.js';
import { FindingList } from '../../src/testing/findings.js';

type Ran = readonly [callback: CallbackEvent['callback'], patch: string, subject: string | number, enabled?: readonly string[]];

/** What is left over after these callbacks, as "patch callback". */
function left(...ran: readonly Ran[]): string[] {
  const findings = new FindingList();
  const watch = new CallbackWatch([], findings);
  for (const [callback, patch, subject, enabled = [patch]] of ran) {
    const [object, state] = typeof subject === 'string' ? [subject, null] : [null, subject];
    watch.ran({ callback, patch, object, state, module: null }, enabled);
  }
  watch.settle();
  return told(findings);
}

function told(findings: FindingList): string[] {
  return findings.list.map(({ patch, detail }) => `${patch} ${detail.split(' ')[0]}`);
}

describe('callbacks that nobody undid', () => {
  it('are none when each counterpart ran', () => {
    assert.deepEqual(left(['prePatch', 'a', 'x'], ['postPatch', 'a', 'x'], ['preUnpatch', 'a', 'x'], ['postUnpatch', 'a', 'x']), []);
  });

  it('are those without a counterpart of the same object', () => {
    assert.deepEqual(left(['prePatch', 'a', 'x'], ['postPatch', 'a', 'x'], ['preUnpatch', 'a', 'y'], ['postUnpatch', 'a', 'x']), [
      'a postPatch',
    ]);
  });

  it('are undone by the patch that took the place of theirs', () => {
    assert.deepEqual(left(['prePatch', 'a', 'x'], ['prePatch', 'b', 'x'], ['postUnpatch', 'b', 'x']), []);
  });

  it('are not undone by another patch while theirs is enabled', () => {
    assert.deepEqual(left(['prePatch', 'a', 'x'], ['prePatch', 'b', 'x'], ['postUnpatch', 'b', 'x', ['a', 'b']]), ['a prePatch']);
  });

  it('of a state are undone by whoever holds it last', () => {
    assert.deepEqual(left(['prePatch', 'a', 7], ['postUnpatch', 'b', 7, ['a', 'b']]), []);
    assert.deepEqual(left(['prePatch', 'a', 7], ['postUnpatch', 'b', 8]), ['a prePatch']);
    assert.deepEqual(left(['prePatch', 'a', 7], ['postUnpatch', 'b', '7']), ['a prePatch']);
  });

  it('do not count a prePatch that refused', () => {
    const findings = new FindingList();
    const watch = new CallbackWatch([], findings);
    const ran = { callback: 'prePatch', patch: 'a', module: null } as const;
    watch.ran({ ...ran, object: null, state: 7 }, ['a']);
    watch.passed({ milestone: 'pre-patch-failed', patch: 'a', object: null });
    watch.ran({ ...ran, object: 'x', state: null }, ['a']);
    watch.ran({ ...ran, object: 'y', state: null }, ['a']);
    watch.passed({ milestone: 'pre-patch-failed', patch: 'a', object: 'y' });
    watch.passed({ milestone: 'transition-cancel', patch: 'a' });
    watch.settle();
    assert.deepEqual(
      findings.list.map(({ detail }) => detail.slice(0, 'prePatch of object x'.length)),
      ['prePatch of object x'],
    );
  });

  it('are told once', () => {
    const findings = new FindingList();
    const watch = new CallbackWatch([], findings);
    watch.ran({ callback: 'prePatch', patch: 'a', object: 'x', state: null, module: null }, ['a']);
    watch.settle();
    watch.settle();
    assert.equal(findings.count, 1);
  });
});

describe('callbacks out of turn', () => {
  const nothing = (): void => undefined;
  const paired = { prePatch: nothing, postPatch: nothing, preUnpatch: nothing, postUnpatch: nothing };
  const a = definePatch({
    name: 'a',
    objects: [
      { name: 'x', callbacks: paired },
      { name: 'y', callbacks: { postPatch: nothing, postUnpatch: nothing } },
    ],
  });

  function turns(object: string, ...callbacks: readonly CallbackEvent['callback'][]): string[] {
    const findings = new FindingList();
    const watch = new CallbackWatch([a], findings);
    for (const callback of callbacks) watch.ran({ callback, patch: 'a', object, state: null, module: null }, ['a']);
    return findings.list.map(({ kind, detail }) => `${kind}: ${detail}`);
  }

  it('are those that run twice in a row', () => {
    assert.deepEqual(turns('x', 'prePatch', 'postPatch', 'preUnpatch', 'postPatch', 'preUnpatch', 'postUnpatch', 'prePatch'), []);
    assert.deepEqual(turns('x', 'prePatch', 'prePatch'), ['callback-out-of-turn: prePatch of object x ran again before postUnpatch']);
  });

  it('are those that undo what was not done', () => {
    assert.deepEqual(turns('x', 'prePatch', 'preUnpatch', 'postUnpatch', 'postUnpatch'), [
      'callback-out-of-turn: preUnpatch of object x ran although postPatch had not, or once more',
      'callback-out-of-turn: postUnpatch of object x ran although prePatch had not, or once more',
    ]);
  });

  it('are none of which the patch declares only one half', () => {
    assert.deepEqual(turns('y', 'postPatch', 'postPatch', 'postUnpatch'), []);
  });
});
