import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { ShadowStore } from '../../src/shadow/store.js';
import { runCrew } from './crew.js';
import { seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import { KEYS, stormType } from './storm-type.js';
import type { StormData } from './workers/storm.js';

/** Every worker creates the same few variables at the same moment, round after round; what each got goes into `got`. */
async function storm(context: TestContext, workers: number, rounds: number, exclusive: boolean): Promise<void> {
  const seed = seedOf(context);
  rounds = Math.ceil(rounds * SOAK);
  const constructed = new SharedArrayBuffer(rounds * KEYS * 4);
  const got = new SharedArrayBuffer(workers * rounds * KEYS * 4);
  const type = stormType(new Int32Array(constructed), () => undefined);
  const store = ShadowStore.create({ maxBytes: 2 ** 26, types: [type] });
  context.after(() => store[Symbol.dispose]());
  const data: StormData = { constructed, got, rounds, exclusive };
  await runCrew(context, 'storm', { handle: store.handle, workers, seed, data });

  const runs = new Int32Array(constructed);
  const all = new Int32Array(got);
  for (let key = 0; key < rounds * KEYS; key++) {
    const seen = Array.from({ length: workers }, (_, worker) => all[worker * rounds * KEYS + key]!);
    const creators = seen.filter((creator) => creator > 0);
    assert.equal(runs[key], 1, `key ${key} was constructed ${runs[key]} times`);
    if (exclusive) assert.equal(creators.length, 1, `alloc of key ${key} succeeded in ${creators.length} workers`);
    else assert.equal(creators.length, workers);
    assert.equal(new Set(creators).size, 1, `key ${key}: workers got variables of ${[...new Set(creators)].join(' and ')}`);
    assert.equal(store.get(key, type)?.creator, creators[0], `the variable of key ${key} is the one the workers got`);
  }
  settled(store, rounds * KEYS);
}

void describe('storms on few keys', () => {
  test('getOrAlloc of two workers constructs once, and both get the same variable', (context) => storm(context, 2, 6000, false));

  test('getOrAlloc of eight workers constructs once, and all get the same variable', (context) => storm(context, 8, 400, false));

  test('of many allocs one succeeds, and the others leave its variable untouched', (context) => storm(context, 3, 3000, true));
});
