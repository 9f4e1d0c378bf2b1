import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '../../src/errors.js';
import { Layout } from '../../src/memory/layout.js';
import { attachMemory, createMemory } from '../../src/memory/reservation.js';
import { bytes, string } from '../../src/shadow/fields.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, blockOf, coded, MEBIBYTE } from '../shadow/fixtures/setup.js';

test('the regions lie one behind the other, on whole cache lines, and the buckets end before the first free page', () => {
  for (const [pages, threads] of [
    [40, 1],
    [64, 16],
    [1000, 64],
    [4096, 1000],
  ] as const) {
    const memory = createMemory(pages * Layout.PAGE_BYTES, threads);
    const { words, pageTable, types, counters, buckets } = memory;
    assert.ok(pageTable >= Layout.CLASSES_END);
    assert.ok(types >= pageTable + pages * Layout.PAGE_ENTRY_WORDS);
    assert.ok(memory.threads >= types + Layout.TYPE_SLOTS * Layout.TYPE_WORDS);
    assert.ok(counters >= memory.threads + threads * Layout.THREAD_WORDS);
    assert.ok(buckets >= counters + threads * Layout.COUNTER_WORDS_PER_THREAD);
    for (const region of [types, memory.threads, counters, buckets]) assert.equal(region % Layout.LINE_WORDS, 0);
    assert.ok(words[Layout.BUCKET_PAGE_LIMIT]! * Layout.PAGE_WORDS >= buckets + Layout.FIRST_BUCKETS * Layout.BUCKET_WORDS);
    assert.equal(words[Layout.PAGE_FLOOR], pages);
    assert.equal(memory.pages, pages);
    assert.equal(memory.maxThreads, threads);
  }
});

test('maxBytes is rounded down to whole pages of 64 KiB', () => {
  assert.equal(createMemory(4 * MEBIBYTE + Layout.PAGE_BYTES - 1, 4).buffer.byteLength, 4 * MEBIBYTE);
  assert.equal(createMemory(4 * MEBIBYTE + Layout.PAGE_BYTES, 4).buffer.byteLength, 4 * MEBIBYTE + Layout.PAGE_BYTES);
});

test('maxBytes must be a usable number of bytes', () => {
  for (const wrong of [0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 33 + 1, 2 ** 53, '4194304', null, undefined, true, 10n, {}, [2 ** 22]]) {
    assert.throws(() => ShadowStore.create({ maxBytes: wrong as number }), coded('ERR_SHADOW_MAX_BYTES', /maxBytes is/), describe(wrong));
  }
});

test('a store too small for its threads is refused with the least size, and that size works', () => {
  for (const threads of [1, 16, 1000]) {
    let least = 0;
    assert.throws(
      () => createMemory(1, threads),
      (error) => {
        coded('ERR_SHADOW_MAX_BYTES', /at least \d+ bytes/)(error);
        least = Number(/at least (\d+) bytes/.exec((error as Error).message)![1]);
        return true;
      },
    );
    assert.throws(() => createMemory(least - 1, threads), coded('ERR_SHADOW_MAX_BYTES'));
    const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
    const store = ShadowStore.create({ maxBytes: least, maxThreads: threads, types: [type] });
    store.alloc(1, type).value = 7;
    assert.equal(store.get(1, type)?.value, 7);
    assertClean(store);
  }
});

test('maxThreads is a whole number from 1 to 1000, by default 64, and 16 in a store below 8 MiB', () => {
  for (const wrong of [0, -1, 1001, 2.5, NaN, Infinity, '4', true, 2n, {}]) {
    const options = { maxBytes: 16 * MEBIBYTE, maxThreads: wrong as number };
    assert.throws(() => ShadowStore.create(options), coded('ERR_SHADOW_MAX_THREADS', /1 to 1000/), describe(wrong));
  }
  assert.equal(createMemory(8 * MEBIBYTE - 1, undefined).maxThreads, 16);
  assert.equal(createMemory(8 * MEBIBYTE, undefined).maxThreads, 64);
  assert.equal(createMemory(64 * MEBIBYTE, 1000).maxThreads, 1000);
  assert.equal(createMemory(4 * MEBIBYTE, 1).maxThreads, 1);
});

test('a store of 8 GiB, created and attached, raises resident memory by less than 64 MiB', () => {
  const before = process.memoryUsage().rss;
  const store = ShadowStore.create({ maxBytes: 2 ** 33 });
  const attached = ShadowStore.attach(store.handle);
  assert.equal(attached.handle.buffer.byteLength, 2 ** 33);
  const raised = process.memoryUsage().rss - before;
  assert.ok(raised < 64 * MEBIBYTE, `raised by ${raised} bytes`);
});

test('a store made with commit: true has all of its memory from the start', () => {
  const before = process.memoryUsage().rss;
  const store = ShadowStore.create({ maxBytes: 256 * MEBIBYTE, commit: true });
  const raised = process.memoryUsage().rss - before;
  assert.ok(raised > 250 * MEBIBYTE, `raised by ${raised} bytes`);
  assert.equal(store.handle.buffer.byteLength, 256 * MEBIBYTE);
  assert.throws(() => ShadowStore.create({ maxBytes: MEBIBYTE, commit: 1 as never }), coded('ERR_SHADOW_OPTION'));
});

test('in a store of 8 GiB every field kind works at the very top, and no block of the topmost page is lost', () => {
  const type = defineShadowType({
    id: 1,
    fields: { a: 'i8', b: 'u16', c: 'u32', d: 'f32', e: 'f64', f: 'u64', g: bytes(3), h: string(5) },
  });
  const store = ShadowStore.create({ maxBytes: 2 ** 33, maxThreads: 2, types: [type] });
  const values = { a: -8, b: 65535, c: 2 ** 32 - 1, d: 0.5, e: Math.PI, f: 2n ** 64n - 1n, g: new Uint8Array([1, 2, 3]), h: 'höre' };
  for (let object = 0; object < 1000; object++) {
    const view = store.alloc(object, type);
    view.update(() => values);
    if (object === 0) assert.equal(blockOf(view) >>> Layout.PAGE_SHIFT, 2 ** 17 - 1, 'the topmost page');
  }
  for (let object = 0; object < 1000; object++) assert.deepEqual(store.get(object, type)?.read(), values);
  assertClean(store);
});

test('a handle goes through structured clone as it is and leads to the same memory', () => {
  const type = defineShadowType({ id: 1, fields: { value: 'u32' } });
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, types: [type] });
  store.alloc(5, type).value = 11;
  const attached = ShadowStore.attach(structuredClone(store.handle));
  assert.equal(attached.get(5, type)?.value, 11);
  attached.get(5, type)!.value = 12;
  assert.equal(store.get(5, type)?.value, 12);
});

test('what is not the handle of a store is refused before anything is read from it', () => {
  const { handle } = createMemory(4 * MEBIBYTE, 4);
  const { buffer, layoutVersion } = handle;
  const kind = 'umbra.store';
  const refused: [unknown, Parameters<typeof coded>[0], RegExp][] = [
    [undefined, 'ERR_SHADOW_HANDLE', /not a store handle/],
    [null, 'ERR_SHADOW_HANDLE', /not a store handle/],
    ['umbra.store', 'ERR_SHADOW_HANDLE', /not a store handle/],
    [buffer, 'ERR_SHADOW_HANDLE', /not a store handle/],
    [{}, 'ERR_SHADOW_HANDLE', /not a store handle/],
    [{ ...handle, kind: 'umbra.pool' }, 'ERR_SHADOW_HANDLE', /not a store handle/],
    [{ kind, buffer }, 'ERR_SHADOW_HANDLE_VERSION', /version is missing/],
    [{ ...handle, layoutVersion: layoutVersion + 1 }, 'ERR_SHADOW_HANDLE_VERSION', /one version of umbra/],
    [{ ...handle, layoutVersion: String(layoutVersion) }, 'ERR_SHADOW_HANDLE_VERSION', /one version of umbra/],
    [{ kind, layoutVersion }, 'ERR_SHADOW_HANDLE', /no SharedArrayBuffer/],
    [{ ...handle, buffer: new ArrayBuffer(4 * MEBIBYTE) }, 'ERR_SHADOW_HANDLE', /no SharedArrayBuffer/],
    [{ ...handle, buffer: new Int32Array(buffer) }, 'ERR_SHADOW_HANDLE', /no SharedArrayBuffer/],
    [{ ...handle, buffer: new SharedArrayBuffer(0) }, 'ERR_SHADOW_HANDLE_SIZE', /less than the header/],
    [{ ...handle, buffer: new SharedArrayBuffer(4 * MEBIBYTE) }, 'ERR_SHADOW_HANDLE', /magic/],
  ];
  for (const [wrong, code, pattern] of refused) assert.throws(() => ShadowStore.attach(wrong as never), coded(code, pattern));
});

test('a growable buffer is refused, even with the header of a store', () => {
  const { handle } = createMemory(4 * MEBIBYTE, 4);
  const buffer = new SharedArrayBuffer(4 * MEBIBYTE, { maxByteLength: 8 * MEBIBYTE });
  new Int32Array(buffer).set(new Int32Array(handle.buffer, 0, Layout.CLASSES_END));
  assert.throws(() => attachMemory({ ...handle, buffer }), coded('ERR_SHADOW_HANDLE', /growable/));
});

test('a header that does not fit its buffer is refused: other magic, newer layout, truncated, padded, impossible threads, moved regions', () => {
  const good = createMemory(4 * MEBIBYTE, 4);
  const withHeader = (byteLength: number, changes: [number, number][] = []): unknown => {
    const buffer = new SharedArrayBuffer(byteLength);
    const words = new Int32Array(buffer);
    words.set(good.words.subarray(0, Math.min(words.length, Layout.HEADER_WORDS)));
    for (const [word, value] of changes) words[word] = value;
    return { ...good.handle, buffer };
  };
  const intact = attachMemory(withHeader(4 * MEBIBYTE));
  assert.equal(intact.buckets, good.buckets);
  const refused: [unknown, Parameters<typeof coded>[0]][] = [
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAGIC, Layout.MAGIC + 1]]), 'ERR_SHADOW_HANDLE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_VERSION, Layout.LAYOUT_VERSION + 1]]), 'ERR_SHADOW_HANDLE_VERSION'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_VERSION, 0]]), 'ERR_SHADOW_HANDLE_VERSION'],
    [withHeader(4 * MEBIBYTE - Layout.PAGE_BYTES), 'ERR_SHADOW_HANDLE_SIZE'],
    [withHeader(4 * MEBIBYTE + Layout.PAGE_BYTES), 'ERR_SHADOW_HANDLE_SIZE'],
    [withHeader(4 * MEBIBYTE + 4), 'ERR_SHADOW_HANDLE_SIZE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_PAGES, -64]]), 'ERR_SHADOW_HANDLE_SIZE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAX_THREADS, 0]]), 'ERR_SHADOW_HANDLE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAX_THREADS, -1]]), 'ERR_SHADOW_HANDLE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAX_THREADS, 5]]), 'ERR_SHADOW_HANDLE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAX_THREADS, 1000]]), 'ERR_SHADOW_HANDLE'],
    [withHeader(4 * MEBIBYTE, [[Layout.HEADER_MAX_THREADS, 0x7fffffff]]), 'ERR_SHADOW_HANDLE'],
  ];
  for (const word of [
    Layout.HEADER_PAGE_TABLE,
    Layout.HEADER_TYPES,
    Layout.HEADER_THREADS,
    Layout.HEADER_COUNTERS,
    Layout.HEADER_BUCKETS,
  ]) {
    refused.push([withHeader(4 * MEBIBYTE, [[word, good.words[word]! + Layout.LINE_WORDS]]), 'ERR_SHADOW_HANDLE']);
  }
  for (const [wrong, code] of refused) assert.throws(() => attachMemory(wrong), coded(code));
});

test('a refused handle takes no thread slot', () => {
  const store = ShadowStore.create({ maxBytes: 4 * MEBIBYTE, maxThreads: 2 });
  for (let i = 0; i < 5; i++) {
    assert.throws(() => ShadowStore.attach({ ...store.handle, layoutVersion: 99 }), coded('ERR_SHADOW_HANDLE_VERSION'));
  }
  assert.equal(store.stats().threads.length, 1);
  ShadowStore.attach(store.handle)[Symbol.dispose]();
});
