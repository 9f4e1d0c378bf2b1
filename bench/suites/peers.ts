/**
 * Suite `peers`: the store against what a program would share a map with otherwise, by 1 and 2 workers.
 *
 * How a figure is made. A process per peer, mix and size fills the store and the peer with the same sparse keys and 16-byte values, and
 * starts workers that drive both, in turn, through the same requests on existing keys, drawn beforehand (barrier.ts lets them go
 * together). Before the first round the first worker does a stretch of its requests on both sides and reads back what it has set; the
 * sums must agree. A figure is requests per second of all workers together, ours ÷ the peer's, round by round.
 *
 * - get: reads one field of the value. set: writes all 16 bytes as one, for the store by `cursor.update`. 95/5: gets and such sets.
 * - assign: the same sets of the peer, beside a store whose fields need not change together and are assigned one by one.
 * - Map: one in each worker, nothing shared; what the machine allows a program that needs no sharing. No bar.
 * - sharedmap: keys and values as texts made beforehand, two slots per key.
 * - lmdb: one environment, nothing waits for the disk, gets lend the value, all sets of 4,096 requests are one transaction.
 * - owner: a Map that belongs to one worker, asked by `postMessage`, one request per message and 64 in flight. owner×64: 64 requests per
 *   message, for programs that have as many at hand.
 * - worker_map: at a thousand entries only, since each request parses or writes the whole map; where it is installed.
 * - redis: pipelines of 64, if `--redis URL` says where one answers.
 */
import { createFigure, type Bar, type CaseSpec, type Figure, type LeftOut } from '../figures.js';
import { CHUNK, SEQUENCE } from '../contest.js';
import { createPopulation, createRandom, drawKeys } from '../keys.js';
import { LABELS, RIVALS, whyAbsent, type PeerName } from '../peers/catalog.js';
import { runDuel } from '../peers/duel.js';
import type { Requests } from '../peers/peer.js';
import { createRequests, drawnFor } from '../peers/requests.js';
import type { Plan } from '../plan.js';

interface Mix {
  /** Percentage of sets. */
  readonly sets: number;
  readonly ours: PeerName;
}

const MIXES: Readonly<Record<string, Mix>> = {
  get: { sets: 0, ours: 'store' },
  set: { sets: 100, ours: 'store' },
  assign: { sets: 100, ours: 'store by field' },
  '95/5': { sets: 5, ours: 'store' },
};

/** What bars say of the sizes 100 k and 1 M by 2 workers. */
const BARS: { readonly [peer in PeerName]?: { readonly mixes: readonly string[]; readonly atLeast: number } } = {
  sharedmap: { mixes: ['get', 'set', 'assign', '95/5'], atLeast: 20 },
  lmdb: { mixes: ['get', 'set', 'assign'], atLeast: 5 },
  owner: { mixes: ['get', 'set', 'assign', '95/5'], atLeast: 100 },
};
const BAR_WORKERS = 2;
const BAR_VARIABLES = 100_000;

/** Where a request takes as long as a chunk elsewhere. */
const WORKER_MAP_CHUNK = 4;

export function getPeersCases(plan: Plan): CaseSpec[] {
  const { workers, settings } = plan.peers;
  return RIVALS.flatMap((peer) =>
    (peer === 'worker_map' ? [plan.peers.workerMapSize] : plan.peers.sizes).flatMap((variables) =>
      Object.keys(MIXES).map((mix) => ({
        suite: 'peers',
        name: `${peer} ${mix}`,
        keys: 'sparse' as const,
        variables,
        settings,
        workers,
        peer: { name: peer, address: peer === 'redis' ? plan.redis : undefined },
      })),
    ),
  );
}

export async function runPeersCase(spec: CaseSpec): Promise<Figure[] | LeftOut> {
  const { name: rival, address } = spec.peer!;
  const absent = whyAbsent(rival, address);
  if (absent !== undefined) return { leftOut: absent };
  const mixName = spec.name.slice(rival.length + 1);
  const mix = MIXES[mixName];
  if (mix === undefined) throw new RangeError(`suite peers has no case ${spec.name}`);
  const counts = spec.workers ?? [1];
  const { present } = createPopulation(spec.keys, spec.variables);
  const rates = await runDuel({
    sides: [
      { name: mix.ours, requestsPerCall: CHUNK },
      { name: rival, requestsPerCall: rival === 'worker_map' ? WORKER_MAP_CHUNK : CHUNK },
    ],
    host: { keys: present, capacity: present.length, address },
    counts,
    requests: Array.from({ length: Math.max(...counts) }, (_, worker) => drawRequests(present, mix.sets, worker)),
    settings: spec.settings,
  });
  return [...rates].map(([count, [ours, theirs]]) =>
    createFigure(
      { ...spec, name: `${spec.name}, ${count === 1 ? '1 worker' : `${count} workers`}` },
      'Mops/s',
      { label: LABELS[mix.ours], rounds: ours! },
      { label: LABELS[rival], rounds: theirs! },
      barOf(rival, mixName, count, spec.variables),
    ),
  );
}

/** Requests of a worker before it begins anew: about 16 for each key, in whole chunks, as far as memory goes. */
function sequenceOf(variables: number): number {
  return Math.min(SEQUENCE, Math.ceil((16 * variables) / CHUNK) * CHUNK);
}

function drawRequests(present: readonly number[], setPercentage: number, worker: number): Requests {
  const count = drawnFor(worker, sequenceOf(present.length));
  const random = createRandom(200 + worker);
  const sets = Uint8Array.from({ length: count }, () => (random(100) < setPercentage ? 1 : 0));
  return createRequests(worker, drawKeys(present, count, 100 + worker), sets);
}

function barOf(peer: PeerName, mix: string, workers: number, variables: number): Bar | null {
  const bar = BARS[peer];
  const applies = bar?.mixes.includes(mix) === true && workers === BAR_WORKERS && variables >= BAR_VARIABLES;
  return applies ? { on: 'ratio', relation: '≥', value: bar.atLeast } : null;
}
