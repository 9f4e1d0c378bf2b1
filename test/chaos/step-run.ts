/**
 * Owns a pass over the kills at protocol steps: which kills there are, several lanes of them side by side, and what is told of it.
 */
import { Random } from '../concurrency/random.js';
import { makeBuild, type Mutation } from './build.js';
import type * as Steps from './step-kills.js';
import { type Step, tellStep } from './steps.js';

export interface StepRunOptions {
  /** Every pair in every role and by all news and at first and last hit; else a sample, in which every step is once in each role. */
  readonly complete: boolean;
  readonly seed: number;
  readonly mutations?: readonly Mutation[];
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

const LANES = 3;
/** A short pass kills the holder at one pair out of so many, besides one pair of each step in each role. */
const SAMPLE = 5;
/** Steps that belong to the coordinator and to snapshots have tests of their own. */
const ELSEWHERE = ['src/livepatch/', 'src/recovery/snapshot'];

/** The pass; see StepRunResult. */
export async function killAtSteps({
  complete,
  seed,
  mutations = [],
  tell = () => undefined,
  failFast = false,
}: StepRunOptions): Promise<StepRunResult> {
  const build = makeBuild({ mutations });
  const { StepKills, NEWS, ROLES } = await build.load<typeof Steps>('test/chaos/step-kills.js');
  const kills = new StepKills(build.steps.map(({ name }) => name));
  const wrongs: string[] = [];
  let done = 0;
  try {
    const pairs = await kills.pairs();
    const reached = new Set(pairs.map(({ step }) => step));
    const unreached = build.steps
      .slice(1)
      .filter((step, i) => !reached.has(i + 1) && !ELSEWHERE.some((folder) => step.module.startsWith(folder)));
    const random = new Random(seed);
    const list: Steps.Kill[] = [];
    const others = new Set<number>();
    for (const pair of pairs) {
      const hits = complete && pair.hits > 1 ? [1, pair.hits] : [1 + random.below(pair.hits)];
      for (const role of ROLES) {
        if (!complete && others.has(pair.step) && !(role === 'holder' && random.oneIn(SAMPLE))) continue;
        const ways = complete && role === 'holder' ? NEWS : [random.pick(NEWS)];
        for (const hit of hits)
          for (const news of ways) list.push({ pair, hit, role, news, fate: role === 'holder' && random.oneIn(3) ? 'exit' : 'terminate' });
      }
      others.add(pair.step);
    }
    const next = list.values();
    const lane = async (): Promise<void> => {
      const one = kills.lane();
      for (const kill of next) {
        if (failFast && wrongs.length > 0) return;
        const { wrongs: found } = await one.kill(kill);
        done++;
        const { pair, hit, role, news, fate } = kill;
        const where = `${pair.operation.name} / ${nameOf(build.steps, pair.step)}, hit ${hit} of ${pair.hits} (${role}, ${news}, ${fate})`;
        for (const wrong of found) wrongs.push(`${where}: ${wrong}`);
        if (found.length > 0) tell(`  ${where}: ${found[0]}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (complete) for (const line of tellPairs(build.steps, pairs)) tell(line);
    return { pairs: pairs.length, kills: done, unreached: unreached.map(({ name, module }) => `${name} (${module})`), wrongs };
  } finally {
    await kills.close();
  }
}

function nameOf(steps: readonly Step[], number: number): string {
  return tellStep(steps[number]!, steps);
}

/** Which operations come by which step. */
function tellPairs(steps: readonly Step[], pairs: readonly Steps.Pair[]): string[] {
  return steps.slice(1).flatMap((_, i) => {
    const operations = pairs.filter(({ step }) => step === i + 1).map(({ operation }) => operation.name);
    return operations.length === 0 ? [] : [`  ${nameOf(steps, i + 1)}: ${operations.join(', ')}`];
  });
}

/** Runs a pass and tells what came of it; false if anything is wrong. */
export async function runSteps(options: StepRunOptions & { readonly tell: (line: string) => void }): Promise<boolean> {
  const since = performance.now();
  const { pairs, kills, unreached, wrongs } = await killAtSteps(options);
  options.tell(
    `${kills} kills at ${pairs} (operation, step) pairs, ${((performance.now() - since) / 1000).toFixed(0)} s; ${wrongs.length} violations`,
  );
  for (const step of unreached) options.tell(`  no operation comes by ${step}`);
  return wrongs.length === 0 && unreached.length === 0;
}
