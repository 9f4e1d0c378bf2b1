/** Operations that create variables, in every way a variable can come about. */
import { expecting, type Operation } from './operation.js';
import { built, fillers, large, plain, refusing, type World } from './world.js';

const PARENT = 7;
/** More than a thread keeps for itself, so that some go to the global list. */
const MANY = 100;

/** Creates so many variables and frees them again, so that their blocks are free and not new. */
export function recycle({ store }: World, count: number, first = 1000): void {
  for (let i = 0; i < count; i++) store.alloc(first + i, plain);
  for (let i = 0; i < count; i++) store.free(first + i, plain);
  for (let i = 0; i < 3; i++) store.safepoint();
}

function fillChain({ store }: World, lines: number): void {
  for (let i = 0; i < lines * 7; i++) store.alloc(PARENT, fillers[i]!).serial = i;
}

export const allocations: readonly Operation[] = [
  {
    name: 'alloc',
    parents: [PARENT],
    run: ({ store }) => {
      store.alloc(PARENT, plain);
    },
  },
  {
    name: 'alloc of a type with constructor',
    parents: [PARENT],
    run: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
  },
  {
    name: 'alloc of a block used before',
    parents: [PARENT],
    arm: (world) => {
      recycle(world, 3);
    },
    run: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
  },
  {
    name: 'alloc of a block of the global list',
    parents: [PARENT],
    prepare: (world) => {
      recycle(world, MANY);
    },
    run: ({ store }) => {
      store.alloc(PARENT, plain);
    },
  },
  {
    name: 'alloc of a block that was retired',
    parents: [PARENT],
    prepare: (world) => {
      world.stayInside();
    },
    arm: ({ store }) => {
      for (let i = 0; i < MANY; i++) store.alloc(1000 + i, plain);
      for (let i = 0; i < MANY; i++) store.free(1000 + i, plain);
    },
    run: ({ store }) => {
      store.alloc(PARENT, plain);
    },
  },
  {
    name: 'alloc in a full chain',
    parents: [PARENT],
    prepare: (world) => {
      fillChain(world, 1);
    },
    run: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
  },
  {
    name: 'alloc on a string',
    parents: ['ada'],
    run: ({ store }) => {
      store.alloc('ada', built, 1);
    },
  },
  {
    name: 'alloc on a string with variables',
    parents: ['ada'],
    prepare: ({ store }) => {
      store.alloc('ada', plain).n = 5;
    },
    run: ({ store }) => {
      store.alloc('ada', built, 1);
    },
  },
  {
    name: 'alloc on a string that collides',
    parents: ['a1', 'b1'],
    colliding: true,
    prepare: ({ store }) => {
      store.alloc('a1', plain).n = 5;
    },
    run: ({ store }) => {
      store.alloc('b1', built, 1);
    },
  },
  {
    name: 'alloc on a string in a full chain',
    parents: [],
    prepare: ({ store }) => {
      for (const type of fillers.slice(0, 6)) store.alloc('ada', type);
    },
    run: ({ store }) => {
      store.alloc('ada', fillers[6]!);
    },
  },
  {
    name: 'alloc on an object',
    parents: [],
    run: (world) => {
      const object = {};
      world.objects.push(object);
      world.store.alloc(object, built, 1);
    },
    own: () => true,
  },
  {
    name: 'alloc on null',
    parents: [null],
    run: ({ store }) => {
      store.alloc(null, built, 1);
    },
  },
  {
    name: 'alloc of an existing variable',
    parents: [PARENT],
    prepare: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
    run: ({ store }) => {
      expecting('ERR_SHADOW_EXISTS', () => store.alloc(PARENT, built, 2));
    },
  },
  {
    name: 'alloc with a constructor that throws',
    parents: [PARENT, 'ada'],
    run: ({ store }) => {
      for (const parent of [PARENT, 'ada']) {
        try {
          store.alloc(parent, refusing);
        } catch (error) {
          if ((error as Error).message !== 'refused') throw error;
        }
      }
    },
  },
  {
    name: 'alloc of the next entries',
    parents: [PARENT],
    run: ({ store }) => {
      for (let i = 0; i < 8; i++) store.alloc(PARENT, fillers[i]!).serial = 0;
    },
  },
  {
    name: 'alloc of large variables',
    parents: [PARENT],
    run: ({ store }) => {
      for (let i = 0; i < 10; i++) store.alloc(PARENT + i, large);
    },
  },
  {
    name: 'getOrAlloc',
    parents: [PARENT],
    run: ({ store }) => {
      store.getOrAlloc(PARENT, built, 1);
    },
  },
  {
    name: 'getOrAlloc of an existing variable',
    parents: [PARENT],
    prepare: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
    run: ({ store }) => {
      store.getOrAlloc(PARENT, built, 2);
    },
  },
];
