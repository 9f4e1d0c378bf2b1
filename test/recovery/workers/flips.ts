/** Damages a prepared store again and again, each time from the same intact image, and says how check() and the operations took it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

import { ShadowError } from '../../../src/errors.js';
import { leave } from '../../../src/memory/grace.js';
import { Layout } from '../../../src/memory/layout.js';
import type { Parent } from '../../../src/shadow/objects.js';
import { ShadowStore } from '../../../src/shadow/store.js';
import type { AnyShadowType } from '../../../src/shadow/type.js';
import type { View } from '../../../src/shadow/view.js';
import { Forgery } from '../fixtures/files.js';
import type { FlipOrder, FlipReport } from '../fixtures/watchdog.js';
import { withNameSeed } from '../fixtures/name-seed.js';
import { blob, count, NAMES, newer, note, NUMBERS, prepare } from '../fixtures/prepared.js';
import { generator } from '../fixtures/random.js';
import { wordClasses } from '../fixtures/word-classes.js';

const { seed, first, flips, progress, mode } = workerData as FlipOrder;
const prepared = withNameSeed(seed, () => prepare());
const { store } = prepared;
const { words } = store.internals;
const image = words.slice();
const classes = wordClasses(store);
const used = classes.flatMap(({ addresses }) => addresses);
/** Parents that were JS objects: one that is collected would be freed in some later image. */
const kept: object[] = [];
const everyone: readonly Parent[] = [...Array.from({ length: NUMBERS }, (_, i) => i), ...prepared.crowd, ...NAMES, null, prepared.parent];
let intact: ReadonlyMap<string, string> = new Map();
let reported = 0;
const codes: Record<string, number> = {};

if (mode === 'repair') intact = readable();
mend();
if (mode === 'forge') await forgeSnapshots();
else flipWords();
parentPort!.postMessage({ flips, reported, codes } satisfies FlipReport);

function flipWords(): void {
  for (let flip = first; flip < first + flips; flip++) {
    Atomics.store(progress, 0, flip);
    const random = generator(seed, flip);
    const damage = damaged(random);
    if (mode === 'repair') repair((what) => new Error(replay(flip, damage) + what));
    if (mode === 'operate') operate(random, (error) => fail(error, flip, damage));
    try {
      if (!store.check().ok) reported++;
    } catch (error) {
      fail(error, flip, damage);
    }
    words.set(image);
    mend();
  }
}

/** Some of all operations, on what is there and on what is not. Each may fail, and none may stop the next. */
function operate(random: (bound: number) => number, failed: (error: unknown) => void): void {
  const { other, crowd, parent } = prepared;
  const number = random(NUMBERS + 20);
  const parents: Parent[] = [
    number,
    crowd[random(crowd.length)]!,
    NAMES[random(NAMES.length)]!,
    `new ${random(100)}`,
    null,
    parent,
    kept[kept.push({}) - 1]!,
  ];
  const types: readonly AnyShadowType[] = [count, note, newer, blob];
  const operations: (() => unknown)[] = [
    ...parents.flatMap((one) => types.map((type) => () => readAll(store.get(one, type) as View | undefined))),
    ...parents.map((one) => () => store.alloc(one, count)),
    ...parents.map((one) => () => store.getOrAlloc(one, note).update((draft) => void (draft.stamp += 1n))),
    ...parents.map((one) => () => store.withLock(store.getOrAlloc(one, count), (view) => void (view.sum += 1))),
    ...parents.map((one) => () => store.has(one, newer)),
    () => store.getMany(parents, count).forEach((view) => view?.add('value', 1)),
    () => store.cursor(note).find(parents[random(7)]!),
    ...types.map((type) => () => {
      for (const [, view] of store.entries(type)) readAll(view as View);
    }),
    ...parents.map((one) => () => other.free(one, note)),
    ...parents.map((one) => () => store.free(one, count)),
    () => other.freeObject(parents[random(7)]!),
    () => store.freeAll(newer),
    () => {
      for (let object = 10_000; object < 10_120; object++) store.alloc(object, count);
    },
    () => other.safepoint(),
    () => store.safepoint(),
    () => store.stats(),
    () => store.recover(),
    () => store.freeAll(count),
    () => {
      ShadowStore.attach(store.handle)[Symbol.dispose]();
    },
    () => {
      other.internals.variables.scrape();
    },
  ];
  for (const operation of operations) {
    if (random(3) > 0) continue;
    try {
      operation();
    } catch (error) {
      failed(error);
    }
  }
}

/** Reads what a view shows. */
function readAll(view: View | undefined): void {
  view?.read();
}

/** Repairs: whatever could be read rightly before can be after, and what is said to be in order is. */
function repair(failure: (what: string) => Error): void {
  const right = readable();
  for (const [name, value] of right) if (intact.get(name) !== value) right.delete(name);
  const { ok, repair: report, violations } = store.check({ repair: true });
  const why = JSON.stringify({ violations: violations.slice(0, 3), done: report?.done.slice(0, 12) }, undefined, 1);
  const again = store.check();
  if (ok && !again.ok) throw failure(`${JSON.stringify(again.violations.slice(0, 3))} after ${why}`);
  const after = readable();
  for (const [name, value] of right)
    if (after.get(name) !== value) throw failure(`${name} was ${value.slice(0, 50)}, is ${after.get(name)?.slice(0, 50)} after ${why}`);
  if (ok && violations.length > 0) codes['repaired'] = (codes['repaired'] ?? 0) + 1;
}

/** What look-ups find of all that is in the prepared store, by what the type table says: not by what this thread remembers of it, nor do others. */
function readable(): Map<string, string> {
  Atomics.add(words, Layout.TYPE_EPOCH, 1);
  const found = new Map<string, string>();
  for (const parent of everyone) {
    for (const type of [count, note, blob] as const) {
      try {
        const view = store.get(parent, type as AnyShadowType) as View | undefined;
        const value = JSON.stringify(view?.read(), (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one));
        if (view !== undefined)
          found.set(`${type.id} of ${typeof parent === 'object' && parent !== null ? 'an object' : JSON.stringify(parent)}`, value);
      } catch (error) {
        if (!(error instanceof ShadowError)) throw error;
      }
    }
  }
  return found;
}

/** What the objects of this thread remember goes with the image: a flip is the same whichever came before it. */
function mend(): void {
  if (mode !== 'operate' && mode !== 'repair') return;
  words.set(image);
  for (const one of [store, prepared.other]) {
    const { thread } = one.internals;
    thread.constructing = 0;
    thread.locked = 0;
    thread.destroying = 0;
    for (const type of [count, note, blob, newer] as const) one.get(null, type as AnyShadowType);
    leave(thread);
  }
  words.set(image);
}

/** Changes words of a snapshot and has its checksums say that they are right. */
async function forgeSnapshots(): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'umbra-'));
  const file = join(path, 'store.snapshot');
  const copy = join(path, 'copy.snapshot');
  try {
    await store.snapshot(file);
    for (let flip = first; flip < first + flips; flip++) {
      Atomics.store(progress, 0, flip);
      const random = generator(seed, flip);
      const forgery = new Forgery(file);
      const damage = forged(forgery, random);
      writeFileSync(copy, forgery.toBuffer());
      try {
        const restored = ShadowStore.restore(copy);
        const { violations } = restored.check();
        if (violations.length > 0) throw new Error(`restored with ${JSON.stringify(violations[0])}`);
        restored[Symbol.dispose]();
      } catch (error) {
        reported++;
        fail(error, flip, damage);
      }
    }
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Words in use: those of the prepared store that are part of a section. */
function forged({ sections }: Forgery, random: (bound: number) => number): string {
  const places: string[] = [];
  const hits = random(3) === 0 ? 1 + random(6) : 1;
  while (places.length < hits) {
    const address = used[random(used.length)]!;
    const section = sections.find((one) => address >= one.address && address < one.address + one.bytes.length / 4);
    if (section === undefined) continue;
    const at = (address - section.address) * 4;
    const before = section.bytes.readInt32LE(at);
    const value = random(4) === 0 ? anyValue(random) : before ^ (1 << random(32));
    section.bytes.writeInt32LE(value, at);
    places.push(`${section.name}, word ${address}: ${before} → ${value}`);
  }
  return places.join(', ');
}

/** Flips a bit of one word, or gives a few words any value. Each class of words is as likely as any other, each word of it too. */
function damaged(random: (bound: number) => number): string {
  const places: string[] = [];
  const hits = random(4) === 0 ? 1 + random(6) : 1;
  for (let hit = 0; hit < hits; hit++) {
    const { name, addresses } = classes[random(classes.length)]!;
    const address = addresses[random(addresses.length)]!;
    const value = random(4) === 0 ? anyValue(random) : words[address]! ^ (1 << random(32));
    places.push(`${name} at ${address}: ${words[address]} → ${value}`);
    words[address] = value;
  }
  return places.join(', ');
}

/** Numbers that hurt: another word's content or address, the ends of every range, or anything. */
function anyValue(random: (bound: number) => number): number {
  switch (random(5)) {
    case 0:
      return words[used[random(used.length)]!]!;
    case 1:
      return used[random(used.length)]!;
    case 2:
      return [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), words.length, words.length - 1, words.length - 2][random(8)]! | 0;
    case 3:
      return random(64);
    default:
      return random(2 ** 32) | 0;
  }
}

function fail(error: unknown, flip: number, damage: string): void {
  if (error instanceof ShadowError) {
    codes[error.code] = (codes[error.code] ?? 0) + 1;
    return;
  }
  throw new Error(replay(flip, damage), { cause: error });
}

/** What a failure begins with: how to have it again, without the flips before it. */
function replay(flip: number, damage: string): string {
  return `run the test with UMBRA_SEED=${seed} UMBRA_FLIP=${flip} to repeat this. ${damage}: `;
}
