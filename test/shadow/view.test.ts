import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, blockOf, catchWarnings, coded, fill, MEBIBYTE, open } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { value: 'u32', big: 'i64' } });
const stale = coded('ERR_SHADOW_STALE_VIEW', /freed before the last safepoint/);

/** Everything one can do with a view. */
function uses(store: ShadowStore, view: NonNullable<ReturnType<typeof store.get<typeof fields, unknown>>>): [string, () => unknown][] {
  return [
    ['get', () => view.value],
    ['set', () => (view.value = 1)],
    ['get bigint', () => view.big],
    ['add', () => view.add('value', 1)],
    ['exchange', () => view.exchange('big', 1n)],
    ['compareExchange', () => view.compareExchange('value', 0, 1)],
    ['read', () => view.read()],
    [
      'update',
      () => {
        view.update(() => undefined);
      },
    ],
    ['withLock', () => store.withLock(view, () => undefined)],
  ];
}
const fields = { value: 'u32', big: 'i64' } as const;

test('views of one variable, in every thread that is attached, show the same memory', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const views = [store.alloc(1, type), store.get(1, type)!, other.get(1, type)!, other.getOrAlloc(1, type)];
  views.forEach((view, i) => {
    view.value = i + 1;
    for (const each of views) assert.equal(each.value, i + 1);
  });
});

test('a view of a freed variable is valid until the next safepoint, and after that every use of it is ERR_SHADOW_STALE_VIEW', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  for (const freeing of [store, other]) {
    const view = store.alloc(1, type);
    view.value = 7;
    freeing.free(1, type);
    assert.equal(store.get(1, type), undefined);
    assert.equal(view.value, 7);
    view.value = 8;
    assert.equal(view.add('value', 1), 8);
    assert.deepEqual(view.read(), { value: 9, big: 0n });
    store.safepoint();
    for (const [name, use] of uses(store, view)) assert.throws(use, stale, name);
    other.safepoint();
  }
  assertEmpty(store);
});

test('the end of a turn is a safepoint: after an await the view of a freed variable is stale, that of a living one is not', async () => {
  const store = open(type);
  const [gone, kept] = [store.alloc(1, type), store.alloc(2, type)];
  kept.value = 5;
  store.free(1, type);
  assert.equal(gone.value, 0);
  await Promise.resolve();
  for (const [name, use] of uses(store, gone)) assert.throws(use, stale, name);
  for (let turn = 0; turn < 5; turn++) {
    assert.equal(kept.value, 5 + turn);
    kept.value++;
    await Promise.resolve();
  }
});

test('microtasks that were queued before belong to the turn; those queued after do not', async () => {
  const store = open(type);
  const seen: string[] = [];
  const look = (when: string) => (): void => {
    try {
      seen.push(`${when}: ${view.value}`);
    } catch (error) {
      stale(error);
      seen.push(`${when}: stale`);
    }
  };
  const before = Promise.resolve().then(look('before'));
  const view = store.alloc(1, type);
  const after = Promise.resolve().then(look('after'));
  store.free(1, type);
  await Promise.all([before, after]);
  assert.deepEqual(seen, ['before: 0', 'after: stale']);
});

test('an allocation that fails for lack of memory has passed a safepoint', () => {
  const store = ShadowStore.create({ maxBytes: MEBIBYTE, maxThreads: 2, types: [type] });
  const parents = fill(store, type);
  const gone = store.get(parents[0]!, type)!;
  const kept = store.get(parents[1]!, type)!;
  store.free(parents[0]!, type);
  assert.equal(gone.value, 0);
  store.alloc(parents[0]!, type);
  assert.throws(() => gone.value, stale);
  assert.equal(kept.value, 0);
});

test('a view outlives safepoints, growth and everything else, as long as its variable does', () => {
  const store = ShadowStore.create({ maxBytes: 32 * MEBIBYTE, maxThreads: 2, types: [type] });
  const view = store.alloc(2 ** 40, type);
  for (let object = 0; object < 30_000; object++) {
    store.alloc(object, type);
    if (object % 1000 !== 0) continue;
    store.safepoint();
    view.value++;
    view.add('big', 2n);
  }
  assert.deepEqual(view.read(), { value: 30, big: 60n });
  assert.deepEqual(store.get(2 ** 40, type)!.read(), { value: 30, big: 60n });
});

test('a variable created anew for the same parent is another variable, even in the same block', () => {
  const store = open(type);
  let same = 0;
  for (let round = 0; round < 20; round++) {
    const first = store.alloc(1, type);
    first.value = 1;
    store.free(1, type);
    store.safepoint();
    const second = store.alloc(1, type);
    if (blockOf(first) === blockOf(second)) same++;
    assert.equal(second.value, 0);
    for (const [name, use] of uses(store, first)) assert.throws(use, stale, name);
    assert.equal(second.value, 0, 'the stale view wrote nothing');
    store.free(1, type);
    store.safepoint();
  }
  assert.ok(same > 15, `only ${same} of 20 stood in the same block`);
});

test('a view is stale when its block belongs to another parent or another type by now', () => {
  const other = defineShadowType({ id: 2, fields });
  const store = open(type, other);
  let same = 0;
  for (const again of [
    () => store.alloc(2, type),
    () => store.alloc(1, other),
    () => store.alloc('name', type),
    () => store.alloc(null, type),
  ]) {
    const view = store.alloc(1, type);
    store.free(1, type);
    store.safepoint();
    const next = again();
    if (blockOf(next) === blockOf(view)) same++;
    assert.throws(() => view.value, stale);
    assert.throws(() => (view.value = 666), stale);
    assert.equal(next.value, 0);
    store.freeAll(type);
    store.freeAll(other);
    store.safepoint();
  }
  assert.ok(same >= 3, `only ${same} of 4 stood in the same block`);
});

test('a view is valid until the next safepoint after its type was collected, and stale after it, also once the id is registered again', (t) => {
  catchWarnings(t);
  const store = open();
  const { registry } = store.internals;
  registry.register('patch', 'object', [type]);
  const view = store.alloc(1, type);
  view.value = 3;
  const collections = registry.unregister('patch', 'object');
  assert.equal(store.get(1, type), undefined);
  assert.equal(view.value, 3);
  for (const collection of collections) while (!collection.step());
  assert.equal(view.value, 3);
  store.safepoint();
  assert.throws(() => view.value, stale);
  registry.register('patch', 'object', [type]);
  store.safepoint();
  store.alloc(1, type).value = 4;
  assert.throws(() => view.value, stale);
  assert.throws(() => (view.value = 5), stale);
  assert.equal(store.get(1, type)!.value, 4);
  assertClean(store);
});

test('a stale view stays stale: a failed use makes it no better', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  store.free(1, type);
  store.safepoint();
  store.alloc(1, type);
  for (let i = 0; i < 3; i++) {
    for (const [name, use] of uses(store, view)) assert.throws(use, stale, name);
    store.safepoint();
  }
});

test('a view is of no use after its store was disposed, while another attachment still sees the variable', () => {
  const store = open(type);
  const other = ShadowStore.attach(store.handle);
  const view = other.alloc(1, type);
  view.value = 9;
  other[Symbol.dispose]();
  for (const [name, use] of uses(other, view)) assert.throws(use, coded('ERR_SHADOW_DISPOSED'), name);
  assert.equal(store.get(1, type)!.value, 9);
});

test('a view cannot be written to by a name that is no field', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  assert.throws(
    () => {
      view.update(() => ({ value: 1, nothing: 2 }));
    },
    coded('ERR_SHADOW_FIELD', /no field "nothing"/),
  );
  assert.throws(
    () => {
      view.update((draft) => {
        (draft as Record<string, unknown>)['nothing'] = 2;
      });
    },
    coded('ERR_SHADOW_FIELD', /no field "nothing"/),
  );
  assert.deepEqual(view.read(), { value: 0, big: 0n });
});

test('a view as JSON does not drag the store behind it along', () => {
  const plain = defineShadowType({ id: 3, fields: { value: 'u32', more: 'f64' } });
  const view = open(plain).alloc(1, plain);
  view.update(() => ({ value: 7, more: 0.5 }));
  assert.deepEqual(JSON.parse(JSON.stringify(view.read())), { value: 7, more: 0.5 });
  assert.ok(JSON.stringify(view).length < 200, 'and not megabytes of memory');
});
