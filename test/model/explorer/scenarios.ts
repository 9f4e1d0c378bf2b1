/**
 * Owns the list of scenarios. Imports operations, and the hash of the code, to choose parents by the bucket they fall into.
 */
import { hashObject } from '../../../src/table/hash.js';
import {
  add,
  alloc,
  allocOwn,
  changeVersion,
  claim,
  collect,
  dispose,
  fill,
  free,
  freeAll,
  freeObject,
  freeOwner,
  fussyType,
  get,
  getOrAlloc,
  hold,
  lookForDead,
  migrateAll,
  namedType,
  nextVersion,
  observe,
  observeLive,
  owningType,
  pairType,
  type Parent,
  plainType,
  read,
  recover,
  refusedAlloc,
  register,
  revisit,
  safepoint,
  update,
  withLock,
} from './operations.js';
import { PATCHING_SCENARIOS } from './patching-scenarios.js';
import type { Actor, Scenario, Steps } from './scenario.js';

/** The first so many numbers whose hash fits. */
function numbersWhere(fits: (hash: number) => boolean, count: number): number[] {
  const numbers: number[] = [];
  for (let number = 1; numbers.length < count; number++) if (fits(hashObject(number, 0))) numbers.push(number);
  return numbers;
}

/** All in one bucket, however the table of a scenario grows. */
const TOGETHER = numbersWhere((hash) => (hash & 127) === 3, 9);
/** In bucket 0 while there are eight, which the first split divides: some stay, some go to bucket 8. */
const [STAYING, MOVING, ALSO_MOVING] = [
  numbersWhere((hash) => (hash & 15) === 0, 1)[0]!,
  ...numbersWhere((hash) => (hash & 15) === 8, 2),
] as [number, number, number];
/** In other buckets than those. */
const [ELSEWHERE, ELSEWHERE_TOO, FAR] = numbersWhere((hash) => (hash & 7) > 3, 3) as [number, number, number];

/** Two numbers that differ in both halves and have one hash. */
const TWIN = 5;
const OTHER_TWIN = 2 ** 32 + ((TWIN ^ 0x9e3779b1) >>> 0);

/** In bucket 4, which the split after the fourth divides: seven stay there, one does not. */
const STAYING_SEVEN = numbersWhere((hash) => (hash & 15) === 4, 7);
const MOVING_LATER = numbersWhere((hash) => (hash & 15) === 12, 1)[0]!;

type Variable = readonly [type: string, obj: Parent, value: number];

/** Prepares these variables, and says so in the state. */
function given(variables: readonly Variable[]): Pick<Scenario, 'prepare' | 'initial'> {
  return {
    *prepare(actor) {
      return yield* fill(actor, variables);
    },
    initial: Object.fromEntries(variables.map(([type, obj, value]) => [`${type}/${String(obj)}`, value])),
  };
}

/** Has a thread look a type up, so that its binding is there, and pass a safepoint. */
function used(type: string): (actor: Actor) => Steps {
  return function* (actor) {
    yield* get(type, 1).run(actor);
    return yield* safepoint().run(actor);
  };
}

const STORE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'create',
    about: 'two threads create one variable, a third looks',
    types: { a: plainType(1) },
    initial: {},
    threads: [[getOrAlloc('a', 5, 1)], [alloc('a', 5, 2)], [get('a', 5)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'free',
    about: 'two threads free one variable, a third looks',
    types: { a: plainType(1) },
    ...given([['a', 5, 1]]),
    threads: [[free('a', 5)], [free('a', 5)], [get('a', 5)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'renew',
    about: 'a variable is freed and created anew while another thread looks and frees',
    types: { a: plainType(1) },
    ...given([['a', 5, 1]]),
    threads: [
      [free('a', 5), getOrAlloc('a', 5, 2)],
      [get('a', 5), free('a', 5)],
    ],
    observe: observe([['a', 5]]),
  },
  {
    name: 'grace',
    about: 'a block is freed and its memory wanted for another variable while a view of it is held',
    types: { a: plainType(1) },
    ...given([['a', 5, 1]]),
    before: [used('a')],
    threads: [[hold('a', 5)], [free('a', 5), safepoint(), safepoint(), alloc('a', 6, 2)]],
    observe: observe([
      ['a', 5],
      ['a', 6],
    ]),
  },
  {
    name: 'stale',
    about: 'a view is kept beyond a safepoint while its variable is freed and its block used again',
    types: { a: plainType(1) },
    ...given([['a', 5, 1]]),
    threads: [[revisit('a', 5)], [free('a', 5), safepoint(), safepoint(), alloc('a', 5, 2)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'reuse',
    about: 'two threads free, pass safepoints and create: blocks go round through the global lists',
    types: { a: plainType(1) },
    ...given([
      ['a', 5, 1],
      ['a', 6, 2],
    ]),
    threads: [
      [free('a', 5), safepoint(), alloc('a', 7, 3)],
      [free('a', 6), safepoint(), alloc('a', 8, 4)],
    ],
    observe: observe([
      ['a', 5],
      ['a', 6],
      ['a', 7],
      ['a', 8],
    ]),
  },
  {
    name: 'freeAll',
    about: 'all variables of a type are freed while others come and go',
    types: { a: plainType(1) },
    ...given([
      ['a', 5, 1],
      ['a', ELSEWHERE, 2],
    ]),
    threads: [[freeAll('a', [5, ELSEWHERE])], [free('a', ELSEWHERE), alloc('a', 5, 3)]],
    observe: observe([
      ['a', 5],
      ['a', ELSEWHERE],
    ]),
  },
  {
    name: 'freeObject',
    about: 'all variables of a parent are freed while one is freed and another created',
    types: { a: namedType(1, 'a'), b: namedType(2, 'b') },
    ...given([['a', 5, 1]]),
    before: [used('b')],
    threads: [[freeObject(5, ['a', 'b'])], [alloc('b', 5, 2), free('a', 5)]],
    observe: observe([
      ['a', 5],
      ['b', 5],
    ]),
  },
  {
    name: 'lock',
    about: 'two fields are changed together by update() and withLock() while a third thread reads both',
    types: { p: pairType(1) },
    changesInPlace: true,
    mortals: [0, 2], // withLock() writes as it goes: nobody undoes that
    ...given([['p', 5, 10]]),
    threads: [[update('p', 5, 1)], [withLock('p', 5, 2)], [read('p', 5)]],
    observe: observe([['p', 5]], 'left'),
  },
  {
    name: 'add',
    about: 'atomic additions need no lock',
    changesInPlace: true,
    types: { a: plainType(1) },
    ...given([['a', 5, 10]]),
    threads: [[add('a', 5, 1), add('a', 5, 1)], [add('a', 5, 2)], [add('a', 5, 4)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'names',
    about: 'a string comes into being and goes in two threads at once',
    types: { a: plainType(1), b: plainType(2) },
    initial: {},
    threads: [[getOrAlloc('a', 'ada', 1), free('a', 'ada')], [getOrAlloc('b', 'ada', 2)]],
    observe: observe([
      ['a', 'ada'],
      ['b', 'ada'],
    ]),
  },
  {
    name: 'collision',
    about: 'two strings want one number while the one that has it goes',
    types: { a: plainType(1) },
    colliding: true,
    ...given([['a', 'x', 1]]),
    threads: [[getOrAlloc('a', 'yy', 2)], [free('a', 'x')]],
    observe: observe([
      ['a', 'x'],
      ['a', 'yy'],
    ]),
  },
  {
    name: 'collision-race',
    about: 'two threads create one string whose number another string has, which goes meanwhile',
    types: { a: plainType(1) },
    colliding: true,
    ...given([['a', 'x', 1]]),
    threads: [[getOrAlloc('a', 'yy', 2)], [free('a', 'x'), getOrAlloc('a', 'yy', 3)]],
    observe: observe([
      ['a', 'x'],
      ['a', 'yy'],
    ]),
  },
  {
    name: 'split',
    about: 'a bucket is split while what moves is looked up, and while what moves is freed',
    types: { a: plainType(1) },
    ...given([
      ['a', STAYING, 1],
      ['a', MOVING, 2],
      ['a', ELSEWHERE, 3],
      ['a', ELSEWHERE_TOO, 4],
    ]),
    threads: [[alloc('a', FAR, 5)], [get('a', MOVING), free('a', MOVING)]],
    observe: observe([
      ['a', STAYING],
      ['a', MOVING],
      ['a', FAR],
    ]),
  },
  {
    name: 'split-far',
    about: 'a bucket is split while a variable in its overflow line, which moves, is looked up',
    types: { a: plainType(1) },
    pages: 12,
    ...given([...STAYING_SEVEN, MOVING_LATER].map((number, i): Variable => ['a', number, i + 1])),
    threads: [[alloc('a', FAR, 20)], [get('a', MOVING_LATER)]],
    observe: observe([
      ['a', MOVING_LATER],
      ['a', FAR],
    ]),
  },
  {
    name: 'split-insert',
    about: 'a bucket is split while another variable comes into it, and a third thread misses',
    types: { a: plainType(1) },
    ...given([
      ['a', STAYING, 1],
      ['a', ELSEWHERE, 3],
      ['a', ELSEWHERE_TOO, 4],
      ['a', MOVING, 2],
    ]),
    threads: [[alloc('a', FAR, 5)], [getOrAlloc('a', ALSO_MOVING, 6)], [get('a', MOVING)]],
    observe: observe([
      ['a', MOVING],
      ['a', ALSO_MOVING],
      ['a', FAR],
    ]),
  },
  {
    name: 'overflow',
    about: 'the eighth variable of a bucket needs another line, while others are looked up and freed',
    types: { a: plainType(1) },
    pages: 12,
    ...given(TOGETHER.slice(0, 7).map((number, i): Variable => ['a', number, i])),
    threads: [[alloc('a', TOGETHER[7]!, 7)], [get('a', TOGETHER[7]!), getOrAlloc('a', TOGETHER[8]!, 8)]],
    observe: observe([
      ['a', TOGETHER[0]!],
      ['a', TOGETHER[7]!],
      ['a', TOGETHER[8]!],
    ]),
  },
  {
    name: 'collect',
    about: 'a type is collected while another thread creates a variable of it and looks',
    mortals: [1], // the sweep of a dead coordinator is its successor’s
    types: { a: plainType(1, { isDeclared: false }) },
    initial: { 'a/5': 1 },
    before: [
      function* (actor) {
        yield* register(actor, 'a');
        return yield* alloc('a', 5, 1).run(actor);
      },
      used('a'),
    ],
    threads: [[collect('a', [5, ELSEWHERE])], [alloc('a', ELSEWHERE, 2), get('a', 5)]],
    observe: observe([
      ['a', 5],
      ['a', ELSEWHERE],
    ]),
  },
  {
    name: 'leave',
    about: 'a thread gives its slot back while another frees and creates',
    types: { a: plainType(1) },
    ...given([
      ['a', 5, 1],
      ['a', 6, 2],
    ]),
    threads: [
      [free('a', 5), dispose()],
      [free('a', 6), safepoint(), alloc('a', 7, 3)],
    ],
    observe: observe([
      ['a', 5],
      ['a', 6],
      ['a', 7],
    ]),
  },
  {
    name: 'refuse',
    about: 'a constructor throws under the bucket lock while another thread wants the same variable',
    types: { a: fussyType(1, 13) },
    initial: {},
    threads: [[refusedAlloc('a', 5, 13)], [getOrAlloc('a', 5, 2)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'twins',
    about: 'two parents with one hash come and go in one entry',
    types: { a: plainType(1) },
    ...given([['a', TWIN, 1]]),
    threads: [
      [get('a', TWIN), getOrAlloc('a', OTHER_TWIN, 2)],
      [free('a', TWIN), alloc('a', OTHER_TWIN, 3)],
    ],
    observe: observe([
      ['a', TWIN],
      ['a', OTHER_TWIN],
    ]),
  },
  {
    name: 'cascade',
    about: 'a destructor frees another variable while a third party does so too',
    types: { a: owningType(1, 'b'), b: plainType(2) },
    ...given([
      ['a', 5, 1],
      ['b', 5, 2],
    ]),
    threads: [[freeOwner('a', 'b', 5)], [free('b', 5), alloc('a', 5, 3)]],
    observe: observe([
      ['a', 5],
      ['b', 5],
    ]),
  },
  {
    name: 'recover',
    about: 'somebody looks for the dead while others free, create and wait',
    types: { a: plainType(1) },
    mortals: [0],
    ...given([['a', 5, 1]]),
    threads: [[free('a', 5), alloc('a', 6, 2)], [recover()], [getOrAlloc('a', 5, 3)]],
    observe: observe([
      ['a', 5],
      ['a', 6],
    ]),
  },
  {
    name: 'recover-twice',
    about: 'two threads look for the dead at once',
    types: { a: plainType(1) },
    mortals: [0, 1],
    ...given([['a', 5, 1]]),
    threads: [[free('a', 5)], [recover()], [recover()]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'recover-insert',
    about: 'a variable is freed that a dead thread had just published, while somebody recovers that thread',
    types: { a: plainType(1) },
    mortals: [0],
    initial: {},
    threads: [[alloc('a', 5, 1)], [recover()], [free('a', 5)]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'recover-leave',
    about: 'a thread leaves blocks to others while somebody recovers one that is dead, and leaves its blocks to others',
    types: { a: plainType(1) },
    mortals: [0],
    *prepare(actor) {
      return yield* fill(actor, [
        ['a', 5, 1],
        ['a', 6, 2],
      ]);
    },
    initial: {},
    before: [(actor) => free('a', 5).run(actor), undefined, (actor) => free('a', 6).run(actor)],
    threads: [[get('a', 7)], [recover()], [dispose()]],
    observe: observe([
      ['a', 5],
      ['a', 6],
    ]),
  },
  {
    name: 'recover-epoch',
    about: 'somebody recovers a dead thread, and a third one looks whether that holds back memory from then on',
    types: { a: plainType(1) },
    mortals: [0],
    ...given([['a', 5, 1]]),
    threads: [[free('a', 5)], [recover()], [lookForDead()]],
    observe: observe([['a', 5]]),
  },
  {
    name: 'claim',
    about: 'two threads take thread slots and give them back',
    types: { a: plainType(1) },
    spareSlots: 2,
    initial: {},
    threads: [[claim()], [claim(), safepoint()]],
    observe: observe([]),
  },
  {
    name: 'objects',
    about: 'a variable of a JavaScript object goes with the thread that has the object',
    types: { a: plainType(1) },
    mortals: [0],
    initial: { live: 0 },
    threads: [
      [allocOwn('a', 1), dispose()],
      [recover(), safepoint()],
    ],
    observe: observeLive,
  },
  {
    name: 'migrate',
    about: 'two threads meet a variable of an older version at once, one of them frees it',
    types: { a: plainType(1), b: nextVersion(1, 'a') },
    ...given([['a', 5, 1]]),
    initial: { 'b/5': 2 },
    before: [
      function* (actor) {
        return yield* changeVersion(actor, 'b');
      },
    ],
    threads: [[get('b', 5)], [get('b', 5), free('b', 5)]],
    observe: observe([['b', 5]]),
  },
  {
    name: 'migrate-all',
    about: 'a sweep migrates while a variable is looked up, and the old slot is given back',
    types: { a: plainType(1), b: nextVersion(1, 'a') },
    ...given([
      ['a', 5, 1],
      ['a', ELSEWHERE, 3],
    ]),
    initial: { 'b/5': 2, [`b/${ELSEWHERE}`]: 4 },
    before: [
      function* (actor) {
        return yield* changeVersion(actor, 'b');
      },
    ],
    threads: [[migrateAll()], [get('b', 5), alloc('b', 6, 7)]],
    observe: observe([
      ['b', 5],
      ['b', 6],
      ['b', ELSEWHERE],
    ]),
  },
  {
    name: 'full',
    about: 'two threads want memory that the other has just freed',
    types: { a: plainType(1) },
    pages: 2,
    *prepare(actor) {
      for (let number = 1; ; number++) {
        try {
          yield* alloc('a', number, number).run(actor);
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_SHADOW_EXHAUSTED') throw error;
          return undefined;
        }
      }
    },
    initial: { 'a/1': 1, 'a/2': 2 },
    threads: [
      [free('a', 1), alloc('a', 101, 101)],
      [free('a', 2), alloc('a', 102, 102)],
    ],
    observe: observe([
      ['a', 1],
      ['a', 2],
      ['a', 101],
      ['a', 102],
    ]),
  },
];

export const SCENARIOS: readonly Scenario[] = [...STORE_SCENARIOS, ...PATCHING_SCENARIOS];
