/**
 * Owns the numbers of one moment: what the store, the threads' tasks and the application's meters say, and how that has moved since the moment before. Between `stop()` and the
 * next sample it holds the last points, and nothing else. Each sample is bounded, whatever the size of the store. Imports task-meter, occupancy, and the types of store and wire.
 */
import { Layout } from '../memory/layout.js';
import type { StoreStats, TypeStats } from '../shadow/stats.js';
import { TaskMeter } from '../observe/task-meter.js';
import type { ShadowStore } from '../shadow/store.js';
import { OccupancyReader } from '../table/occupancy.js';
import type { Meter } from './dashboard.js';
import type { Heat, Point, Sample, ThreadLine } from './wire.js';

const MOST_TYPES = 48;
const MOST_TYPES_IN_POINT = 8;
const MOST_THREADS = 96;
const MOST_POINTS = 300;
const HEAT_STEPS = 16;
const HEAT_OVERFLOWING = 128;

/** Totals of the sample before. */
interface Before {
  readonly seconds: number;
  readonly allocated: number;
  readonly freed: number;
  readonly reclaimed: number;
  readonly meters: readonly (number | null)[];
}

/** What is held while somebody looks on. */
interface Running {
  readonly occupancy: OccupancyReader;
  readonly tasks: TaskMeter;
  before: Before | undefined;
}

export class Sampler {
  readonly #store: ShadowStore;
  readonly #meters: readonly Meter[];
  readonly #points: Point[] = [];
  #running: Running | undefined;

  constructor(store: ShadowStore, meters: readonly Meter[]) {
    this.#store = store;
    this.#meters = meters;
  }

  /** What was sampled last, oldest first. */
  get points(): readonly Point[] {
    return this.#points;
  }

  /** From the first one on, until `stop()`, threads time their tasks. @throws ERR_SHADOW_DISPOSED */
  sample(): Sample {
    const began = performance.now();
    const stats = this.#store.stats();
    const running = (this.#running ??= {
      occupancy: new OccupancyReader(this.#store.internals.memory),
      tasks: new TaskMeter(this.#store),
      before: undefined,
    });
    const heat = readHeat(running.occupancy);
    const types = [...stats.types].sort((a, b) => b.live - a.live || a.id - b.id);
    const point = this.#point(running, stats, types);
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS) this.#points.shift();
    const { graceEpoch, memoryPressure, allocated, freed, reclaimed, lockWaits, unregisteredLookups, recoveredThreads, pages } = stats;
    const others = types.slice(MOST_TYPES);
    return {
      point,
      store: {
        allocated,
        freed,
        reclaimed,
        lockWaits,
        unregisteredLookups,
        recoveredThreads,
        graceEpoch,
        memoryPressure,
        ...stats.growth,
        pages,
      },
      types: types.slice(0, MOST_TYPES),
      otherTypes: { count: others.length, live: others.reduce((sum, { live }) => sum + live, 0) },
      threads: stats.threads.slice(0, MOST_THREADS).map(threadLine),
      otherThreads: Math.max(0, stats.threads.length - MOST_THREADS),
      heat,
      milliseconds: performance.now() - began,
    };
  }

  stop(): void {
    this.#running?.tasks[Symbol.dispose]();
    this.#running = undefined;
  }

  #point(running: Running, stats: StoreStats, types: readonly TypeStats[]): Point {
    const { before } = running;
    const { allocated, freed, reclaimed } = stats;
    const now: Before = { seconds: performance.now() / 1000, allocated, freed, reclaimed, meters: this.#meters.map(readMeter) };
    running.before = now;
    const rate = (of: (totals: Before) => number): number | null => {
      if (before === undefined) return null;
      // Counters of threads are words that wrap: their sum is right modulo 2^32.
      return Math.max(0, (of(now) - of(before)) | 0) / (now.seconds - before.seconds);
    };
    const { ended, milliseconds, latency } = running.tasks.sample();
    return {
      at: Date.now(),
      created: rate((totals) => totals.allocated),
      freed: rate((totals) => totals.freed),
      reclaimed: rate((totals) => totals.reclaimed),
      tasks: before === undefined ? null : (ended / milliseconds) * 1000,
      latency,
      live: stats.live,
      types: types.slice(0, MOST_TYPES_IN_POINT).map(({ id, live }) => [id, live] as const),
      bytes: stats.bytes,
      retired: stats.retired,
      meters: this.#meters.map(({ kind }, index) => {
        const value = now.meters[index] ?? null;
        if (kind === 'level' || value === null) return value;
        const earlier = before?.meters[index] ?? null;
        return before === undefined || earlier === null ? null : Math.max(0, value - earlier) / (now.seconds - before.seconds);
      }),
    };
  }
}

/** What the application does wrong here is no reason to show nothing. */
function readMeter(meter: Meter): number | null {
  try {
    const value = meter.read();
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}

function threadLine({ slot, threadId, inside, epochsBehind, retired, cached, lockWaits }: StoreStats['threads'][number]): ThreadLine {
  return { slot, threadId, inside, epochsBehind, retired, cached, lockWaits };
}

function readHeat(reader: OccupancyReader): Heat {
  const { buckets, bucketsPerCell, readPerCell, cells, used, overflowing, meanUsed, shareOverflowing } = reader.read();
  const bytes = Buffer.alloc(cells);
  for (let cell = 0; cell < cells; cell++) {
    const level = Math.min(Layout.BUCKET_ENTRIES * HEAT_STEPS, Math.round(used[cell]! * HEAT_STEPS));
    bytes[cell] = level | (overflowing[cell]! >= 0.5 ? HEAT_OVERFLOWING : 0);
  }
  return { buckets, bucketsPerCell, readPerCell, cells: bytes.toString('base64'), mean: meanUsed, overflowing: shareOverflowing };
}
