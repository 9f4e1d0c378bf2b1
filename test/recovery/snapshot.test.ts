import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { assertClean, coded, MEBIBYTE, open, seeded } from '../shadow/fixtures/setup.js';
import { counted } from './fixtures/counted.js';
import { directory } from './fixtures/files.js';
import { blob, count, NAMES, newer, prepare } from './fixtures/prepared.js';
import { balanced, FIELDS } from './fixtures/balanced.js';

const run = promisify(execFile);
const script = (name: string): string => fileURLToPath(new URL(`./workers/${name}.js`, import.meta.url));

test('a snapshot is restored in a new process: variables, strings, null, handles of objects, versions', async (t) => {
  const { store, parent } = prepare();
  for (let object = 0; object < 5; object++) store.get(object, blob)!.setBytes(new Uint8Array([object + 1]), 2999);
  const file = join(directory(t), 'store.snapshot');
  const info = await store.snapshot(file);
  const { variables } = store.check().found;
  assert.equal(info.file, file);
  assert.equal(info.variables, variables);
  assert.equal(info.bytes, readFileSync(file).length);
  assert.ok(info.lockedMilliseconds >= 0 && info.milliseconds >= info.lockedMilliseconds);
  const { stdout } = await run(process.execPath, [script('reader'), file, String(store.objects.handle(parent))]);
  const found = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(found['violations'], []);
  assert.deepEqual(sorted(found['counts']), sorted([...store.entries(count)].map(([p, view]) => [asNumber(p), view.value, view.sum])));
  assert.deepEqual(sorted(found['hits']), sorted([...store.entries(newer)].map(([p, view]) => [p, view.hits])));
  assert.deepEqual(
    sorted(found['blobs']),
    [0, 1, 2, 3, 4].map((object) => [object, object + 1]),
  );
  assert.deepEqual(
    found['notes'],
    NAMES.map((name) => name.slice(0, 20)),
  );
  assert.equal(found['ofObject'], 8);
  assert.equal(found['ofNull'], 7);
  assertClean(store);
});

test('a restored store goes on as any other: creates, frees, grows, is snapshotted again', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const store = ShadowStore.create({ maxBytes: 8 * MEBIBYTE, types: [count] });
  for (let object = 0; object < 20_000; object++) store.alloc(object, count).value = object;
  for (let object = 0; object < 20_000; object += 2) store.free(object, count);
  await store.snapshot(pathToFileURL(file));
  const restored = ShadowStore.restore(pathToFileURL(file), { types: [count] });
  assert.equal(restored.restored?.variables, 10_000);
  assert.deepEqual(restored.restored.kept, []);
  for (let object = 0; object < 20_000; object += 2) restored.alloc(object, count).value = object;
  for (let object = 0; object < 20_000; object++) assert.equal(restored.get(object, count)?.value, object);
  for (let object = 20_000; object < 30_000; object++) restored.alloc(object, count);
  assertClean(restored);
  assert.notDeepEqual(restored.handle.buffer, store.handle.buffer);
  const other = ShadowStore.attach(restored.handle);
  assert.equal(other.get(19_999, count)?.value, 19_999);
  await restored.snapshot(file);
  assert.equal(ShadowStore.restore(file).restored?.variables, 30_000);
  assert.equal(restored.freeAll(count), 30_000);
  restored.safepoint();
  assertClean(restored);
  assert.equal(store.restored, undefined);
});

test('objects made after the restoration get handles that no restored variable has', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const store = open(count);
  const objects = Array.from({ length: 5 }, () => ({}));
  for (const object of objects) store.alloc(object, count).value = 1;
  const handles = objects.map((object) => store.objects.handle(object));
  await store.snapshot(file);
  const restored = ShadowStore.restore(file, { types: [count] });
  for (let i = 0; i < 5; i++) assert.ok(!handles.includes(restored.objects.handle({})));
  for (const handle of handles) assert.ok(restored.free(handle, count), 'a restored variable of an object is reached by its handle');
  assertClean(restored);
});

test('each variable is in the snapshot as one update() left it, while workers go on changing all of them', async (t) => {
  const seed = seeded(t);
  const file = join(directory(t), 'store.snapshot');
  // Room for what one worker frees while the system lets the other one rest inside its grace epoch.
  const store = ShadowStore.create({ maxBytes: 64 * MEBIBYTE, maxThreads: 4, types: [balanced] });
  const objects = 60;
  for (let object = 0; object < objects; object++) store.alloc(object, balanced);
  const flags = new Int32Array(new SharedArrayBuffer(12));
  const workers = [1, 2].map(
    () =>
      new Worker(new URL('./workers/balancer.js', import.meta.url), {
        workerData: { handle: store.handle, flags, objects, seed: seed(2 ** 31) },
      }),
  );
  try {
    const done = workers.map((worker) => once(worker, 'exit'));
    for (let started = 0; started < 2; started = Atomics.load(flags, 1)) Atomics.wait(flags, 1, started, 1000);
    for (let round = 0; round < 12; round++) {
      const before = Atomics.load(flags, 2);
      await store.snapshot(file);
      const restored = ShadowStore.restore(file);
      for (const [object, view] of restored.entries(balanced)) {
        const values = FIELDS.map((field) => view[field]);
        assert.ok(
          values.every((value) => value === values[0]),
          `round ${round}, object ${object as number}: ${values.join(' ')}`,
        );
      }
      assert.ok(restored.restored!.variables >= objects);
      assertClean(restored);
      while (Atomics.load(flags, 2) === before) Atomics.wait(flags, 2, before, 1000); // nobody was left waiting
    }
    Atomics.store(flags, 0, 1);
    await Promise.all(done);
    assertClean(store);
  } finally {
    Atomics.store(flags, 0, 1);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

test('a variable that is locked while the snapshot is taken is waited for, and nothing else', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const store = ShadowStore.create({ maxBytes: 2 * MEBIBYTE, maxThreads: 4, types: [balanced] });
  store.alloc(1, balanced);
  store.alloc(2, balanced);
  const flags = new Int32Array(new SharedArrayBuffer(12));
  const worker = new Worker(new URL('./workers/holder.js', import.meta.url), { workerData: { handle: store.handle, flags } });
  const exit = once(worker, 'exit');
  try {
    while (Atomics.load(flags, 1) === 0) Atomics.wait(flags, 1, 0, 1000);
    // The holder allocates in the body of its lock: it waits for a bucket that the snapshot has, and the snapshot must not wait for it then.
    await store.snapshot(file);
    const restored = ShadowStore.restore(file);
    assert.deepEqual(
      FIELDS.map((field) => restored.get(1, balanced)![field]),
      FIELDS.map(() => 5),
    );
    await exit;
    assert.ok(store.has(3, balanced));
  } finally {
    await worker.terminate();
  }
});

test('in a store of 8 GiB only what is used is written, and comes back at the very top', async (t) => {
  const file = join(directory(t), 'store.snapshot');
  const store = ShadowStore.create({ maxBytes: 2 ** 33, maxThreads: 2, types: [count, blob] });
  for (let object = 0; object < 3000; object++) store.alloc(object, count).sum = object / 2;
  for (let object = 0; object < 50; object++) store.alloc(object, blob).setUint8(2999, object);
  const { bytes } = await store.snapshot(file);
  assert.ok(bytes < 8 * MEBIBYTE, `${bytes} bytes`);
  const restored = ShadowStore.restore(file);
  for (let object = 0; object < 3000; object++) assert.equal(restored.get(object, count)?.sum, object / 2);
  for (let object = 0; object < 50; object++) assert.equal(restored.get(object, blob)?.getUint8(2999), object);
  assertClean(restored);
});

test('a process that is killed before any operation on files leaves the old snapshot or the new one, whole', async (t) => {
  const path = directory(t);
  const file = join(path, 'store.snapshot');
  let old = 0;
  let value = 0;
  for (let whole = false; !whole;) {
    const step = value++;
    const child = spawn(process.execPath, [script('snapshotter'), file, String(value), String(step)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    const [, signal] = (await once(child, 'close')) as [number, string | null];
    whole = signal === null && Number(said) > 0;
    const found = valueIn(file);
    assert.ok(found === old || found === value, `killed before operation ${step}: ${found}, and neither ${old} nor ${value}`);
    old = found;
    const litter = readdirSync(path).filter((name) => name !== 'store.snapshot');
    assert.ok(litter.length <= 1, `after operation ${step}: ${litter.join(', ')}`);
  }
  assert.ok(value > 10, `only ${value - 1} operations`);
  assert.equal(old, value, 'the last one was not killed');
  assert.deepEqual(readdirSync(path), ['store.snapshot'], 'nothing is left lying about');
});

test('a process that is killed at a random moment leaves a whole snapshot', async (t) => {
  const random = seeded(t);
  const path = directory(t);
  const file = join(path, 'store.snapshot');
  for (let round = 1; round <= 6; round++) {
    const child = spawn(process.execPath, [script('snapshotter'), file, String(round), '-1'], { stdio: 'ignore' });
    while (valueIn(file) !== round) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, random(40)));
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.equal(valueIn(file), round);
  }
  await open(counted).snapshot(file);
  assert.deepEqual(readdirSync(path), ['store.snapshot']);
});

/** The one value that all variables of a snapshot have; 0 if there is no file. */
function valueIn(file: string): number {
  if (!existsSync(file)) return 0;
  const store = ShadowStore.restore(file);
  const values = new Set([...store.entries(counted)].map(([, view]) => view.value));
  assert.equal(values.size, 1);
  assertClean(store);
  store[Symbol.dispose]();
  return [...values][0]!;
}

test('temporaries that nobody writes any more are removed, others are left alone', async (t) => {
  const path = directory(t);
  const file = join(path, 'store.snapshot');
  const temporary = (pid: number, name = 'store.snapshot'): string => join(path, `${name}.${pid}-0123456789ab.umbra-tmp`);
  const gone = 4_000_000; // above every pid that Linux gives by default
  const alive = process.ppid;
  for (const pid of [gone, alive, process.pid]) writeFileSync(temporary(pid), 'half a snapshot');
  writeFileSync(temporary(gone, 'other.snapshot'), 'not ours');
  writeFileSync(join(path, 'store.snapshot.old'), 'not ours');
  const store = open(count);
  await store.snapshot(file);
  assert.ok(!existsSync(temporary(gone)));
  assert.ok(existsSync(temporary(alive)), 'its process may be writing it');
  assert.ok(existsSync(temporary(process.pid)), 'another thread of this process may be writing it');
  const past = new Date(Date.now() - 7_200_000);
  for (const pid of [alive, process.pid]) utimesSync(temporary(pid), past, past);
  await store.snapshot(file);
  assert.deepEqual(readdirSync(path).sort(), ['other.snapshot.4000000-0123456789ab.umbra-tmp', 'store.snapshot', 'store.snapshot.old']);
});

test('a snapshot that cannot be written is refused, and leaves nothing', async (t) => {
  const path = directory(t);
  const store = open(count);
  mkdirSync(join(path, 'taken'));
  for (const file of [join(path, 'no', 'such', 'directory'), join(path, 'taken')])
    await assert.rejects(store.snapshot(file), coded('ERR_SHADOW_SNAPSHOT_FILE', /could not be written/));
  assert.deepEqual(readdirSync(path), ['taken']);
  for (const wrong of [undefined, null, 5, '', 'a\0b', {}, new URL('https://example.org/x')])
    await assert.rejects(store.snapshot(wrong as never), coded('ERR_SHADOW_OPTION', /a path or a file: URL/));
  await assert.rejects(
    store.withLock(store.alloc(1, count), () => {
      const promise = store.snapshot(join(path, 'x'));
      promise.catch(() => undefined);
      return { promise };
    }).promise,
    coded('ERR_SHADOW_LOCK_NESTED'),
  );
  const during: Promise<unknown>[] = [];
  const constructed = defineShadowType({
    id: 70,
    size: 4,
    ctor: () => void during.push(store.snapshot(join(path, 'x')).catch((error: unknown) => error)),
  });
  store.internals.registry.register('test', '', [constructed]);
  store.alloc(1, constructed);
  coded('ERR_SHADOW_CONSTRUCTOR_WRITE')(await during[0]);
  store[Symbol.dispose]();
  await assert.rejects(store.snapshot(join(path, 'x')), coded('ERR_SHADOW_DISPOSED'));
  assert.deepEqual(readdirSync(path), ['taken']);
});

function sorted(rows: unknown): unknown[] {
  return (rows as unknown[])
    .map((row) => JSON.stringify(row))
    .sort()
    .map((row) => JSON.parse(row) as unknown);
}

/** As JSON has it. */
function asNumber(parent: unknown): unknown {
  return parent;
}
