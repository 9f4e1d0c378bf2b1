/**
 * A coordinator on a worker is killed at each of its events, and at any moment, and another one on this thread takes over. Whatever it was in the middle of: no task
 * is mixed, callbacks run in pairs and not twice, ids that are used stay and all others go, threads that wait go on, and everything can be done as ever.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { countRegistrations } from '../../src/shadow/succession.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { Random, seedOf, SOAK } from '../concurrency/random.js';
import { declared } from './fixtures/declared.js';
import { log } from './fixtures/log.js';
import { scratch } from './fixtures/scratch.js';
import { until } from './fixtures/setup.js';
import {
  DECK_WORDS,
  type Deck,
  destination,
  HOLD,
  MIXED,
  PARKED,
  registrationsOf,
  SharedLog,
  STEP,
  TASKS,
  TICK,
  WATERS,
} from './fixtures/voyage.js';

const LINUX = process.platform === 'linux';

/** Whatever a failure leaves running is ended, so that the failure is told. */
const workers = new Set<Worker>();
const coordinators = new Set<PatchCoordinator>();
afterEach(async () => {
  await Promise.all([...workers].map((worker) => worker.terminate()));
  await Promise.all([...coordinators].map((coordinator) => coordinator.close()));
  workers.clear();
  coordinators.clear();
});

interface Ship {
  readonly store: ShadowStore;
  readonly deck: Deck;
  readonly ink: SharedArrayBuffer;
  readonly captain: Worker;
  readonly crew: Worker;
  readonly answers: Promise<[number, string[]][]>;
}

function man(store: ShadowStore, deck: Deck): { readonly crew: Worker; readonly answers: Promise<[number, string[]][]> } {
  const crew = new Worker(new URL('./fixtures/crew.js', import.meta.url), { workerData: { umbra: store.handle, deck } });
  workers.add(crew);
  const answers = new Promise<[number, string[]][]>((resolve, reject) => {
    crew.on('error', reject);
    crew.on('message', (message: 'ready' | { answers: [number, string[]][] }) => {
      if (message !== 'ready') resolve(message.answers);
    });
  });
  return { crew, answers };
}

function launch(parkAt: number, inside = false): Ship {
  const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [scratch] });
  const deck = new Int32Array(new SharedArrayBuffer(DECK_WORDS * 4));
  const ink = new SharedArrayBuffer(2 ** 18);
  const captain = new Worker(new URL('./fixtures/captain.js', import.meta.url), {
    workerData: { umbra: store.handle, deck, ink, parkAt, inside },
  });
  workers.add(captain);
  return { store, deck, ink, captain, ...man(store, deck) };
}

const LETTERS: Record<string, string> = { prePatch: 'p', postPatch: 'o', preUnpatch: 'u', postUnpatch: 'v' };

/** Letters for the callbacks of each object of a patch and of each state, in order: p and o for pre- and postPatch, u and v for pre- and postUnpatch. */
function callbacks(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines) {
    const match = /^((?:pre|post)(?:Unp|P)atch) (?:\w+ (state \d+)|(\w+ \w+))/.exec(line);
    const subject = match?.[2] ?? match?.[3];
    if (subject !== undefined) found.set(subject, (found.get(subject) ?? '') + LETTERS[match![1]!]!);
  }
  return found;
}

/** The letter of an uncertain callback if it is one of this subject. */
function lettersOf(uncertain: NonNullable<PatchCoordinator['takenOver']>['uncertain'], subject: string): string {
  if (uncertain === null) return '';
  const { callback, patch, object, state } = uncertain;
  return subject === (object === null ? `state ${state}` : `${patch} ${object}`) ? LETTERS[callback]! : '';
}

/** Answers in pairs; a patch that is replaced hears no more, one that a callback refused is not answered. */
const PAIRED = /^(p(o(uo)*(u?v)?|v)?)*$/;

/**
 * Whether so many deaths explain it: each may have cut short one callback. That may be answered although it has not run, and unless the coordinator was parked before it,
 * it may have run twice. `uncertain`: which one it was, if that is known.
 */
function isPaired(letters: string, deaths: number, parked: boolean, uncertain = 'pouv'): boolean {
  if (PAIRED.test(letters)) return true;
  if (deaths === 0) return false;
  for (let i = 0; i <= letters.length; i++) {
    const [before, after] = [letters.slice(0, i), letters.slice(i)];
    for (const letter of uncertain) if (isPaired(before + letter + after, deaths - 1, parked, uncertain)) return true;
    if (
      !parked &&
      i < letters.length &&
      uncertain.includes(letters[i]!) &&
      isPaired(before + after.slice(1), deaths - 1, parked, uncertain)
    )
      return true;
  }
  return false;
}

/** One more coordinator that takes over, and dies at that or soon after. */
async function fail({ store, deck, ink }: Ship, random: Random): Promise<void> {
  Atomics.store(deck, TICK, 0);
  Atomics.store(deck, PARKED, 0);
  const parkAt = 1 + random.below(30);
  const heir = new Worker(new URL('./fixtures/heir.js', import.meta.url), { workerData: { umbra: store.handle, deck, ink, parkAt } });
  await until('the heir', () => Atomics.load(deck, PARKED) !== 0);
  await heir.terminate();
}

/** `heirs`: how many try and fail before. */
async function takeOver(ship: Ship, random: Random, exact: boolean, heirs = 0): Promise<void> {
  const { store, deck, ink, captain } = ship;
  await captain.terminate();
  for (let heir = 0; heir < heirs; heir++) await fail(ship, random);
  const before = new SharedLog(ink).lines;
  log.length = 0;
  const late = random.oneIn(4) ? man(store, deck) : undefined;
  if (random.oneIn(2)) Atomics.store(deck, HOLD, 0);
  const coordinator = await PatchCoordinator.recover(store, { pollMilliseconds: 60_000 });
  coordinators.add(coordinator);
  const warnings: Error[] = [];
  coordinator.on('warning', (warning) => warnings.push(warning));
  const early = coordinator.transition;
  Atomics.store(deck, HOLD, 0);
  await until('the end of the transition', () => coordinator.transition === null);
  await until('the sweeps', () => store.stats().types.every(({ state }) => state === 'live'));
  const step = Atomics.load(deck, STEP);
  const ashore = before.at(-1)?.startsWith('end ') === true;
  const names = coordinator.patches.map(({ name }) => name);
  const where = `step ${step}, ${before.at(-1)}, pending ${JSON.stringify(early)}, found ${JSON.stringify(coordinator.takenOver)}`;
  if (exact) assert.deepEqual(names, ashore ? WATERS[step]!.patches : destination(step, before), where);
  const alive = (): Map<number, number> => {
    const modules = coordinator.modules.filter(({ phase }) => phase === 'live').map(({ name }) => name);
    const expected = registrationsOf({ patches: coordinator.patches.map(({ name }) => name), modules });
    for (const { types } of coordinator.pinned) for (const id of types) expected.set(id, (expected.get(id) ?? 0) + 1);
    return expected;
  };
  const sorted = (counts: ReadonlyMap<number, number>): [number, number][] => [...counts].sort(([a], [b]) => a - b);
  await until('the modules', () => coordinator.modules.some(({ name, phase }) => name === 'sessions' && phase === 'live'));
  assert.deepEqual(sorted(countRegistrations(store.internals.memory)), sorted(alive()), where);
  assert.deepEqual(store.check().violations, [], where);

  // As ever.
  const tasks = Atomics.load(deck, TASKS);
  await until('tasks', () => Atomics.load(deck, TASKS) > tasks + 2);
  await coordinator.enable(declared({ name: 'z', objects: { sessions: { functions: ['touch'], types: [1, 9] } } }));
  const { version } = coordinator;
  const more = Atomics.load(deck, TASKS);
  await until('tasks on it', () => Atomics.load(deck, TASKS) > more + 4);
  await coordinator.disable('z');
  for (const name of names.toReversed()) await coordinator.disable(name);
  for (const { patch } of coordinator.pinned) coordinator.unpin(patch);
  await until('the last sweeps', () => store.stats().types.every(({ state }) => state === 'live'));
  assert.deepEqual(sorted(countRegistrations(store.internals.memory)), [[900, 1]], where);
  assert.deepEqual(store.stats().live, 0, where);
  ship.crew.postMessage('stop');
  late?.crew.postMessage('stop');
  const answers = await ship.answers;
  for (const [number, given] of [...answers, ...((await late?.answers) ?? [])])
    assert.equal(given.length, 1, `version ${number} answered ${given.join()}`);
  assert.ok(
    answers.some(([number, given]) => number === version && given[0] === 'z'),
    `z was not run: ${JSON.stringify(answers)}; ${where}`,
  );
  assert.equal(Atomics.load(deck, MIXED), 0, 'mixed tasks');
  await coordinator.close();

  const uncertain = coordinator.takenOver?.uncertain ?? null;
  const all = [...before, ...log];
  for (const [subject, told] of callbacks(all)) {
    const concerned = heirs > 0 ? 'pouv' : lettersOf(uncertain, subject);
    assert.ok(isPaired(told, heirs + 1, exact, concerned), `${subject}: ${told}, ${where}`);
  }
  const destroyed = all.filter((line) => line.startsWith('destroy '));
  const filled = before.includes('end fill');
  if (exact && filled) assert.equal(destroyed.length, 32, `${where}: ${destroyed.join('; ')}`);
  if (exact && filled) assert.equal(new Set(destroyed.map((line) => line.replace(/ by .*/, ''))).size, 32, where);
  assert.deepEqual(warnings, []);
  assert.deepEqual(store.check().violations, []);
}

for (const inside of [false, true]) {
  const where = inside ? 'before and after any change that it makes to shared memory' : 'at any of its events';
  test(`a coordinator that dies ${where} is taken over from`, { skip: !LINUX }, async (t) => {
    const random = new Random(seedOf(t));
    const dry = launch(0, inside);
    await until('the end of the voyage', () => Atomics.load(dry.deck, PARKED) === 2);
    const events = Atomics.load(dry.deck, TICK);
    await takeOver(dry, random, true);
    const points = Array.from({ length: events }, (_, i) => i + 1);
    const given = process.env['UMBRA_PARK_AT'];
    const most = SOAK > 1 ? points.length : 20;
    const chosen =
      given === undefined ? Array.from({ length: most }, () => points.splice(random.below(points.length), 1)[0]!) : [Number(given)];
    t.diagnostic(`${chosen.length} of ${events}`);
    const failures: string[] = [];
    let next = launch(chosen[0]!, inside);
    for (const [index, parkAt] of chosen.entries()) {
      const ship = next;
      if (index + 1 < chosen.length) next = launch(chosen[index + 1]!, inside);
      await until(`number ${parkAt}`, () => Atomics.load(ship.deck, PARKED) !== 0);
      await takeOver(ship, random, !inside).catch((error: unknown) => failures.push(`parked at ${parkAt}: ${String(error)}`));
    }
    assert.deepEqual(failures, []);
  });
}

test('a coordinator that dies at any moment is taken over from, also by one that dies at that', { skip: !LINUX }, async (t) => {
  const random = new Random(seedOf(t));
  for (let round = 0; round < 8 * SOAK; round++) {
    const ship = launch(0);
    await once(ship.crew, 'message');
    await until('the coordinator', () => Atomics.load(ship.deck, STEP) > 0);
    await sleep(random.below(120));
    for (let spins = random.below(200_000); spins > 0; spins--) random.next();
    await takeOver(ship, random, false, random.below(3));
  }
});
