import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, type Fields, string } from '../../src/shadow/fields.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded, open } from './fixtures/setup.js';

const fields = { value: 'u32' } as const;

test('a declaration is an object with an id from 0 to 2^32−1', () => {
  for (const wrong of [undefined, null, 5, 'type', true, 1n])
    assert.throws(() => defineShadowType(wrong as never), coded('ERR_SHADOW_TYPE'));
  for (const id of [-1, 0.5, NaN, Infinity, 2 ** 32, '1', 1n, null, undefined, {}, Symbol('id')]) {
    assert.throws(() => defineShadowType({ id: id as number, fields }), coded('ERR_SHADOW_TYPE', /id of a shadow type/));
  }
  const types = [0, 1, 2 ** 31, 2 ** 32 - 1].map((id) => defineShadowType({ id, fields }));
  const store = open(...types);
  types.forEach((type, i) => (store.alloc(1, type).value = i + 1));
  types.forEach((type, i) => {
    assert.equal(store.get(1, type)?.value, i + 1);
  });
});

test('constructor and destructor are functions or absent', () => {
  for (const wrong of [null, 5, 'ctor', {}, true]) {
    assert.throws(() => defineShadowType({ id: 1, fields, ctor: wrong as never }), coded('ERR_SHADOW_TYPE', /ctor of type 1/));
    assert.throws(() => defineShadowType({ id: 1, fields, dtor: wrong as never }), coded('ERR_SHADOW_TYPE', /dtor of type 1/));
  }
});

test('a version is a whole number from 1 to 2^32−1, 1 if it is not said', () => {
  assert.equal(defineShadowType({ id: 1, fields }).version, 1);
  for (const version of [1, 2, 2 ** 31, 2 ** 32 - 1]) assert.equal(defineShadowType({ id: 1, version, fields }).version, version);
  for (const version of [0, -1, 1.5, NaN, Infinity, 2 ** 32, '2', 2n, null, {}]) {
    assert.throws(
      () => defineShadowType({ id: 1, version: version as never, fields }),
      coded('ERR_SHADOW_TYPE', /version is .* 1 to 2\^32−1/),
    );
  }
});

test('previous is an older version of the same id, and comes with migrate', () => {
  const migrate = (): void => undefined;
  const previous = defineShadowType({ id: 1, version: 3, fields });
  const newer = defineShadowType({ id: 1, version: 5, fields, previous, migrate, migrateBack: migrate });
  assert.equal(newer.previous, previous);
  assert.equal(newer.migrate, migrate);
  assert.equal(newer.migrateBack, migrate);
  const wrong: [object, RegExp][] = [
    [{ version: 3, previous, migrate }, /has version 3 and previous has 3/],
    [{ version: 2, previous, migrate }, /has version 2 and previous has 3/],
    [{ version: 4, previous }, /has previous but no migrate/],
    [{ version: 4, migrate }, /has migrate but no previous/],
    [{ version: 4, migrateBack: migrate }, /has migrateBack but no previous/],
    [{ version: 4, previous, migrate: 5 }, /migrate of type 1 is 5/],
    [{ version: 4, previous, migrate, migrateBack: null }, /migrateBack of type 1 is null/],
    [{ version: 4, previous: { id: 1, version: 1 }, migrate }, /previous is \[Object\]/],
    [{ version: 4, previous: null, migrate }, /previous is null/],
    [{ version: 4, previous: defineShadowType({ id: 2, fields }), migrate }, /previous has the id 2/],
  ];
  for (const [declaration, pattern] of wrong)
    assert.throws(() => defineShadowType({ id: 1, fields, ...declaration } as never), coded('ERR_SHADOW_TYPE', pattern));
});

test('a raw size is a whole number of bytes from 1 to 65520', () => {
  for (const size of [0, -1, 1.5, NaN, Infinity, 65_521, 2 ** 31, 2 ** 53, '16', 16n, null, undefined]) {
    assert.throws(() => defineShadowType({ id: 1, size: size as number }), coded('ERR_SHADOW_TYPE_SIZE', /1 to 65520/));
  }
  for (const size of [1, 2, 7, 8, 65_519, 65_520]) {
    const type = defineShadowType({ id: 1, size });
    assert.equal(type.size, size);
    assert.equal(open(type).alloc(1, type).toBytes().length, size);
  }
});

test('a type has a size or fields, not both', () => {
  assert.throws(() => defineShadowType({ id: 1, size: 8, fields } as never), coded('ERR_SHADOW_TYPE', /both/));
});

test('fields are an object with at least one field', () => {
  for (const wrong of [undefined, null, 5, 'u32', [], ['u32'], {}]) {
    assert.throws(() => defineShadowType({ id: 1, fields: wrong as never }), coded('ERR_SHADOW_TYPE'));
  }
});

test('a field is of a known kind; bytes and string have a whole length from 1', () => {
  for (const kind of [
    'u128',
    'I32',
    'number',
    'bytes',
    'toString',
    '__proto__',
    '',
    5,
    null,
    undefined,
    [],
    {},
    { kind: 'blob', length: 4 },
    () => 'u8',
  ]) {
    assert.throws(() => defineShadowType({ id: 1, fields: { value: kind as never } }), coded('ERR_SHADOW_TYPE', /field value of type 1/));
  }
  for (const length of [0, -1, 1.5, NaN, Infinity, '4', null, undefined, 4n]) {
    for (const kind of [bytes, string]) {
      assert.throws(() => defineShadowType({ id: 1, fields: { value: kind(length as number) } }), coded('ERR_SHADOW_TYPE', /length/));
    }
  }
});

test('all fields together take at most 65520 bytes', () => {
  assert.equal(defineShadowType({ id: 1, fields: { value: bytes(65_520) } }).size, 65_520);
  assert.equal(defineShadowType({ id: 1, fields: { value: string(65_516) } }).size, 65_520);
  assert.equal(defineShadowType({ id: 1, fields: { a: 'f64', b: bytes(65_512) } }).size, 65_520);
  for (const tooMuch of [
    { a: bytes(65_521) },
    { a: string(65_517) },
    { a: 'u8', b: bytes(65_520) },
    { a: bytes(2 ** 53 - 1), b: bytes(2 ** 53 - 1) },
  ]) {
    assert.throws(() => defineShadowType({ id: 1, fields: tooMuch as Fields }), coded('ERR_SHADOW_TYPE_SIZE', /at most 65520/));
  }
});

test('a field may not be called what a view or any object has of its own, nor what is no identifier', () => {
  const taken = ['add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange', 'read', 'update', 'find'];
  const everywhere = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf', '__defineGetter__', 'toLocaleString'];
  const odd = ['$block', '$touch', '$binding', 'a$', '1a', '0', 'a b', 'a-b', '', 'ä', 'a.b', ' a'];
  for (const name of [...taken, ...everywhere, ...odd]) {
    assert.throws(() => defineShadowType({ id: 1, fields: { [name]: 'u8' } }), coded('ERR_SHADOW_TYPE', /cannot have a field named/), name);
  }
  const own = JSON.parse('{ "__proto__": "u8" }') as Fields;
  assert.throws(() => defineShadowType({ id: 1, fields: own }), coded('ERR_SHADOW_TYPE', /cannot have a field named/));
});

test('any other name is fine, also one that means something elsewhere', () => {
  const names = [
    'then',
    'toJSON',
    'name',
    'length',
    'prototype',
    'get',
    'set',
    'handle',
    'size',
    'id',
    'arguments',
    'await',
    'A',
    '_',
    '_1',
    'i8',
    'bytes',
  ];
  const type = defineShadowType({ id: 1, fields: Object.fromEntries(names.map((name) => [name, 'u32'])) });
  const store = open(type);
  const view = store.alloc(1, type) as unknown as Record<string, number>;
  const cursor = store.cursor(type);
  assert.equal(cursor.find(1), true);
  names.forEach((name, i) => {
    view[name] = i + 1;
  });
  names.forEach((name, i) => {
    assert.equal((cursor as unknown as Record<string, number>)[name], i + 1);
  });
});

test('only what defineShadowType made is a type', () => {
  const type = defineShadowType({ id: 1, fields });
  const store = open(type);
  for (const wrong of [undefined, null, 1, 'type', {}, Object.assign({}, type), { id: 1, size: 4, fields: [] }]) {
    for (const use of [
      () => store.get(1, wrong as never),
      () => store.alloc(1, wrong as never),
      () => store.getOrAlloc(1, wrong as never),
      () => store.has(1, wrong as never),
      () => store.free(1, wrong as never),
      () => store.freeAll(wrong as never),
      () => store.entries(wrong as never),
      () => store.cursor(wrong as never),
      () => store.getMany([1], wrong as never),
      () => open(wrong as never),
    ]) {
      assert.throws(use, coded('ERR_SHADOW_TYPE', /defineShadowType/));
    }
  }
});

test('two declarations of one id in two modules are one type: they share the variables, and each runs its own constructor and destructor', () => {
  const log: string[] = [];
  const declare = (name: string) =>
    defineShadowType({ id: 1, fields, ctor: () => void log.push(`${name} ctor`), dtor: () => void log.push(`${name} dtor`) });
  const [one, two] = [declare('one'), declare('two')];
  const store = open(one);
  store.alloc(1, one).value = 11;
  assert.equal(store.get(1, two)!.value, 11);
  store.alloc(2, two).value = 22;
  assert.equal(store.get(2, one)!.value, 22);
  assert.throws(() => store.alloc(2, one), coded('ERR_SHADOW_EXISTS'));
  store.free(2, one);
  store.free(1, two);
  assert.deepEqual(log, ['one ctor', 'two ctor', 'one dtor', 'two dtor']);
});

test('a declaration of another size is refused by every operation, and the stored variables stay what they are', () => {
  const stored = defineShadowType({ id: 1, fields });
  const other = defineShadowType({ id: 1, fields: { value: 'u32', more: 'u32' } });
  const store = open(stored);
  store.alloc(1, stored).value = 7;
  const mismatch = coded('ERR_SHADOW_SIZE_MISMATCH', /type 1 is stored with 4 bytes, this declaration has 8/);
  for (let twice = 0; twice < 2; twice++) {
    assert.throws(() => store.get(1, other), mismatch);
    assert.throws(() => store.has(1, other), mismatch);
    assert.throws(() => store.alloc(2, other), mismatch);
    assert.throws(() => store.getOrAlloc(1, other), mismatch);
    assert.throws(() => store.free(1, other), mismatch);
    assert.throws(() => store.freeAll(other), mismatch);
    assert.throws(() => store.cursor(other).find(1), mismatch);
    assert.throws(() => store.getMany([1], other), mismatch);
    assert.throws(() => [...store.entries(other)], mismatch);
    assert.equal(store.get(1, stored)?.value, 7);
  }
});

test('one type serves several stores at once, with separate variables', () => {
  const type = defineShadowType({ id: 1, fields });
  const stores = [open(type), open(type), open(type)];
  stores.forEach((store, i) => (store.alloc(1, type).value = i));
  for (let round = 0; round < 3; round++) {
    stores.forEach((store, i) => {
      assert.equal(store.get(1, type)!.value, i);
    });
  }
  stores[1]!.free(1, type);
  assert.deepEqual(
    stores.map((store) => store.has(1, type)),
    [true, false, true],
  );
});
