import assert from 'node:assert/strict';
import { test } from 'node:test';

import { hashName, MAX_NAME_UNITS } from '../../src/shadow/names.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, coded, fill, MEBIBYTE, open, seeded } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
const second = defineShadowType({ id: 2, fields: { value: 'u32' } });
/** Every string hashes alike within one seed; the second place of a string is chosen by the other seed. */
const ALL_COLLIDE = (name: string): number => (name.endsWith('\u0001') ? 1000 + name.length : 7);

function colliding(...types: Parameters<typeof open>): ShadowStore {
  return ShadowStore.$createWithNameHash({ maxBytes: 4 * MEBIBYTE, maxThreads: 4, types }, ALL_COLLIDE);
}

test('strings are parents exactly as they are: empty, unicode, long, with NUL, lone surrogates, and never normalised', () => {
  const store = open(type);
  const names = [
    '',
    ' ',
    'a',
    'A',
    'a ',
    'ab',
    'ba',
    '\0',
    '\0\0',
    'a\0',
    'a\u0001',
    'é',
    'e\u0301',
    '日本語',
    '😀',
    '\ud83d',
    '\ude00',
    '\ude00\ud83d',
    '\ufeff',
    '__proto__',
    'constructor',
    '0',
    '5',
    'null',
    'undefined',
    '4503599627370496',
    'x'.repeat(MAX_NAME_UNITS),
    `${'x'.repeat(MAX_NAME_UNITS - 1)}y`,
    '\uffff'.repeat(5000),
  ];
  names.forEach((name, i) => (store.alloc(name, type).value = i));
  assert.equal(assertClean(store).names, names.length);
  names.forEach((name, i) => {
    assert.equal(store.get(name, type)!.value, i);
    assert.throws(() => store.alloc(name, type), coded('ERR_SHADOW_EXISTS'));
  });
  assert.deepEqual(new Set([...store.entries(type)].map(([parent]) => parent)), new Set(names));
  for (const number of [0, 5, null]) assert.equal(store.has(number, type), false, 'a string is not the number it spells');
  for (const [parent, view] of store.entries(type)) assert.equal(names[view.value], parent);
  for (const name of names) assert.equal(store.free(name, type), true);
  assertEmpty(store);
});

test('a string of more than 16384 code units is no parent', () => {
  const store = open(type);
  const name = 'x'.repeat(MAX_NAME_UNITS + 1);
  for (const use of [
    () => store.get(name, type),
    () => store.alloc(name, type),
    () => store.free(name, type),
    () => store.freeObject(name),
  ]) {
    assert.throws(use, coded('ERR_SHADOW_OBJECT', /16385 code units is too long/));
  }
});

test('a name lives as long as any variable of it: with the last one it is released', () => {
  const types = Array.from({ length: 12 }, (_, i) => defineShadowType({ id: 100 + i, fields: { value: 'u32' } }));
  const store = open(...types);
  for (const [i, each] of types.entries()) {
    store.alloc('name', each).value = i;
    assert.equal(assertClean(store).names, 1);
  }
  for (const [i, each] of types.entries()) {
    assert.equal(assertClean(store).names, 1);
    assert.equal(store.get('name', each)!.value, i);
    store.free('name', each);
  }
  assertEmpty(store);
  for (const free of [() => store.freeAll(types[0]!), () => store.freeObject('name')]) {
    store.alloc('name', types[0]!);
    assert.equal(free(), 1);
    assertEmpty(store);
  }
});

test('looking for a string, or freeing what it has not, makes no name', () => {
  const store = open(type);
  for (let i = 0; i < 100; i++) {
    store.get(`name ${i}`, type);
    store.has(`name ${i}`, type);
    store.free(`name ${i}`, type);
    store.freeObject(`name ${i}`);
    store.getMany([`name ${i}`], type);
  }
  assertEmpty(store);
  assert.equal(store.stats().pages.blocks, 0);
});

test('another attachment finds a string under the same number, whatever its own memory of strings', () => {
  const store = open(type);
  const other = ShadowStore.attach(structuredClone(store.handle));
  store.alloc('shared', type).value = 5;
  assert.equal(other.get('shared', type)!.value, 5);
  other.alloc('other way', type).value = 6;
  assert.equal(store.get('other way', type)!.value, 6);
  assert.equal(other.free('shared', type), true);
  assert.equal(store.has('shared', type), false);
  assertClean(store);
});

test('two strings with one hash are two parents, each with its own variables', () => {
  const store = colliding(type, second);
  store.alloc('first', type).value = 1;
  store.alloc('another', type).value = 2;
  assert.equal(store.get('first', type)!.value, 1);
  assert.equal(store.get('another', type)!.value, 2);
  assert.equal(store.has('first', second), false);
  store.alloc('another', second).value = 22;
  assert.equal(store.get('first', second), undefined);
  assert.deepEqual(
    new Set([...store.entries(type)].map(([parent, view]) => `${parent as string} ${view.value}`)),
    new Set(['first 1', 'another 2']),
  );
  assert.equal(assertClean(store).names, 2);
  assert.equal(store.freeObject('first'), 1);
  assert.equal(store.get('another', type)!.value, 2);
  assert.equal(store.get('another', second)!.value, 22);
  assert.equal(store.freeObject('another'), 2);
  assertEmpty(store);
});

test('a string that stands in its second place stays itself when the first place becomes free, and never gets both', () => {
  const store = colliding(type, second);
  store.alloc('first', type).value = 1;
  store.alloc('another', type).value = 2;
  store.free('first', type);
  assert.equal(store.get('another', type)!.value, 2);
  assert.equal(store.get('first', type), undefined);
  store.alloc('another', second).value = 22;
  assert.equal(assertClean(store).names, 1, 'its second variable goes where the first one is');
  store.alloc('third', type).value = 3;
  assert.equal(store.get('another', type)!.value, 2);
  assert.equal(store.get('third', type)!.value, 3);
  assert.equal(store.get('first', type), undefined);
  assert.equal(store.freeObject('another'), 2);
  assert.equal(store.get('third', type)!.value, 3);
  assertClean(store);
});

test('a string whose two places belong to others is ERR_SHADOW_OBJECT, and finds room when one of them goes', () => {
  const store = colliding(type);
  store.alloc('aaa', type).value = 1;
  store.alloc('bbb', type).value = 2;
  assert.throws(() => store.alloc('ccc', type), coded('ERR_SHADOW_OBJECT', /both places/));
  assert.equal(store.get('ccc', type), undefined);
  store.free('bbb', type);
  store.alloc('ccc', type).value = 3;
  assert.deepEqual([store.get('aaa', type)!.value, store.get('bbb', type), store.get('ccc', type)!.value], [1, undefined, 3]);
  assertClean(store);
});

test('at random: strings that nearly all collide behave like the keys of a Map', (t) => {
  const random = seeded(t);
  // Few first places, many second ones: only a string whose both places are taken by others cannot be placed.
  const hash = (name: string): number => (name.endsWith('\u0001') ? hashName(name, 1) % 4096 : name.charCodeAt(0) % 4);
  const store = ShadowStore.$createWithNameHash({ maxBytes: 8 * MEBIBYTE, maxThreads: 2, types: [type, second] }, hash);
  const model = new Map<string, number>();
  let refused = 0;
  for (let step = 0; step < 8000; step++) {
    const name = `${String.fromCharCode(97 + random(20))}${random(30)}`;
    const which = random(2) === 0 ? type : second;
    const key = `${which.id} ${name}`;
    if (random(2) === 0) {
      try {
        store.getOrAlloc(name, which).value = step;
        model.set(key, step);
      } catch (error) {
        coded('ERR_SHADOW_OBJECT', /both places/)(error);
        refused++;
      }
    } else {
      assert.equal(store.free(name, which), model.delete(key));
    }
    assert.equal(store.get(name, which)?.value, model.get(key));
    if (step % 32 === 0) store.safepoint();
  }
  t.diagnostic(`${refused} of 8000 found both places taken`);
  for (const each of [type, second]) {
    const entries = [...store.entries(each)].map(([parent, view]) => [`${each.id} ${parent as string}`, view.value] as const);
    assert.deepEqual(new Map(entries), new Map([...model].filter(([key]) => key.startsWith(`${each.id} `))));
  }
  const names = new Set([...model.keys()].map((key) => key.slice(2)));
  assert.equal(assertClean(store).names, names.size);
});

test('the hash of a string has 51 bits, depends on the seed, and spreads similar strings', () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 50_000; i++) {
    const hash = hashName(`user:${i}`, 12_345);
    assert.ok(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 51);
    hashes.add(hash);
  }
  assert.equal(hashes.size, 50_000);
  assert.notEqual(hashName('name', 1), hashName('name', 2));
  for (const [a, b] of [
    ['', '\0'],
    ['ab', 'ba'],
    ['a', 'a\0'],
    ['\u8000', '\u0000'],
  ]) {
    assert.notEqual(hashName(a!, 5), hashName(b!, 5));
  }
});

test('two stores give a string different numbers: the seed is their own', () => {
  const [one, two] = [open(type), open(type)];
  assert.notEqual(one.objects.names.firstHandle('name'), two.objects.names.firstHandle('name'));
});

test('a string that finds no memory is ERR_SHADOW_EXHAUSTED and leaves no name', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [type, defineShadowType({ id: 3, size: 2000 })] });
  const parents = fill(store, type);
  const { names } = assertClean(store);
  for (let i = 0; i < 50; i++) {
    assert.throws(() => store.alloc(`name ${i} ${'x'.repeat(3000)}`, type), coded('ERR_SHADOW_EXHAUSTED'));
  }
  assert.equal(assertClean(store).names, names);
  store.freeAll(type);
  assert.equal(store.alloc(`name ${'x'.repeat(3000)}`, type).value, 0);
  assert.ok(parents.length > 0);
  assertClean(store);
});
