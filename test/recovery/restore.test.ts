import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, coded, MEBIBYTE, open, seeded } from '../shadow/fixtures/setup.js';
import { directory, type ForgedManifest, Forgery } from './fixtures/files.js';
import { blob, count, doomed, newer, note, older, prepare } from './fixtures/prepared.js';
import { runFlips } from './fixtures/watchdog.js';

/** Where the snapshot of a prepared store is, and where to write another one. */
async function prepared(t: TestContext): Promise<{ file: string; copy: string }> {
  const path = directory(t);
  const file = join(path, 'store.snapshot');
  await prepare().store.snapshot(file);
  return { file, copy: join(path, 'copy.snapshot') };
}

const refused = coded('ERR_SHADOW_SNAPSHOT', /no whole snapshot.*nothing was restored/);

test('a file in which any byte was changed is refused', async (t) => {
  const random = seeded(t);
  const { file, copy } = await prepared(t);
  const bytes = readFileSync(file);
  const manifestAt = Number(bytes.readBigUInt64LE(24));
  const places = [
    ...Array.from({ length: 72 }, (_, i) => i), // the preamble
    ...Array.from({ length: 60 }, () => manifestAt + random(bytes.length - manifestAt)),
    ...Array.from({ length: 120 }, () => 72 + random(manifestAt - 72)),
    bytes.length - 1,
  ];
  for (const at of places) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << random(8);
    writeFileSync(copy, changed);
    assert.throws(
      () => ShadowStore.restore(copy),
      (error: Error & { code?: string }) => {
        assert.match(error.code ?? String(error), /^ERR_SHADOW_SNAPSHOT(_VERSION)?$/, `byte ${at}`);
        return true;
      },
    );
  }
});

test('a file that was cut off anywhere, or added to, is refused', async (t) => {
  const random = seeded(t);
  const { file, copy } = await prepared(t);
  const bytes = readFileSync(file);
  const lengths = [0, 1, 7, 8, 12, 16, 40, 71, 72, 73, bytes.length - 1, ...Array.from({ length: 80 }, () => random(bytes.length))];
  for (const length of lengths) {
    writeFileSync(copy, bytes.subarray(0, length));
    assert.throws(() => ShadowStore.restore(copy), refused, `${length} bytes`);
  }
  for (const more of [1, 4096]) {
    writeFileSync(copy, Buffer.concat([bytes, Buffer.alloc(more)]));
    assert.throws(() => ShadowStore.restore(copy), refused);
  }
});

test('a file of another version, of another kind, or none at all, is refused with what to do', async (t) => {
  const { file, copy } = await prepared(t);
  const bytes = readFileSync(file);
  for (const at of [8, 12]) {
    const changed = Buffer.from(bytes);
    changed.writeUInt32LE(99, at);
    writeFileSync(copy, changed);
    assert.throws(() => ShadowStore.restore(copy), coded('ERR_SHADOW_SNAPSHOT_VERSION', /99.*with the version of umbra that wrote it/));
  }
  writeFileSync(copy, 'not a snapshot at all, but long enough to have a preamble of seventy-two bytes');
  assert.throws(() => ShadowStore.restore(copy), refused);
  assert.throws(() => ShadowStore.restore(`${file}.gone`), coded('ERR_SHADOW_SNAPSHOT_FILE', /cannot be read: ENOENT/));
  mkdirSync(`${file}.directory`);
  assert.throws(() => ShadowStore.restore(`${file}.directory`), coded('ERR_SHADOW_SNAPSHOT_FILE'));
  for (const wrong of [undefined, null, 7, {}, '', 'a\0b', new URL('http://localhost/x')])
    assert.throws(() => ShadowStore.restore(wrong as never), coded('ERR_SHADOW_OPTION'));
  for (const wrong of [null, 5, 'x', { maxBytes: 5 }, { types: 5 }, { types: {} }])
    assert.throws(() => ShadowStore.restore(file, wrong as never), coded('ERR_SHADOW_OPTION'));
  assert.throws(() => ShadowStore.restore(file, { types: [{ id: 1 }] as never }), coded('ERR_SHADOW_TYPE'));
});

test('a manifest that says what no store can be is refused, although its checksum is right', async (t) => {
  const { file, copy } = await prepared(t);
  const refusals: [string, (manifest: ForgedManifest) => unknown][] = [];
  const numbers = Object.keys(new Forgery(file).manifest.numbers);
  for (const name of numbers)
    for (const wrong of [-1, 2 ** 31, 2 ** 53, 1.5, '', null, [], {}, 'x'])
      refusals.push([`${name} = ${JSON.stringify(wrong)}`, (manifest) => (manifest.numbers[name] = wrong)]);
  for (const name of ['created', 'numbers', 'registrations', 'types', 'sections'])
    for (const wrong of [undefined, null, 5, {}, [null], [{}]])
      refusals.push([`${name} = ${JSON.stringify(wrong)}`, (manifest) => ((manifest as unknown as Record<string, unknown>)[name] = wrong)]);
  for (const name of ['name', 'address', 'bytes', 'sha256'])
    for (const wrong of [undefined, -4, 2 ** 40, 'y'])
      for (const index of [0, 3])
        refusals.push([`sections[${index}].${name} = ${JSON.stringify(wrong)}`, (manifest) => (manifest.sections[index]![name] = wrong)]);
  for (const [what, forge] of refusals) {
    const forgery = new Forgery(file);
    const manifest = structuredClone(forgery.manifest);
    forge(manifest);
    writeFileSync(copy, forgery.withManifest(Buffer.from(JSON.stringify(manifest), 'utf8')));
    let restored: ShadowStore;
    try {
      restored = ShadowStore.restore(copy);
    } catch (error) {
      refused(error);
      continue;
    }
    // Some wrong values are right ones for another store: that has to be in order then.
    assertClean(restored);
    assert.match(what, /^owed = \[\]|^created = /, what);
  }
  for (const wrong of ['', '{', '[]', 'null', '7', '{"numbers":'.repeat(50_000)]) {
    writeFileSync(copy, new Forgery(file).withManifest(Buffer.from(wrong, 'utf8')));
    assert.throws(() => ShadowStore.restore(copy), refused);
  }
});

test('a table that leads outside, in circles or to what is none is refused, although every checksum is right', async (t) => {
  const { file, copy } = await prepared(t);
  const forged = (forge: (words: Int32Array, name: string) => void): void => {
    const forgery = new Forgery(file);
    for (const { name, bytes } of forgery.sections) forge(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), name);
    writeFileSync(copy, forgery.toBuffer());
  };
  forged(() => undefined);
  assertClean(ShadowStore.restore(copy));
  for (const wrong of [-1, 1, 5, 300, 2 ** 31 - 1, 2 ** 20]) {
    forged((words, name) => {
      if (name !== 'buckets') return;
      const entry = words.findIndex((word, i) => i % Layout.BUCKET_WORDS >= Layout.BUCKET_BLOCKS && word !== 0);
      words[entry] = wrong;
    });
    assert.throws(() => ShadowStore.restore(copy), refused, `an entry that leads to ${wrong}`);
    forged((words, name) => {
      if (name === 'buckets') words[Layout.BUCKET_NEXT] = wrong;
    });
    assert.throws(() => ShadowStore.restore(copy), refused, `a chain that leads to ${wrong}`);
    forged((words, name) => {
      if (name === 'types') words[Layout.TYPE_WORDS + Layout.TYPE_SIZE] = wrong;
    });
    assert.throws(() => ShadowStore.restore(copy), refused, `a type of ${wrong} bytes`);
    forged((words, name) => {
      if (name === 'pageTable') words[words.length - Layout.PAGE_ENTRY_WORDS] = wrong + 40;
    });
    assert.throws(() => ShadowStore.restore(copy), refused, `a page of class ${wrong}`);
  }
});

test('random forgeries with right checksums: refused, or a store in order; nothing hangs and nothing else is thrown', async (t) => {
  const { flips, reported } = await runFlips(t, { flips: 400, mode: 'forge' });
  assert.equal(flips, 400);
  assert.ok(reported > flips / 3, `${reported} of ${flips} refused`);
});

test('the application declares its types again: the same, newer versions, new ones; others are refused', async (t) => {
  const { file } = await prepared(t);
  const fresh = defineShadowType({ id: 60, size: 8 });
  const count2 = defineShadowType({
    id: 1,
    version: 2,
    fields: { value: 'f64' },
    previous: count,
    migrate: (_, from, to) => (to.value = from.value + 0.5),
  });
  const store = ShadowStore.restore(file, { types: [count2, note, newer, fresh] });
  assert.equal(store.get(5, count2)?.value, 5.5, 'migrated at its first access');
  assert.equal(store.get('ada', count2)?.value, 3.5);
  assert.throws(() => store.get(5, count), coded('ERR_SHADOW_VERSION'));
  store.alloc(1, fresh);
  assert.equal(store.get(3, newer)?.hits, 3);
  assert.deepEqual(store.restored?.kept, [{ id: 2, owner: 'restored application', object: 'base' }], 'nobody has given it again');
  assert.equal(store.get(2, blob)?.toBytes().length, 3000, 'it is kept all the same');
  assertClean(store);
  assert.throws(() => ShadowStore.restore(file, { types: [older] }), coded('ERR_SHADOW_VERSION', /version 2 with 16 bytes/));
  const other = defineShadowType({ id: 1, size: 100 });
  assert.throws(() => ShadowStore.restore(file, { types: [other] }), coded('ERR_SHADOW_SIZE_MISMATCH', /12 bytes.*100 bytes/));
  const unreachable = defineShadowType({ id: 1, version: 3, size: 100 });
  assert.throws(() => ShadowStore.restore(file, { types: [unreachable] }), coded('ERR_SHADOW_VERSION', /nothing leads there/));
  assert.throws(() => ShadowStore.restore(file, { types: [count, count] }), coded('ERR_SHADOW_DUPLICATE_ID'));
});

test('a migration that was under way goes on in the restored store', async (t) => {
  const { file } = await prepared(t);
  const store = ShadowStore.restore(file, { types: [count, blob, note, newer] });
  const { unmigrated, live } = store.stats().types.find(({ id }) => id === 4)!;
  assert.deepEqual([unmigrated, live], [15, 20]);
  for (let object = 0; object < 20; object++) assert.equal(store.get(object, newer)?.hits, object);
  assert.equal(store.stats().types.find(({ id }) => id === 4)?.unmigrated, 0);
  assertClean(store);
});

test('registrations of patches stay, under a name that no patch has, until they are given up', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const source = open(count);
  source.internals.registry.register('patch limit #1', 'sessions', [note, doomed]);
  source.alloc('ada', note);
  source.alloc(1, doomed);
  await source.snapshot(file);
  const store = ShadowStore.restore(file, { types: [count] });
  const owner = 'restored patch limit #1';
  assert.deepEqual(
    store.restored?.kept.map((registration) => [registration.owner, registration.object, registration.id]),
    [
      [owner, 'sessions', note.id],
      [owner, 'sessions', doomed.id],
    ],
  );
  const { registry } = store.internals;
  registry.register('patch limit #1', 'sessions', [note, doomed]); // the same patch, enabled in the new process
  assert.equal(registry.unregister('patch limit #1', 'sessions').length, 0, 'the restored one keeps them');
  assert.ok(store.has('ada', note));
  const collections = registry.unregister(owner, 'sessions');
  assert.deepEqual(
    collections.map(({ id }) => id),
    [note.id, doomed.id],
  );
  for (const collection of collections) while (!collection.step());
  assert.equal(store.check().found.variables, 0);
  assertClean(store);
});

test('a thread that has not registered anything writes a snapshot in which every registered id stays alive', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const source = open(count);
  source.internals.registry.register('patch limit #1', 'sessions', [note]);
  source.alloc(1, note);
  await ShadowStore.attach(source.handle).snapshot(file);
  const store = ShadowStore.restore(file);
  assert.deepEqual(
    store.restored?.kept.map(({ owner, id }) => [owner, id]),
    [
      ['restored', count.id],
      ['restored', note.id],
    ],
  );
  assert.ok(store.has(1, note));
  assert.ok(ShadowStore.restore(file, { types: [count] }).get(1, note) !== undefined);
});

test('an id that was being collected is collected to its end, with the destructor of the type that is given', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const destroyed: unknown[] = [];
  const type = defineShadowType({ id: 61, fields: { value: 'u32' }, dtor: (parent, view) => void destroyed.push([parent, view.value]) });
  const source = open(count);
  source.internals.registry.register('patch', 'o', [type]);
  for (let object = 0; object < 5; object++) source.alloc(object, type).value = object + 1;
  source.alloc('ada', type).value = 9;
  source.internals.registry.unregister('patch', 'o');
  await source.snapshot(file);
  assert.deepEqual(destroyed, []);
  const store = ShadowStore.restore(file, { types: [count, type] });
  assert.equal(destroyed.length, 6);
  assert.ok(destroyed.some((entry) => JSON.stringify(entry) === '["ada",9]'));
  assert.equal(store.restored?.destructors, 6);
  assert.equal(store.has(1, type), false, 'the id begins anew');
  store.alloc(1, type);
  assertClean(store);
});

test('destructors that were running are run again in the restored store', async (t) => {
  const path = directory(t);
  const destroyed: unknown[] = [];
  let written: Promise<unknown> | undefined;
  const type = defineShadowType({
    id: 62,
    fields: { value: 'u32' },
    dtor: (parent, view) => {
      destroyed.push([parent, view.value]);
      if (destroyed.length === 1) written = source.snapshot(join(path, 'store.snapshot'));
    },
  });
  const source = open(type);
  source.alloc('ada', type).value = 5;
  source.alloc(2, type).value = 6;
  source.free('ada', type);
  await written;
  assert.deepEqual(destroyed, [['ada', 5]]);
  const store = ShadowStore.restore(join(path, 'store.snapshot'), { types: [type] });
  assert.deepEqual(destroyed, [
    ['ada', 5],
    ['ada', 5],
  ]);
  assert.equal(store.restored?.destructors, 1);
  assert.equal(store.restored.variables, 1);
  assert.equal(store.get(2, type)?.value, 6);
  const { found } = store.check();
  assert.equal(found.destroying, 0);
  assertClean(store);
});

test('what destructors throw at the restoration stops nothing and is reported', async (t) => {
  t.mock.method(process, 'emitWarning', () => undefined);
  const file = join(directory(t), 'store.snapshot');
  const type = defineShadowType({
    id: 63,
    size: 4,
    dtor: () => {
      throw new Error('no');
    },
  });
  const source = open(count);
  source.internals.registry.register('patch', 'o', [type]);
  for (let object = 0; object < 3; object++) source.alloc(object, type);
  source.internals.registry.unregister('patch', 'o');
  await source.snapshot(file);
  const store = ShadowStore.restore(file, { types: [count, type] });
  assert.equal(store.restored?.failures.length, 3);
  assertClean(store);
});

test('a store of one thread whose destructor takes the snapshot is restored without that destructor', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  let written: Promise<unknown> | undefined;
  let destroyed = 0;
  const type = defineShadowType({ id: 64, size: 4, dtor: () => void (destroyed++ === 0 && (written = source.snapshot(file))) });
  const source = ShadowStore.create({ maxBytes: 2 * MEBIBYTE, maxThreads: 1, types: [type] });
  source.alloc(1, type);
  source.alloc(2, type);
  source.free(1, type);
  await written;
  const store = ShadowStore.restore(file, { types: [type] });
  assert.equal(store.restored?.variables, 1);
  assertClean(store);
});
