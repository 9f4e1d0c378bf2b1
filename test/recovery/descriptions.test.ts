/** What a snapshot says of the types of its variables. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { openSnapshot } from '../../src/recovery/snapshot-read.js';
import { bytes, string } from '../../src/shadow/fields.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, coded, MEBIBYTE } from '../shadow/fixtures/setup.js';
import { asFormat1, directory, Forgery } from './fixtures/files.js';

const first = defineShadowType({ id: 0x21, fields: { hits: 'u32', name: string(9) } });
const second = defineShadowType({
  id: 0x21,
  version: 2,
  fields: { total: 'f64', name: string(9), raw: bytes(3) },
  previous: first,
  migrate: () => undefined,
});
const plain = defineShadowType({ id: 0x22, size: 24 });

function storeOfTwo(): ShadowStore {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, types: [first, plain] });
  for (let object = 0; object < 10; object++) store.alloc(object, first).hits = object;
  store.alloc(1, plain);
  return store;
}

test('a snapshot describes every version that is in use and that the thread knows', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const store = storeOfTwo();
  store.internals.registry.changeVersion(second);
  store.get(3, second);
  await store.snapshot(file);
  const { format, manifest } = openSnapshot(file);
  assert.equal(format, 2);
  assert.deepEqual(
    [...manifest.types].sort((a, b) => a.id - b.id || a.version - b.version),
    [
      {
        id: 0x21,
        version: 1,
        size: 17,
        fields: [
          { name: 'hits', kind: 'u32', offset: 0 },
          { name: 'name', kind: 'string', length: 9, offset: 4 },
        ],
      },
      {
        id: 0x21,
        version: 2,
        size: 24,
        fields: [
          { name: 'total', kind: 'f64', offset: 0 },
          { name: 'name', kind: 'string', length: 9, offset: 8 },
          { name: 'raw', kind: 'bytes', length: 3, offset: 21 },
        ],
      },
      { id: 0x22, version: 1, size: 24, fields: [] },
    ],
  );
});

test('a snapshot of format 1 is restored as before', async (t) => {
  const folder = directory(t);
  const file = join(folder, 'store.snapshot');
  await storeOfTwo().snapshot(file);
  const old = join(folder, 'old.snapshot');
  writeFileSync(old, asFormat1(file));
  assert.deepEqual(openSnapshot(old).manifest.types, []);
  const restored = ShadowStore.restore(old, { types: [first, plain] });
  assert.equal(restored.get(7, first)?.hits, 7);
  assertClean(restored);
});

test('a description that no type could have is refused, although every checksum is right', async (t) => {
  const folder = directory(t);
  const file = join(folder, 'store.snapshot');
  await storeOfTwo().snapshot(file);
  const forged = join(folder, 'forged.snapshot');
  const field = (changes: object) => [{ id: 5, version: 1, size: 16, fields: [{ name: 'a', kind: 'u32', offset: 4, ...changes }] }];
  const type = (changes: object) => [{ id: 5, version: 1, size: 16, fields: [], ...changes }];
  const write = (types: unknown): void => {
    const forgery = new Forgery(file);
    writeFileSync(forged, forgery.withManifest(Buffer.from(JSON.stringify({ ...forgery.manifest, types }), 'utf8')));
  };
  for (const types of [type({}), field({}), field({ kind: 'string', length: 8 }), field({ kind: 'bytes', offset: 3, length: 13 })]) {
    write(types);
    assert.deepEqual(openSnapshot(forged).manifest.types, types);
  }
  for (const types of [
    type({ id: -1 }),
    type({ id: 2 ** 32 }),
    type({ version: 0 }),
    type({ size: 0 }),
    type({ size: 65_521 }),
    type({ size: 1.5 }),
    type({ fields: null }),
    type({ fields: [null] }),
    field({ name: 'no name' }),
    field({ name: '' }),
    field({ name: 7 }),
    field({ kind: 'u128' }),
    field({ kind: 'toString' }),
    field({ kind: { kind: 'bytes' } }),
    field({ offset: -4 }),
    field({ offset: 6 }),
    field({ offset: 16 }),
    field({ kind: 'f64', offset: 4 }),
    field({ kind: 'i8', offset: 1.5 }),
    field({ length: 4 }),
    field({ kind: 'bytes' }),
    field({ kind: 'bytes', length: 13 }),
    field({ kind: 'bytes', length: 0 }),
    field({ kind: 'string', length: 9 }),
    [{ ...type({})[0], fields: [...field({})[0]!.fields, ...field({ offset: 8 })[0]!.fields] }],
  ]) {
    write(types);
    assert.throws(() => openSnapshot(forged), coded('ERR_SHADOW_SNAPSHOT'), JSON.stringify(types));
  }
});
