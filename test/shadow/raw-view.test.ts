import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '../../src/errors.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded, open } from './fixtures/setup.js';

const SIZE = 20;
const type = defineShadowType({ id: 1, size: SIZE });

/** Getter, setter, width and range of each kind of number. */
const NUMBERS = [
  ['Int8', 1, -128, 127],
  ['Uint8', 1, 0, 255],
  ['Int32', 4, -(2 ** 31), 2 ** 31 - 1],
  ['Uint32', 4, 0, 2 ** 32 - 1],
] as const;

test('numbers stand little-endian at byte offsets, up to the last byte, and nowhere else', () => {
  for (const [kind, width, least, most] of NUMBERS) {
    for (let offset = 0; offset + width <= SIZE; offset += width) {
      for (const value of [least, most, 1]) {
        const view = open(type).alloc(1, type);
        view[`set${kind}`](offset, value);
        assert.equal(view[`get${kind}`](offset), value);
        const expected = Buffer.alloc(SIZE);
        if (least < 0) expected.writeIntLE(value, offset, width);
        else expected.writeUIntLE(value, offset, width);
        assert.deepEqual(Buffer.from(view.toBytes()), expected);
        if (offset > 8) break;
      }
    }
  }
  const view = open(type).alloc(1, type);
  for (const offset of [0, 8]) {
    for (const value of [Math.PI, NaN, -0, Infinity, Number.MIN_VALUE]) {
      view.setFloat64(offset, value);
      assert.equal(view.getFloat64(offset), value);
    }
    for (const value of [-(2n ** 63n), 2n ** 63n - 1n, -1n]) {
      view.setBigInt64(offset, value);
      assert.equal(view.getBigInt64(offset), value);
      assert.equal(Buffer.from(view.toBytes()).readBigInt64LE(offset), value);
    }
  }
});

test('an offset outside the variable or not aligned is ERR_SHADOW_FIELD, and nothing is written', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  const neighbour = store.alloc(2, type);
  const loose = view as unknown as Record<string, (offset: unknown, value?: unknown) => unknown>;
  const wide = [1, 2, 3, 17, 18, 19];
  for (const [kind, value, wrong] of [
    ['Int8', 1, [SIZE]],
    ['Uint8', 1, [SIZE]],
    ['Int32', 1, [...wide, SIZE]],
    ['Uint32', 1, [...wide, SIZE]],
    ['Float64', 1, [...wide, 4, 12, 16, SIZE]],
    ['BigInt64', 1n, [...wide, 4, 12, 16, SIZE]],
  ] as const) {
    for (const offset of [...wrong, -1, -8, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53, '0', null, undefined, {}]) {
      assert.throws(() => loose[`get${kind}`]!(offset), coded('ERR_SHADOW_FIELD', /at offset/), `get${kind} ${describe(offset)}`);
      assert.throws(() => loose[`set${kind}`]!(offset, value), coded('ERR_SHADOW_FIELD', /at offset/), `set${kind} ${describe(offset)}`);
    }
  }
  for (const each of [view, neighbour]) assert.deepEqual(each.toBytes(), new Uint8Array(SIZE));
});

test('a value that does not fit is ERR_SHADOW_FIELD_VALUE', () => {
  const view = open(type).alloc(1, type);
  const loose = view as unknown as Record<string, (offset: number, value: unknown) => unknown>;
  for (const [kind, , least, most] of NUMBERS) {
    for (const wrong of [least - 1, most + 1, 0.5, NaN, '1', 1n, null, undefined]) {
      assert.throws(() => loose[`set${kind}`]!(0, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
    }
  }
  for (const wrong of ['1', 1n, null, undefined, {}]) assert.throws(() => loose['setFloat64']!(0, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
  for (const wrong of ['1', 1, null, undefined, {}]) assert.throws(() => loose['setBigInt64']!(0, wrong), coded('ERR_SHADOW_FIELD_VALUE'));
  assert.deepEqual(view.toBytes(), new Uint8Array(SIZE));
});

test('bytes go in at an offset and come out as a copy; too many, or anything else, is refused', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  const neighbour = store.alloc(2, type);
  view.setBytes(new Uint8Array(SIZE).fill(1));
  view.setBytes(Buffer.from([7, 8]), SIZE - 2);
  view.setBytes(new Uint8Array(0), SIZE);
  const copy = view.toBytes();
  assert.deepEqual([...copy], [...new Array<number>(SIZE - 2).fill(1), 7, 8]);
  copy.fill(9);
  assert.equal(view.getUint8(0), 1);
  const loose = view as unknown as { setBytes: (source: unknown, offset?: unknown) => void };
  for (const [source, offset] of [
    [new Uint8Array(SIZE + 1), 0],
    [new Uint8Array(2), SIZE - 1],
    [new Uint8Array(1), -1],
    [new Uint8Array(1), NaN],
    [new Uint8Array(1), 0.5],
    [new Uint8Array(0), SIZE + 1],
  ]) {
    assert.throws(() => {
      loose.setBytes(source, offset);
    }, coded('ERR_SHADOW_FIELD'));
  }
  for (const source of [[1], 'abc', new ArrayBuffer(4), new Uint16Array(2), null, undefined, 5]) {
    assert.throws(() => {
      loose.setBytes(source);
    }, coded('ERR_SHADOW_FIELD_VALUE'));
  }
  assert.deepEqual(neighbour.toBytes(), new Uint8Array(SIZE));
});

test('read() and update() treat the bytes as one field', () => {
  const view = open(type).alloc(1, type);
  view.update((draft) => {
    (draft as unknown as { bytes: Uint8Array }).bytes.fill(3);
  });
  assert.deepEqual(view.read(), { bytes: new Uint8Array(SIZE).fill(3) });
  view.update(() => ({ bytes: new Uint8Array([1, 2]) }));
  assert.deepEqual([...view.toBytes()], [1, 2, ...new Array<number>(SIZE - 2).fill(3)]);
  assert.throws(() => {
    view.update(() => ({ bytes: new Uint8Array(SIZE + 1) }));
  }, coded('ERR_SHADOW_FIELD'));
  assert.throws(() => {
    view.update(() => ({ byts: new Uint8Array(1) }));
  }, coded('ERR_SHADOW_FIELD'));
});

test('the cursor of a raw type has the same face as its views', () => {
  const store = open(type);
  store.alloc(1, type).setInt32(4, -7);
  const cursor = store.cursor(type);
  assert.equal(cursor.find(1), true);
  assert.equal(cursor.getInt32(4), -7);
  cursor.setUint8(0, 9);
  assert.equal(store.get(1, type)!.toBytes()[0], 9);
  assert.equal(cursor.find(2), false);
  assert.throws(() => cursor.getInt32(4), coded('ERR_SHADOW_STALE_VIEW'));
  assert.throws(() => cursor.toBytes(), coded('ERR_SHADOW_STALE_VIEW'));
});

test('a size that is no multiple of 8 is kept to the byte', () => {
  const odd = defineShadowType({ id: 1, size: 5 });
  const view = open(odd).alloc(1, odd);
  view.setUint8(4, 255);
  assert.equal(view.getUint8(4), 255);
  assert.throws(() => view.getUint8(5), coded('ERR_SHADOW_FIELD'));
  assert.throws(() => view.getFloat64(0), coded('ERR_SHADOW_FIELD'));
  assert.equal(view.toBytes().length, 5);
});
