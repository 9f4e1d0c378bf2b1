import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, type FieldKind, string } from '../../src/shadow/fields.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { coded, open, seeded } from './fixtures/setup.js';

interface Sample {
  kind: FieldKind;
  size: number;
  good: unknown[];
  bad: unknown[];
}

const NEITHER_NUMBER = ['1', '', null, undefined, true, {}, [], [1], Symbol('s'), () => 1, new Date(0), Object(1) as unknown];
/** What an integer field takes and refuses. `valueOf` must never be asked. */
function integer(kind: FieldKind, size: number, least: number, most: number): Sample {
  const trap = {
    valueOf: () => {
      throw new Error('the value was converted');
    },
  };
  return {
    kind,
    size,
    good: [least, most, 0, 1, least + 1, most - 1],
    bad: [least - 1, most + 1, 0.5, least - 0.5, NaN, Infinity, -Infinity, 2 ** 53, 1n, 0n, trap, ...NEITHER_NUMBER],
  };
}

const floats = [0, -0, 1, -1.5, Math.PI, 1e-300, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity, NaN];
const SAMPLES: Record<string, Sample> = {
  i8: integer('i8', 1, -128, 127),
  u8: integer('u8', 1, 0, 255),
  i16: integer('i16', 2, -32_768, 32_767),
  u16: integer('u16', 2, 0, 65_535),
  i32: integer('i32', 4, -(2 ** 31), 2 ** 31 - 1),
  u32: integer('u32', 4, 0, 2 ** 32 - 1),
  f32: { kind: 'f32', size: 4, good: floats.map((value) => Math.fround(value)), bad: [1n, ...NEITHER_NUMBER] },
  f64: { kind: 'f64', size: 8, good: floats, bad: [1n, ...NEITHER_NUMBER] },
  i64: {
    kind: 'i64',
    size: 8,
    good: [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n],
    bad: [-(2n ** 63n) - 1n, 2n ** 63n, 1, 0, NaN, ...NEITHER_NUMBER],
  },
  u64: { kind: 'u64', size: 8, good: [0n, 2n ** 64n - 1n, 2n ** 63n], bad: [-1n, 2n ** 64n, 1, 0, NaN, ...NEITHER_NUMBER] },
  bytes: {
    kind: bytes(5),
    size: 5,
    good: [new Uint8Array([1, 2, 3, 4, 5]), new Uint8Array(5), Uint8Array.from([9, 8, 7, 6, 5, 4]).subarray(1)],
    bad: [new Uint8Array(6), new ArrayBuffer(5), new Int8Array(5), new Uint16Array(2), 'abcde', [1, 2, 3, 4, 5], 5, 5n, ...NEITHER_NUMBER],
  },
  string: {
    kind: string(8),
    size: 12,
    good: ['', 'a', '12345678', 'ääää', '€€', '😀😀', 'a\0b', '\u0000', '\ufeffab', 'ab\ufeff', '\u{10ffff}', '\n\t"\\'],
    bad: [
      '123456789',
      'ääääa',
      '€€€',
      '😀😀a',
      '\ud800',
      'a\udc00',
      '\udc00\ud800',
      'x'.repeat(1_000_000),
      5,
      5n,
      ...NEITHER_NUMBER.slice(2),
      new String('a'),
    ],
  },
};

for (const [name, { kind, size, good, bad }] of Object.entries(SAMPLES)) {
  const fields = { before: 'u8', value: kind, after: 'u8' } as const;
  const type = defineShadowType({ id: 1, fields });

  test(`${name}: every value in range comes back as it was, and the neighbours stay untouched`, () => {
    const store = open(type);
    const view = store.alloc(1, type) as unknown as Record<string, unknown> & {
      update: (fn: (draft: Record<string, unknown>) => unknown) => void;
    };
    view['before'] = 255;
    view['after'] = 170;
    for (const value of good) {
      view['value'] = value;
      assert.deepEqual(view['value'], value);
      view.update(() => ({ value: good[0] }));
      assert.deepEqual(view['value'], good[0]);
      view.update((draft) => {
        draft['value'] = value;
      });
      assert.deepEqual((store.get(1, type) as unknown as Record<string, unknown>)['value'], value);
      assert.deepEqual([view['before'], view['after']], [255, 170]);
    }
  });

  test(`${name}: every other value is ERR_SHADOW_FIELD_VALUE and changes nothing, by assignment and by update()`, () => {
    const store = open(type);
    const view = store.alloc(1, type) as unknown as Record<string, unknown> & {
      update: (fn: (draft: Record<string, unknown>) => unknown) => void;
    };
    const before = good[1];
    view['value'] = before;
    for (const value of bad) {
      const refused = coded('ERR_SHADOW_FIELD_VALUE', /field value cannot hold/);
      assert.throws(() => {
        view['value'] = value;
      }, refused);
      assert.throws(() => {
        view.update((draft) => {
          draft['value'] = value;
          draft['before'] = 1;
        });
      }, refused);
      assert.throws(() => {
        view.update(() => ({ before: 1, after: 1, value }));
      }, refused);
      assert.deepEqual([view['before'], view['value'], view['after']], [0, before, 0]);
    }
  });

  test(`${name}: takes ${size} bytes`, () => {
    assert.equal(defineShadowType({ id: 1, fields: { value: kind } }).size, size);
  });
}

test('a new variable is all zeros: zero, empty text, zero bytes', () => {
  const type = defineShadowType({
    id: 1,
    fields: { a: 'i8', b: 'u16', c: 'i32', d: 'f32', e: 'f64', f: 'i64', g: bytes(3), h: string(3) },
  });
  assert.deepEqual(open(type).alloc(1, type).read(), { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0n, g: new Uint8Array(3), h: '' });
});

test('a shorter value leaves nothing of a longer one', () => {
  const type = defineShadowType({ id: 1, fields: { text: string(10), data: bytes(10) } });
  const store = open(type);
  const view = store.alloc(1, type);
  view.text = 'ABCDEFGHIJ';
  view.data = new Uint8Array(10).fill(255);
  view.text = 'xy';
  view.data = new Uint8Array([1, 2]);
  assert.equal(view.text, 'xy');
  assert.deepEqual(view.data, new Uint8Array([1, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
  const raw = defineShadowType({ id: 1, size: type.size });
  const left = store.get(1, raw)!.toBytes();
  assert.equal(Buffer.from(left).includes('C'), false, 'not in memory either');
});

test('what is read is a copy, and what was written may change afterwards', () => {
  const type = defineShadowType({ id: 1, fields: { data: bytes(4) } });
  const view = open(type).alloc(1, type);
  const given = Buffer.from([1, 2, 3, 4]);
  view.data = given;
  given.fill(9);
  const got = view.data;
  got.fill(7);
  assert.deepEqual(view.data, new Uint8Array([1, 2, 3, 4]));
  assert.equal(got.buffer instanceof ArrayBuffer, true);
});

test('a field whose declared length changes while it is declared never reaches beyond its variable', () => {
  let asked = 0;
  const moving = {
    kind: 'bytes' as const,
    get length() {
      return asked++ === 0 ? 4 : 4000;
    },
  };
  const type = defineShadowType({ id: 1, fields: { data: moving } });
  const store = open(type);
  assert.equal(store.alloc(1, type).data.length, type.size);
});

test('at random: fields are aligned, do not overlap, waste no more than their alignment asks for, and hold their values side by side', (t) => {
  const random = seeded(t);
  const kinds = Object.values(SAMPLES).filter(({ kind }) => typeof kind === 'string');
  const alignments: Record<string, number> = Object.fromEntries(kinds.map(({ kind, size }) => [kind as string, size]));
  for (let round = 0; round < 60; round++) {
    const declared: Record<string, FieldKind> = {};
    const samples: Sample[] = [];
    for (let i = 0; i <= random(12); i++) {
      const dice = random(kinds.length + 2);
      const length = 1 + random(20);
      const sample: Sample =
        dice < kinds.length
          ? kinds[dice]!
          : dice === kinds.length
            ? { kind: bytes(length), size: length, good: [new Uint8Array(length).fill(i + 1), new Uint8Array(length)], bad: [] }
            : { kind: string(length), size: length + 4, good: ['x'.repeat(length), '', 'y'], bad: [] };
      declared[`f${i}`] = sample.kind;
      samples.push(sample);
    }
    const type = defineShadowType({ id: 1, fields: declared });
    assert.deepEqual(
      type.fields.map(({ name }) => name),
      Object.keys(declared),
      'in declared order',
    );
    const used = new Set<number>();
    type.fields.forEach(({ offset, kind }, i) => {
      const alignment = typeof kind === 'string' ? alignments[kind]! : kind.kind === 'string' ? 4 : 1;
      assert.equal(offset % alignment, 0);
      for (let byte = offset; byte < offset + samples[i]!.size; byte++) {
        assert.equal(used.has(byte), false, 'no two fields share a byte');
        assert.ok(byte < type.size);
        used.add(byte);
      }
    });
    const padding = type.size - used.size;
    const strings = samples.filter(({ kind }) => typeof kind === 'object' && kind.kind === 'string').length;
    assert.ok(padding <= 3 * strings, `${padding} bytes of padding, ${strings} strings`);
    const view = open(type).alloc(1, type) as unknown as Record<string, unknown> & { read: () => unknown };
    const model: Record<string, unknown> = {};
    for (let write = 0; write < 40; write++) {
      const i = random(samples.length);
      const values = samples[i]!.good;
      for (const [j, sample] of samples.entries()) model[`f${j}`] ??= zeroOf(sample);
      model[`f${i}`] = view[`f${i}`] = values[random(values.length)];
    }
    assert.deepEqual(view.read(), model);
  }
});

function zeroOf({ kind, size }: Sample): unknown {
  if (typeof kind === 'object') return kind.kind === 'bytes' ? new Uint8Array(size) : '';
  return kind === 'i64' || kind === 'u64' ? 0n : 0;
}
