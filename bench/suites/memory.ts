/**
 * Suite `memory`: bytes per variable.
 *
 * How a figure is made. A process per case fills a store, once, with variables on sparse keys and takes two figures: what
 * `store.stats()` counts (fixed part, bucket lines, overflow, pages of blocks), and how much the resident memory of the process grew
 * *outside* the JavaScript heap (the views made while filling are garbage and would blur it). Reference: the growth of the collected
 * JavaScript heap while filling a Map with objects of the same fields, and, for 16 bytes, the resident growth of `sharedmap` with 1.25
 * slots per key. Ratio: our bytes ÷ the reference's.
 */
import { createFigure, type Bar, type CaseSpec, type Figure, type Measured } from '../figures.js';
import { createPopulation } from '../keys.js';
import type { Plan } from '../plan.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { createFilledMap, createFilledSharedMap, pair, reservation, tally } from '../subjects.js';

const BAR_VARIABLES = 1_000_000;
const BAR_BYTES = { '16-byte values': 56, '8-byte values': 48 } as const;

export function getMemoryCases(plan: Plan): CaseSpec[] {
  return Object.keys(BAR_BYTES).map((name) => ({
    suite: 'memory',
    name,
    keys: 'sparse',
    variables: plan.memorySize,
    settings: { rounds: 1, warmupRounds: 0, milliseconds: 0 },
  }));
}

export async function runMemoryCase(spec: CaseSpec): Promise<Figure[]> {
  const type = spec.name === '16-byte values' ? tally : pair;
  const { present } = createPopulation(spec.keys, spec.variables);
  const perVariable = (bytes: number): number[] => [bytes / spec.variables];

  // Filling a first store brings the heap's own pages to the size they keep, which would count as the second one's otherwise. It stays
  // until the end, so that its memory does not go in the middle.
  const first = createStore(type, present);
  const beforeStore = await residentOutsideHeap();
  const store = createStore(type, present);
  const resident = perVariable((await residentOutsideHeap()) - beforeStore);
  const { fixed, buckets, overflow, blocks } = store.stats().bytes;
  const counted = perVariable(fixed + buckets + overflow + blocks);

  const beforeMap = await collectedHeap();
  const map = type === tally ? createFilledMap(present) : new Map(present.map((key) => [key, { reads: 1, writes: 0 }]));
  const onHeap: Measured = { label: 'Map, heap', rounds: perVariable((await collectedHeap()) - beforeMap) };
  if (map.size !== spec.variables) throw new Error('the Map lost entries');

  const bar = barOf(spec);
  const figures = [
    createFigure({ ...spec, name: `${spec.name}, stats()` }, 'bytes/variable', { label: 'counted', rounds: counted }, onHeap, bar),
    createFigure({ ...spec, name: `${spec.name}, resident` }, 'bytes/variable', { label: 'resident', rounds: resident }, onHeap, bar),
  ];
  first[Symbol.dispose]();
  if (type !== tally) return figures;

  const beforePeer = await residentOutsideHeap();
  const peer = createFilledSharedMap(present, 1.25);
  const peerBytes: Measured = { label: 'sharedmap, resident', rounds: perVariable((await residentOutsideHeap()) - beforePeer) };
  if (peer.storage.byteLength === 0) throw new Error('sharedmap holds nothing');
  figures.push(
    createFigure({ ...spec, name: `${spec.name}, sharedmap` }, 'bytes/variable', { label: 'resident', rounds: resident }, peerBytes, null),
  );
  return figures;
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
