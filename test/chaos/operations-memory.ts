/** Operations that move blocks and pages between threads, lists and classes; and those that end an attachment. */
import { LINE_CLASS } from '../../src/memory/classes.js';
import { closeIntent, openIntent } from '../../src/memory/intent.js';
import { Layout } from '../../src/memory/layout.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { AnyShadowType } from '../../src/shadow/type.js';
import { expecting, type Operation } from './operation.js';
import { recycle } from './operations-alloc.js';
import { built, large, medium, plain, type World } from './world.js';

const PARENT = 7;
const MANY = 100;
/** A store in which little is left for blocks. */
const TINY_BYTES = 2 ** 20;

function retireMany({ store }: World, first = 1000): void {
  for (let i = 0; i < MANY; i++) store.alloc(first + i, plain);
  for (let i = 0; i < MANY; i++) store.free(first + i, plain);
}

/** Creates variables until there is no memory for another one, large or small. */
export function exhaust({ store }: World, types: readonly AnyShadowType[] = [large, medium, plain]): void {
  for (const type of types) {
    expecting('ERR_SHADOW_EXHAUSTED', () => {
      for (let count = 0; ; count++) store.alloc(5000 + count, type);
    });
  }
}

/** Moves one free line from an attachment to the global list, through one that exists for that only. */
export function spareLine(world: World, from: ShadowStore): void {
  const between = ShadowStore.attach(world.store.handle);
  const hands = [from, between].map(({ internals }) => internals);
  for (const { thread } of hands) openIntent(thread, Layout.INTENT_MEMORY, 0);
  between.internals.variables.blocks.put(from.internals.variables.blocks.take(LINE_CLASS), LINE_CLASS);
  for (const { thread } of hands) closeIntent(thread);
  between[Symbol.dispose]();
}

export const memories: readonly Operation[] = [
  {
    name: 'safepoint that frees what was retired',
    parents: [PARENT],
    arm: retireMany,
    run: ({ store }) => {
      store.safepoint();
      store.safepoint();
    },
  },
  {
    name: 'safepoint that leaves orphans',
    parents: [PARENT],
    prepare: (world) => {
      world.stayInside();
    },
    arm: retireMany,
    run: ({ store }) => {
      store.safepoint();
    },
  },
  {
    name: 'safepoint that takes in orphans',
    parents: [PARENT],
    prepare: (world) => {
      const other = world.stayInside();
      retireMany(world);
      world.store.safepoint();
      other[Symbol.dispose]();
    },
    run: ({ store }) => {
      store.has(PARENT, plain);
      store.safepoint();
      store.safepoint();
    },
  },
  {
    name: 'safepoint that leaves orphans where others did before',
    parents: [PARENT],
    prepare: (world) => {
      world.stayInside();
      retireMany(world, 3000);
      world.store.safepoint();
    },
    arm: retireMany,
    run: ({ store }) => {
      store.safepoint();
    },
  },
  {
    name: 'free in a later epoch',
    parents: [PARENT],
    arm: ({ store }) => {
      store.alloc(PARENT, plain);
      store.alloc(PARENT + 1, plain);
      store.alloc(PARENT + 2, plain);
      store.free(PARENT, plain);
    },
    run: (world) => {
      const { words } = world.store.internals;
      Atomics.add(words, Layout.GRACE_EPOCH, 2); // as if others had passed safepoints
      world.store.free(PARENT + 1, plain);
      Atomics.add(words, Layout.GRACE_EPOCH, 2);
      world.store.free(PARENT + 2, plain);
    },
  },
  {
    name: 'alloc in a full store',
    maxBytes: TINY_BYTES,
    parents: [PARENT],
    prepare: exhaust,
    run: ({ store }) => {
      expecting('ERR_SHADOW_EXHAUSTED', () => store.alloc(PARENT, built, 1));
    },
  },
  {
    name: 'alloc that turns pages over to another class',
    maxBytes: TINY_BYTES,
    parents: [PARENT],
    prepare: (world) => {
      const { store } = world;
      exhaust(world);
      store.freeAll(large);
      for (let i = 0; i < 3; i++) store.safepoint();
    },
    run: ({ store }) => {
      store.alloc(PARENT, built, 1);
    },
  },
  {
    name: 'dispose after the update of a large variable',
    parents: [PARENT],
    arm: ({ store }) => {
      store.alloc(PARENT, large).update((draft) => {
        draft.load = new Uint8Array(9000).fill(2);
      });
    },
    run: ({ store }) => {
      store[Symbol.dispose]();
    },
  },
  {
    name: 'dispose',
    parents: [PARENT],
    arm: (world) => {
      recycle(world, 20);
      retireMany(world);
      world.store.alloc(PARENT, built, 1);
      const object = {};
      world.objects.push(object);
      world.store.alloc(object, built, 2);
      world.store.alloc(object, plain);
    },
    run: ({ store }) => {
      store[Symbol.dispose]();
    },
    own: (key) => !key.endsWith(` of ${PARENT}`),
  },
];
