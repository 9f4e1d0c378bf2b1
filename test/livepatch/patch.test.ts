import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ErrorCode } from '../../src/errors.js';
import { definePatch } from '../../src/livepatch/define-patch.js';
import { type PatchDeclaration, withOriginal } from '../../src/livepatch/patch.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded } from './fixtures/setup.js';

const type = defineShadowType({ id: 7, size: 8 });
const object = { name: 'sessions', functions: {} };

test('a declaration is checked and normalised', () => {
  const touch = (): void => undefined;
  const patch = definePatch({
    name: 'fix',
    states: [{ id: 1, version: 0 }],
    objects: [{ name: 'sessions', functions: { touch, expire: withOriginal((original) => original) }, shadowTypes: [type] }],
  });
  assert.equal(patch.replace, false);
  assert.deepEqual(patch.states, [{ id: 1, version: 0, data: undefined, callbacks: {}, blockDisable: false, shadowType: undefined }]);
  assert.deepEqual([...(patch.objects[0]?.functions.keys() ?? [])], ['touch', 'expire']);
  assert.ok(Object.isFrozen(patch) && patch.objects.every(Object.isFrozen));
});

test('shadow types at the top belong to the base object, written out or not', () => {
  const short = definePatch({ name: 'fix', shadowTypes: [type] });
  assert.deepEqual(
    short.objects.map(({ name, shadowTypes }) => [name, shadowTypes]),
    [['base', [type]]],
  );
  const other = defineShadowType({ id: 8, size: 8 });
  const both = definePatch({ name: 'fix', objects: [object, { name: 'base', shadowTypes: [other] }], shadowTypes: [type] });
  assert.deepEqual(
    both.objects.map(({ name, shadowTypes }) => [name, shadowTypes]),
    [
      ['sessions', []],
      ['base', [other, type]],
    ],
  );
});

test('the same id in two objects of a patch is two registrations, not a mistake', () => {
  assert.equal(definePatch({ name: 'fix', objects: [{ ...object, shadowTypes: [type] }], shadowTypes: [type] }).objects.length, 2);
});

const refused: [string, unknown, ErrorCode?, RegExp?][] = [
  ['nothing', undefined],
  ['a string', 'fix'],
  ['no name', { objects: [object] }],
  ['an empty name', { name: '', objects: [object] }],
  ['a name of 65 characters', { name: 'x'.repeat(65), objects: [object] }],
  ['a misspelt property', { name: 'fix', objects: [object], shadowtypes: [] }, 'ERR_PATCH_DECLARATION', /"shadowtypes".*shadowTypes/],
  ['a replace flag that is no boolean', { name: 'fix', replace: 1, objects: [object] }],
  ['no objects', { name: 'fix', objects: [] }],
  ['objects that are no list', { name: 'fix', objects: object }],
  ['an object without name', { name: 'fix', objects: [{ functions: {} }] }],
  ['an object twice', { name: 'fix', objects: [object, object] }, 'ERR_PATCH_DECLARATION', /"sessions" twice/],
  [
    'a replacement that is no function',
    { name: 'fix', objects: [{ name: 'sessions', functions: { touch: 3 } }] },
    'ERR_PATCH_DECLARATION',
    /touch is 3/,
  ],
  ['functions in a list', { name: 'fix', objects: [{ name: 'sessions', functions: [] }] }],
  ['a misspelt callback', { name: 'fix', objects: [{ ...object, callbacks: { pre_patch() {} } }] }, 'ERR_PATCH_DECLARATION', /prePatch/],
  ['a callback that is no function', { name: 'fix', objects: [{ ...object, callbacks: { prePatch: true } }] }],
  ['a shadow type not made by defineShadowType', { name: 'fix', shadowTypes: [{ id: 7, size: 8 }] }],
  [
    'an id twice in one object',
    { name: 'fix', objects: [{ ...object, shadowTypes: [type, type] }] },
    'ERR_SHADOW_DUPLICATE_ID',
    /type 7 twice/,
  ],
  [
    'an id twice by way of the shorthand',
    { name: 'fix', objects: [{ name: 'base', shadowTypes: [type] }], shadowTypes: [type] },
    'ERR_SHADOW_DUPLICATE_ID',
  ],
  ['state 0', { name: 'fix', objects: [object], states: [{ id: 0, version: 1 }] }],
  ['a state with an unknown property', { name: 'fix', objects: [object], states: [{ id: 1, blocks: true }] }],
  ['a blockDisable that is no flag', { name: 'fix', objects: [object], states: [{ id: 1, blockDisable: 1 }] }],
  ['a state whose shadow type is none', { name: 'fix', objects: [object], states: [{ id: 1, shadowType: { id: 4 } }] }],
  ['a state with a callback that is no function', { name: 'fix', objects: [object], states: [{ id: 1, callbacks: { prePatch: 1 } }] }],
  ['an unknown consistency', { name: 'fix', objects: [object], consistency: 'none' }],
  ['an unknown time of migration', { name: 'fix', objects: [object], migrate: 'never' }],
  ['pin with states', { name: 'fix', objects: [object], consistency: 'pin', states: [{ id: 1 }] }],
  ['pin with callbacks', { name: 'fix', consistency: 'pin', objects: [{ name: 'sessions', callbacks: { postPatch: () => undefined } }] }],
  ['a negative state version', { name: 'fix', objects: [object], states: [{ id: 1, version: -1 }] }],
  [
    'a state twice',
    {
      name: 'fix',
      objects: [object],
      states: [
        { id: 1, version: 1 },
        { id: 1, version: 2 },
      ],
    },
  ],
];

for (const [what, declaration, code = 'ERR_PATCH_DECLARATION', pattern] of refused) {
  test(`a declaration with ${what} is refused`, () => {
    assert.throws(() => definePatch(declaration as PatchDeclaration), coded(code, pattern));
  });
}

test('withOriginal takes a function', () => {
  assert.throws(() => withOriginal(undefined as never), coded('ERR_PATCH_DECLARATION'));
});
