/**
 * Suite `scale`: what an operation costs as the store grows from 10,000 variables to 50 million, and as a million variables are of 1, 100
 * or 2,000 types. One thread, 16-byte variables, uniformly at random.
 *
 * How a figure is made. As in suites `get` and `write`, by the same loops, but with one process per store: filling it takes longer than
 * measuring, so one operation is measured after the other on the same store and the same Map, gets before changes. Garbage is collected
 * once per operation only: after a collection of ten million objects the collector's threads disturb whichever side comes first. A
 * sequence of 2^20 keys is drawn beforehand. Sparse keys, and at the size whose Map has a bar dense ones too.
 *
 * - cursor hit, cursor miss, alloc + free, add: as there, against a thread-local Map of the same size. V8's Map holds 2^24 entries at
 *   most, so there is no reference at 50 million; a Map of the keys of the first chunk tells what their checksum must be.
 * - getMany ÷ cursor: 32 keys per call, against a cursor that finds them one after the other in the same store.
 * - N types: the same million variables, spread evenly over N types; each operation is on a type of its own drawing, and the keys of one
 *   getMany are of one type. The reference is a Map per type.
 *
 * A size that does not fit into the memory of the machine, or its Map into the heap of the process, is left out by name.
 */
import { freemem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { runAlone, runContest } from '../contest.js';
import { createFigure, type Bar, type CaseSpec, type Figure, type LeftOut } from '../figures.js';
import { createKeyspace } from '../keys.js';
import { BATCH } from '../loops.js';
import type { Plan } from '../plan.js';
import { type Contests, manyTypesContests, oneTypeContests } from '../scale-stores.js';

const WITH_MAP = 'one type';
const ALONE = 'one type, no Map';

interface Operation {
  readonly key: keyof Contests;
  readonly name: string;
  readonly ours: string;
  readonly reference: string;
}

const OPERATIONS: readonly Operation[] = [
  { key: 'hit', name: 'cursor hit', ours: 'cursor.find + field', reference: 'Map.get + field' },
  { key: 'miss', name: 'cursor miss', ours: 'cursor.find', reference: 'Map.get' },
  { key: 'getMany', name: 'getMany ÷ cursor', ours: 'store.getMany', reference: `${BATCH} × cursor.find` },
  { key: 'allocFree', name: 'alloc + free', ours: 'alloc + free', reference: 'Map.set + delete' },
  { key: 'add', name: 'add', ours: 'cursor.find + add', reference: 'Map.get + add' },
];

/** What is needed per variable, with some to spare, and for everything else. */
const STORE_BYTES = 72;
const MAP_BYTES = 200;
const OTHER_BYTES = 2 ** 28;

/** Of the ratio, for the sizes named. */
const HIT_BARS: Readonly<Record<number, number>> = { 10_000_000: 2 };
const GET_MANY_BARS: Readonly<Record<number, number>> = { 1_000_000: 1.5, 10_000_000: 1.5, 50_000_000: 1.5 };

export function getScaleCases(plan: Plan): CaseSpec[] {
  const base = { suite: 'scale', settings: plan.scaleSettings };
  const cases: CaseSpec[] = [];
  for (const variables of plan.scaleSizes) {
    const name = variables > plan.scaleMapLimit ? ALONE : WITH_MAP;
    for (const keys of variables in HIT_BARS ? plan.keys : (['sparse'] as const)) cases.push({ ...base, name, keys, variables });
  }
  for (const types of plan.scaleTypes) {
    cases.push({ ...base, name: types === 1 ? '1 type' : `${types} types`, keys: 'sparse', variables: plan.scaleTypesSize });
  }
  return cases;
}

export function runScaleCase(spec: CaseSpec): Figure[] | LeftOut {
  const { name, keys, variables, settings } = spec;
  const missing = missingMemory(variables, name === ALONE ? 0 : MAP_BYTES);
  if (missing !== null) return { leftOut: missing };
  const keyspace = createKeyspace(keys, variables);
  const oneType = name === WITH_MAP || name === ALONE;
  const contests = oneType
    ? oneTypeContests(keyspace, variables, name === ALONE ? 'first chunk' : 'all keys')
    : manyTypesContests(keyspace, variables, Number.parseInt(name));
  return OPERATIONS.map((operation) => {
    const contest = contests[operation.key];
    const figureSpec = { ...spec, name: oneType ? operation.name : `${operation.name}, ${name}` };
    if (name === ALONE && operation.key !== 'getMany') {
      return createFigure(figureSpec, 'ns/op', { label: operation.ours, rounds: runAlone(contest, settings) }, null, null);
    }
    const { ours, reference } = runContest(contest, settings, 'once');
    return createFigure(
      figureSpec,
      'ns/op',
      { label: operation.ours, rounds: ours },
      { label: operation.reference, rounds: reference },
      oneType ? barOf(operation.key, variables) : null,
    );
  });
}

function barOf(operation: keyof Contests, variables: number): Bar | null {
  const bars: Partial<Record<keyof Contests, typeof HIT_BARS>> = { hit: HIT_BARS, getMany: GET_MANY_BARS };
  const value = bars[operation]?.[variables];
  return value === undefined ? null : { on: 'ratio', relation: '≥', value };
}

/** Why a case cannot be measured here, or null. */
export function missingMemory(
  variables: number,
  mapBytesEach: number,
  free = Math.min(freemem(), process.availableMemory()),
  heapLimit = getHeapStatistics().heap_size_limit,
): string | null {
  const mapBytes = variables * mapBytesEach;
  const needed = variables * STORE_BYTES + mapBytes + OTHER_BYTES;
  if (mapBytes > heapLimit) return `its Map needs a heap of ${gibibytes(mapBytes)}, and Node allows for ${gibibytes(heapLimit)}`;
  return needed > free ? `it needs ${gibibytes(needed)} of memory, and ${gibibytes(free)} are free` : null;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
