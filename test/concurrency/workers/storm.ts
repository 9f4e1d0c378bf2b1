/** Creates the keys of each round in a random order, all workers at once, and notes whose variable each key turned out to be. */
import { ShadowError } from '../../../src/errors.js';
import { KEYS, stormType } from '../storm-type.js';
import { work } from './task.js';

export interface StormData {
  readonly constructed: SharedArrayBuffer;
  /** Per worker and key: the creator of the variable that this worker got, 0 = none. */
  readonly got: SharedArrayBuffer;
  readonly rounds: number;
  /** alloc instead of getOrAlloc. */
  readonly exclusive: boolean;
}

await work<StormData, undefined>((task) => {
  const { store, random, index, data } = task;
  const type = stormType(new Int32Array(data.constructed), () => random.linger(400));
  const got = new Int32Array(data.got, index * data.rounds * KEYS * 4, data.rounds * KEYS);
  for (let round = 0; round < data.rounds; round++) {
    task.meet();
    const first = random.below(KEYS);
    for (let i = 0; i < KEYS; i++) {
      const key = round * KEYS + ((first + i) % KEYS);
      random.linger(50);
      try {
        got[key] = (data.exclusive ? store.alloc(key, type, index + 1) : store.getOrAlloc(key, type, index + 1)).creator;
      } catch (error) {
        if (!data.exclusive || !(error instanceof ShadowError) || error.code !== 'ERR_SHADOW_EXISTS') throw error;
      }
    }
    store.safepoint();
  }
});
