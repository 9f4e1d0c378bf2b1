/**
 * Owns one round: a fresh store, workers that perform operations on it, while this thread collects types or kills workers. The history is in the logs
 * afterwards. Imports coordinator, crew, log, plan.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../concurrency/random.js';
import { Coordinator } from './coordinator.js';
import { CONTROL_WORDS, type Crew, GO, type Place } from './crew.js';
import { clearLogs, Log, type Logs } from './log.js';
import type { RoundPlan } from './plan.js';

const MOST_LIFE_MILLISECONDS = 30;
/** Each killed thread may leave an operation open at some key, for good, and a checker follows so many. */
const MOST_KILLS = 10;

export interface RoundResult {
  /** What check() found in the store. */
  readonly damage: readonly string[];
  readonly kills: number;
}

/** Runs a round with the first places of a crew; the last log is the coordinator's. */
export async function runRound(plan: RoundPlan, crew: Crew, logs: Logs, capacity: number): Promise<RoundResult> {
  clearLogs(logs);
  const coordinator = new Coordinator(plan, new Log(logs, logs.buffers.length - 1), capacity);
  const { store } = coordinator;
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
  const places = crew.first(plan.workers);
  const working = (): boolean => places.some(({ isWorking }) => isWorking);
  try {
    await Promise.all(places.map((place, index) => place.command({ plan, handle: store.handle, logs, control: control.buffer, index })));
    Atomics.store(control, GO, 1);
    Atomics.notify(control, GO);
    if (plan.collects) await coordinator.collect(working);
    const kills = plan.deaths ? await killSome(plan, places, (thread) => void store.internals.recovery.died(thread)) : 0;
    await Promise.all(places.map(({ done }) => done));
    coordinator.finish();
    return { damage: store.check().violations.map((violation) => JSON.stringify(violation)), kills };
  } finally {
    store[Symbol.dispose]();
  }
}

/** Kills workers at random moments until their work is done, by those that came after them. */
async function killSome(plan: RoundPlan, places: readonly Place[], exited: (threadId: number) => void): Promise<number> {
  const random = new Random(plan.seed ^ 0xdead);
  let kills = 0;
  while (kills < MOST_KILLS) {
    await sleep(random.below(MOST_LIFE_MILLISECONDS));
    const working = places.filter(({ isWorking }) => isWorking);
    if (working.length === 0) break;
    kills++;
    await random.pick(working).kill(exited);
  }
  return kills;
}
