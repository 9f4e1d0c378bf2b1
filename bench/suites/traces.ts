/**
 * Suite `traces`: requests as programs make them, through the store and through each of its rivals, by 2 workers: a recorded trace and the
 * six core workloads of YCSB, which the main job generates (src/cli).
 *
 * How a figure is made. A process per peer and workload fills both sides and deals the requests to the workers, 64 at a time, in order.
 * In each round every worker does its next 100,000 requests on one side and then on the other, whatever time that takes: both sides go
 * through the whole sequence once, in step, so what a workload inserts is new to both. The first worker checks beforehand that they do
 * the same, as in suite `peers`, where it also stands how each peer is used. A figure is requests per second of both workers together;
 * ratio: ours ÷ the peer's. Values have 16 bytes, whatever sizes the input states.
 *
 * - YCSB A, B, C: 50, 95 and 100 % gets, the others sets, zipfian. D: 95 % gets, mostly of what was inserted last. F: half gets, half a get
 *   and a set of the same key, counted as two; nothing holds the two together, as in YCSB.
 * - YCSB E: scans. A hash table has no order, so a scan is a get of each of its 1 to 100 neighbouring keys, counted one by one, on all
 *   sides. lmdb, which does have an order, could walk along it, in about two thirds of the time.
 * - trace: `--trace FILE`, a read is a get, a write a set; all its objects are there from the start, and it begins anew when it ends.
 *
 * A Map of each worker's own never sees what the other worker has inserted: in D it misses, which is quick.
 */
import { forEachAccess, requestCount, type Input } from '../../src/cli/input.js';
import { readTrace } from '../../src/cli/trace.js';
import { generateWorkload, WORKLOADS, type WorkloadName } from '../../src/cli/workload.js';
import { createFigure, type CaseSpec, type Figure, type LeftOut } from '../figures.js';
import { LABELS, RIVALS, whyAbsent } from '../peers/catalog.js';
import { runDuel } from '../peers/duel.js';
import { createRequests, drawnFor } from '../peers/requests.js';
import type { Plan } from '../plan.js';

const TRACE = 'trace';
const YCSB = 'YCSB ';
/** Stands for all of them where the reason to leave them out is the same. */
const ANY = 'any workload';

/** Requests in a row that one worker gets. */
const DEALT = 64;
const SEED = 1;
/** At least that many accesses come out of a generated request, on average, however they are dealt. */
const ACCESSES_PER_REQUEST: { readonly [workload in WorkloadName]?: number } = { e: 30 };
const ACCESSES_AT_LEAST = 0.9;

export function getTracesCases(plan: Plan): CaseSpec[] {
  const { records, requests, workers, settings } = plan.traces;
  const workloads = [...WORKLOADS.map((workload) => YCSB + workload.toUpperCase()), TRACE];
  return RIVALS.flatMap((peer) =>
    (peer === 'worker_map' ? [ANY] : workloads).map((workload) => ({
      suite: 'traces',
      name: `${peer} ${workload}`,
      keys: workload === TRACE ? ('sparse' as const) : ('dense' as const),
      variables: records,
      settings,
      workers: [workers],
      peer: { name: peer, address: peer === 'redis' ? plan.redis : undefined },
      requests,
      trace: workload === TRACE ? plan.trace : undefined,
    })),
  );
}

export async function runTracesCase(spec: CaseSpec): Promise<Figure[] | LeftOut> {
  const { name: rival, address } = spec.peer!;
  const workload = spec.name.slice(rival.length + 1);
  const absent = rival === 'worker_map' ? 'each of its requests goes through all of its content' : whyAbsent(rival, address);
  if (absent !== undefined) return { leftOut: absent };
  if (workload === TRACE && spec.trace === undefined) return { leftOut: 'no trace given; add --trace FILE' };

  const [workers] = spec.workers!;
  const perWorker = spec.requests! * (spec.settings.warmupRounds + spec.settings.rounds);
  const lengths = Array.from({ length: workers! }, (_, worker) => drawnFor(worker, perWorker));
  const input = workload === TRACE ? await readTrace(spec.trace!.file, spec.trace!.columns) : generate(workload, spec.variables, lengths);
  const keys = Array.from(input.objects.subarray(0, workload === TRACE ? undefined : spec.variables));
  const rates = await runDuel({
    sides: [
      { name: 'store', requestsPerCall: spec.requests! },
      { name: rival, requestsPerCall: spec.requests! },
    ],
    host: { keys, capacity: input.objects.length, address },
    counts: [workers!],
    requests: deal(input, lengths).map(({ keys, sets }, worker) => createRequests(worker, keys, Uint8Array.from(sets))),
    settings: spec.settings,
  });
  const [ours, theirs] = rates.get(workers!)!;
  return [
    createFigure(
      { ...spec, variables: keys.length },
      'Mops/s',
      { label: LABELS.store, rounds: ours! },
      { label: LABELS[rival], rounds: theirs! },
      null,
    ),
  ];
}

function generate(name: string, records: number, lengths: readonly number[]): Input {
  const workload = name.slice(YCSB.length).toLowerCase() as WorkloadName;
  const accesses = Math.max(...lengths) * lengths.length;
  const requests = Math.ceil(accesses / (ACCESSES_PER_REQUEST[workload] ?? ACCESSES_AT_LEAST)) + DEALT * lengths.length;
  return generateWorkload({ workload, records, requests, distribution: undefined, seed: SEED });
}

interface Hand {
  readonly keys: number[];
  readonly sets: number[];
}

/** Deals the accesses of the input, over and over if need be, until each worker has as many as it needs. */
function deal(input: Input, lengths: readonly number[]): Hand[] {
  const hands = lengths.map((): Hand => ({ keys: [], sets: [] }));
  const count = requestCount(input);
  for (let from = 0, turn = 0; hands.some(({ keys }, worker) => keys.length < lengths[worker]!); turn++) {
    const worker = turn % hands.length;
    const { keys, sets } = hands[worker]!;
    const to = Math.min(from + DEALT, count);
    forEachAccess(input, from, to, (index, write) => {
      if (keys.length === lengths[worker]) return;
      keys.push(input.objects[index]!);
      sets.push(write ? 1 : 0);
    });
    from = to === count ? 0 : to;
  }
  return hands;
}
