/**
 * Suite `get`: one thread looks up variables of 16 bytes, uniformly at random, and reads one field of each it finds.
 *
 * How a figure is made. Keys are drawn beforehand into a plain `number[]` that both sides walk with the same loop; every value read
 * goes into a sum, and the sums of the first chunk must agree. Dense keys are small integers for V8; sparse ones are not, which costs
 * the Map a hash of a heap number. Both are shown, and a bar has to be met by both. Each case runs in a process of its own, with only
 * its reference beside it, so that no other case has left type feedback in the code of the store or of the Map. Ratio: throughput of
 * ours ÷ throughput of the reference.
 *
 * - cursor hit, cursor miss: `cursor.find(key)` and a field, against `map.get(key)` and a property; misses are keys that are not there.
 * - view hit: `store.get(key, type)`, which makes a view, against the same Map.
 * - getMany hit: 32 keys per call, against 32 `map.get` into a fresh array.
 * - getMany ÷ cursor: the same calls against the store itself, where a cursor finds those 32 keys one after the other: what staging the
 *   look-ups is worth. At the largest size only, because it is for tables that no cache holds.
 * - sharedmap get: `store.get(key, type)` and a field against `sharedmap.get(key)` at 100,000; its keys are strings, made beforehand,
 *   its table has two slots per key, and the value comes back as a string that nobody parses.
 */
import { CHUNK, runContest, SEQUENCE, type Contest } from '../contest.js';
import { createFigure, type Bar, type CaseSpec, type Figure, type LeftOut } from '../figures.js';
import { createPopulation, drawKeys, type Population } from '../keys.js';
import { BATCH, cursorBatchLoop, cursorLoop, cutBatches, getManyLoop, mapLoop } from '../loops.js';
import { createFilledMap, createFilledSharedMap, createFilledStore, initialReads, tally, type Tally } from '../subjects.js';
import { whyAbsent } from '../peers/catalog.js';
import type { Plan } from '../plan.js';
import type { ShadowStore } from '../../src/shadow/store.js';

const BARS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  'cursor hit': { 10_000: 1.2, 100_000: 1.4, 1_000_000: 2 },
  'cursor miss': { 10_000: 0.8, 1_000_000: 1.2 },
  'view hit': { 10_000: 0.8, 1_000_000: 1.3 },
  'getMany ÷ cursor': { 1_000_000: 1.5 },
  'sharedmap get': { 100_000: 10 },
};

export function getCases(plan: Plan): CaseSpec[] {
  const cases: CaseSpec[] = [];
  for (const variables of plan.sizes) {
    for (const keys of plan.keys) {
      const names = ['cursor hit', 'cursor miss', 'view hit', 'getMany hit'];
      if (variables === Math.max(...plan.sizes)) names.push('getMany ÷ cursor');
      for (const name of names) cases.push({ suite: 'get', name, keys, variables, settings: plan.settings });
    }
  }
  cases.push({ suite: 'get', name: 'sharedmap get', keys: 'sparse', variables: plan.sharedMapSize, settings: plan.settings });
  return cases;
}

export function runGetCase(spec: CaseSpec): Figure[] | LeftOut {
  const absent = spec.name === 'sharedmap get' ? whyAbsent('sharedmap') : undefined;
  if (absent !== undefined) return { leftOut: absent };
  const population = createPopulation(spec.keys, spec.variables);
  const { labels, contest } = createContest(spec.name, population);
  const measured = runContest(contest, spec.settings);
  return [
    createFigure(
      spec,
      'ns/op',
      { label: labels[0], rounds: measured.ours },
      { label: labels[1], rounds: measured.reference },
      barOf(spec.name, spec.variables),
    ),
  ];
}

function barOf(name: string, variables: number): Bar | null {
  const value = BARS[name]?.[variables];
  return value === undefined ? null : { on: 'ratio', relation: '≥', value };
}

function createContest(name: string, population: Population): { labels: [ours: string, reference: string]; contest: Contest } {
  switch (name) {
    case 'cursor hit':
      return { labels: ['cursor.find + field', 'Map.get + field'], contest: cursorContest(population, population.present) };
    case 'cursor miss':
      return { labels: ['cursor.find', 'Map.get'], contest: cursorContest(population, population.absent) };
    case 'view hit':
      return { labels: ['store.get + field', 'Map.get + field'], contest: viewContest(population) };
    case 'getMany hit':
      return { labels: ['store.getMany', `${BATCH} × Map.get`], contest: getManyContest(population) };
    case 'getMany ÷ cursor':
      return { labels: ['store.getMany', `${BATCH} × cursor.find`], contest: getManyOrCursorContest(population) };
    case 'sharedmap get':
      return { labels: ['store.get + field', 'sharedmap.get'], contest: sharedMapContest(population) };
    default:
      throw new RangeError(`suite get has no case ${name}`);
  }
}

function cursorContest(population: Population, asked: readonly number[]): Contest {
  const keys = drawKeys(asked, SEQUENCE);
  return { ours: cursorLoop(createFilledStore(population.present), keys), reference: mapLoop(createFilledMap(population.present), keys) };
}

function viewContest({ present }: Population): Contest {
  const keys = drawKeys(present, SEQUENCE);
  return { ours: viewLoop(createFilledStore(present), keys), reference: mapLoop(createFilledMap(present), keys) };
}

function viewLoop(store: ShadowStore, keys: readonly number[]): () => number {
  let at = 0;
  return () => {
    let sum = 0;
    const end = at + CHUNK;
    for (let i = at; i < end; i++) {
      const found = store.get(keys[i]!, tally);
      if (found !== undefined) sum = (sum + found.reads) | 0;
    }
    at = end % SEQUENCE;
    return sum;
  };
}

function getManyContest({ present }: Population): Contest {
  const map = createFilledMap(present);
  const batches = cutBatches(drawKeys(present, SEQUENCE));
  let at = 0;
  return {
    ours: getManyLoop(createFilledStore(present), batches),
    reference: () => {
      let sum = 0;
      const end = at + CHUNK / BATCH;
      for (let i = at; i < end; i++) {
        const batch = batches[i]!;
        const found: (Tally | undefined)[] = [];
        for (let j = 0; j < batch.length; j++) found.push(map.get(batch[j]!));
        for (let j = 0; j < found.length; j++) {
          const value = found[j];
          if (value !== undefined) sum = (sum + value.reads) | 0;
        }
      }
      at = end % batches.length;
      return sum;
    },
  };
}

/** Both sides ask the same store: what the other side left in the caches is of as much use to either. */
function getManyOrCursorContest({ present }: Population): Contest {
  const store = createFilledStore(present);
  const batches = cutBatches(drawKeys(present, SEQUENCE));
  return { ours: getManyLoop(store, batches), reference: cursorBatchLoop(store, batches) };
}

function sharedMapContest({ present }: Population): Contest {
  const map = createFilledSharedMap(present, 2);
  const drawn = drawKeys(present, SEQUENCE);
  const keys = drawn.map(String);
  // The peer returns text: the sum that proves equal work comes from the keys it found, and the text's length keeps the read alive.
  let at = 0;
  let units = 0;
  return {
    ours: viewLoop(createFilledStore(present), drawn),
    reference: () => {
      let sum = 0;
      const end = at + CHUNK;
      for (let i = at; i < end; i++) {
        const found = map.get(keys[i]!);
        if (found === undefined) continue;
        units += found.length;
        sum = (sum + initialReads(drawn[i]!)) | 0;
      }
      at = end % SEQUENCE;
      if (units === 0) throw new Error('sharedmap found nothing');
      return sum;
    },
  };
}
