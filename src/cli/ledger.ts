/**
 * The books of a run, kept beside the store and never inside it: who was constructed and destroyed, and what was in it at the end.
 * Constructors and destructors of every thread write here; the verdict compares it with what the store says. Imports `faults` and
 * `object-index`.
 *
 * All of it is plain shared memory of its own. Counts per thread lie in the thread's own lane: written plainly by that thread, read by the
 * coordinator when the thread has switched or ended (which it learns through atomics or messages, so it sees all of them). Counts per
 * object are changed with atomics by every thread. Sums of final contents are written by the coordinator's thread alone, for destructors of
 * collected ids run there.
 */

import { invariant } from '../errors.js';
import { type Fault, FaultList, pairName } from './faults.js';
import { HISTOGRAM_BUCKETS } from './histogram.js';
import { createObjectIndex, indexOfObject, type ObjectIndexTable } from './object-index.js';

/** The ids that the run keeps books on. `freed`: variables of the id are freed while requests use them, so one pair has many lives. */
export const TRACKED = [
  { id: 1, name: 'account', freed: false },
  { id: 0x10, name: 'heat', freed: false },
  { id: 0x11, name: 'volume', freed: false },
  { id: 0x12, name: 'dirty', freed: true },
] as const;

const CONSTRUCTED = 0;
const DESTROYED = 1;
const LANE_FLOATS = TRACKED.length * 2 + HISTOGRAM_BUCKETS;
const COORDINATOR_LANE = 0;
const NEXT_LANE = 0; // words of `control`
const PHASE = 1;
const NEXT_BIRTH = 2; // per id
const RETIRED_BIRTH = NEXT_BIRTH + TRACKED.length; // per id: births up to this one belong to variables of a collected registration
const CONTROL_WORDS = RETIRED_BIRTH + TRACKED.length;

/** The fields of every tracked type that the ledger fills in and checks. */
export interface Sealed {
  seal: number;
  birth: number;
}

/** Structured-clone friendly. */
export interface LedgerHandle {
  readonly control: Int32Array;
  readonly lanes: Float64Array;
  /** Per id and object: variables constructed minus destroyed. */
  readonly lives: Int32Array;
  /** Per id and object: number of the construction that made the current variable, 0 = none. */
  readonly births: Int32Array;
  /** Per id and object: sum of accesses, then of bytes, that variables held when they were destroyed. */
  readonly settled: Float64Array;
  readonly table: ObjectIndexTable;
}

export class Ledger {
  readonly handle: LedgerHandle;
  /** What this thread found wrong; drained into its reports. */
  readonly faults = new FaultList();
  private readonly objectCount: number;
  private readonly totals: Float64Array;

  private constructor(handle: LedgerHandle, lane: number) {
    this.handle = handle;
    this.objectCount = handle.lives.length / TRACKED.length;
    this.totals = handle.lanes.subarray(lane * LANE_FLOATS, (lane + 1) * LANE_FLOATS);
  }

  /** `threads`: how many may ever attach, the coordinator not counted. */
  static create(objects: Float64Array, threads: number): Ledger {
    const pairs = objects.length * TRACKED.length;
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
    control[NEXT_LANE] = COORDINATOR_LANE + 1;
    return new Ledger(
      {
        control,
        lanes: new Float64Array(new SharedArrayBuffer((threads + 1) * LANE_FLOATS * 8)),
        lives: new Int32Array(new SharedArrayBuffer(pairs * 4)),
        births: new Int32Array(new SharedArrayBuffer(pairs * 4)),
        settled: new Float64Array(new SharedArrayBuffer(pairs * 2 * 8)),
        table: createObjectIndex(objects),
      },
      COORDINATOR_LANE,
    );
  }

  static attach(handle: LedgerHandle): Ledger {
    const lane = Atomics.add(handle.control, NEXT_LANE, 1);
    invariant((lane + 1) * LANE_FLOATS <= handle.lanes.length, `the ledger has no lane left for thread ${lane}`);
    return new Ledger(handle, lane);
  }

  /** Number of transitions that are complete. Written by the coordinator before it begins the next one. */
  get phase(): number {
    return Atomics.load(this.handle.control, PHASE);
  }

  set phase(phase: number) {
    Atomics.store(this.handle.control, PHASE, phase);
  }

  /**
   * For constructors: seals the new variable and books it. A second one while the first is neither destroyed nor collected is a duplicate.
   * Where variables are freed under load that proves nothing, for a destructor may run after the successor's constructor; there the
   * constructor looks the pair up, under the lock that it runs under, and passes what it found as `predecessor`.
   */
  constructed(id: number, object: unknown, view: Sealed, predecessor?: Sealed): void {
    const tracked = trackedIndex(id);
    const { control, lives, births, table } = this.handle;
    const birth = (Atomics.add(control, NEXT_BIRTH + tracked, 1) + 1) >>> 0;
    view.seal = sealOf(id, object);
    view.birth = birth;
    this.totals[tracked * 2 + CONSTRUCTED]! += 1;
    const index = indexOfObject(table, object as number);
    if (index === -1) return;
    const pair = tracked * this.objectCount + index;
    Atomics.add(lives, pair, 1);
    const previous = Atomics.exchange(births, pair, birth | 0) >>> 0;
    const alive = TRACKED[tracked]!.freed ? predecessor !== undefined : previous > Atomics.load(control, RETIRED_BIRTH + tracked) >>> 0;
    if (alive) this.found('duplicateVariables', id, object, 'one construction', `number ${birth} while number ${previous} is alive`);
  }

  /** For destructors: books the end of a variable and what was in it. */
  destroyed(id: number, object: unknown, view: Sealed, accesses: number, bytes: number): void {
    const tracked = trackedIndex(id);
    const { lives, births, settled, table } = this.handle;
    this.totals[tracked * 2 + DESTROYED]! += 1;
    const index = indexOfObject(table, object as number);
    if (index === -1) return;
    const pair = tracked * this.objectCount + index;
    if (Atomics.sub(lives, pair, 1) < 1)
      this.found('accounting', id, object, 'one destructor run', 'a destructor run without a construction');
    Atomics.compareExchange(births, pair, view.birth | 0, 0); // unless a successor is there already
    if (TRACKED[tracked]!.freed) return; // these destructors run in any thread, and what others add after them is lost by design
    settled[pair * 2]! += accesses;
    settled[pair * 2 + 1]! += bytes;
  }

  /**
   * The last registration of the id has ended: what was constructed until now is invisible and waits for its sweep, and no duplicate of
   * what comes after the next registration. Called by the coordinator while no thread constructs variables of the id.
   */
  retire(id: number): void {
    const tracked = trackedIndex(id);
    Atomics.store(this.handle.control, RETIRED_BIRTH + tracked, Atomics.load(this.handle.control, NEXT_BIRTH + tracked));
  }

  /** For readers: a variable must carry the seal of its pair, and be the one that was constructed last for it. */
  verify(id: number, object: number, view: Sealed): void {
    const seal = sealOf(id, object);
    if (view.seal !== seal) this.found('unconstructedReads', id, object, `seal ${seal}`, view.seal);
    const tracked = trackedIndex(id);
    if (TRACKED[tracked]!.freed) return;
    const index = indexOfObject(this.handle.table, object);
    if (index === -1) return;
    const birth = Atomics.load(this.handle.births, tracked * this.objectCount + index) >>> 0;
    if (view.birth !== birth)
      this.found('duplicateVariables', id, object, `the variable of construction ${birth}`, `that of ${view.birth}`);
  }

  /** Threads that have attached, the coordinator's not counted. */
  get threads(): number {
    return Atomics.load(this.handle.control, NEXT_LANE) - 1;
  }

  /** This thread's latency histogram. */
  get histogram(): Float64Array {
    return this.totals.subarray(TRACKED.length * 2);
  }

  /** Every thread's latency histogram. */
  get histograms(): readonly Float64Array[] {
    return this.laneNumbers().map((lane) => this.handle.lanes.subarray(lane * LANE_FLOATS + TRACKED.length * 2, (lane + 1) * LANE_FLOATS));
  }

  /** Constructor runs of an id, in all threads. */
  constructions(id: number): number {
    return this.sum(id, CONSTRUCTED, this.laneNumbers());
  }

  /** Destructor runs of an id, in all threads. */
  destructions(id: number): number {
    return this.sum(id, DESTROYED, this.laneNumbers());
  }

  /** Destructor runs of an id in the workers: of variables that they freed themselves. */
  workerDestructions(id: number): number {
    return this.sum(id, DESTROYED, this.laneNumbers().slice(1));
  }

  /** What the destroyed variables of the pair held in total. */
  settledOf(id: number, index: number): { readonly accesses: number; readonly bytes: number } {
    const pair = trackedIndex(id) * this.objectCount + index;
    return { accesses: this.handle.settled[pair * 2]!, bytes: this.handle.settled[pair * 2 + 1]! };
  }

  /** Variables of the pair constructed and not destroyed. */
  livesOf(id: number, index: number): number {
    return Atomics.load(this.handle.lives, trackedIndex(id) * this.objectCount + index);
  }

  /** The object's index in the input, −1 for an object that the input does not name. */
  indexOf(object: unknown): number {
    return typeof object === 'number' ? indexOfObject(this.handle.table, object) : -1;
  }

  private sum(id: number, column: number, lanes: readonly number[]): number {
    return lanes.reduce((sum, lane) => sum + this.handle.lanes[lane * LANE_FLOATS + trackedIndex(id) * 2 + column]!, 0);
  }

  private laneNumbers(): number[] {
    return Array.from({ length: Atomics.load(this.handle.control, NEXT_LANE) }, (_, lane) => lane);
  }

  private found(kind: Fault['kind'], id: number, object: unknown, expected: string, found: string | number): void {
    this.faults.add({ kind, what: pairName(object, id), expected, found });
  }
}

/** A word that says which pair a variable was constructed for; never 0, so zeroed memory carries no seal. */
export function sealOf(id: number, object: unknown): number {
  const number = object as number;
  let mixed = Math.imul((number | 0) ^ 0x5ea1, 0x9e3779b1) ^ Math.imul((number / 2 ** 32) | 0, 0x85ebca6b) ^ Math.imul(id, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 16)) >>> 0 || 1;
}

export function trackedName(id: number): string {
  return TRACKED[trackedIndex(id)]!.name;
}

function trackedIndex(id: number): number {
  for (let i = 0; i < TRACKED.length; i++) if (TRACKED[i]!.id === id) return i;
  invariant(false, `id ${id} is not tracked`);
}

let current: Ledger | undefined;

/** Makes this the ledger of the thread; constructors and destructors have no other way to reach it. Returns it. */
export function openLedger(ledgerOfThread: Ledger): Ledger {
  current = ledgerOfThread;
  return ledgerOfThread;
}

/** The thread's ledger. */
export function ledger(): Ledger {
  invariant(current !== undefined, 'no ledger was opened in this thread');
  return current;
}
