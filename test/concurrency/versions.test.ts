import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { Migration } from '../../src/shadow/migration.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Crew } from './crew.js';
import { growthType } from './growth-type.js';
import { Ledger, parents } from './payload.js';
import { Random, seedOf, SOAK } from './random.js';
import { settled } from './settled.js';
import {
  LAST_VERSION,
  OPERATIONS_MARK,
  stepsForLives,
  stepsOf,
  VERSION_MARK,
  VERSIONED_ID,
  type VersionsData,
  type VersionsPart,
  versionTypes,
} from './versions.js';

const LIVES = 2 ** 20;

interface VersionsPlan {
  readonly workers: number;
  readonly rounds: number;
  readonly keys: number;
  readonly growth: number;
  /** never: only accesses migrate. during: while workers use the id. first: before the version changes again. */
  readonly sweep: 'never' | 'during' | 'first';
  readonly failOneIn: number;
}

/** Brings an id from its first version to its last under load, and begins anew with the id as often as there are rounds. */
async function changeUnderLoad(context: TestContext, plan: VersionsPlan): Promise<void> {
  const seed = seedOf(context);
  const random = new Random(seed ^ 0x5eed);
  const ledger = Ledger.ofCapacity(LIVES);
  const steps = stepsForLives(LIVES);
  const types = versionTypes({ ledger, steps, linger: () => undefined, fails: () => false });
  const store = ShadowStore.create({ maxBytes: 2 ** 28, types: [growthType] });
  context.after(() => store[Symbol.dispose]());
  const { registry } = store.internals;
  const marks = new Int32Array(new SharedArrayBuffer(8));
  registry.register('patch', 'object', [types[1]!]);
  Atomics.store(marks, VERSION_MARK, 1);
  const all = parents(plan.keys);
  const { keys, growth, failOneIn } = plan;
  const data: VersionsData = { ledger: ledger.buffer, steps, keys, marks: marks.buffer, growth, failOneIn };
  const crew = await Crew.start<VersionsData, VersionsPart>(context, 'versions', {
    handle: store.handle,
    workers: plan.workers,
    seed,
    data,
  });
  const load = async (): Promise<void> => {
    const target = Atomics.load(marks, OPERATIONS_MARK) + 200 + random.below(1500);
    while (Atomics.load(marks, OPERATIONS_MARK) < target && crew.isRunning()) await new Promise(setImmediate);
  };
  const finish = (migration: Migration): void => {
    while (!migration.step(1 + random.below(400)));
    assert.deepEqual(migration.failures, []);
  };

  for (let round = 0; round < Math.ceil(plan.rounds * SOAK) && crew.isRunning(); round++) {
    for (let version = 2; version <= LAST_VERSION; version++) {
      await load();
      Atomics.store(marks, VERSION_MARK, version);
      const migration = registry.changeVersion(types[version]!)!;
      if (plan.sweep === 'during') {
        do await new Promise(setImmediate);
        while (!migration.step(1 + random.below(400)) && crew.isRunning());
        assert.deepEqual(migration.failures, []);
      } else if (plan.sweep === 'first') {
        await load();
        finish(migration);
      }
    }
    await load();
    // Nobody has an unmigrated variable afterwards, however it came to its version.
    for (const parent of all) {
      const view = store.get(parent, types[LAST_VERSION]!);
      if (view === undefined) continue;
      const { serial, born } = view;
      for (let version = 1; version <= LAST_VERSION; version++)
        assert.equal(stepsOf(steps, serial, version), version > born ? 1 : 0, `steps of life ${serial}, born in ${born}, to ${version}`);
    }
    // Back to the first version, through the death of the id.
    registry.register('last patch', 'object', [types[LAST_VERSION]!]);
    assert.deepEqual(registry.unregister('patch', 'object'), []);
    const collections = registry.unregister('last patch', 'object');
    Atomics.store(marks, VERSION_MARK, 1);
    registry.register('patch', 'object', [types[1]!]);
    for (const collection of collections) {
      while (!collection.step(1 + random.below(2000)));
      assert.deepEqual(collection.failures, []);
    }
  }

  const results = await crew.finish();
  const total = (of: (part: VersionsPart) => number): number => results.reduce((sum, part) => sum + of(part), 0);
  assert.equal(total(({ hits }) => hits) > 1000, true, 'the workers did use the id');
  context.diagnostic(
    `${total(({ hits }) => hits)} hits, ${total(({ outdated }) => outdated)} outdated, ${total(({ failed }) => failed)} failed`,
  );
  const lives = ledger.count();
  assert.equal(lives.unborn, 0);
  const of = store.stats().types.filter(({ id }) => id === VERSIONED_ID);
  assert.deepEqual([of.length, of[0]!.live], [1, lives.alive], 'one number per id, and the right one');
  store.freeAll(types[1]!);
  const others = store.stats().live;
  assert.equal(ledger.count().alive, 0, 'every life ended once');
  settled(store, others);
  store.freeAll(growthType);
  settled(store, 0);
}

void describe('versions under load', () => {
  test('each variable is migrated once by whoever comes first, over several versions, while buckets are split', (context) =>
    changeUnderLoad(context, { workers: 4, rounds: 3, keys: 200, growth: 12_000, sweep: 'never', failOneIn: 0 }));

  test('the same while a sweep migrates, too', (context) =>
    changeUnderLoad(context, { workers: 4, rounds: 3, keys: 200, growth: 12_000, sweep: 'during', failOneIn: 0 }));

  test('on few variables, where all meet', (context) =>
    changeUnderLoad(context, { workers: 4, rounds: 6, keys: 8, growth: 0, sweep: 'during', failOneIn: 0 }));

  test('migrations that throw now and then leave their variable as it was, and succeed later', (context) =>
    changeUnderLoad(context, { workers: 4, rounds: 3, keys: 100, growth: 4000, sweep: 'first', failOneIn: 5 }));
});
