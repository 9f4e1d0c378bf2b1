/**
 * The command line of the random kills: every option checked, defaults filled in. Each refusal is ERR_CLI_OPTION and names the option, the value and the rule.
 */
import { availableParallelism } from 'node:os';

import { type JsonTarget, takeJson } from '../../src/cli/json.js';
import { nearest } from '../../src/cli/nearest.js';
import { parseStrictly } from '../../src/cli/strict.js';
import { ShadowError } from '../../src/errors.js';

export interface ChaosOptions {
  readonly kills: number;
  readonly seconds: number;
  readonly workers: number;
  readonly seed: number;
  /** Names of the kinds of rounds to run; undefined = all. */
  readonly rounds: readonly string[] | undefined;
  /** Whether threads are killed at every protocol step, too. */
  readonly steps: boolean;
  /** Whether faults are planted instead, to see whether the kills find them. */
  readonly mutations: boolean;
  /** Processes that share the work of killing threads at steps. */
  readonly processes: number;
  /** Part of the name of operations or steps: only these; undefined = all. */
  readonly only: string | undefined;
  /** Where the result goes as JSON. */
  readonly json: JsonTarget | undefined;
}

const DEFAULT_KILLS = 1000;
const DEFINITIONS = {
  kills: { type: 'string' },
  seconds: { type: 'string' },
  workers: { type: 'string' },
  seed: { type: 'string' },
  rounds: { type: 'string' },
  steps: { type: 'boolean' },
  mutations: { type: 'boolean' },
  processes: { type: 'string' },
  only: { type: 'string' },
  json: { type: 'string' }, // taken out before, since its value may be left out; here it can be guessed
  help: { type: 'boolean' },
} as const;

/** 'help' when help was asked for. `randomSeed` is used where no --seed is given. @throws ERR_CLI_OPTION */
export function parseChaosOptions(args: readonly string[], randomSeed: number, kinds: readonly string[]): ChaosOptions | 'help' {
  const { args: others, json } = takeJson(args);
  const values = parseStrictly(others, DEFINITIONS);
  if (values.help === true) return 'help';
  const seconds = number('seconds', values.seconds, 1, 604_800);
  const kills = whole('kills', values.kills, 1, 10_000_000);
  const rounds = values.rounds?.split(',');
  const unknown = rounds?.find((name) => !kinds.includes(name));
  if (unknown !== undefined) {
    const guess = nearest(unknown, kinds);
    throw refused(
      `--rounds: there is no round ${unknown}; ${guess === undefined ? '' : `did you mean ${guess}? `}known are ${kinds.join(', ')}`,
    );
  }
  return {
    kills: kills ?? (seconds === undefined ? DEFAULT_KILLS : Infinity),
    seconds: seconds ?? Infinity,
    workers: whole('workers', values.workers, 2, 16) ?? 4,
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1) ?? randomSeed,
    rounds,
    steps: values.steps === true,
    mutations: values.mutations === true,
    processes: whole('processes', values.processes, 1, 64) ?? availableParallelism(),
    only: values.only,
    json,
  };
}

function whole(name: string, text: string | undefined, least: number, most: number): number | undefined {
  const value = number(name, text, least, most);
  if (value !== undefined && !Number.isInteger(value)) throw refused(`--${name} ${text}: give a whole number from ${least} to ${most}`);
  return value;
}

function number(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw refused(`--${name} ${text}: give a number from ${least} to ${most}`);
}

function refused(why: string): ShadowError {
  return new ShadowError('ERR_CLI_OPTION', why);
}
