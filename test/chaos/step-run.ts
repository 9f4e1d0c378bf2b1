/**
 * Owns a pass over the kills at protocol steps: which kills there are, several processes that do them, and what is told of it.
 */
import { join } from 'node:path';

import { describe, ShadowError } from '../../src/errors.js';
import { Random } from '../concurrency/random.js';
import type { TextChange } from '../model/explorer/text-change.js';
import { makeBuild } from './build.js';

import { Children } from './children.js';
import { type KillJob, NEWS, type RecordJob, ROLES } from './jobs.js';
import { isOnPatches, OPERATION_NAMES } from './names.js';
import { type Step, tellStep } from './steps.js';

export interface StepRunOptions {
  /** Every pair in every role, as holder by all news and at first and last hit; else a sample, in which every step is once in each role, or of live patching in one. */
  readonly complete: boolean;
  readonly seed: number;
  /** Processes that share the work. */
  readonly processes: number;
  /** Only operations or steps whose name contains this. */
  readonly only?: string | undefined;
  /** Only these operations. */
  readonly operations?: readonly string[];
  /** What is planted into the build. */
  readonly faults?: readonly TextChange[];
  readonly tell?: (line: string) => void;
  /** Ends the pass at the first thing that is wrong. */
  readonly failFast?: boolean;
}

export interface StepRunResult {
  readonly pairs: number;
  readonly kills: number;
  /** Steps that no operation comes by. */
  readonly unreached: readonly string[];
  readonly wrongs: readonly string[];
}

/** An operation that comes by a step, so many times. */
interface Pair {
  readonly operation: string;
  readonly step: number;
  readonly hits: number;
}

/** A short pass kills the holder at one pair out of so many, besides one pair of each step in each role. */
const SAMPLE = 8;
/** Modules whose steps are those of operations on patches. */
const OF_PATCHES = /^src\/(livepatch\/|shadow\/records$)/;
const PROGRESS_MILLISECONDS = 10_000;

/** The pass; see StepRunResult. @throws ERR_CLI_OPTION where `only` leaves nothing: a pass over nothing must not look like a good one */
export async function killAtSteps({
  complete,
  seed,
  processes,
  only = '',
  operations,
  faults = [],
  tell = () => undefined,
  failFast = false,
}: StepRunOptions): Promise<StepRunResult> {
  const build = makeBuild({ faults });
  const names = operations ?? OPERATION_NAMES;
  if (![...names, ...build.steps.map(({ name }) => name)].some((name) => name.includes(only)))
    throw new ShadowError('ERR_CLI_OPTION', `--only ${describe(only)}: no operation and no step has this in its name`);
  tell(`seed ${seed}`);
  const children = new Children(
    join(build.folder, 'test/chaos/step-child.js'),
    [JSON.stringify(build.steps.map(({ name }) => name))],
    processes,
  );
  const random = new Random(seed);
  const wrongs: string[] = [];
  const pairs: Pair[] = [];
  let kills = 0;
  try {
    const records = names.map((operation): RecordJob => ({ kind: 'record', operation }));
    await children.run(records, ({ operation }, { hits, wrongs: found }) => {
      wrongs.push(...found.map((wrong) => `${operation}: ${wrong}`));
      for (const [step, count] of hits) {
        // What a coordinator does to the store is done by the other operations as well.
        if (!isOnPatches(operation) || OF_PATCHES.test(build.steps[step]!.module)) pairs.push({ operation, step, hits: count });
      }
      return !failFast || wrongs.length === 0;
    });
    const order = new Map(records.map(({ operation }, i) => [operation, i]));
    pairs.sort((a, b) => order.get(a.operation)! - order.get(b.operation)! || a.step - b.step);
    const wanted = pairs.filter(({ operation, step }) => operation.includes(only) || build.steps[step]!.name.includes(only));
    const jobs = killsAt(wanted, complete, random);
    const table = new Table(build.steps, jobs, tell);
    const began = performance.now();
    let told = began;
    if (!failFast || wrongs.length === 0) {
      await children.run(jobs, (job, { wrongs: found }) => {
        kills++;
        const { operation, step, hit, role, news, fate } = job as KillJob;
        const where = `${operation} / ${tellStep(build.steps[step]!, build.steps)}, hit ${hit} (${role}, ${news}, ${fate})`;
        wrongs.push(...found.map((wrong) => `${where}: ${wrong}`));
        if (found.length > 0) tell(`  ${where}: ${found.join('; ')}`);
        if (complete) table.done(job as KillJob);
        if (performance.now() - told > PROGRESS_MILLISECONDS) {
          told = performance.now();
          tell(`  … ${kills} of ${jobs.length} kills, ${((told - began) / 1000).toFixed(0)} s`);
        }
        return !failFast || wrongs.length === 0;
      });
    }
  } finally {
    children.close();
  }
  const reached = new Set(pairs.map(({ step }) => step));
  const unreached = build.steps.slice(1).filter((_, i) => !reached.has(i + 1));
  return { pairs: pairs.length, kills, unreached: unreached.map(({ name, module }) => `${name} (${module})`), wrongs };
}

function killsAt(pairs: readonly Pair[], complete: boolean, random: Random): KillJob[] {
  const jobs: KillJob[] = [];
  const others = new Set<number>();
  for (const { operation, step, hits: count } of pairs) {
    if (!complete && isOnPatches(operation)) {
      // Each takes several times as long.
      if (!others.has(step))
        jobs.push({ kind: 'kill', operation, step, hit: 1, role: random.pick(ROLES), news: 'event', fate: 'terminate' });
      others.add(step);
      continue;
    }
    for (const role of ROLES) {
      const hits = complete && count > 1 && role === 'holder' ? [1, count] : [complete ? random.pick([1, count]) : 1 + random.below(count)];
      if (!complete && others.has(step) && !(role === 'holder' && random.oneIn(SAMPLE))) continue;
      const ways = complete && role === 'holder' && !isOnPatches(operation) ? NEWS : [random.pick(NEWS)];
      for (const hit of hits) {
        for (const news of ways) {
          const fate = role === 'holder' && random.oneIn(3) ? 'exit' : 'terminate';
          jobs.push({ kind: 'kill', operation, step, hit, role, news, fate });
        }
      }
    }
    others.add(step);
  }
  return jobs;
}

/** Tells of each pair of operation and step when the last of its kills is done: how many there were in each role. */
class Table {
  readonly #steps: readonly Step[];
  readonly #tell: (line: string) => void;
  readonly #left = new Map<string, number>();
  readonly #counts = new Map<string, Record<string, number>>();

  constructor(steps: readonly Step[], jobs: readonly KillJob[], tell: (line: string) => void) {
    this.#steps = steps;
    this.#tell = tell;
    for (const job of jobs) this.#left.set(keyOf(job), (this.#left.get(keyOf(job)) ?? 0) + 1);
  }

  done(job: KillJob): void {
    const key = keyOf(job);
    const counts = this.#counts.get(key) ?? { holder: 0, waiter: 0, bystander: 0 };
    counts[job.role]!++;
    this.#counts.set(key, counts);
    const left = this.#left.get(key)! - 1;
    this.#left.set(key, left);
    if (left > 0) return;
    const cells = ROLES.map((role) => `${role} ${String(counts[role]).padStart(2)}`).join('  ');
    this.#tell(`  ${job.operation.padEnd(60)} ${tellStep(this.#steps[job.step]!, this.#steps).padEnd(34)} ${cells}`);
  }
}

function keyOf({ operation, step }: KillJob): string {
  return `${step} ${operation}`;
}

/** Runs a pass and tells what came of it. */
export async function runSteps(options: StepRunOptions & { readonly tell: (line: string) => void }): Promise<StepRunResult> {
  const since = performance.now();
  const result = await killAtSteps(options);
  const { pairs, kills, unreached, wrongs } = result;
  options.tell(
    `${kills} kills at ${pairs} (operation, step) pairs in ${options.processes} processes, ${((performance.now() - since) / 1000).toFixed(0)} s; ` +
      `${wrongs.length} violations, ${unreached.length} steps that no operation comes by`,
  );
  for (const wrong of wrongs) options.tell(`  ${wrong}`);
  for (const step of unreached) options.tell(`  no operation comes by ${step}`);
  return result;
}
