/**
 * Owns a run: rounds of operations by real threads, each followed by the verdict on its history, until enough were made. Memory stays what one round takes.
 * Imports checker, history, log, plan, round, shrink, timeline.
 */
import { checkHistory } from './checker.js';
import { Crew } from './crew.js';
import { type History, readHistory } from './history.js';
import { createLogs, type Logs } from './log.js';
import { Kind, Outcome } from './operations.js';
import { parentsOf, planRound, type ProfileName, type RoundPlan, type RunPlan } from './plan.js';
import { runRound } from './round.js';
import { type Shrunk, shrink } from './shrink.js';
import { timeline } from './timeline.js';

export interface RunOptions extends RunPlan {
  /** Ends with the round in which there are so many, */
  readonly operations: number;
  /** or in which so many seconds are over. */
  readonly seconds?: number | undefined;
  /** Ends with the round in which so many keys went wrong; they are shrunk. */
  readonly findings?: number | undefined;
}

/** A key that went wrong. */
export interface Finding {
  readonly round: number;
  readonly profile: ProfileName;
  readonly shrunk: Shrunk;
  /** The shrunk history as a timeline. */
  readonly lines: readonly string[];
}

export interface RunResult {
  operations: number;
  rounds: number;
  /** Keys over all rounds. */
  keys: number;
  /** By kind. */
  readonly counts: number[];
  /** By outcome; each variable that a freeAll frees counts. */
  readonly outcomes: number[];
  readonly profiles: Map<ProfileName, number>;
  /** Operations that overlapped another one at the same key. */
  overlapping: number;
  /** Most operations open at one key at once. */
  deepest: number;
  /** Keys whose history is not linearizable. */
  violations: number;
  /** The first of them, shrunk. */
  readonly findings: Finding[];
  /** What check() found in the stores. */
  readonly damage: string[];
  /** Workers that were killed. */
  kills: number;
  recordMilliseconds: number;
  checkMilliseconds: number;
}

/** Operations of a round: enough that starting it costs nothing beside them. */
const ROUND_OPERATIONS = 200_000;
/** Rounds of a short run, so that it sees each profile. */
const LEAST_ROUNDS = 9;
const MOST_WORKERS = 8;
/** Findings that are shrunk and shown, and end the run: one fault makes many. */
const FINDINGS = 5;

/** Makes and checks operations. Calls `onRound` after each round. */
export async function run(options: RunOptions, onRound: (result: RunResult) => void = () => undefined): Promise<RunResult> {
  const startedAt = performance.now();
  const most = options.findings ?? FINDINGS;
  const perRound = Math.min(ROUND_OPERATIONS, Math.ceil(options.operations / LEAST_ROUNDS));
  const capacity = capacityOf(perRound, options.workers ?? 2);
  const logs = createLogs((options.workers ?? MOST_WORKERS) + 1, capacity);
  const crew = new Crew(logs.buffers.length - 1);
  const result = emptyResult();
  try {
    for (;;) {
      const plan = planRound(options, result.rounds, Math.min(perRound, options.operations - result.operations));
      await runOne(plan, crew, logs, capacity, result, most);
      onRound(result);
      const over = performance.now() - startedAt >= (options.seconds ?? Infinity) * 1000;
      if (over || result.operations >= options.operations || result.findings.length >= most) return result;
    }
  } finally {
    await crew.end();
  }
}

/** A freeAll notes what it frees, and the coordinator looks at every key. */
function capacityOf(operations: number, leastWorkers: number): number {
  return 2 * Math.ceil(operations / leastWorkers) + 50_000;
}

async function runOne(plan: RoundPlan, crew: Crew, logs: Logs, capacity: number, result: RunResult, most: number): Promise<void> {
  const startedAt = performance.now();
  const { damage, kills } = await runRound(plan, crew, logs, capacity);
  result.damage.push(...damage);
  result.kills += kills;
  const recordedAt = performance.now();
  const used = [...logs.buffers.slice(0, plan.workers), logs.buffers.at(-1)!];
  const history = readHistory(used, plan.groups);
  const { violations, overlapping, deepest } = checkHistory(history);
  for (const { key, at } of violations.slice(0, most - result.findings.length)) {
    result.findings.push(findingOf(plan, result.rounds, history, key, at));
  }
  result.violations += violations.length;
  result.overlapping += overlapping;
  result.deepest = Math.max(result.deepest, deepest);
  result.operations += history.operations - history.keys; // the coordinator's look at every key does not count
  result.keys += history.keys;
  result.rounds++;
  history.counts.forEach((count, kind) => {
    if (kind < Kind.FREED) result.counts[kind]! += kind === Kind.GET ? count - history.keys : count;
  });
  history.outcomes.forEach((count, outcome) => (result.outcomes[outcome]! += count));
  result.profiles.set(plan.name, (result.profiles.get(plan.name) ?? 0) + history.operations - history.keys);
  result.recordMilliseconds += recordedAt - startedAt;
  result.checkMilliseconds += performance.now() - recordedAt;
}

function findingOf(plan: RoundPlan, round: number, history: History, key: number, at: number): Finding {
  const shrunk = shrink(history.operationsAt(key, at + 1));
  const group = plan.groups.find(({ first, keys }) => key >= first && key < first + keys)!;
  const name = `round ${round} (${plan.name}), key ${key}: ${JSON.stringify(parentsOf(plan)[key])}, type ${group.id}, ${group.discipline}`;
  return { round, profile: plan.name, shrunk, lines: timeline(shrunk, name) };
}

function emptyResult(): RunResult {
  return {
    operations: 0,
    rounds: 0,
    keys: 0,
    counts: new Array<number>(Kind.FREED).fill(0),
    outcomes: new Array<number>(Outcome.FOREIGN + 1).fill(0),
    profiles: new Map(),
    overlapping: 0,
    deepest: 0,
    violations: 0,
    findings: [],
    damage: [],
    kills: 0,
    recordMilliseconds: 0,
    checkMilliseconds: 0,
  };
}
