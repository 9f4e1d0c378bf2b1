/** Operations that leave variables where they are: reading, changing, walking, checking. */
import type { Operation } from './operation.js';
import { built, large, medium, plain, type World } from './world.js';

const PARENT = 7;

function one({ store }: World): void {
  const view = store.alloc(PARENT, built, 1);
  view.n = 1;
  store.alloc('ada', built, 2);
}

export const visits: readonly Operation[] = [
  {
    name: 'get',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      if (store.get(PARENT, built)?.serial !== 1 || store.get(8, built) !== undefined) throw new Error('get finds something else');
    },
  },
  {
    name: 'add',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      store.get(PARENT, built)?.add('n', 1);
    },
  },
  {
    name: 'update',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      store.get(PARENT, built)?.update((draft) => {
        // step: body.update
        draft.n += 1;
        draft.a = 40;
        draft.b = 60;
      });
    },
  },
  {
    name: 'update of a large variable',
    parents: [PARENT],
    prepare: ({ store }) => {
      store.alloc(PARENT, large).serial = 1;
    },
    run: ({ store }) => {
      store.get(PARENT, large)?.update((draft) => {
        draft.serial = 2;
        draft.load = new Uint8Array(9000).fill(2);
      });
    },
  },
  {
    name: 'update of a larger variable than before',
    parents: [PARENT],
    prepare: ({ store }) => {
      store.alloc(PARENT, medium);
      store.alloc(PARENT, large).serial = 1;
    },
    arm: ({ store }) => {
      store.get(PARENT, medium)?.update((draft) => {
        draft.load = new Uint8Array(3000).fill(1);
      });
    },
    run: ({ store }) => {
      store.get(PARENT, large)?.update((draft) => {
        draft.load = new Uint8Array(9000).fill(2);
      });
    },
  },
  {
    name: 'withLock',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      store.withLock(store.get(PARENT, built)!, (view) => {
        // step: body.lock
        view.n += 1;
      });
    },
  },
  {
    name: 'cursor and getMany',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      const cursor = store.cursor(built);
      if (!cursor.find(PARENT) || store.getMany([PARENT, 'ada', 9], built).filter((view) => view !== undefined).length !== 2)
        throw new Error('they find something else');
      cursor.add('n', 1);
    },
  },
  {
    name: 'entries',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      if ([...store.entries(built)].length !== 2) throw new Error('it finds something else');
    },
  },
  {
    name: 'check',
    parents: [PARENT],
    prepare: one,
    run: ({ store }) => {
      store.check();
      store.stats();
    },
  },
  {
    name: 'attach',
    parents: [PARENT],
    prepare: one,
    run: (world) => {
      const other = world.stayInside();
      if (other.get(PARENT, plain) !== undefined) throw new Error('it finds something else');
    },
  },
];
