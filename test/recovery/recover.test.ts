import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { Layout } from '../../src/memory/layout.js';
import { osThreadOf, stateWord, threadSlotAddress } from '../../src/memory/threads.js';
import type { RecoveryReport } from '../../src/recovery/recover.js';
import { nodeRepairer } from '../../src/recovery/repairer.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { assertClean, assertEmpty, coded, open, withoutWaiting } from '../shadow/fixtures/setup.js';
import { mortal, type Place, stopAt, witnessed } from './dying.js';

function store(): { store: ShadowStore; reports: RecoveryReport[] } {
  const opened = open(mortal, witnessed.type);
  const reports: RecoveryReport[] = [];
  opened.internals.recovery.onReport = (report) => reports.push(report);
  witnessed.destroyed.length = 0;
  return { store: opened, reports };
}

function assertAlone(opened: ShadowStore): void {
  assert.equal(opened.stats().threads.length, 1, 'the slot of the dead thread is free');
  assertClean(opened);
}

test('after the exit event of a worker that died in a constructor the variable never was, and its lock is free', async (context) => {
  const { store: opened, reports } = store();
  const { worker, exited } = await stopAt(context, opened, 'constructor');
  await worker.terminate();
  await exited;
  assert.deepEqual(
    reports.map(({ operation, outcome, locksReleased, complete }) => ({ operation, outcome, locksReleased, complete })),
    [{ operation: 'insert', outcome: 'nothing', locksReleased: 1, complete: true }],
  );
  assert.equal(opened.has('here', mortal), false);
  assertAlone(opened);
  assertEmpty(opened);
  opened.alloc('here', mortal).value = 3;
  assert.equal(opened.get('here', mortal)?.value, 3);
});

test('the exit event of a worker that was started before there was any store is heard as well', async (context) => {
  const worker = new Worker(new URL('./workers/late.js', import.meta.url));
  context.after(() => worker.terminate());
  await once(worker, 'online');
  const { store: opened, reports } = store();
  worker.postMessage(opened.handle);
  await once(worker, 'message');
  assert.equal(opened.stats().threads.length, 2);
  const exited = once(worker, 'exit');
  worker.postMessage('end');
  await exited;
  assert.equal(reports.length, 1, 'it was recovered at once');
  assertAlone(opened);
});

test('the main thread that waits for a lock finds out by itself that its owner is dead', async (context) => {
  const { store: opened, reports } = store();
  const dying = await stopAt(context, opened, 'constructor', 'exit');
  dying.go();
  // No event can arrive while this waits.
  opened.alloc('here', mortal).value = 4;
  assert.equal(opened.get('here', mortal)?.value, 4);
  opened.recover();
  assert.equal(reports.length, 1, 'one thread was recovered');
  assertAlone(opened);
});

test('a destructor that a death interrupted runs again, with the string it was called with, and is reported', async (context) => {
  const { store: opened, reports } = store();
  const { worker, exited } = await stopAt(context, opened, 'destructor');
  assert.equal(opened.has('here', witnessed.type), false);
  await worker.terminate();
  await exited;
  assert.deepEqual(witnessed.destroyed, [['here', 7]]);
  assert.deepEqual(
    reports.map(({ destructorsRun, destructorsOwed, failures }) => ({ destructorsRun, destructorsOwed, failures })),
    [{ destructorsRun: 1, destructorsOwed: 0, failures: [] }],
  );
  assertAlone(opened);
  assertEmpty(opened);
});

test('a destructor that throws when it is run again is reported, and everything else is recovered', async (context) => {
  const { store: opened, reports } = store();
  const { worker, exited } = await stopAt(context, opened, 'destructor');
  witnessed.stop = () => {
    throw new Error('not again');
  };
  context.after(() => (witnessed.stop = undefined));
  await worker.terminate();
  await exited;
  const [failure] = reports[0]!.failures;
  assert.ok(coded('ERR_SHADOW_DESTRUCTOR', /type 2 threw: not again/)(failure));
  assertAlone(opened);
  assertEmpty(opened);
});

test('the lock of a variable whose holder died is free, and whoever waits for it goes on', async (context) => {
  const { store: opened } = store();
  const dying = await stopAt(context, opened, 'lock body', 'exit');
  const view = opened.get('here', mortal)!;
  dying.go();
  opened.withLock(view, (locked) => {
    assert.equal(locked.value, 1); // a lock body is the user's own: what it wrote before it died is there
    locked.value = 2;
  });
  assert.deepEqual(view.read(), { value: 2, twin: 0 });
  opened.recover();
  assertAlone(opened);
});

test('a repair lock that names no thread is taken at once, one that a thread may hold only after that has ended', () => {
  const { store: opened } = store();
  const { words, recovery } = opened.internals;
  const noThreads = [1 << 30, (1 << 30) | 4242, 2 ** 31 - 1, 1 << 31, -1];
  for (const garbage of noThreads) {
    words[Layout.REPAIR_LOCK] = garbage;
    withoutWaiting(() => opened.recover());
    assert.equal(words[Layout.REPAIR_LOCK], 0);
  }
  const other = 7777;
  words[Layout.REPAIR_LOCK] = nodeRepairer(other);
  assert.deepEqual(opened.check().violations, []);
  assert.throws(() => withoutWaiting(() => opened.recover()), /deadlock/);
  recovery.died(other);
  assert.equal(words[Layout.REPAIR_LOCK], 0);
  assertAlone(opened);
});

test('read() inside another lock body waits for a dead holder no longer than it takes to find out', async (context) => {
  const { store: opened } = store();
  const dying = await stopAt(context, opened, 'lock body', 'exit');
  const other = opened.alloc('other', mortal);
  dying.go();
  opened.withLock(other, () => {
    assert.equal(opened.get('here', mortal)!.read().value, 1);
  });
});

test('an update() that a death interrupted has not happened: no field of it is there', async (context) => {
  const { store: opened, reports } = store();
  opened.alloc('here', mortal).update(() => ({ value: 10, twin: 20 }));
  const { worker, exited } = await stopAt(context, opened, 'update');
  assert.equal(opened.get('here', mortal)!.value, 99); // half-written, as a plain look without lock may see it
  await worker.terminate();
  await exited;
  assert.deepEqual(opened.get('here', mortal)!.read(), { value: 10, twin: 20 });
  assert.equal(reports[0]!.outcome, 'undone');
  assertAlone(opened);
});

test('the variables of JS objects go with the thread that had the objects; all others stay', async (context) => {
  const { store: opened, reports } = store();
  const mine = { mine: true };
  opened.alloc(mine, mortal).value = 1;
  const { worker, exited } = await stopAt(context, opened, 'objects');
  assert.equal([...opened.entries(mortal)].length, 7);
  await worker.terminate();
  await exited;
  assert.equal(reports[0]!.variablesFreed, 5);
  assert.deepEqual([...opened.entries(mortal)].map(([, view]) => view.value).sort(), [1, 5]);
  assert.equal(opened.get(mine, mortal)?.value, 1);
  assertAlone(opened);
});

test('a thread that attaches when all slots are taken gets that of a dead one', async (context) => {
  const opened = ShadowStore.create({ maxBytes: 2 ** 22, maxThreads: 2, types: [mortal, witnessed.type] });
  opened.internals.recovery.died = () => []; // as if the event never arrived
  const { worker } = await stopAt(context, opened, 'epoch');
  assert.throws(() => ShadowStore.attach(opened.handle), coded('ERR_SHADOW_THREADS_FULL'));
  await worker.terminate();
  const other = ShadowStore.attach(opened.handle);
  assert.equal(other.internals.slot, 1);
  other[Symbol.dispose]();
  assertAlone(opened);
});

test('memory that waits for the grace period of a dead thread comes back without any event', async (context) => {
  const opened = open(mortal);
  opened.internals.recovery.died = () => [];
  const { worker } = await stopAt(context, opened, 'epoch');
  await worker.terminate();
  const until = performance.now() + 20_000;
  let round = 0;
  // Far more than the store holds at once.
  for (; opened.stats().recoveredThreads === 0 && performance.now() < until; round++) {
    for (let n = 0; n < 200; n++) opened.alloc(n, mortal);
    for (let n = 0; n < 200; n++) opened.free(n, mortal);
    opened.safepoint();
  }
  assert.equal(opened.stats().recoveredThreads, 1, `not recovered in ${round} rounds`);
  assertAlone(opened);
  assertEmpty(opened);
});

test('without an operating system that tells, the main thread does not wait for ever: it gets a typed error, and the exit event recovers', () => {
  const script = fileURLToPath(new URL('./workers/unknown-owner.js', import.meta.url));
  const printed = execFileSync(process.execPath, ['--import', new URL('./workers/elsewhere.js', import.meta.url).href, script], {
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(printed), { code: 'ERR_SHADOW_LOCK_OWNER', osThreadId: 0, then: 8, threads: 1, violations: [] });
});

test('recover() in a constructor or a lock body is refused', () => {
  const { store: opened } = store();
  assert.throws(() => opened.alloc(1, mortal, () => opened.recover()), coded('ERR_SHADOW_CONSTRUCTOR_WRITE'));
  assert.throws(() => opened.withLock(opened.alloc(1, mortal), () => opened.recover()), coded('ERR_SHADOW_SAFEPOINT_NESTED'));
  assert.deepEqual(opened.recover(), []);
});

test('places that a death leaves are told apart', async (context) => {
  for (const [place, operation] of [
    ['epoch', 'none'],
    ['lock body', 'none'],
    ['constructor', 'insert'],
  ] as [Place, string][]) {
    const { store: opened, reports } = store();
    const { worker, exited } = await stopAt(context, opened, place);
    const { threadId } = worker;
    await worker.terminate();
    await exited;
    assert.deepEqual(
      reports.map((report) => [report.thread, report.slot, report.operation]),
      [[threadId, 1, operation]],
    );
    assert.equal(opened.internals.words[Layout.DEAD_SLOTS], 0);
  }
});

test('a thread that is just taking over the slot of a dead one is not taken for the dead', async (context) => {
  const { store: opened, reports } = store();
  const { words, memory, recovery } = opened.internals;
  const living = await stopAt(context, opened, 'epoch');
  const dead = await stopAt(context, opened, 'epoch');
  const slots = Array.from({ length: memory.maxThreads }, (_, slot) => threadSlotAddress(memory, slot));
  const slotOf = ({ worker }: typeof dead): number => slots.find((slot) => words[slot + Layout.THREAD_NODE_ID] === worker.threadId)!;
  const [mine, taken] = [slotOf(living), slotOf(dead)];
  const { threadId } = dead.worker;
  recovery.died = () => [];
  await dead.worker.terminate();
  await dead.exited;
  delete (recovery as Partial<typeof recovery>).died; // that of its class again
  // As far as the other thread comes before it says who it is.
  words[taken + Layout.THREAD_OS_START_LOW] = 0;
  Atomics.store(words, taken + Layout.THREAD_STATE, stateWord(Layout.THREAD_ADOPTED, osThreadOf(words, mine)));
  const before = words[mine + Layout.THREAD_STATE];
  recovery.died(threadId);
  assert.equal(words[mine + Layout.THREAD_STATE], before);
  assert.deepEqual(
    reports.map(({ slot }) => threadSlotAddress(memory, slot)).filter((slot) => slot !== taken),
    [],
  );
});
