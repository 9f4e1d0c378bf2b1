/**
 * Worker file of the soak: a task calls three patchable functions around awaits. Each tells which patch it belongs to, and those of patches
 * keep patch-owned variables on the object. The result is what the task saw, each version once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { attach, currentVersion, patchable, task } from '../../src/worker.js';
import { heapInUse } from '../garbage.js';

attach();

export const records = patchable('records', {
  open(_id: number): string {
    return 'original';
  },
  async read(_id: number): Promise<string> {
    await nextTurn();
    return 'original';
  },
  *list(_id: number): Generator<string> {
    yield 'original';
  },
});

export interface Seen {
  readonly answers: readonly string[];
  readonly versions: readonly number[];
}

export default task(async (id: number): Promise<Seen> => {
  const answers = new Set<string>();
  const versions = new Set<number>();
  for (let round = 0; round < 3; round++) {
    versions.add(currentVersion());
    answers.add(records.open(id));
    answers.add(await records.read(id));
    for (const answer of records.list(id)) answers.add(answer);
    if (round % 2 === 0) await nextTurn();
  }
  versions.add(currentVersion());
  return { answers: [...answers], versions: [...versions] };
});

/** Bytes of this thread's heap in use after a collection. */
export const heap = heapInUse;
