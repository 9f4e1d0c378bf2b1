/**
 * Owns the command line of the demo: every option checked, defaults filled in. Reads nothing but its arguments. Each refusal is ERR_CLI_OPTION;
 * nothing has run by then. Imports errors, and how command lines are read.
 */
import { availableParallelism } from 'node:os';

import { type JsonTarget, takeJson } from '../cli/json.js';
import { parseStrictly, takeOptional } from '../cli/strict.js';
import { decimal, oneOf, wholeNumber } from '../cli/values.js';
import { ShadowError } from '../errors.js';
import type { Sabotage } from './story.js';

const SABOTAGES: readonly Sabotage[] = ['mixed', 'failed', 'lost', 'leak'];

export interface DemoOptions {
  readonly seconds: number;
  readonly workers: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seed: number;
  /** Port of the page, 0 = any free one; undefined: no page. */
  readonly page: number | undefined;
  /** Whether the page stays when the verdict is there. */
  readonly keep: boolean;
  readonly json: JsonTarget | undefined;
  readonly sabotage: Sabotage | undefined;
}

const DEFAULT_SECONDS = 30;
const DEFAULT_RATE = 1000;
const DEFAULT_WORKERS = 2;

const DEFINITIONS = {
  seconds: { type: 'string' },
  workers: { type: 'string' },
  rate: { type: 'string' },
  seed: { type: 'string' },
  dashboard: { type: 'string' }, // taken out before, since its value may be left out; here it can be guessed
  'no-dashboard': { type: 'boolean' },
  keep: { type: 'boolean' },
  json: { type: 'string' }, // likewise
  sabotage: { type: 'string' },
} as const;

/** `randomSeed` is used where no --seed is given. @throws ERR_CLI_OPTION */
export function parseDemoOptions(args: readonly string[], randomSeed: number): DemoOptions {
  const { args: withPage, json } = takeJson(args);
  const { args: others, value: page } = takeOptional(withPage, 'dashboard', () => true);
  const values = parseStrictly(others, DEFINITIONS);
  const { 'no-dashboard': without = false, keep = false } = values;
  if (without && page !== undefined)
    throw new ShadowError('ERR_CLI_OPTION', '--dashboard and --no-dashboard contradict each other; give one of them');
  if (without && keep) throw new ShadowError('ERR_CLI_OPTION', '--keep keeps the page, and --no-dashboard leaves it out; give one of them');
  return {
    seconds: decimal('seconds', values.seconds, 5, 600) ?? DEFAULT_SECONDS,
    workers: wholeNumber('workers', values.workers, 1, 64) ?? Math.max(DEFAULT_WORKERS, Math.min(4, availableParallelism() - 1)),
    rate: wholeNumber('rate', values.rate, 300, 5000) ?? DEFAULT_RATE,
    seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1) ?? randomSeed,
    page: without ? undefined : (wholeNumber('dashboard', page ?? undefined, 0, 65_535) ?? 0),
    keep,
    json,
    sabotage: oneOf('sabotage', values.sabotage, SABOTAGES),
  };
}
