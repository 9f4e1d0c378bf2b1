/**
 * The command line of the random kills: every option checked, defaults filled in. Each refusal is ERR_CLI_OPTION and names the option, the value and the rule.
 */
import { availableParallelism } from 'node:os';

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
  help: { type: 'boolean' },
} as const;

export const HELP = `npm run chaos -- [options]: kills threads while they work on a store, and proves after each death that nothing is lost, doubled or stuck
  --kills N       random kills, 1…10,000,000; ${DEFAULT_KILLS} by default, as many as fit with --seconds
  --seconds N     ends the random kills after this time
  --workers N     threads at work at once, 2…16; 4 by default
  --seed N        0…4294967295; repeats the choices of a run, though not its schedule
  --rounds A,B    only these kinds of rounds
  --steps         kill at every named protocol step instead: in every operation, as holder, as waiter and as bystander
  --processes N   share the kills at steps among so many processes, 1…64; one for each processor by default
  --mutations     plant faults into the code instead, one after another, and tell which kills find each; random ones for --seconds, 15 by default
  --only TEXT     kills at steps only in operations or at steps with this in their name; of the faults, only those
  --help`;

/** 'help' when help was asked for. `randomSeed` is used where no --seed is given. @throws ERR_CLI_OPTION */
export function parseChaosOptions(args: readonly string[], randomSeed: number, kinds: readonly string[]): ChaosOptions | 'help' {
  const values = parseStrictly(args, DEFINITIONS);
  if (values.help === true) return 'help';
  const seconds = number('seconds', values.seconds, 1, 604_800);
  const kills = whole('kills', values.kills, 1, 10_000_000);
  const rounds = values.rounds?.split(',');
  const unknown = rounds?.find((name) => !kinds.includes(name));
  if (unknown !== undefined) throw refused(`--rounds: there is no round ${unknown}; known are ${kinds.join(', ')}`);
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
