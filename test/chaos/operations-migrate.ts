/** Operations that move variables to another version of their type. */
import type { Operation } from './operation.js';
import { moving1, moving2, moving3, type World } from './world.js';

const PARENT = 7;

function old({ store }: World): void {
  let serial = 1;
  for (const parent of [PARENT, 'ada', PARENT + 1]) {
    const view = store.alloc(parent, moving1);
    view.serial = serial;
    view.a = serial++ * 10;
  }
}

export const migrations: readonly Operation[] = [
  {
    name: 'get that migrates',
    parents: [PARENT],
    prepare: (world) => {
      old(world);
      world.store.internals.registry.changeVersion(moving2);
    },
    run: ({ store }) => {
      if (store.get(PARENT, moving2)?.b !== 20) throw new Error('it is migrated to something else');
    },
  },
  {
    name: 'getOrAlloc that migrates a string by two versions',
    parents: ['ada'],
    prepare: (world) => {
      old(world);
      world.store.internals.registry.changeVersion(moving2);
      world.store.internals.registry.changeVersion(moving3);
    },
    run: ({ store }) => {
      if (store.getOrAlloc('ada', moving3).c !== 60) throw new Error('it is migrated to something else');
    },
  },
  {
    name: 'free of an older version',
    parents: [PARENT],
    prepare: (world) => {
      old(world);
      world.store.internals.registry.changeVersion(moving2);
    },
    run: ({ store }) => {
      store.free(PARENT, moving2);
    },
  },
  {
    name: 'eager migration',
    parents: [PARENT],
    prepare: old,
    run: ({ store }) => {
      const migration = store.internals.registry.changeVersion(moving2);
      while (migration?.step() === false);
    },
  },
];
