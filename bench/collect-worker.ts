/**
 * Worker of the suite `collect`: looks up variables of one id until they are gone, or those of another one and times each look. See collection.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { build, type Histogram } from 'hdr-histogram-js';
import { ShadowStore } from '../src/shadow/store.js';
import {
  ALONE,
  BEGUN,
  COLLECTING,
  type CollectJob,
  type CollectWorkerData,
  type Latencies,
  PAUSE,
  PHASE,
  type ReadResult,
  STOP,
  type Watched,
} from './collection.js';
import { SAFEPOINT_INTERVAL } from './contest.js';
import { summarize } from './statistics.js';
import { guest, initialReads, nanosecondsNow, tally } from './subjects.js';

/** Look-ups between two looks at PHASE. */
const STRETCH = 16;
const CLOCK_READINGS = 10_000;

const { handle, control: buffer, hosts, guests } = workerData as CollectWorkerData;
const control = new Int32Array(buffer);
const expected = hosts.map(initialReads);
const store = ShadowStore.attach(handle);
const clockNanoseconds = clockCost();

parentPort?.on('message', (job: CollectJob) => parentPort?.postMessage(job === 'watch' ? watch() : read()));
parentPort?.postMessage('ready');

/** Reads the clock after every look-up, so that the code that does it is warm when it counts. */
function watch(): Watched {
  for (let at = 0, seen = 0; ; at = (at + 1) % guests.length, seen++) {
    const found = store.has(guests[at]!, guest);
    const goneAt = nanosecondsNow();
    if (!found) return { goneAt, seen };
    if (seen === 0) parentPort?.postMessage(BEGUN);
  }
}

function read(): ReadResult {
  const cursor = store.cursor(tally);
  const [pause, collecting, alone] = [createHistogram(), createHistogram(), createHistogram()];
  let at = 0;
  let misses = 0;
  parentPort?.postMessage(BEGUN);
  for (let phase = PAUSE; phase !== STOP; phase = Atomics.load(control, PHASE)) {
    const histogram = phase === COLLECTING ? collecting : phase === ALONE ? alone : pause;
    const end = at + STRETCH;
    for (let i = at; i < end; i++) {
      const key = hosts[i]!;
      const startedAt = performance.now();
      const found = cursor.find(key) ? cursor.reads : -1;
      const nanoseconds = (performance.now() - startedAt) * 1e6 - clockNanoseconds;
      if (found !== expected[i]) misses++;
      histogram.recordValue(Math.max(1, Math.round(nanoseconds)));
    }
    at = end % hosts.length;
    if (at % SAFEPOINT_INTERVAL === 0) store.safepoint();
  }
  return { collecting: latencies(collecting), alone: latencies(alone), misses };
}

function createHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 60e9, numberOfSignificantValueDigits: 3 });
}

function latencies(histogram: Histogram): Latencies {
  return { median: histogram.getValueAtPercentile(50), p99: histogram.getValueAtPercentile(99), lookups: histogram.totalCount };
}

/** What two readings of the clock cost that have nothing between them, ns. */
function clockCost(): number {
  const costs: number[] = [];
  for (let i = 0; i < CLOCK_READINGS; i++) {
    const startedAt = performance.now();
    costs.push((performance.now() - startedAt) * 1e6);
  }
  return summarize(costs).median;
}
