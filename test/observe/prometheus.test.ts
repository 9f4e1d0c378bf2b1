/** The metrics as prom-client tells them, compared with what the store tells. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Counter, Registry } from 'prom-client';

import { PatchCoordinator, ShadowStore } from '../../src/index.js';
import { Layout } from '../../src/memory/layout.js';
import { collectMetrics, type PrometheusOptions } from '../../src/observe/prometheus.js';
import { coded, until } from '../livepatch/fixtures/setup.js';
import { declared } from '../livepatch/fixtures/declared.js';
import { cargo, hatch } from './fixtures/cargo.js';
import { hire } from './fixtures/crew.js';
import { type Exposition, parseExposition } from './fixtures/exposition.js';

const WHOSE = 'store="default"';

function createStore(t: TestContext): ShadowStore {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [cargo, hatch] });
  store.alloc(1, cargo);
  t.after(() => {
    store[Symbol.dispose]();
  });
  return store;
}

function collect(
  t: TestContext,
  of: ShadowStore | PatchCoordinator,
  options: PrometheusOptions = {},
): { registry: Registry; end: () => void } {
  const registry = options.registry ?? new Registry();
  const end = collectMetrics(of, { registry, ...options });
  t.after(end);
  return { registry, end };
}

async function scrape(registry: Registry): Promise<Exposition> {
  return parseExposition(await registry.metrics());
}

test('what a scrape tells is what stats() tells', async (t) => {
  const store = createStore(t);
  const { registry } = collect(t, store);
  for (let obj = 2; obj < 300; obj++) store.alloc(obj, cargo);
  for (let obj = 2; obj < 30; obj++) store.free(obj, cargo);
  store.alloc(1, hatch);
  await hire(t, store);
  const { samples, types } = await scrape(registry);
  const stats = store.stats();
  const expected: [string, number][] = [
    ...stats.types.map(({ id, live }): [string, number] => [`umbra_variables_live{${WHOSE},type="${id}"}`, live]),
    [`umbra_variables_created_total{${WHOSE}}`, 300],
    [`umbra_variables_freed_total{${WHOSE}}`, 28],
    ...Object.entries(stats.bytes).map(([use, bytes]): [string, number] =>
      use === 'reserved' ? [`umbra_memory_reserved_bytes{${WHOSE}}`, bytes] : [`umbra_memory_used_bytes{${WHOSE},use="${use}"}`, bytes],
    ),
    [`umbra_blocks_retired{${WHOSE}}`, stats.retired],
    [`umbra_grace_periods_total{${WHOSE}}`, Math.floor(stats.graceEpoch / 2)],
    [`umbra_threads_attached{${WHOSE}}`, 2],
    [`umbra_lock_waits_total{${WHOSE}}`, stats.lockWaits],
    [`umbra_threads_recovered_total{${WHOSE}}`, 0],
    [`umbra_buckets{${WHOSE}}`, stats.growth.buckets],
  ];
  assert.deepEqual(
    expected.map(([name]) => [name, samples.get(name)]),
    expected,
  );
  assert.equal(samples.get(`umbra_variables_live{${WHOSE},type="${cargo.id}"}`), 271);
  for (const [name, type] of types) assert.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
  assert.ok(![...samples.keys()].some((key) => /transition|patches/.test(key)), 'there is no coordinator to tell of');
});

test('transitions, patches and collections of a coordinator are told, each outcome by itself', async (t) => {
  const coordinator = new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 }));
  t.after(() => coordinator.close());
  const { registry } = collect(t, coordinator);
  let collected = 0;
  coordinator.on('collected', () => collected++);
  const one = declared({ name: 'one', objects: { base: { types: [7] } } });
  await coordinator.enable(one);
  const { samples } = await scrape(registry);
  assert.equal(samples.get(`umbra_patches_enabled{${WHOSE}}`), 1);
  assert.equal(samples.get(`umbra_transition_active{${WHOSE}}`), 0);
  assert.equal(samples.get(`umbra_transition_stragglers{${WHOSE}}`), 0);
  await coordinator.disable('one');
  await until('the collection', () => collected === 1);
  await assert.rejects(coordinator.enable(declared({ name: 'two', objects: { base: { types: [7] } }, refuses: ['prePatch two base'] })));
  const after = (await scrape(registry)).samples;
  const told = [...after].filter(([key]) => /transitions_total|duration_seconds_count|enabled|collections|collected|warnings/.test(key));
  assert.deepEqual(Object.fromEntries(told), {
    [`umbra_patches_enabled{${WHOSE}}`]: 0,
    [`umbra_collections_total{${WHOSE}}`]: 1,
    [`umbra_variables_collected_total{${WHOSE}}`]: 0,
    [`umbra_patch_warnings_total{${WHOSE}}`]: 0,
    ...Object.fromEntries(
      ['enable complete', 'disable complete', 'enable failed'].flatMap((one) => {
        const [kind, outcome] = one.split(' ');
        const labels = `kind="${kind!}",outcome="${outcome!}",${WHOSE}`;
        return [
          [`umbra_transitions_total{${labels}}`, 1],
          [`umbra_transition_duration_seconds_count{${labels}}`, 1],
        ];
      }),
    ),
  });
});

test('counters go on when a thread leaves, and when its counts are between two words', async (t) => {
  const store = createStore(t);
  const { registry } = collect(t, store);
  const created = async (): Promise<number> => (await scrape(registry)).samples.get(`umbra_variables_created_total{${WHOSE}}`)!;
  assert.equal(await created(), 1);
  const { words, slotAddress } = store.internals;
  const allocated = slotAddress + Layout.THREAD_ALLOCATED;
  words[allocated] = 0; // what a thread that leaves does before it adds to the counts of those that left
  assert.equal(await created(), 1);
  words[allocated] = 2 ** 31 - 1;
  const most = await created();
  assert.equal(most, 2 ** 31 - 1);
  words[allocated] = (2 ** 31 + 5) | 0;
  assert.equal(await created(), 2 ** 31 + 5, 'the store counts in 32 bits');
  words[allocated] = 1;
});

test('two stores in one registry are told apart by a label, and each leaves by itself', async (t) => {
  const [one, two] = [createStore(t), createStore(t)];
  two.alloc(2, cargo);
  const registry = new Registry();
  const first = collect(t, one, { registry, labels: { store: 'one', place: 'here' } });
  assert.throws(() => collectMetrics(two, { registry, labels: { store: 'one', place: 'here' } }), coded('ERR_SHADOW_OPTION', /already/));
  assert.throws(() => collectMetrics(two, { registry, labels: { store: 'two' } }), coded('ERR_SHADOW_OPTION', /place/));
  const second = collect(t, two, { registry, labels: { store: 'two', place: 'here' } });
  const live = async (store: string): Promise<number | undefined> =>
    (await scrape(registry)).samples.get(`umbra_variables_live{place="here",store="${store}",type="${cargo.id}"}`);
  assert.deepEqual([await live('one'), await live('two')], [1, 2]);
  first.end();
  first.end();
  assert.deepEqual([await live('one'), await live('two')], [undefined, 2]);
  two[Symbol.dispose]();
  assert.equal(await live('two'), undefined, 'a store that was disposed does not fail the scrape');
  second.end();
  assert.deepEqual(registry.getMetricsAsArray(), []);
  collect(t, one, { registry, prefix: 'other_' });
  assert.equal((await scrape(registry)).samples.get(`other_threads_attached{${WHOSE}}`), 1);
});

test('a name that somebody else has is refused, and nothing of ours stays', (t) => {
  const store = createStore(t);
  const registry = new Registry();
  const theirs = new Counter({ name: 'umbra_transitions_total', help: 'theirs', registers: [registry] });
  assert.throws(() => collectMetrics(store, { registry }), /umbra_transitions_total/);
  assert.deepEqual(
    registry.getMetricsAsArray().map((metric) => (metric as unknown) === theirs),
    [true],
  );
  for (const options of [
    null,
    { registry: null },
    { registry: {} },
    { prefixes: 'x' },
    { prefix: 1 },
    { tasks: 'yes' },
    { labels: { store: 1 } },
  ])
    assert.throws(() => collectMetrics(store, options as never), coded('ERR_SHADOW_OPTION'));
  assert.throws(() => collectMetrics({} as never), coded('ERR_SHADOW_OPTION', /collectMetrics/));
});

test('a registry that was emptied is filled anew, and what was there before takes nothing from it', async (t) => {
  const store = createStore(t);
  const registry = new Registry();
  const { end } = collect(t, store, { registry });
  registry.clear();
  collect(t, store, { registry });
  assert.equal((await scrape(registry)).samples.get(`umbra_threads_attached{${WHOSE}}`), 1);
  end();
  assert.equal((await scrape(registry)).samples.get(`umbra_threads_attached{${WHOSE}}`), 1);
  collect(t, store, { registry, labels: { store: 'again' } });
  assert.equal((await scrape(registry)).samples.get('umbra_threads_attached{store="again"}'), 1);
});

test('a label that some metrics have for values of their own is refused', (t) => {
  const store = createStore(t);
  for (const label of ['type', 'use', 'kind', 'outcome', 'le'])
    assert.throws(() => collectMetrics(store, { registry: new Registry(), labels: { [label]: 'x' } }), coded('ERR_SHADOW_OPTION', /label/));
});

test('tasks are told as a histogram, of all threads, and only if they are asked for', async (t) => {
  const store = createStore(t);
  const { registry, end } = collect(t, store, { tasks: true });
  assert.equal(store.internals.words[Layout.TASK_OBSERVERS], 1);
  const [one, two] = [await hire(t, store), await hire(t, store)];
  await one.ask({ tasks: 30 });
  await one.ask('leave');
  await two.ask({ tasks: 12 });
  const { samples, types } = await scrape(registry);
  assert.equal(types.get('umbra_task_duration_seconds'), 'histogram');
  assert.equal(samples.get(`umbra_task_duration_seconds_count{${WHOSE}}`), 42);
  assert.equal(samples.get(`umbra_tasks_started_total{${WHOSE}}`), 42);
  assert.ok(samples.get(`umbra_task_duration_seconds_sum{${WHOSE}}`)! > 0);
  const buckets = [...samples].filter(([key]) => key.startsWith('umbra_task_duration_seconds_bucket'));
  const counts = buckets.map(([, value]) => value);
  assert.deepEqual(
    counts,
    [...counts].sort((a, b) => a - b),
  );
  assert.equal(samples.get(`umbra_task_duration_seconds_bucket{le="+Inf",${WHOSE}}`), 42);
  assert.equal(buckets.length, 24);
  registry.resetMetrics();
  end();
  assert.equal(store.internals.words[Layout.TASK_OBSERVERS], 0);
});
