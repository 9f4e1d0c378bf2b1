import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { firstUnexplained } from './checker.js';
import { type Operation, Kind, Outcome } from './operations.js';
import { alloc, change, free, freeAll, get, getOrAlloc, refused, register, say, unregister } from './say.js';

const NEVER = Infinity;

function linearizable(...operations: Operation[]): void {
  assert.equal(firstUnexplained({ operations }), undefined);
}

/** The last of the operations is the one whose return cannot be explained. */
function notLinearizable(...operations: Operation[]): void {
  assert.equal(firstUnexplained({ operations }), operations.at(-1));
}

void describe('one after another', () => {
  test('a life: created, found, changed, found changed, freed, gone', () =>
    linearizable(
      get(1, 2),
      alloc(3, 4),
      get(5, 6, 3, 3),
      change(Kind.ADD, 7, 8, 3, 3),
      get(9, 10, 3, 10),
      change(Kind.UPDATE, 11, 12, 3, 10),
      getOrAlloc(13, 14, 3, 11),
      refused(15, 16),
      free(17, 18, 3),
      free(19, 20),
      change(Kind.EXCHANGE, 21, 22),
      getOrAlloc(23, 24),
      get(25, 26, 23, 23),
    ));

  test('the sum of an addition wraps like an int32', () => {
    const most = 2 ** 31 - 1;
    linearizable(
      alloc(most, most + 1),
      say(Kind.ADD, most + 2, most + 3, Outcome.FOUND, { number: 1, instance: most, value: most }),
      get(most + 4, most + 5, most, -(2 ** 31)),
    );
  });

  test('a miss after a creation', () => notLinearizable(alloc(1, 2), get(3, 4)));
  test('a stale value', () => notLinearizable(alloc(1, 2), change(Kind.UPDATE, 3, 4, 1, 1), get(5, 6, 1, 1)));
  test('a hit after a free', () => notLinearizable(alloc(1, 2), free(3, 4, 1), get(5, 6, 1, 1)));
  test('the value of one instance in the next', () => notLinearizable(alloc(1, 2), free(3, 4, 1), alloc(5, 6), get(7, 8, 5, 1)));
  test('a lost update', () => notLinearizable(alloc(1, 2), change(Kind.UPDATE, 4, 5, 1, 1), change(Kind.UPDATE, 3, 6, 1, 1)));
  test('a second creation', () => notLinearizable(alloc(1, 2), getOrAlloc(3, 4)));
  test('a refusal of what was free', () => notLinearizable(alloc(1, 2), free(3, 4, 1), refused(5, 6)));
  test('a free of what is gone', () => notLinearizable(alloc(1, 2), free(3, 4, 1), free(5, 6, 1)));
  test('a free that finds nothing where something is', () => notLinearizable(alloc(1, 2), free(3, 4)));
  test('data that belongs to nobody', () => notLinearizable(alloc(1, 2), say(Kind.GET, 3, 4, Outcome.FOREIGN, { instance: 1, value: 1 })));
  test('two constructor runs of one creation', () => notLinearizable(say(Kind.GET_OR_ALLOC, 1, 2, Outcome.CREATED, { constructed: 2 })));
  test('a constructor run of one that found', () =>
    notLinearizable(alloc(1, 2), say(Kind.GET_OR_ALLOC, 3, 4, Outcome.FOUND, { instance: 1, value: 1, constructed: 1 })));
  test('a creation without a constructor run', () => notLinearizable(say(Kind.ALLOC, 1, 2, Outcome.CREATED)));

  test('a constructor that throws, and memory that is missing, change nothing', () =>
    linearizable(refused(1, 2, Outcome.REFUSED), get(3, 4), refused(5, 6, Outcome.EXHAUSTED), get(7, 8), alloc(9, 10)));
  test('a constructor runs in vain only where nothing is', () => notLinearizable(alloc(1, 2), refused(3, 4, Outcome.REFUSED)));
});

void describe('at the same time', () => {
  test('a look-up sees the old value or the new one', () => {
    linearizable(alloc(1, 2), change(Kind.UPDATE, 3, 6, 1, 1), get(4, 5, 1, 1));
    linearizable(alloc(1, 2), change(Kind.UPDATE, 3, 6, 1, 1), get(4, 5, 1, 3));
  });

  test('but not the new one and then the old one', () =>
    notLinearizable(alloc(1, 2), change(Kind.UPDATE, 3, 10, 1, 1), get(4, 5, 1, 3), get(6, 7, 1, 1)));

  test('three changes, in the one order that their values tell', () =>
    linearizable(
      alloc(1, 2),
      change(Kind.UPDATE, 3, 9, 1, 5),
      change(Kind.UPDATE, 4, 10, 1, 1),
      change(Kind.UPDATE, 5, 11, 1, 4),
      get(12, 13, 1, 3),
    ));

  test('of two creators one finds what the other made', () => {
    linearizable(getOrAlloc(1, 4, 2, 2), getOrAlloc(2, 3));
    linearizable(alloc(1, 4), refused(2, 3));
    notLinearizable(getOrAlloc(2, 3), getOrAlloc(1, 4));
  });

  test('what is found by a call that began before the free', () =>
    linearizable(alloc(1, 2), change(Kind.UPDATE, 3, 8, 1, 1), free(4, 5, 1), get(6, 7)));

  test('but not by one that began after it', () => notLinearizable(alloc(1, 2), free(3, 5, 1), get(4, 7), change(Kind.UPDATE, 6, 8, 1, 1)));

  test('thirty-two operations', () =>
    linearizable(
      alloc(1, 2),
      ...Array.from({ length: 32 }, (_, i) => change(Kind.UPDATE, 10 + i, 100 + i, 1, i === 0 ? 1 : 9 + i)),
      get(200, 201, 1, 41),
    ));
});

void describe('whole groups', () => {
  test('freeAll frees what is there, or comes before it', () => {
    linearizable(alloc(1, 2), freeAll(3, 4, 1), get(5, 6));
    linearizable(freeAll(1, 4), alloc(2, 3), get(5, 6, 2, 2));
    linearizable(freeAll(1, 5, 2), alloc(2, 3), get(4, 6));
  });

  test('freeAll leaves nothing that was there before', () => notLinearizable(alloc(1, 2), freeAll(3, 4)));

  test('one freeAll may free two instances, if it meets both', () =>
    linearizable(alloc(1, 2), freeAll(3, 8, 1), freeAll(3, 8, 4), alloc(4, 5), get(9, 10)));

  test('collection: nothing is seen once it has returned', () => {
    linearizable(alloc(1, 2), unregister(3, 6), get(4, 5, 1, 1), get(7, 8), refused(9, 10, Outcome.UNREGISTERED));
    notLinearizable(alloc(1, 2), unregister(3, 4), get(5, 6, 1, 1));
  });

  test('collection: invisible to all at the same instant', () =>
    notLinearizable(alloc(1, 2), unregister(3, 10), get(4, 5), get(6, 7, 1, 1)));

  test('an id that is registered again starts clean', () => {
    linearizable(alloc(1, 2), unregister(3, 4), register(5, 6), get(7, 8), alloc(9, 10));
    notLinearizable(alloc(1, 2), unregister(3, 4), register(5, 6), get(7, 8, 1, 1));
  });

  test('nothing is created without a registration', () => {
    notLinearizable(unregister(1, 2), alloc(3, 4));
    notLinearizable(refused(1, 2, Outcome.UNREGISTERED));
    linearizable(unregister(1, 4), alloc(2, 3), get(5, 6));
  });
});

void describe('calls that did not return', () => {
  test('may have happened', () => linearizable(alloc(1, NEVER), get(2, 3), get(4, 5, 1, 1)));
  test('or not', () => linearizable(alloc(1, NEVER), get(2, 3), alloc(4, 5)));
  test('but not before they were called', () => notLinearizable(alloc(3, NEVER), get(1, 2, 3, 3)));
  test('and not twice', () => notLinearizable(alloc(1, NEVER), free(2, 3, 1), get(4, 5, 1, 1)));
  test('and not half', () => notLinearizable(alloc(1, 2), change(Kind.ADD, 3, NEVER, 1, 1), get(4, 5, 1, 4), get(6, 7, 1, 1)));
  test('late: the change is made after one that came later', () =>
    linearizable(
      alloc(1, 2),
      change(Kind.EXCHANGE, 3, NEVER),
      change(Kind.UPDATE, 4, 5, 1, 1),
      get(6, 7, 1, 4),
      get(8, 9, 1, 3),
      free(10, NEVER),
      get(11, 12),
    ));
  test('a collection and a freeAll, too', () => {
    linearizable(alloc(1, 2), unregister(3, NEVER), get(4, 5, 1, 1), get(6, 7));
    linearizable(alloc(1, 2), freeAll(3, NEVER), get(4, 5, 1, 1), get(6, 7), alloc(8, 9));
  });
});
