import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, string } from '../../src/shadow/fields.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded, open } from './fixtures/setup.js';

const type = defineShadowType({
  id: 1,
  fields: { a: 'i32', b: 'u32', c: 'i64', d: 'u64', small: 'u16', float: 'f64', data: bytes(4), text: string(4) },
});
/** What JavaScript itself says, wrapped to the width of the field. */
const MODEL = {
  add: (x: bigint, y: bigint) => x + y,
  sub: (x: bigint, y: bigint) => x - y,
  and: (x: bigint, y: bigint) => x & y,
  or: (x: bigint, y: bigint) => x | y,
  xor: (x: bigint, y: bigint) => x ^ y,
  exchange: (_: bigint, y: bigint) => y,
};
const WRAP: Record<string, (value: bigint) => bigint> = {
  a: (value) => BigInt.asIntN(32, value),
  b: (value) => BigInt.asUintN(32, value),
  c: (value) => BigInt.asIntN(64, value),
  d: (value) => BigInt.asUintN(64, value),
};

for (const operation of ['add', 'sub', 'and', 'or', 'xor', 'exchange'] as const) {
  test(`${operation} returns what was there, wraps at the width of the field, and leaves the other fields alone`, () => {
    const store = open(type);
    const view = store.alloc(1, type);
    for (const field of ['a', 'b', 'c', 'd'] as const) {
      const wide = field === 'c' || field === 'd';
      const bits = wide ? 64n : 32n;
      const operands = [0n, 1n, 5n, -1n, 2n ** (bits - 1n) - 1n, -(2n ** (bits - 1n)), 2n ** bits - 1n, 0x0f0f0f0fn];
      for (const start of operands) {
        for (const operand of operands) {
          const before = WRAP[field]!(start);
          (view as unknown as Record<string, unknown>)[field] = wide ? before : Number(before);
          const returned = (view[operation] as (name: string, value: unknown) => unknown)(field, wide ? operand : Number(operand));
          assert.equal(BigInt(returned as number), before, `${field}: ${operation} of ${before} and ${operand}`);
          assert.equal(BigInt(view[field]), WRAP[field]!(MODEL[operation](before, operand)));
        }
      }
      (view as unknown as Record<string, unknown>)[field] = wide ? 0n : 0;
    }
    assert.deepEqual(view.read(), { a: 0, b: 0, c: 0n, d: 0n, small: 0, float: 0, data: new Uint8Array(4), text: '' });
  });
}

test('compareExchange writes only over what was expected, and returns what it found', () => {
  const view = open(type).alloc(1, type);
  assert.equal(view.compareExchange('a', 0, -5), 0);
  assert.equal(view.compareExchange('a', 0, 7), -5);
  assert.equal(view.a, -5);
  assert.equal(view.compareExchange('b', 0, 2 ** 32 - 1), 0);
  assert.equal(view.compareExchange('b', 2 ** 32 - 1, 3), 2 ** 32 - 1);
  assert.equal(view.b, 3);
  assert.equal(view.compareExchange('c', 0n, -(2n ** 63n)), 0n);
  assert.equal(view.compareExchange('c', -(2n ** 63n), 1n), -(2n ** 63n));
  assert.equal(view.compareExchange('d', 1n, 9n), 0n);
  assert.equal(view.compareExchange('d', 0n, 2n ** 64n - 1n), 0n);
  assert.equal(view.d, 2n ** 64n - 1n);
});

test('only 32- and 64-bit integer fields have atomic operations', () => {
  const view = open(type).alloc(1, type) as unknown as Record<string, (field: unknown, value?: unknown, third?: unknown) => unknown>;
  for (const field of ['small', 'float', 'data', 'text', 'nothing', '', '__proto__', 'toString', undefined, 0, null]) {
    for (const operation of ['add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange']) {
      assert.throws(
        () => view[operation]!(field, 1, 1),
        coded('ERR_SHADOW_FIELD', /atomic fields are a, b, c, d/),
        `${operation} ${String(field)}`,
      );
    }
  }
  const none = defineShadowType({ id: 1, fields: { float: 'f64' } });
  const floats = open(none).alloc(1, none) as unknown as { add: (field: string, value: number) => unknown };
  assert.throws(() => floats.add('float', 1), coded('ERR_SHADOW_FIELD', /\(none\)/));
});

test('an operand that is no integer of the width is ERR_SHADOW_FIELD_VALUE and changes nothing', () => {
  const view = open(type).alloc(1, type);
  const loose = view as unknown as Record<string, (field: unknown, value?: unknown, third?: unknown) => unknown>;
  const trap = {
    valueOf: () => {
      throw new Error('the operand was converted');
    },
  };
  const common = ['1', null, undefined, true, {}, [1], Symbol('s'), NaN, 0.5, Infinity, trap];
  for (const operation of ['add', 'sub', 'and', 'or', 'xor', 'exchange']) {
    for (const field of ['a', 'b'] as const) {
      for (const wrong of [...common, 1n, 0n, 2 ** 32, -(2 ** 31) - 1]) {
        assert.throws(() => loose[operation]!(field, wrong), coded('ERR_SHADOW_FIELD_VALUE'), `${operation} ${field} ${typeof wrong}`);
      }
    }
    for (const field of ['c', 'd'] as const) {
      for (const wrong of [...common, 1, 0, 2n ** 64n, -(2n ** 63n) - 1n]) {
        assert.throws(() => loose[operation]!(field, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
      }
    }
  }
  for (const wrong of [...common, 1n]) {
    assert.throws(() => loose['compareExchange']!('a', wrong, 0), coded('ERR_SHADOW_FIELD_VALUE'));
    assert.throws(() => loose['compareExchange']!('a', 0, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
  }
  for (const wrong of [...common, 1]) {
    assert.throws(() => loose['compareExchange']!('d', wrong, 0n), coded('ERR_SHADOW_FIELD_VALUE'));
    assert.throws(() => loose['compareExchange']!('d', 0n, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
  }
  assert.deepEqual([view.a, view.b, view.c, view.d], [0, 0, 0n, 0n]);
});
