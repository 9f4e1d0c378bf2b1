/**
 * Suite `memory`: bytes per variable.
 *
 * How a figure is made. A process per case fills a store, once, with variables on sparse keys and takes its figures: what
 * `store.stats()` counts (fixed part, bucket lines, overflow, pages of blocks), and how much the resident memory of the process grew
 * *outside* the JavaScript heap (the views made while filling are garbage and would blur it). Reference: the growth of the collected
 * JavaScript heap while filling a Map with objects of the same fields, and, for 16 bytes, the resident growth of `sharedmap` with 1.25
 * slots per key. Ratio: our bytes ÷ the reference's.
 */
import { createFigure, type Bar, type CaseSpec, type Figure, type LeftOut, type Measured } from '../figures.js';
import { createPopulation } from '../keys.js';
import { whyAbsent } from '../peers/catalog.js';
import type { Plan } from '../plan.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { createFilledMap, createFilledSharedMap, pair, reservation, tally } from '../subjects.js';

const BAR_VARIABLES = 1_000_000;
const BAR_BYTES = { '16-byte values': 56, '8-byte values': 48 } as const;
const SHAREDMAP = '16-byte values, sharedmap';

export function getMemoryCases(plan: Plan): CaseSpec[] {
  return [...Object.keys(BAR_BYTES), SHAREDMAP].map((name) => ({
    suite: 'memory',
    name,
    keys: 'sparse',
    variables: plan.memorySize,
    settings: { rounds: 1, warmupRounds: 0, milliseconds: 0 },
  }));
}

export async function runMemoryCase(spec: CaseSpec): Promise<Figure[] | LeftOut> {
  const absent = spec.name === SHAREDMAP ? whyAbsent('sharedmap') : undefined;
  if (absent !== undefined) return { leftOut: absent };
  const { present } = createPopulation(spec.keys, spec.variables);
  return spec.name === SHAREDMAP ? besideSharedMap(spec, present) : besideMap(spec, present);
}

async function besideMap(spec: CaseSpec, present: readonly number[]): Promise<Figure[]> {
  const type = spec.name === '16-byte values' ? tally : pair;
  const { counted, resident, end } = await fillStore(spec, type, present);
  const beforeMap = await collectedHeap();
  const map = type === tally ? createFilledMap(present) : new Map(present.map((key) => [key, { reads: 1, writes: 0 }]));
  const onHeap: Measured = { label: 'Map, heap', rounds: perVariable(spec, (await collectedHeap()) - beforeMap) };
  if (map.size !== spec.variables) throw new Error('the Map lost entries');
  end();
  const bar = barOf(spec);
  return [
    createFigure({ ...spec, name: `${spec.name}, stats()` }, 'bytes/variable', counted, onHeap, bar),
    createFigure({ ...spec, name: `${spec.name}, resident` }, 'bytes/variable', resident, onHeap, bar),
  ];
}

async function besideSharedMap(spec: CaseSpec, present: readonly number[]): Promise<Figure[]> {
  const { resident, end } = await fillStore(spec, tally, present);
  const before = await residentOutsideHeap();
  const peer = createFilledSharedMap(present, 1.25);
  const peerBytes: Measured = { label: 'sharedmap, resident', rounds: perVariable(spec, (await residentOutsideHeap()) - before) };
  if (peer.storage.byteLength === 0) throw new Error('sharedmap holds nothing');
  end();
  return [createFigure(spec, 'bytes/variable', resident, peerBytes, null)];
}

interface Filled {
  /** By the store's own count. */
  readonly counted: Measured;
  /** By that of the operating system. */
  readonly resident: Measured;
  /** To be called when all is measured: what goes before changes what is measured then. */
  readonly end: () => void;
}

async function fillStore(spec: CaseSpec, type: typeof tally | typeof pair, present: readonly number[]): Promise<Filled> {
  // Filling a first store brings the heap's own pages to the size they keep, which would count as the second one's otherwise.
  const first = createStore(type, present);
  const before = await residentOutsideHeap();
  const store = createStore(type, present);
  const resident = { label: 'resident', rounds: perVariable(spec, (await residentOutsideHeap()) - before) };
  const { fixed, buckets, overflow, blocks } = store.stats().bytes;
  const end = (): void => {
    first[Symbol.dispose]();
    store[Symbol.dispose]();
  };
  return { counted: { label: 'counted', rounds: perVariable(spec, fixed + buckets + overflow + blocks) }, resident, end };
}

function perVariable({ variables }: CaseSpec, bytes: number): number[] {
  return [bytes / variables];
}

function barOf({ name, variables }: CaseSpec): Bar | null {
  return variables === BAR_VARIABLES ? { on: 'ours', relation: '≤', value: BAR_BYTES[name as keyof typeof BAR_BYTES] } : null;
}

function createStore(type: typeof tally | typeof pair, keys: readonly number[]): ShadowStore {
  const store = ShadowStore.create({ maxBytes: reservation(keys.length), maxThreads: 16, types: [type] });
  for (const key of keys) store.alloc(key, type).reads = 1;
  store.safepoint();
  return store;
}

async function residentOutsideHeap(): Promise<number> {
  await collectGarbage();
  const { rss, heapTotal } = process.memoryUsage();
  return rss - heapTotal;
}

async function collectedHeap(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Twice, with a turn of the event loop between: finalisers and the young generation's pages need it. */
async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
