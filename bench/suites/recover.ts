/**
 * Suite `recover`: how long a lock stays locked whose holder has died.
 *
 * How a figure is made. Each round is the death of one worker thread that holds a lock of a store with many other variables: the lock of a bucket, in a constructor
 * that does not come back, or that of a variable, in the body of `withLock`. Nothing is planted: the thread is terminated there, or calls `process.exit()`. Afterwards
 * the store has to have counted every death, and `check()` to find it in order.
 *
 * - terminated, exited: another worker sleeps waiting for the lock. From the exit event on the main thread, before anyone else hears of it, to the moment that
 *   worker has the lock, by the clock that all threads share. Zero where it had it before the event: it looks for itself now and then.
 * - nobody told: the main thread itself waits for the lock, so that no event can tell it. From the moment right before the victim calls `process.exit()`, which is
 *   a while before it is gone, to the moment the main thread has the lock.
 *
 * Nothing else does the like, so there is no reference. Medians are over all deaths; p99 is theirs, too.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ShadowStore } from '../../src/shadow/store.js';
import { type DeathWorkerData, DIED_AT_BYTES, GO, type Held, mortal, PARENT, type Role, SIGNAL_BYTES, THERE } from '../deaths.js';
import { createFigure, type CaseSpec, type Figure, type Unit } from '../figures.js';
import { createPopulation } from '../keys.js';
import type { Plan } from '../plan.js';
import { quantile } from '../statistics.js';
import { initialReads, nanosecondsNow, reservation, tally } from '../subjects.js';

interface Death {
  readonly held: Held;
  readonly how: 'terminated' | 'exited' | 'nobody told';
}

const DEATHS: Readonly<Record<string, Death>> = {
  'bucket lock, terminated': { held: 'bucket', how: 'terminated' },
  'bucket lock, exited': { held: 'bucket', how: 'exited' },
  'variable lock, terminated': { held: 'variable', how: 'terminated' },
  'variable lock, exited': { held: 'variable', how: 'exited' },
  'bucket lock, nobody told': { held: 'bucket', how: 'nobody told' },
};

export function getRecoverCases(plan: Plan): CaseSpec[] {
  return Object.keys(DEATHS).map((name) => ({
    suite: 'recover',
    name,
    keys: 'sparse',
    variables: plan.recoverSize,
    settings: plan.recoverSettings,
  }));
}

export async function runRecoverCase(spec: CaseSpec): Promise<Figure[]> {
  const death = DEATHS[spec.name];
  if (death === undefined) throw new RangeError(`suite recover has no case ${spec.name}`);
  const { rounds, warmupRounds, milliseconds } = spec.settings;
  const store = createStore(spec);
  const delays: number[] = [];
  const heir = death.how === 'nobody told' ? undefined : await start(store, 'heir', death.held);
  try {
    for (let round = -warmupRounds; round < rounds; round++) {
      const delay = heir === undefined ? await takeUntold(store, death.held) : await inherit(store, heir.worker, death, milliseconds);
      if (round >= 0) delays.push(delay);
    }
    proveRecovered(store, spec, rounds + warmupRounds);
  } finally {
    await heir?.worker.terminate();
  }
  return figuresOf(spec, delays, heir === undefined ? 'ms' : 'µs');
}

function createStore({ keys, variables }: CaseSpec): ShadowStore {
  const { present } = createPopulation(keys, variables);
  const store = ShadowStore.create({ maxBytes: reservation(variables), maxThreads: 16, types: [tally, mortal] });
  for (const key of present) store.alloc(key, tally).reads = initialReads(key);
  store.safepoint();
  return store;
}

interface Started {
  readonly worker: Worker;
  readonly signal: SharedArrayBuffer;
  /** When its exit event came, before the store's own listener heard of it, ns. */
  readonly exited: Promise<number>;
}

/** A worker that has come to where it was to go: the victim into the lock, the heir to its first order. */
async function start(store: ShadowStore, role: Role, held: Held): Promise<Started> {
  const signal = new SharedArrayBuffer(SIGNAL_BYTES);
  const workerData: DeathWorkerData = { handle: store.handle, role, held, signal };
  const worker = new Worker(new URL('../deaths-worker.js', import.meta.url), { workerData });
  const exited = new Promise<number>((resolve) => {
    worker.prependOnceListener('exit', () => resolve(nanosecondsNow()));
  });
  await once(worker, 'message');
  return { worker, signal, exited };
}

function tellToEnd(signal: SharedArrayBuffer): void {
  const words = new Int32Array(signal);
  Atomics.store(words, GO, 1);
  Atomics.notify(words, GO);
}

/** Nanoseconds from the exit event of a victim to the moment the heir has its lock. */
async function inherit(store: ShadowStore, heir: Worker, { held, how }: Death, asleepMilliseconds: number): Promise<number> {
  const { worker, signal, exited } = await start(store, 'victim', held);
  const there = once(heir, 'message');
  heir.postMessage('inherit');
  const [message] = (await there) as [unknown];
  if (message !== THERE) throw new Error('the heir had the lock while the victim was alive');
  const inherited = once(heir, 'message') as Promise<[number]>;
  await sleep(asleepMilliseconds); // by then it has given up spinning, and not yet begun to look for itself
  if (how === 'terminated') void worker.terminate();
  else tellToEnd(signal);
  const [[gotAt], exitedAt] = await Promise.all([inherited, exited]);
  return Math.max(0, gotAt - exitedAt);
}

/** Nanoseconds from the end of a victim to the moment this thread has its lock, without having heard of it. */
async function takeUntold(store: ShadowStore, held: Held): Promise<number> {
  const { signal, exited } = await start(store, 'victim', held);
  let gotAt = 0;
  tellToEnd(signal);
  store.alloc(PARENT, mortal, () => (gotAt = nanosecondsNow()));
  store.free(PARENT, mortal);
  await exited;
  return gotAt - new Float64Array(signal, DIED_AT_BYTES, 1)[0]!;
}

function proveRecovered(store: ShadowStore, { variables }: CaseSpec, deaths: number): void {
  store.recover();
  store.free(PARENT, mortal);
  const { recoveredThreads, live } = store.stats();
  const { violations } = store.check();
  if (recoveredThreads !== deaths) throw new Error(`${recoveredThreads} of ${deaths} dead threads were recovered`);
  if (violations.length > 0 || live !== variables) throw new Error(`the store is not in order: ${JSON.stringify(violations)}`);
}

function figuresOf(spec: CaseSpec, delays: readonly number[], unit: Unit): Figure[] {
  const inUnit = delays.map((nanoseconds) => nanoseconds / (unit === 'ms' ? 1e6 : 1e3));
  const p99 = quantile(
    [...inUnit].sort((a, b) => a - b),
    0.99,
  );
  return [
    createFigure(spec, unit, { label: 'until taken', rounds: inUnit }, null, null),
    createFigure({ ...spec, name: `${spec.name}, p99` }, unit, { label: 'until taken', rounds: [p99] }, null, null),
  ];
}
