/** Uses an id whose version changes all the time: every operation there is, on the same few parents, by the declaration of the version in force. */
import { ShadowError } from '../../../src/errors.js';
import type { Parent } from '../../../src/shadow/objects.js';
import { growthType, keyOf } from '../growth-type.js';
import { Ledger, parents } from '../payload.js';
import {
  OPERATIONS_MARK,
  VERSION_MARK,
  type VersionsData,
  type VersionsPart,
  versionTypes,
  verifyVersion,
  type VersionView,
} from '../versions.js';
import { work } from './task.js';

await work<VersionsData, VersionsPart>((task) => {
  const { store, random, data, index } = task;
  const marks = new Int32Array(data.marks);
  const ledger = new Ledger(data.ledger);
  const types = versionTypes({
    ledger,
    steps: data.steps,
    linger: () => {
      random.linger(80);
    },
    fails: () => data.failOneIn > 0 && random.oneIn(data.failOneIn),
  });
  const all = parents(data.keys);
  let hits = 0;
  let outdated = 0;
  let failed = 0;
  let grown = 0;

  const operate = (version: number, parent: Parent, choice: number): void => {
    const type = types[version]!;
    const see = (found: Parent, view: VersionView | undefined): void => {
      if (view === undefined) return;
      verifyVersion(ledger, version, found, view);
      view.touched++;
      hits++;
    };
    if (choice < 5) see(parent, store.get(parent, type));
    else if (choice < 9) see(parent, store.getOrAlloc(parent, type));
    else if (choice < 10) see(parent, store.alloc(parent, type));
    else if (choice < 12) store.free(parent, type);
    else if (choice < 13) store.freeObject(parent);
    else if (choice < 14)
      store.getMany(all.slice(0, 20), type).forEach((view, i) => {
        see(all[i]!, view);
      });
    else if (choice < 15) {
      const cursor = store.cursor(type);
      if (cursor.find(parent)) see(parent, cursor);
    } else if (choice < 16 && random.oneIn(20)) for (const [found, view] of store.entries(type)) see(found, view);
    else if (choice < 17) store.has(parent, type);
    else if (grown < data.growth) store.alloc(keyOf(index, grown++), growthType);
  };

  while (!task.stopped) {
    const version = Atomics.load(marks, VERSION_MARK);
    try {
      operate(version, random.pick(all), random.below(20));
    } catch (error) {
      if (!(error instanceof ShadowError)) throw error;
      if (error.code === 'ERR_SHADOW_VERSION' || error.code === 'ERR_SHADOW_UNREGISTERED') outdated++;
      else if (error.code === 'ERR_SHADOW_MIGRATION' && error.message.includes('threw: ;') && data.failOneIn > 0) failed++;
      else if (error.code !== 'ERR_SHADOW_EXISTS') throw error;
    }
    Atomics.add(marks, OPERATIONS_MARK, 1);
    if (random.oneIn(25)) store.safepoint();
  }
  return { hits, outdated, failed };
});
