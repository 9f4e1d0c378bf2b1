import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe } from '../../src/errors.js';
import { bytes } from '../../src/shadow/fields.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, assertEmpty, coded, open, withoutWaiting } from './fixtures/setup.js';

const type = defineShadowType({ id: 1, fields: { a: 'u32', b: 'i32', data: bytes(3) } });
const nested = coded('ERR_SHADOW_LOCK_NESTED');

/** A promise, and what looks like one. */
const PROMISES = [
  () => Promise.resolve(1),
  () => Promise.reject(new Error('nobody hears this')),
  async () => Promise.resolve(),
  () => ({ then: () => 1 }),
];

test('withLock runs the body under the lock and hands on what it returns', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  assert.equal(
    store.withLock(view, (locked) => {
      assert.equal(locked, view);
      locked.a = 4;
      return 'result';
    }),
    'result',
  );
  assert.equal(view.a, 4);
});

test('a lock body that throws releases the lock', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  withoutWaiting(() => {
    for (let i = 0; i < 3; i++) {
      assert.throws(
        () =>
          store.withLock(view, () => {
            throw new Error('boom');
          }),
        /boom/,
      );
      assert.throws(() => {
        view.update(() => {
          throw new Error('boom');
        });
      }, /boom/);
    }
    assert.equal(
      store.withLock(view, () => 1),
      1,
    );
  });
});

test('withLock takes views and cursors, and nothing else', () => {
  const store = open(type);
  for (const wrong of [undefined, null, 1, {}, store, type, { $locked: () => 1 }]) {
    assert.throws(() => store.withLock(wrong as never, () => 1), coded('ERR_SHADOW_OPTION', /takes a view/));
  }
});

test('a thread holds at most one variable lock: any second one is ERR_SHADOW_LOCK_NESTED, the same variable included', () => {
  const store = open(type);
  const other = open(type);
  const [one, two] = [store.alloc(1, type), store.alloc(2, type)];
  const again = store.get(1, type)!;
  const elsewhere = other.alloc(1, type);
  withoutWaiting(() => {
    for (const outer of [
      (body: () => void) => {
        store.withLock(one, body);
      },
      (body: () => void) => {
        one.update(body);
      },
    ]) {
      let ran = 0;
      outer(() => {
        for (const second of [one, two, again]) {
          assert.throws(() => store.withLock(second, () => 1), nested);
          assert.throws(() => {
            second.update(() => undefined);
          }, nested);
          ran++;
        }
        assert.equal(
          other.withLock(elsewhere, () => 5),
          5,
          'another store has locks of its own',
        );
      });
      assert.equal(ran, 3);
    }
    assert.equal(
      store.withLock(two, () => 1),
      1,
    );
  });
});

test('inside a lock body everything else of the store works: get, alloc, free, read, entries, check, stats', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  withoutWaiting(() => {
    store.withLock(view, () => {
      store.alloc(2, type).a = 5;
      store.getOrAlloc(3, type);
      assert.equal(store.get(2, type)!.a, 5);
      assert.deepEqual(view.read(), { a: 0, b: 0, data: new Uint8Array(3) });
      assert.equal(store.get(2, type)!.read().a, 5);
      assert.equal([...store.entries(type)].length, 3);
      assert.equal(store.free(3, type), true);
      assertClean(store);
      assert.equal(store.stats().live, 2);
      assert.throws(() => {
        store.safepoint();
      }, coded('ERR_SHADOW_SAFEPOINT_NESTED'));
      assert.throws(() => {
        store[Symbol.dispose]();
      }, coded('ERR_SHADOW_SAFEPOINT_NESTED'));
    });
  });
  assert.equal(store.get(2, type)!.a, 5, 'the refused dispose changed nothing');
});

test('update writes what the draft came to, or only the fields of the object returned', () => {
  const view = open(type).alloc(1, type);
  view.update((draft) => {
    draft.a = 1;
    draft.b = -1;
    draft.data = new Uint8Array([1, 2, 3]);
  });
  assert.deepEqual(view.read(), { a: 1, b: -1, data: new Uint8Array([1, 2, 3]) });
  view.update((draft) => {
    draft.a = 99;
    return { b: draft.b - 1 };
  });
  assert.deepEqual(view.read(), { a: 1, b: -2, data: new Uint8Array([1, 2, 3]) });
  view.update((draft) => ({ ...draft, a: 5 }));
  view.update(() => ({}));
  for (const ignored of [undefined, 1, 'text', false]) view.update(() => ignored);
  view.update(() => null);
  assert.deepEqual(view.read(), { a: 5, b: -2, data: new Uint8Array([1, 2, 3]) });
  view.update((draft) => {
    draft.data[0] = 9; // the draft is a copy, so the field is not written until update() writes it
    assert.equal(view.data[0], 1);
  });
  assert.equal(view.data[0], 9);
});

test('an update that throws, or has one value that does not fit, writes nothing at all', () => {
  const view = open(type).alloc(1, type);
  view.update(() => ({ a: 1, b: 1 }));
  const refused = [
    () => ({ a: 2, b: 2 ** 31 }),
    () => ({ b: 2, a: -1 }),
    () => ({ a: 2, data: new Uint8Array(4) }),
    () => ({ a: 2, b: undefined }),
    (draft: { a: number; b: number }) => {
      draft.a = 2;
      draft.b = 0.5;
    },
  ];
  for (const fn of refused) {
    assert.throws(() => {
      view.update(fn);
    }, coded('ERR_SHADOW_FIELD_VALUE'));
  }
  assert.throws(() => {
    view.update((draft) => {
      draft.a = 2;
      throw new Error('boom');
    });
  }, /boom/);
  assert.deepEqual(view.read(), { a: 1, b: 1, data: new Uint8Array(3) });
});

test('an update whose values change while they are looked at writes all of them or none', () => {
  const view = open(type).alloc(1, type);
  let asked = 0;
  const moving = {
    a: 5,
    get b() {
      return asked++ === 0 ? 1 : 2 ** 40;
    },
  };
  try {
    view.update(() => moving);
    assert.deepEqual([view.a, view.b], [5, 1]);
  } catch (error) {
    coded('ERR_SHADOW_FIELD_VALUE')(error);
    assert.deepEqual([view.a, view.b], [0, 0]);
  }
});

test('a promise from a lock body or an update is ERR_SHADOW_ASYNC, writes nothing and leaves no lock behind', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  withoutWaiting(() => {
    for (const promise of PROMISES) {
      assert.throws(() => store.withLock(view, () => promise() as unknown), coded('ERR_SHADOW_ASYNC', /withLock\(\) returned a promise/));
      assert.throws(
        () => {
          view.update((draft) => {
            draft.a = 9;
            return promise();
          });
        },
        coded('ERR_SHADOW_ASYNC', /update\(\) returned a promise/),
      );
    }
    assert.equal(
      store.withLock(view, () => view.a),
      0,
    );
  });
});

test('the destructor of a variable freed inside a lock body runs when the lock is released, once, and may take any lock', () => {
  const log: string[] = [];
  const dying = defineShadowType({
    id: 2,
    fields: { value: 'u32' },
    dtor(parent, view) {
      log.push(`dtor ${describe(parent)} ${view.value}`);
      store.get(1, type)!.update((draft) => {
        draft.a++;
      });
    },
  });
  const store = open(type, dying);
  const view = store.alloc(1, type);
  withoutWaiting(() => {
    for (const outer of [
      (body: () => void) => {
        store.withLock(view, body);
      },
      (body: () => void) => {
        view.update(() => {
          body();
          return {};
        });
      },
    ]) {
      store.alloc(7, dying).value = 70;
      store.alloc(8, dying).value = 80;
      outer(() => {
        assert.equal(store.free(7, dying), true);
        assert.equal(store.freeAll(dying), 1);
        assert.equal(store.has(7, dying), false, 'gone at once');
        log.push('body ends');
        assertClean(store);
      });
      assert.deepEqual(log.splice(0), ['body ends', 'dtor 7 70', 'dtor 8 80']);
    }
  });
  assert.equal(view.a, 4);
  assert.equal(assertClean(store).destroying, 0);
});

test('destructors wait for the end of a lock body that throws as well, all of them run, and the first error comes out', () => {
  let destroyed = 0;
  const dying = defineShadowType({
    id: 2,
    fields: { value: 'u32' },
    dtor() {
      destroyed++;
      throw new Error(`dtor ${destroyed}`);
    },
  });
  const store = open(type, dying);
  const view = store.alloc(1, type);
  for (let object = 0; object < 3; object++) store.alloc(object, dying);
  assert.throws(
    () =>
      store.withLock(view, () => {
        for (let object = 0; object < 3; object++) store.free(object, dying);
      }),
    /dtor 1/,
  );
  assert.equal(destroyed, 3);
  store.alloc(0, dying);
  assert.throws(() =>
    store.withLock(view, () => {
      store.free(0, dying);
      throw new Error('body');
    }),
  );
  assert.equal(destroyed, 4);
  store.free(1, type);
  assertEmpty(store);
});

test('a lock body may free its own variable: the body goes on, the destructor runs after it', () => {
  const log: string[] = [];
  const dying = defineShadowType({ id: 2, fields: { value: 'u32' }, dtor: (_, view) => void log.push(`dtor ${view.value}`) });
  const store = open(dying);
  const view = store.alloc(1, dying);
  withoutWaiting(() => {
    view.update((draft) => {
      draft.value = 5;
      assert.equal(store.free(1, dying), true);
      assert.equal(store.alloc(1, dying).value, 0, 'the parent may have a new one at once');
      log.push('body');
    });
  });
  assert.deepEqual(log, ['body', 'dtor 5']);
  assert.equal(store.get(1, dying)!.value, 0);
  assertClean(store);
});

test('read() waits for nobody who holds the lock in the same body, and sees what the body has written', () => {
  const store = open(type);
  const view = store.alloc(1, type);
  withoutWaiting(() => {
    store.withLock(view, () => {
      view.a = 5;
      assert.equal(view.read().a, 5);
      assert.equal(store.get(1, type)!.read().a, 5);
    });
  });
});
