import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { definePatch } from '../../src/livepatch/define-patch.js';
import type { Patch } from '../../src/livepatch/patch.js';
import { EvidenceBook } from '../../src/testing/evidence.js';
import { FindingList } from '../../src/testing/findings.js';
import type { Call } from '../../src/testing/protocol.js';

const both = definePatch({
  name: 'both',
  objects: [
    { name: 'base', functions: { f: () => 0 } },
    { name: 'm', functions: { g: () => 0 } },
  ],
});
const upper = definePatch({ name: 'upper', objects: [{ name: 'base', functions: { f: () => 0 } }] });
const STACKS: readonly (readonly [number, readonly Patch[]])[] = [
  [1, [both]],
  [2, [both, upper]],
];

/** What is said about a task with these calls. */
function judge(
  calls: readonly (readonly [name: string, patch: string | null, version: number, late?: boolean])[],
  live = ['base', 'm'],
): string[] {
  const findings = new FindingList();
  const book = new EvidenceBook(findings);
  for (const [version, stack] of STACKS) book.learn(version, stack);
  book.add(calls.map(([name, patch, version, late = false]): Call => ({ name, patch, version, late })));
  book.judge((object) => live.includes(object));
  return findings.list.map(({ detail }) => detail);
}

describe('the evidence of a task', () => {
  it('is clean when every call belongs to the stack of its version', () => {
    assert.deepEqual(judge([]), []);
    assert.deepEqual(
      judge([
        ['base.f', null, 0],
        ['m.g', null, 0],
        ['base.h', null, 0],
      ]),
      [],
    );
    assert.deepEqual(
      judge([
        ['base.f', 'upper', 2],
        ['m.g', 'both', 2],
        ['base.h', null, 2],
      ]),
      [],
    );
  });

  it('is mixed when one function ran in two versions', () => {
    const calls = [
      ['base.f', null, 1],
      ['base.f', 'both', 1],
    ] as const;
    assert.deepEqual(judge(calls), ['one task ran the original and the version of patch both of base.f']);
  });

  it('is mixed when the version changed between two functions', () => {
    const calls = [
      ['base.f', 'both', 1],
      ['m.g', null, 0],
    ] as const;
    assert.deepEqual(judge(calls), ['one task ran the version of patch both of base.f, and the original of m.g in another version']);
  });

  it('is mixed when functions belong to no stack together, though the version is said to be one', () => {
    const calls = [
      ['base.f', 'upper', 2],
      ['m.g', null, 2],
    ] as const;
    assert.deepEqual(judge(calls), ['one task ran the original of m.g in the version that consists of both, upper']);
  });

  it('tells when the task had been answered before', () => {
    const calls = [
      ['base.f', null, 0],
      ['base.f', 'both', 1, true],
    ] as const;
    assert.match(judge(calls)[0]!, /^one task ran the original and the version of patch both of base\.f after it had been answered/);
  });

  it('takes functions of a module that is away as unpatched', () => {
    assert.deepEqual(judge([['m.g', null, 1]], ['base']), []);
    assert.equal(judge([['m.g', 'both', 1]], ['base']).length, 1);
  });

  it('says nothing about the code of a version that nobody knows', () => {
    assert.deepEqual(judge([['base.f', 'upper', 9]]), []);
  });
});
