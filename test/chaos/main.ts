/**
 * `npm run chaos -- [--kills N] [--seconds N] [--workers N] [--seed S]`: random kills, or with `--steps` kills at every named protocol step, or with
 * `--mutations` a trial of both with faults planted. Exit code 1 when
 * anything was lost, doubled, damaged or stuck, with the seed and the history of what went wrong; 2 when an option is refused.
 */
import { randomInt } from 'node:crypto';

import { CHAOS_HELP } from '../../src/cli/chaos-help.js';
import { personOutput, requireWritable, writeJson } from '../../src/cli/json.js';
import { endWithReader } from '../../src/cli/reader.js';
import { StatusLine } from '../../src/cli/status-line.js';
import { ShadowError } from '../../src/errors.js';
import { makeBuild } from './build.js';
import { isMissed, runMutations } from './mutation-run.js';
import { type ChaosOptions, parseChaosOptions } from './options.js';
import type * as RandomKills from './random-kills.js';
import { killsOf, sumUp, tellRound, tellRun } from './report.js';
import type { RoundResult } from './round.js';
import { ROUND_NAMES } from './rounds.js';
import { runSteps } from './step-run.js';

/** How long random kills look for each planted fault. */
const MUTATION_SECONDS = 15;
/** Rounds say that they are over; this is for one that takes long. */
const PLAIN_MILLISECONDS = 30_000;

async function run(args: readonly string[]): Promise<boolean> {
  const options = parseChaosOptions(args, randomInt(2 ** 32 - 1), ROUND_NAMES);
  if (options === 'help') {
    process.stdout.write(CHAOS_HELP);
    return true;
  }
  await requireWritable(options.json);
  const status = new StatusLine(personOutput(options.json));
  const tell = (text: string): void => status.line(text);
  const { seed, json } = options;
  const { good, ...result } = await (options.steps ? atSteps : options.mutations ? withFaults : atRandom)(options, status, tell);
  return (await writeJson(json, { verdict: good ? 'pass' : 'fail', seed, ...result })) && good;
}

type Tell = (text: string) => void;
type Outcome = { readonly mode: 'steps' | 'mutations' | 'random'; readonly good: boolean } & Readonly<Record<string, unknown>>;

async function atSteps({ seed, processes, only }: ChaosOptions, _status: StatusLine, tell: Tell): Promise<Outcome> {
  const result = await runSteps({ complete: true, seed, processes, only, tell });
  return { mode: 'steps', good: result.wrongs.length === 0 && result.unreached.length === 0, ...result };
}

async function withFaults({ seed, processes, only, seconds }: ChaosOptions, _status: StatusLine, tell: Tell): Promise<Outcome> {
  const faults = await runMutations({ seed, processes, only, seconds: seconds === Infinity ? MUTATION_SECONDS : seconds, tell });
  return { mode: 'mutations', good: !faults.some(isMissed), faults };
}

async function atRandom(options: ChaosOptions, status: StatusLine, tell: Tell): Promise<Outcome> {
  const { kills, seconds, workers, seed } = options;
  tell(`seed ${seed}, ${workers} workers`); // before the build, which takes its time
  const build = makeBuild({ steps: false });
  const { killAtRandom } = await build.load<typeof RandomKills>('test/chaos/random-kills.js');
  const since = performance.now();
  const elapsed = (): number => (performance.now() - since) / 1000;
  const rounds: RoundResult[] = [];
  const extent = kills === Infinity ? `${seconds} s` : `${kills} kills`;
  status.start(
    () => `  round ${rounds.length + 1}, ${killsOf(rounds)} kills in ${elapsed().toFixed(0)} s, of ${extent}`,
    PLAIN_MILLISECONDS,
  );
  const results = await killAtRandom({ ...options, perRound: 100 }, (result) => {
    rounds.push(result);
    tell(tellRound(rounds.length, result));
  });
  status.stop();
  const result = sumUp(results, elapsed());
  tell(tellRun(result));
  for (const { kind, violations } of results) {
    if (violations.length === 0) continue;
    tell(`round ${results.length} (${kind}), after ${result.kills} kills; repeat with --seed ${seed}:`);
    for (const violation of violations) tell(violation);
  }
  return { mode: 'random', good: result.violations.length === 0, workers, ...result };
}

endWithReader();
try {
  if (!(await run(process.argv.slice(2)))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof ShadowError) || error.code !== 'ERR_CLI_OPTION') throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
