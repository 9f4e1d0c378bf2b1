/**
 * Owns what an operation of the catalogue is, and the probe that finds out whether others can go on. Imports the world.
 */
import { ShadowError } from '../../src/errors.js';
import type { Parent } from '../../src/shadow/objects.js';
import type { View } from '../../src/shadow/view.js';
import { built, fillers, keeper, plain, type World } from './world.js';

export interface Operation {
  readonly name: string;
  /** Bytes of the store; 4 MiB by default. */
  readonly maxBytes?: number;
  /** Whether the strings of the store collide. */
  readonly colliding?: boolean;
  /** Parents that the operation is about. */
  readonly parents: readonly Parent[];
  /** What the store holds before: done by the master's thread. */
  readonly prepare?: (world: World) => void;
  /** What the thread that does it has done before. */
  readonly arm?: (world: World) => void | Promise<void>;
  /** The operation itself; if it may be interrupted between two variables, each of them is whole. */
  readonly run: (world: World) => void | Promise<void>;
  /** What else is wrong afterwards, on the master's thread; `acknowledged`: nobody was killed who did it. */
  readonly judge?: (world: World, acknowledged: boolean) => Promise<string[]>;
  /** Removes what it has left elsewhere than in the store. */
  readonly clean?: (world: World) => void;
  /** What another thread died of before: the operation of that name was interrupted at the step of that name, and nobody has noticed yet. */
  readonly corpse?: { readonly operation: string; readonly step: string };
  /** What a successor of the thread has to finish, on the master's thread. */
  readonly finish?: (world: World) => void;
  /** Keys of contentsOf() that belong to the thread that runs it, and are gone with it. */
  readonly own?: (key: string) => boolean;
}

/** Lets a store error of this code pass. */
export function expecting(code: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ShadowError) || error.code !== code) throw error;
  }
}

/** An id for variables that probes create and free. */
const probeType = fillers[fillers.length - 1]!;

/**
 * Goes where the operation may hold something: the buckets of its parents, the locks of their variables, the type table, the lists of blocks. Leaves
 * everything as it was. Returns only if all of it can be had.
 */
export function probe(operation: Operation, { store }: World): void {
  for (const parent of operation.parents) {
    for (const type of [plain, built, keeper]) {
      const view = store.get(parent, type) as View | undefined;
      view?.update(() => undefined);
    }
    expecting('ERR_SHADOW_EXHAUSTED', () => store.getOrAlloc(parent, probeType));
    store.free(parent, probeType);
  }
  store.internals.registry.versionsStored(plain.id);
  store.safepoint();
  store.safepoint();
}

/** Variables that a bystander creates and frees. */
const LINGERING = 80;

/** Leaves the thread with blocks of its own, with retired ones, with an object, and inside its grace epoch. */
export function linger(world: World): void {
  const { store } = world;
  for (let i = 0; i < LINGERING; i++) store.alloc(9000 + i, probeType);
  for (let i = 0; i < LINGERING; i++) store.free(9000 + i, probeType);
  const object = {};
  world.objects.push(object);
  store.alloc(object, probeType);
  store.has(0, plain);
}
