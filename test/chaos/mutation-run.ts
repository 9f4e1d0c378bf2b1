/**
 * Owns the trial of the chaos machinery itself: each fault is planted into a chaos build, and it is told whether kills at steps and random kills find it.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';

import { describe, ShadowError } from '../../src/errors.js';
import { makeBuild } from './build.js';
import { type Fault, FAULTS } from './faults.js';
import { killAtSteps } from './step-run.js';

export interface MutationRunOptions {
  readonly seed: number;
  readonly processes: number;
  /** Only faults whose name contains this. */
  readonly only: string | undefined;
  /** How long threads are killed at random for each fault. */
  readonly seconds: number;
  readonly tell: (line: string) => void;
}

/** Beyond its time a run of random kills may take so long to end, ms. */
const GRACE_MILLISECONDS = 30_000;

export interface MutationResult {
  readonly fault: string;
  /** What kills at steps found first, and random kills; null: nothing. */
  readonly atSteps: string | null;
  readonly atRandom: string | null;
}

/** Each fault, and what finds it. @throws ERR_CLI_OPTION where `only` leaves none */
export async function runMutations({ seed, processes, only = '', seconds, tell }: MutationRunOptions): Promise<MutationResult[]> {
  const wanted = FAULTS.filter(({ name }) => name.includes(only));
  if (wanted.length === 0) throw new ShadowError('ERR_CLI_OPTION', `--only ${describe(only)}: no fault has this in its name`);
  tell(`seed ${seed}`);
  const results: MutationResult[] = [];
  for (const fault of wanted) {
    const atSteps = await findAtSteps(fault, seed, processes);
    const atRandom = await findAtRandom(fault, seed, seconds);
    results.push({ fault: fault.name, atSteps: atSteps ?? null, atRandom: atRandom ?? null });
    tell(fault.name);
    tell(`  kills at steps:  ${atSteps ?? 'not found'}`);
    tell(`  random kills:    ${atRandom ?? `not found in ${seconds} s`}`);
  }
  const missed = results.filter(isMissed).length;
  tell(missed === 0 ? 'all found' : `${missed} not found`);
  return results;
}

export function isMissed({ atSteps, atRandom }: MutationResult): boolean {
  return atSteps === null && atRandom === null;
}

/** The first thing that is wrong. */
async function findAtSteps({ changes, operations }: Fault, seed: number, processes: number): Promise<string | undefined> {
  const { wrongs } = await killAtSteps({ complete: true, seed, processes, operations, faults: changes, failFast: true });
  return brief(wrongs[0]);
}

async function findAtRandom({ changes }: Fault, seed: number, seconds: number): Promise<string | undefined> {
  const build = makeBuild({ steps: false, faults: changes });
  const file = join(build.folder, 'test/chaos/random-child.js');
  const child = fork(file, [String(seconds), String(seed)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => {
        resolve('the process does not end');
        child.kill('SIGKILL');
      },
      seconds * 1000 + GRACE_MILLISECONDS,
    );
    child.once('message', (violations: readonly string[]) => {
      resolve(brief(violations[0]));
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0) resolve(`the process ended with ${signal ?? code}`);
    });
  });
}

function brief(text: string | undefined): string | undefined {
  return text?.split('\n')[0]?.slice(0, 160);
}
