/** The instruments as the SDK's reader collects them, compared with what the store tells; the spans as a tracer gets them. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

import { PatchCoordinator, ShadowStore } from '../../src/index.js';
import { Layout } from '../../src/memory/layout.js';
import { observeMetrics } from '../../src/observe/opentelemetry.js';
import { declared } from '../livepatch/fixtures/declared.js';
import { coded, createPool, hold, until } from '../livepatch/fixtures/setup.js';
import { cargo, hatch } from './fixtures/cargo.js';
import { hire } from './fixtures/crew.js';
import { KeepingTracer } from './fixtures/spans.js';

interface Collected {
  readonly provider: MeterProvider;
  /** Collects now: values by 'name attributes', and the instruments. */
  readonly collect: () => Promise<{ values: Map<string, unknown>; instruments: Map<string, MetricData> }>;
}

function provide(t: TestContext): Collected {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const provider = new MeterProvider({ readers: [reader] });
  t.after(() => provider.shutdown());
  const collect: Collected['collect'] = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    assert.deepEqual(errors, []);
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const values = metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }): [string, unknown] => [[descriptor.name, ...Object.values(attributes)].join(' '), value]),
    );
    return { values: new Map(values), instruments: new Map(metrics.map((metric) => [metric.descriptor.name, metric])) };
  };
  return { provider, collect };
}

/** `coordinate`: closed before the store is disposed. */
function createStore(t: TestContext): { store: ShadowStore; coordinate: () => PatchCoordinator } {
  let coordinator: PatchCoordinator | undefined;
  t.after(() => coordinator?.close());
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [cargo, hatch] });
  store.alloc(1, cargo);
  t.after(() => {
    store[Symbol.dispose]();
  });
  return { store, coordinate: () => (coordinator = new PatchCoordinator(store, { pollMilliseconds: 60_000 })) };
}

test('what is collected is what stats() tells, with units', async (t) => {
  const { store } = createStore(t);
  const { provider, collect } = provide(t);
  const end = observeMetrics(store, { meterProvider: provider, attributes: { store: 'main' } });
  for (let obj = 2; obj < 100; obj++) store.alloc(obj, cargo);
  for (let obj = 2; obj < 10; obj++) store.free(obj, cargo);
  const { values, instruments } = await collect();
  const stats = store.stats();
  assert.deepEqual(
    ['live main 31', 'live main 32', 'created main', 'freed main'].map((name) => values.get(`umbra.variables.${name}`)),
    [91, 0, 99, 8],
  );
  for (const [use, bytes] of Object.entries(stats.bytes))
    assert.equal(values.get(use === 'reserved' ? 'umbra.memory.reserved main' : `umbra.memory.used main ${use}`), bytes);
  assert.equal(values.get('umbra.lock.waits main'), stats.lockWaits);
  assert.equal(values.get('umbra.threads.attached main'), 1);
  assert.deepEqual(
    ['variables.live', 'memory.used', 'threads.attached'].map((name) => instruments.get(`umbra.${name}`)!.descriptor.unit),
    ['{variable}', 'By', '{thread}'],
  );
  assert.ok(![...values.keys()].some((name) => /transition|patches|tasks/.test(name)));
  end();
  store.alloc(200, cargo);
  assert.equal((await collect()).values.get('umbra.variables.created main'), 99, 'the SDK repeats the last that it was told');
});

test('a transition is a span with what happened to it, in order, and failed ones are errors', async (t) => {
  const { store, coordinate } = createStore(t);
  const coordinator = coordinate();
  const { provider, collect } = provide(t);
  const tracer = new KeepingTracer();
  t.after(observeMetrics(coordinator, { meter: provider.getMeter('test'), tracer, attributes: { store: 'main' } }));
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  const touch = { objects: { sessions: { functions: ['touch'] } } };
  await coordinator.enable(declared({ name: 'one', ...touch }));
  await assert.rejects(coordinator.enable(declared({ name: 'no', objects: { sessions: { functions: ['tuoch'] } } })));
  const held = hold();
  const task = pool.run({ flags: held.flags });
  await until('the task', () => held.started() === 1);
  const enabling = assert.rejects(coordinator.enable(declared({ name: 'two', replace: true, ...touch })), coded('ERR_PATCH_REVERSED'));
  await until('the straggler', () => coordinator.stragglers().length === 1);
  const pending = (await collect()).values;
  assert.deepEqual([pending.get('umbra.transition.active main'), pending.get('umbra.transition.stragglers main')], [1, 1]);
  const reversing = coordinator.reverse();
  held.release();
  await Promise.all([task, enabling, reversing]);
  const disabling = coordinator.disable('one');
  await disabling;
  assert.deepEqual(
    tracer.spans.map(({ name, attributes, status, ended }) => [
      name,
      attributes['umbra.patch'],
      attributes['umbra.outcome'],
      status?.code,
      ended,
    ]),
    [
      ['umbra enable', 'one', 'complete', undefined, 1],
      ['umbra enable', 'no', 'failed', SpanStatusCode.ERROR, 1],
      ['umbra replace', 'two', 'reversed', undefined, 1],
      ['umbra disable', 'one', 'complete', undefined, 1],
    ],
  );
  assert.deepEqual(
    tracer.spans.map(({ events }) => events.filter((event) => event !== 'progress')),
    [
      ['load', 'start', 'complete'],
      ['load', 'failed'],
      ['load', 'start', 'reverse', 'complete'],
      ['start', 'complete'],
    ],
  );
  assert.equal(tracer.spans[0]!.attributes['umbra.workers'], 2);
  const { values, instruments } = await collect();
  assert.equal(instruments.get('umbra.transition.duration')!.descriptor.unit, 's');
  const counts = [...values].filter(([name]) => name.startsWith('umbra.transition.duration'));
  assert.deepEqual(
    counts.map(([name, value]) => [name, (value as { count: number }).count]),
    ['enable complete', 'enable failed', 'replace reversed', 'disable complete'].map((name) => [
      `umbra.transition.duration main ${name}`,
      1,
    ]),
  );
  assert.equal(store.internals.words[Layout.TASK_OBSERVERS], 0);
});

test('a transition that was turned round before anybody looked is told as reversed', async (t) => {
  const coordinator = createStore(t).coordinate();
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  const [first, second] = [hold(), hold()];
  const old = pool.run({ flags: first.flags });
  await until('the old task', () => first.started() === 1);
  const touch = { objects: { sessions: { functions: ['touch'] } } };
  const enabling = assert.rejects(coordinator.enable(declared({ name: 'one', ...touch })), coded('ERR_PATCH_REVERSED'));
  await until('the other thread', () => coordinator.workers.filter(({ patchState }) => patchState === 1).length === 1);
  const patched = pool.run({ flags: second.flags }); // holds up the way back
  await until('the patched task', () => second.started() === 1);
  const reversing = coordinator.reverse();
  await until('the reversal', () => coordinator.transition?.reversed === true);
  const tracer = new KeepingTracer();
  t.after(observeMetrics(coordinator, { tracer }));
  first.release();
  second.release();
  await Promise.all([old, patched, enabling, reversing]);
  assert.deepEqual(
    tracer.spans.map(({ attributes, ended }) => [attributes['umbra.outcome'], ended]),
    [['reversed', 1]],
  );
});

test('a span ends with the coordinator that is closed meanwhile, and once', async (t) => {
  const coordinator = createStore(t).coordinate();
  const tracer = new KeepingTracer();
  const end = observeMetrics(coordinator, { tracer });
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const held = hold();
  const task = assert.rejects(pool.run({ flags: held.flags }));
  await until('the task', () => held.started() === 1);
  const touch = { objects: { sessions: { functions: ['touch'] } } };
  const enabling = assert.rejects(coordinator.enable(declared({ name: 'one', ...touch })), coded('ERR_PATCH_CLOSED'));
  await until('the straggler', () => coordinator.stragglers().length === 1);
  await coordinator.close();
  await Promise.all([task, enabling]);
  const ends = (): unknown => tracer.spans.map(({ attributes, ended }) => [attributes['umbra.outcome'], ended]);
  assert.deepEqual(ends(), [['abandoned', 1]]);
  end();
  end();
  assert.deepEqual(ends(), [['abandoned', 1]]);
});

test('tasks are counted and timed if that is asked for', async (t) => {
  const { store } = createStore(t);
  const { provider, collect } = provide(t);
  const end = observeMetrics(store, { meterProvider: provider, tasks: true });
  const sailor = await hire(t, store);
  await sailor.ask({ tasks: 25 });
  const { values } = await collect();
  assert.deepEqual([values.get('umbra.tasks.started'), values.get('umbra.tasks.ended')], [25, 25]);
  assert.ok((values.get('umbra.tasks.time') as number) > 0);
  store[Symbol.dispose]();
  assert.equal(
    (await collect()).values.get('umbra.threads.attached'),
    2,
    'a store that was disposed is told of no more, and fails nothing',
  );
  end();
  end();
});

test('without a provider nothing is told and nothing fails; wrong options are refused', (t) => {
  const { store, coordinate } = createStore(t);
  observeMetrics(coordinate())();
  observeMetrics(store)();
  for (const options of [
    null,
    { meters: 1 },
    { tasks: 1 },
    { attributes: { a: 1 } },
    { meter: {} },
    { tracer: null },
    { meterProvider: 1 },
  ])
    assert.throws(() => observeMetrics(store, (options && { tasks: true, ...options }) as never), coded('ERR_SHADOW_OPTION'));
  assert.equal(store.internals.words[Layout.TASK_OBSERVERS], 0);
  assert.throws(() => observeMetrics(null as never), coded('ERR_SHADOW_OPTION', /observeMetrics/));
});
