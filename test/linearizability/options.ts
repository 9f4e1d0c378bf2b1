/**
 * The command line of `npm run linearizability`: every option checked, defaults filled in. Each refusal is ERR_CLI_OPTION and names the option, the value, the
 * rule and the way out; nothing has run by then. Imports errors, faults, plan.
 */
import { parseStrictly } from '../../src/cli/strict.js';
import { describe, ShadowError } from '../../src/errors.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { PROFILE_NAMES, type ProfileName } from './plan.js';

export interface Options {
  readonly operations: number;
  readonly workers: number | undefined;
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly fault: FaultName | undefined;
  readonly profile: ProfileName | undefined;
}

export const HELP = `Usage: npm run linearizability -- [options]

Worker threads perform random operations on one store: get, alloc, getOrAlloc, four kinds of update, free, freeAll, while the main thread collects types
and registers them again. Every call and every return is recorded by a shared clock, and each key's history is checked: was there an order of its
operations, each between its call and its return, that a single thread could have seen as well? A history that has none is shrunk and printed.

  --operations N   operations to make and check, 1000…1000000000     (default: 10000000; without limit if --seconds is given)
  --seconds N      end after so many seconds, 1…604800               (default: no limit)
  --workers N      worker threads, 2…8                               (default: 2 to 8, another number in each round)
  --seed N         0…4294967295; the same seed plans the same rounds (default: random, printed)
  --profile NAME   only rounds of this kind: ${PROFILE_NAMES.join(', ')}
  --fault NAME     plant a fault that has to be found: ${FAULT_NAMES.join(', ')}
  --help

Exit code: 0 all histories are linearizable, 1 one is not, or the run failed, 2 the options are unusable.
`;

const DEFAULT_OPERATIONS = 10_000_000;
const DEFINITIONS = {
  operations: { type: 'string' },
  seconds: { type: 'string' },
  workers: { type: 'string' },
  seed: { type: 'string' },
  fault: { type: 'string' },
  profile: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = { readonly [name in keyof typeof DEFINITIONS]?: string | boolean | undefined };

/** 'help' when help was asked for. `randomSeed` is used where no --seed is given. @throws ERR_CLI_OPTION */
export function parseOptions(args: readonly string[], randomSeed: number): Options | 'help' {
  const values = parseStrictly(args, DEFINITIONS);
  if (values.help === true) return 'help';
  const seconds = wholeNumber(values, 'seconds', 1, 604_800);
  return {
    operations: wholeNumber(values, 'operations', 1000, 1_000_000_000) ?? (seconds === undefined ? DEFAULT_OPERATIONS : Infinity),
    seconds,
    workers: wholeNumber(values, 'workers', 2, 8),
    seed: wholeNumber(values, 'seed', 0, 2 ** 32 - 1) ?? randomSeed,
    fault: oneOf(values, 'fault', FAULT_NAMES),
    profile: oneOf(values, 'profile', PROFILE_NAMES),
  };
}

function wholeNumber(values: Values, name: keyof Values, least: number, most: number): number | undefined {
  const value = values[name];
  if (typeof value !== 'string') return undefined;
  const parsed = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (parsed >= least && parsed <= most) return parsed;
  throw new ShadowError('ERR_CLI_OPTION', `--${name} ${describe(value)} is not a whole number ${least}…${most}; --help lists all options`);
}

function oneOf<T extends string>(values: Values, name: keyof Values, choices: readonly T[]): T | undefined {
  const value = values[name];
  if (typeof value !== 'string') return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw new ShadowError('ERR_CLI_OPTION', `--${name} ${describe(value)} is none of ${choices.join(', ')}; --help lists all options`);
}
