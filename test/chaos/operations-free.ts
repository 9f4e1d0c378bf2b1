/** Operations that free variables. */
import type { Operation } from './operation.js';
import { built, fillers, keeper, plain, type World } from './world.js';

const PARENT = 7;

function populate({ store }: World): void {
  let serial = 1;
  for (const parent of [PARENT, PARENT + 1, 'ada', 'bob', null]) {
    store.alloc(parent, plain).serial = serial++;
    store.alloc(parent, built, serial++);
  }
}

export const removals: readonly Operation[] = [
  {
    name: 'free',
    parents: [PARENT],
    prepare: populate,
    run: ({ store }) => {
      store.free(PARENT, plain);
    },
  },
  {
    name: 'free with destructor',
    parents: [PARENT],
    prepare: populate,
    run: ({ store }) => {
      store.free(PARENT, built);
    },
  },
  {
    name: 'free with a destructor that frees',
    parents: [PARENT],
    prepare: (world) => {
      populate(world);
      world.store.alloc(PARENT, keeper).serial = 20;
    },
    run: ({ store }) => {
      store.free(PARENT, keeper);
    },
  },
  {
    name: 'free of the last variable of a string',
    parents: ['eve'],
    prepare: ({ store }) => {
      store.alloc('eve', built, 1);
    },
    run: ({ store }) => {
      store.free('eve', built);
    },
  },
  {
    name: 'free on null',
    parents: [null],
    prepare: populate,
    run: ({ store }) => {
      store.free(null, built);
    },
  },
  {
    name: 'free of a missing variable',
    parents: [PARENT],
    run: ({ store }) => {
      store.free(PARENT, built);
    },
  },
  {
    name: 'free inside a lock',
    parents: [PARENT],
    prepare: populate,
    run: ({ store }) => {
      store.withLock(store.get(PARENT, plain)!, () => {
        store.free(PARENT, built);
        store.free('ada', built);
        // step: body.locked-free
        store.free('ada', plain);
      });
    },
  },
  {
    name: 'free in an overflow line',
    parents: [PARENT],
    prepare: ({ store }) => {
      for (const type of fillers.slice(0, 9)) store.alloc(PARENT, type);
      store.alloc(PARENT, built, 1);
    },
    run: ({ store }) => {
      store.free(PARENT, built);
    },
  },
  {
    name: 'freeAll',
    parents: [PARENT, 'ada'],
    prepare: populate,
    run: ({ store }) => {
      store.freeAll(plain);
    },
  },
  {
    name: 'freeAll with destructor',
    parents: [PARENT, 'ada'],
    prepare: populate,
    run: ({ store }) => {
      store.freeAll(built);
    },
  },
  {
    name: 'freeObject',
    parents: [PARENT, 'ada'],
    prepare: (world) => {
      populate(world);
      for (const type of fillers.slice(0, 9)) world.store.alloc(PARENT, type);
    },
    run: ({ store }) => {
      store.freeObject(PARENT);
      store.freeObject('ada');
    },
  },
  {
    name: 'freeObject of an object',
    parents: [],
    arm: (world) => {
      const object = {};
      world.objects.push(object);
      world.store.alloc(object, built, 1);
      world.store.alloc(object, plain);
    },
    run: ({ store, objects }) => {
      store.freeObject(objects[0]!);
    },
    own: () => true,
  },
];
