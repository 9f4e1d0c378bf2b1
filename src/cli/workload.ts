/**
 * Generated input: the six core workloads of YCSB, deterministic for a seed. Fills the columns of `input`; imports `input`,
 * `distribution`, `random`.
 *
 * Keys 0…records−1 exist from the start, inserts add the next number; a key is its object's number and its index. Reads move a whole
 * record, updates one of its ten fields, as in YCSB. A scan reads neighbouring keys, each accounted for like a read of its own.
 */

import { createDistribution, type DistributionName } from './distribution.js';
import { type Input, READ, READ_MODIFY_WRITE, SCAN, sharedFloat64, sharedUint32, sharedUint8, WRITE } from './input.js';
import { Random } from './random.js';

export const WORKLOADS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const RECORD_BYTES = 1000;
export const FIELD_BYTES = 100;
export const MAX_SCAN = 100; // keys, as in YCSB

/** Shares of the operations; what is missing to 1 is inserts. */
interface Mix {
  readonly read: number;
  readonly update: number;
  readonly modify: number;
  readonly scan: number;
  readonly distribution: DistributionName;
}

const MIXES: Readonly<Record<WorkloadName, Mix>> = {
  a: { read: 0.5, update: 0.5, modify: 0, scan: 0, distribution: 'zipfian' },
  b: { read: 0.95, update: 0.05, modify: 0, scan: 0, distribution: 'zipfian' },
  c: { read: 1, update: 0, modify: 0, scan: 0, distribution: 'zipfian' },
  d: { read: 0.95, update: 0, modify: 0, scan: 0, distribution: 'latest' },
  e: { read: 0, update: 0, modify: 0, scan: 0.95, distribution: 'zipfian' },
  f: { read: 0.5, update: 0, modify: 0.5, scan: 0, distribution: 'zipfian' },
};

export interface WorkloadOptions {
  readonly workload: WorkloadName;
  /** Keys that exist from the start, 1…10 million. */
  readonly records: number;
  /** Requests to generate, 1…100 million. */
  readonly requests: number;
  /** undefined: the workload's own. */
  readonly distribution: DistributionName | undefined;
  readonly seed: number;
}

export function generateWorkload(options: WorkloadOptions): Input {
  const { workload, records, requests, seed } = options;
  const mix = MIXES[workload];
  const distributionName = options.distribution ?? mix.distribution;
  // One generator per question: the kinds of requests stay the same when only the distribution changes.
  const kinds = new Random(seed);
  const lengths = new Random(seed ^ 0x5bd1e995);
  const distribution = createDistribution(distributionName, records, new Random(seed ^ 0x2545f491));

  const indexes = sharedUint32(requests);
  const operations = sharedUint8(requests);
  const sizes = sharedUint32(requests);
  const spans = mix.scan > 0 ? sharedUint8(requests) : undefined;
  let keys = records;
  for (let i = 0; i < requests; i++) {
    let share = kinds.fraction();
    sizes[i] = RECORD_BYTES;
    if ((share -= mix.read) < 0) {
      operations[i] = READ;
      indexes[i] = distribution.pick(keys);
    } else if ((share -= mix.update) < 0) {
      operations[i] = WRITE;
      indexes[i] = distribution.pick(keys);
      sizes[i] = FIELD_BYTES;
    } else if ((share -= mix.modify) < 0) {
      operations[i] = READ_MODIFY_WRITE;
      indexes[i] = distribution.pick(keys);
    } else if ((share -= mix.scan) < 0) {
      const first = distribution.pick(keys);
      operations[i] = SCAN;
      indexes[i] = first;
      spans![i] = Math.min(1 + lengths.below(MAX_SCAN), keys - first);
    } else {
      operations[i] = WRITE;
      indexes[i] = keys++;
    }
  }

  const objects = sharedFloat64(keys);
  for (let key = 0; key < keys; key++) objects[key] = key;
  const description = `workload ${workload}, ${distributionName}, ${records.toLocaleString('en')} records, seed ${seed}`;
  return { objects, indexes, operations, sizes, spans, description };
}
