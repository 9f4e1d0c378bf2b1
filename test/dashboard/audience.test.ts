import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Audience } from '../../src/dashboard/audience.js';
import { Chronicle } from '../../src/dashboard/chronicle.js';
import { dashboard } from '../../src/dashboard/dashboard.js';
import { Sampler } from '../../src/dashboard/sampler.js';
import { Layout } from '../../src/memory/layout.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { OccupancyReader } from '../../src/table/occupancy.js';
import { coded, coordinate, createPool, hold, patch, until } from '../livepatch/fixtures/setup.js';
import { scratch } from '../livepatch/fixtures/scratch.js';
import { Spectator } from './fixtures/spectator.js';
import { stage } from './fixtures/stage.js';

test('while no page is open nothing is read, no task is timed and no timer runs', async (t) => {
  let reads = 0;
  const { store, coordinator, view } = await stage(t, { meters: [{ name: 'reads', kind: 'level', read: () => ++reads }] });
  const stats = t.mock.method(store, 'stats');
  const observers = (): number => store.internals.words[Layout.TASK_OBSERVERS]!;
  t.mock.timers.enable({ apis: ['setInterval'] });
  await coordinator.enable(patch('name=a'));
  view.note('something');
  t.mock.timers.tick(10_000);
  assert.deepEqual([stats.mock.callCount(), reads, observers()], [0, 0, 0]);

  const page = await Spectator.open(view.url);
  await page.next('sample');
  assert.deepEqual([stats.mock.callCount(), reads, observers()], [1, 1, 1]);
  const other = await Spectator.open(view.url);
  await other.next('sample');
  assert.deepEqual([stats.mock.callCount(), observers()], [1, 1], 'a second page looks at the same samples');
  t.mock.timers.tick(3000);
  assert.deepEqual([stats.mock.callCount(), reads], [4, 4], 'one a second');
  page.close();
  other.close();
  await until('the last page to be gone', () => observers() === 0);
  await coordinator.disable('a');
  t.mock.timers.tick(10_000);
  assert.deepEqual([stats.mock.callCount(), reads], [4, 4]);
});

test('a page that reads too slowly misses samples, but no line, and nothing piles up for it', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { coordinator } = coordinate(t);
  const chronicle = new Chronicle(coordinator);
  const audience = new Audience(coordinator, chronicle, new Sampler(coordinator.store, []), () => {
    return { title: 'Umbra', startedAt: 0, pid: 0, node: '', choices: [], meters: [] };
  });
  const written: string[] = [];
  const response = Object.assign(new EventEmitter(), {
    writableNeedDrain: false,
    write: (text: string) => written.push(text),
    end: () => undefined,
  });
  audience.add(response as never);
  written.length = 0;
  response.writableNeedDrain = true;
  chronicle.add('note', 'first');
  t.mock.timers.tick(5000);
  assert.deepEqual(written, []);
  chronicle.add('note', 'second');
  response.writableNeedDrain = false;
  t.mock.timers.tick(1000);
  assert.equal(written.length, 1);
  assert.match(written[0]!, /event: lines\ndata: .*first.*second/);
  audience.close();
  chronicle.close();
});

test('neither a dashboard nor a page that is open keeps a process alive', async () => {
  const index = new URL('../../src/index.js', import.meta.url).href;
  const code = `import { dashboard, PatchCoordinator, ShadowStore } from ${JSON.stringify(index)};
    const view = await dashboard(new PatchCoordinator(ShadowStore.create({ maxBytes: 2 ** 24 })));
    process.stdin.once('end', () => {}).resume();
    console.log(view.url);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const page = await Spectator.open(url.trim());
  await page.next('sample');
  const exited = once(child, 'exit');
  child.stdin.end(); // nothing else is left
  assert.deepEqual(await exited, [0, null]);
  await page.ended();
});

test('closing ends the streams, takes the listeners away and frees the port', async (t) => {
  const { coordinator } = coordinate(t);
  const count = (): number => coordinator.eventNames().reduce((sum, name) => sum + coordinator.listenerCount(name), 0);
  const before = count();
  const view = await dashboard(coordinator);
  const page = await Spectator.open(view.url);
  await page.next('sample');
  assert.ok(count() > before);
  await Promise.all([view.close(), view.close()]);
  await page.ended();
  assert.equal(count(), before);
  view.note('heard by nobody');
  const again = await dashboard(coordinator, { port: view.port });
  assert.equal(again.port, view.port);
  await again[Symbol.asyncDispose]();
});

test('a page that comes later hears what happened, the last 200 lines, and progress as one of them', async (t) => {
  const { coordinator, view } = await stage(t);
  const pool = createPool(coordinator);
  await pool.run({});
  for (let i = 0; i < 250; i++) view.note(`note ${i}`);
  await coordinator.enable(patch('name=a&functions=touch&types=700'));
  await coordinator.disable('a');
  await until('the collection', () => coordinator.store.stats().types.every(({ id }) => id !== 700));
  const page = await Spectator.open(view.url);
  const { lines } = await page.next('hello');
  page.close();
  assert.equal(lines.length, 200);
  const texts = lines.filter(({ kind }) => kind !== 'note').map(({ kind, text }) => `${kind}: ${text.replace(/after .*/, 'after …')}`);
  for (const expected of [
    'transition: enable a: loading in all threads',
    'transition: enable a: complete: 2 of 2 threads after …',
    'transition: disable a: complete: 2 of 2 threads after …',
    'collection: type 0x2bc of a is collected: its variables are invisible',
    'collection: type 0x2bc of a: 0 variables destroyed, done after …',
  ])
    assert.ok(texts.includes(expected), `${expected}\nis not among\n${texts.join('\n')}`);
  assert.ok(texts.filter((text) => text.includes('enable a: switching')).length <= 1);
  assert.throws(() => view.note(''), coded('ERR_DASHBOARD_OPTION'));
});

test('deaths are told, and warnings reach the process as if nobody looked on', async (t) => {
  const { coordinator, view } = await stage(t);
  const other = await dashboard(coordinator);
  const pool = createPool(coordinator, { minThreads: 1, maxThreads: 1 });
  const { thread } = await pool.run({});
  const page = await Spectator.open(view.url);
  await assert.rejects(pool.run({ die: 'exit' }));
  const died = await page.next('lines', (lines) => lines.some(({ kind }) => kind === 'death'));
  assert.match(
    died.find(({ kind }) => kind === 'death')!.text,
    new RegExp(`^thread ${thread} \\(slot \\d+\\) died between operations; recovered in`),
  );

  const warned: string[] = [];
  const onWarning = ({ message }: Error): unknown => warned.push(message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  await coordinator.enable(patch('name=a&throws=postPatch'));
  await page.next('lines', (lines) => lines.some(({ kind, text }) => kind === 'warning' && text.includes('ERR_PATCH_CALLBACK')));
  await until('the warning', () => warned.length > 0);
  assert.equal(warned.length, 1);
  const heard: unknown[] = [];
  coordinator.on('warning', (error) => heard.push(error));
  await coordinator.enable(patch('name=b&throws=postPatch'));
  await nextTurn();
  assert.deepEqual([warned.length, heard.length], [1, 1], 'a listener of the application takes it from the process');
  page.close();
  await other.close();
});

test('a transition is told with whom it waits for, until it is over', async (t) => {
  const { coordinator, view } = await stage(t);
  const pool = createPool(coordinator, { minThreads: 2, maxThreads: 2 });
  const page = await Spectator.open(view.url);
  const { flags, started, release } = hold();
  const held = pool.run({ flags });
  await until('the task to begin', () => started() === 1);
  const enabled = coordinator.enable(patch('name=a&functions=touch'));
  const { transition, workers } = await page.next('state', (state) => state.transition?.switched === 1);
  assert.deepEqual([transition?.patch, transition?.kind, transition?.direction, transition?.workers], ['a', 'enable', 'patching', 2]);
  assert.deepEqual(
    workers.map(({ patchState, straggler }) => [patchState, straggler?.tasks.length]),
    [
      [0, 1],
      [1, undefined],
    ],
  );
  release();
  const { thread } = await held;
  assert.equal(workers[0]!.thread, thread);
  await enabled;
  const after = await page.next('state', (state) => state.transition === null && state.patches.length === 1);
  assert.deepEqual(
    after.workers.map(({ version, straggler }) => [version, straggler]),
    [
      [1, null],
      [1, null],
    ],
  );
  page.close();
});

test('samples say what the store says, and rates per second', async (t) => {
  let served = 100;
  const read = (): number => (served += 50);
  const { store, view } = await stage(t, {
    meters: [
      { name: 'served', kind: 'rate', unit: 'req', read },
      { name: 'level', kind: 'level', read: () => 7 },
      {
        name: 'broken',
        kind: 'level',
        read: () => {
          throw new Error('no number');
        },
      },
    ],
  });
  for (let obj = 0; obj < 1000; obj++) store.alloc(obj, scratch);
  const page = await Spectator.open(view.url);
  const first = await page.next('sample');
  assert.deepEqual([first.point.created, first.point.meters], [null, [null, 7, null]], 'a rate needs a second sample');
  for (let obj = 0; obj < 500; obj++) store.free(obj, scratch);
  const { point, types, otherTypes, store: told, heat } = await page.next('sample');
  page.close();
  const stats = store.stats();
  assert.deepEqual([point.live, point.retired, point.bytes], [stats.live, stats.retired, stats.bytes]);
  assert.deepEqual(types, stats.types);
  assert.deepEqual(otherTypes, { count: 0, live: 0 });
  assert.deepEqual([told.allocated, told.freed, told.buckets, told.entries], [1000, 500, stats.growth.buckets, stats.growth.entries]);
  assert.equal(point.created, 0);
  assert.ok(point.freed! > 0);
  assert.ok(point.meters[0]! > 0);
  const used = Buffer.from(heat.cells, 'base64').reduce((sum, cell) => sum + (cell & 127) / 16, 0);
  const occupancy = new OccupancyReader(store.internals.memory).read();
  assert.equal(
    used,
    occupancy.used.reduce((sum, cell) => sum + cell, 0),
    'every bucket has a cell',
  );
  assert.ok(used >= 500);
});

test('samples go on when the coordinator was closed, and whatever it throws ends no process', async (t) => {
  const { coordinator, view } = await stage(t);
  const page = await Spectator.open(view.url);
  await page.next('sample');
  await coordinator.close();
  await page.next('sample');
  t.mock.getter(coordinator, 'workers', () => {
    throw new Error('no workers');
  });
  assert.equal((await page.next('state', ({ ended }) => ended !== null)).ended, 'no workers');
  page.close();
});

test('a page is told when the store is gone', async (t) => {
  const store = ShadowStore.create({ maxBytes: 2 ** 24 });
  const view = await dashboard(new PatchCoordinator(store));
  t.after(() => view.close());
  store[Symbol.dispose]();
  const page = await Spectator.open(view.url);
  assert.match(String((await page.next('state')).ended), /ERR_SHADOW_DISPOSED/);
  page.close();
});

test('sixteen pages may look on, not one more', async (t) => {
  const { view } = await stage(t);
  const pages = await Promise.all(Array.from({ length: 16 }, () => Spectator.open(view.url)));
  await assert.rejects(Spectator.open(view.url), /503/);
  pages[0]!.close();
  let late: Spectator | undefined;
  while (late === undefined) late = await Spectator.open(view.url).catch(() => undefined);
  for (const page of [...pages, late]) page.close();
});
