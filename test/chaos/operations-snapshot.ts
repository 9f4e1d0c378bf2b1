/** Snapshots: at every moment the file is the one before or the new one, whole. */
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { storeName } from '../../src/livepatch/manifest.js';
import { ShadowStore } from '../../src/shadow/store.js';
import type { Operation } from './operation.js';
import { plain, TYPES, type World } from './world.js';

const PARENT = 7;
const BEFORE = 1;
const AFTER = 2;

/** A folder for each store, the same for all its threads. */
function folderOf({ store }: World): string {
  return join(tmpdir(), `umbra-chaos-${storeName(store.internals.words)}`);
}

function fileOf(world: World): string {
  return join(folderOf(world), 'store.umbra');
}

export const snapshots: readonly Operation[] = [
  {
    name: 'snapshot over an older one',
    parents: [PARENT],
    prepare: (world) => {
      mkdirSync(folderOf(world), { recursive: true });
      world.store.alloc(PARENT, plain).n = BEFORE;
    },
    arm: async (world) => {
      await world.store.snapshot(fileOf(world));
    },
    run: async (world) => {
      world.store.get(PARENT, plain)!.update((draft) => {
        draft.n = AFTER;
      });
      await world.store.snapshot(fileOf(world));
    },
    judge: async (world, acknowledged) => {
      const wrongs = wrongsOf(fileOf(world), acknowledged ? [AFTER] : [BEFORE, AFTER]);
      await world.store.snapshot(fileOf(world)); // what a dead thread left is in nobody's way
      return [...wrongs, ...wrongsOf(fileOf(world), [BEFORE, AFTER])];
    },
    clean: (world) => {
      rmSync(folderOf(world), { recursive: true, force: true });
    },
  },
];

/** What is wrong with the file, which must hold one of these values. */
function wrongsOf(file: string, values: readonly number[]): string[] {
  const restored = ShadowStore.restore(file, { types: TYPES });
  const found = restored.get(PARENT, plain)?.n;
  const wrongs = restored.check().violations.map(({ what }) => `the snapshot restored: ${what}`);
  if (found === undefined || !values.includes(found)) wrongs.push(`the snapshot holds ${found}, not ${values.join(' or ')}`);
  restored[Symbol.dispose]();
  return wrongs;
}
