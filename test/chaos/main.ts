/**
 * `npm run chaos -- [--kills N] [--seconds N] [--workers N] [--seed S]`: random kills, or with `--steps` kills at every named protocol step, or with
 * `--mutations` a trial of both with faults planted. Exit code 1 when
 * anything was lost, doubled, damaged or stuck, with the seed and the history of what went wrong; 2 when an option is refused.
 */
import { randomInt } from 'node:crypto';

import { ShadowError } from '../../src/errors.js';
import { makeBuild } from './build.js';
import { runMutations } from './mutation-run.js';
import { HELP, parseChaosOptions } from './options.js';
import type * as RandomKills from './random-kills.js';
import { killsOf, tellRound, tellRun } from './report.js';
import type { RoundResult } from './round.js';
import { ROUND_NAMES } from './rounds.js';
import { runSteps } from './step-run.js';

/** How long random kills look for each planted fault. */
const MUTATION_SECONDS = 15;

const write = (text: string): void => void process.stdout.write(`${text}\n`);

async function run(args: readonly string[]): Promise<void> {
  const options = parseChaosOptions(args, randomInt(2 ** 32 - 1), ROUND_NAMES);
  if (options === 'help') {
    write(HELP);
    return;
  }
  if (options.steps) {
    const { seed, processes, only } = options;
    write(`seed ${seed}`);
    if (!(await runSteps({ complete: true, seed, processes, only, tell: write }))) process.exitCode = 1;
    return;
  }
  if (options.mutations) {
    const { seed, processes, only } = options;
    const seconds = options.seconds === Infinity ? MUTATION_SECONDS : options.seconds;
    write(`seed ${seed}`);
    if (!(await runMutations({ seed, processes, only, seconds, tell: write }))) process.exitCode = 1;
    return;
  }
  let failed = false;
  const build = makeBuild({ steps: false });
  const { killAtRandom } = await build.load<typeof RandomKills>('test/chaos/random-kills.js');
  write(`seed ${options.seed}, ${options.workers} workers`);
  const since = performance.now();
  let number = 0;
  const told = (result: RoundResult): void => {
    write(tellRound(++number, result));
  };
  const results = await killAtRandom({ ...options, perRound: 100 }, told);
  write(tellRun(results, (performance.now() - since) / 1000));
  for (const { kind, violations } of results) {
    if (violations.length === 0) continue;
    failed = true;
    write(`round ${results.length} (${kind}), after ${killsOf(results)} kills; repeat with --seed ${options.seed}:`);
    for (const violation of violations) write(violation);
  }
  if (failed) process.exitCode = 1;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ShadowError) || error.code !== 'ERR_CLI_OPTION') throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
