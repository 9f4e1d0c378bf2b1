/**
 * Suite `write`: one thread changes variables of 16 bytes, uniformly at random, in a store that already holds the given number.
 *
 * How a figure is made. As in suite `get`: keys drawn beforehand, the same loop on both sides, checksums that must agree, a process per
 * case. Loops that allocate and free pass a safepoint every 256 operations, as a worker does between two tasks; without one nothing
 * freed could be used again. Its cost is part of the figure.
 *
 * - alloc + free: `store.alloc(key, type)` and `store.free(key, type)` of a key that is not there, against `map.set(key, {…})` and
 *   `map.delete(key)`; one operation is the pair.
 * - getOrAlloc hit: `store.getOrAlloc(key, type)` of a key that is there, against `map.get(key) ?? create`.
 * - add: `cursor.find(key)` and the atomic `cursor.add('reads', 1)`, against `map.get(key)` and `+= 1`.
 * - add ÷ bare: the same `cursor.find` and `cursor.add` against a get, `cursor.find` and a field, and a bare `Atomics.add` on another word of the
 *   variable, at the address that the look-up has led to: no name of a field, no check. The word is on the line that the look-up has just
 *   fetched, on both sides. On an array beside the store the bare addition would pay for a miss of its own, which would flatter us; at
 *   addresses noted for each key it need not wait for the look-up, which nothing that looks up first can do.
 * - update: `cursor.find(key)` and `cursor.update(change)`, which changes two fields under the variable's lock, against the same
 *   change of the Map's object.
 * - sharedmap set: `store.getOrAlloc(key, type)` and a field against `sharedmap.set(key, text)` of existing keys at 100,000.
 */
import { CHUNK, runContest, SEQUENCE, type Contest } from '../contest.js';
import { createFigure, type Bar, type CaseSpec, type Figure, type LeftOut } from '../figures.js';
import { createPopulation, drawKeys, type Population } from '../keys.js';
import { addLoop, allocLoop, mapAddLoop, mapSetLoop } from '../loops.js';
import {
  changeDraft,
  changeTally,
  createFilledMap,
  createFilledSharedMap,
  createFilledStore,
  createTally,
  sharedMapValue,
  tally,
} from '../subjects.js';
import { whyAbsent } from '../peers/catalog.js';
import type { Plan } from '../plan.js';

const CASES = ['alloc + free', 'getOrAlloc hit', 'add', 'add ÷ bare', 'update'];

export function getWriteCases(plan: Plan): CaseSpec[] {
  const cases: CaseSpec[] = [];
  for (const variables of plan.sizes) {
    for (const keys of plan.keys) {
      for (const name of CASES) cases.push({ suite: 'write', name, keys, variables, settings: plan.settings });
    }
  }
  cases.push({ suite: 'write', name: 'sharedmap set', keys: 'sparse', variables: plan.sharedMapSize, settings: plan.settings });
  return cases;
}

export function runWriteCase(spec: CaseSpec): Figure[] | LeftOut {
  const absent = spec.name === 'sharedmap set' ? whyAbsent('sharedmap') : undefined;
  if (absent !== undefined) return { leftOut: absent };
  const population = createPopulation(spec.keys, spec.variables);
  const { labels, contest, atLeast } = createContest(spec.name, population);
  const measured = runContest(contest, spec.settings);
  const bar: Bar | null = atLeast === undefined ? null : { on: 'ratio', relation: '≥', value: atLeast };
  return [createFigure(spec, 'ns/op', { label: labels[0], rounds: measured.ours }, { label: labels[1], rounds: measured.reference }, bar)];
}

interface NamedContest {
  readonly labels: readonly [ours: string, reference: string];
  readonly contest: Contest;
  readonly atLeast?: number;
}

function createContest(name: string, population: Population): NamedContest {
  switch (name) {
    case 'alloc + free':
      return { labels: ['alloc + free', 'Map.set + delete'], contest: allocContest(population), atLeast: 0.7 };
    case 'getOrAlloc hit':
      return { labels: ['getOrAlloc', 'Map.get ?? create'], contest: getOrAllocContest(population) };
    case 'add':
      return { labels: ['cursor.find + add', 'Map.get + add'], contest: addContest(population) };
    case 'add ÷ bare':
      return { labels: ['find + cursor.add', 'get + Atomics.add'], contest: bareAddContest(population), atLeast: 0.9 };
    case 'update':
      return { labels: ['cursor.find + update', 'Map.get + update'], contest: updateContest(population) };
    case 'sharedmap set':
      return { labels: ['getOrAlloc + field', 'sharedmap.set'], contest: sharedMapContest(population), atLeast: 10 };
    default:
      throw new RangeError(`suite write has no case ${name}`);
  }
}

function allocContest({ present, absent }: Population): Contest {
  const keys = drawKeys(absent, SEQUENCE);
  return { ours: allocLoop(createFilledStore(present), keys), reference: mapSetLoop(createFilledMap(present), keys) };
}

function getOrAllocContest({ present }: Population): Contest {
  const store = createFilledStore(present);
  const map = createFilledMap(present);
  const keys = drawKeys(present, SEQUENCE);
  let ourAt = 0;
  let referenceAt = 0;
  return {
    ours: () => {
      let sum = 0;
      const end = ourAt + CHUNK;
      for (let i = ourAt; i < end; i++) sum = (sum + store.getOrAlloc(keys[i]!, tally).reads) | 0;
      ourAt = end % SEQUENCE;
      return sum;
    },
    reference: () => {
      let sum = 0;
      const end = referenceAt + CHUNK;
      for (let i = referenceAt; i < end; i++) {
        const key = keys[i]!;
        let found = map.get(key);
        if (found === undefined) {
          found = createTally(0);
          map.set(key, found);
        }
        sum = (sum + found.reads) | 0;
      }
      referenceAt = end % SEQUENCE;
      return sum;
    },
  };
}

function addContest({ present }: Population): Contest {
  const keys = drawKeys(present, SEQUENCE);
  return { ours: addLoop(createFilledStore(present), keys), reference: mapAddLoop(createFilledMap(present), keys) };
}

/** Both sides on one store, so that neither has code that serves two; on two fields that start alike, so that the sums agree. */
function bareAddContest({ present }: Population): Contest {
  const keys = drawKeys(present, SEQUENCE);
  const store = createFilledStore(present);
  const cursor = store.cursor(tally);
  for (const key of present) if (cursor.find(key)) cursor.writes = cursor.reads;
  const { memory, words } = store.internals;
  if (!cursor.find(keys[0]!)) throw new Error('the store lost a variable');
  const offset = cursor.$locate(memory, 'add', 'writes')[1] - cursor.$block;
  let at = 0;
  return {
    ours: addLoop(store, keys),
    reference: () => {
      let sum = 0;
      const end = at + CHUNK;
      for (let i = at; i < end; i++) {
        if (cursor.find(keys[i]!)) sum = (sum + cursor.total + Atomics.add(words, (cursor.$block + offset) | 0, 1)) | 0;
      }
      at = end % SEQUENCE;
      return sum;
    },
  };
}

function updateContest({ present }: Population): Contest {
  const cursor = createFilledStore(present).cursor(tally);
  const map = createFilledMap(present);
  const keys = drawKeys(present, SEQUENCE);
  let ourAt = 0;
  let referenceAt = 0;
  return {
    ours: () => {
      let updated = 0;
      const end = ourAt + CHUNK;
      for (let i = ourAt; i < end; i++) {
        if (!cursor.find(keys[i]!)) continue;
        cursor.update(changeDraft);
        updated++;
      }
      ourAt = end % SEQUENCE;
      return updated;
    },
    reference: () => {
      let updated = 0;
      const end = referenceAt + CHUNK;
      for (let i = referenceAt; i < end; i++) {
        const found = map.get(keys[i]!);
        if (found === undefined) continue;
        changeTally(found);
        updated++;
      }
      referenceAt = end % SEQUENCE;
      return updated;
    },
  };
}

function sharedMapContest({ present }: Population): Contest {
  const store = createFilledStore(present);
  const map = createFilledSharedMap(present, 2);
  const drawn = drawKeys(present, SEQUENCE);
  const keys = drawn.map(String);
  const values = drawn.map(sharedMapValue);
  let ourAt = 0;
  let referenceAt = 0;
  return {
    ours: () => {
      const end = ourAt + CHUNK;
      for (let i = ourAt; i < end; i++) store.getOrAlloc(drawn[i]!, tally).writes = i;
      ourAt = end % SEQUENCE;
      return CHUNK;
    },
    reference: () => {
      const end = referenceAt + CHUNK;
      for (let i = referenceAt; i < end; i++) map.set(keys[i]!, values[i]!);
      referenceAt = end % SEQUENCE;
      return CHUNK;
    },
  };
}
