/**
 * The command line of the main job: every option checked, defaults filled in, contradictions refused. Reads nothing but its arguments.
 *
 * Each refusal is ERR_CLI_OPTION and names the option, the value, the rule and the way out; nothing has run by then.
 */

import { availableParallelism } from 'node:os';
import { ShadowError } from '../errors.js';
import { type DistributionName, DISTRIBUTIONS } from './distribution.js';
import { type JsonTarget, takeJson } from './json.js';
import { parseStrictly, takeOptional } from './strict.js';
import type { TraceColumns } from './trace.js';
import { decimal, oneOf, refusal, wholeNumber } from './values.js';
import { type WorkloadName, WORKLOADS } from './workload.js';

const SABOTAGES = ['lost-update', 'leak', 'mixed-version'] as const;
export type Sabotage = (typeof SABOTAGES)[number];

type InputOptions =
  | { readonly kind: 'trace'; readonly file: string; readonly columns: TraceColumns }
  | {
      readonly kind: 'generated';
      readonly workload: WorkloadName;
      readonly records: number;
      readonly requests: number;
      readonly distribution: DistributionName | undefined;
    };

/** How long the run lasts: a number of passes over the input, or seconds during which the input is repeated. */
export type Extent = { readonly kind: 'passes'; readonly passes: number } | { readonly kind: 'seconds'; readonly seconds: number };

export interface Options {
  readonly input: InputOptions;
  readonly extent: Extent;
  readonly workers: number;
  readonly concurrentTasks: number;
  /** Requests per task; the run may use less so that every phase has enough tasks. */
  readonly batch: number;
  readonly seed: number;
  readonly maxBytes: number;
  /** Where the verdict goes as JSON. */
  readonly json: JsonTarget | undefined;
  readonly sabotage: Sabotage | undefined;
  /** Port of the live view, 0 = any free one; undefined: none. */
  readonly dashboard: number | undefined;
}

const DEFAULT_SECONDS = 10;
const DEFAULT_RECORDS = 100_000;
const DEFAULT_REQUESTS = 1_000_000;

const DEFINITIONS = {
  trace: { type: 'string' },
  object: { type: 'string' },
  op: { type: 'string' },
  size: { type: 'string' },
  workload: { type: 'string' },
  records: { type: 'string' },
  requests: { type: 'string' },
  distribution: { type: 'string' },
  workers: { type: 'string' },
  'concurrent-tasks': { type: 'string' },
  batch: { type: 'string' },
  repeat: { type: 'string' },
  seconds: { type: 'string' },
  seed: { type: 'string' },
  'max-bytes': { type: 'string' },
  json: { type: 'string' }, // taken out before, since its value may be left out; here it can be guessed
  sabotage: { type: 'string' },
  dashboard: { type: 'string' }, // likewise
} as const;

type OptionName = keyof typeof DEFINITIONS;
type Values = { readonly [name in OptionName]?: string | undefined };

/** `randomSeed` is used where no --seed is given. */
export function parseOptions(args: readonly string[], randomSeed: number): Options {
  const { args: withoutJson, json } = takeJson(args);
  const { args: others, value: port } = takeOptional(withoutJson, 'dashboard', () => true);
  const values = parseStrictly(others, DEFINITIONS);
  const input = parseInput(values);
  return {
    input,
    extent: parseExtent(values, input),
    workers: wholeNumber('workers', values.workers, 1, 256) ?? availableParallelism(),
    concurrentTasks: wholeNumber('concurrent-tasks', values['concurrent-tasks'], 1, 1024) ?? 4,
    batch: wholeNumber('batch', values.batch, 1, 1_000_000) ?? 1024,
    seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1) ?? randomSeed,
    maxBytes: byteCount(values) ?? 2 ** 30,
    json,
    sabotage: oneOf('sabotage', values.sabotage, SABOTAGES),
    dashboard: port === undefined ? undefined : (wholeNumber('dashboard', port ?? undefined, 0, 65_535) ?? 0),
  };
}

function parseInput(values: Values): InputOptions {
  const file = text(values, 'trace');
  if (file !== undefined) {
    refuseTogether(values, ['workload', 'records', 'requests', 'distribution'], '--trace brings its own requests');
    const columns = { object: text(values, 'object') ?? 'object', op: text(values, 'op') ?? 'op', size: text(values, 'size') ?? 'size' };
    return { kind: 'trace', file, columns };
  }
  refuseTogether(values, ['object', 'op', 'size'], 'it names a column of a trace; add --trace FILE');
  return {
    kind: 'generated',
    workload: oneOf('workload', values.workload, WORKLOADS) ?? 'a',
    records: wholeNumber('records', values.records, 1, 10_000_000) ?? DEFAULT_RECORDS,
    requests: wholeNumber('requests', values.requests, 1, 100_000_000) ?? DEFAULT_REQUESTS,
    distribution: oneOf('distribution', values.distribution, DISTRIBUTIONS),
  };
}

/** One pass where the input's length was chosen (a trace, or --requests), otherwise ten seconds. */
function parseExtent(values: Values, input: InputOptions): Extent {
  const passes = wholeNumber('repeat', values.repeat, 1, 1_000_000);
  const seconds = decimal('seconds', values.seconds, 0.1, 604_800);
  if (passes !== undefined && seconds !== undefined) {
    throw new ShadowError('ERR_CLI_OPTION', '--repeat and --seconds both say how long to run; give one of them');
  }
  if (seconds !== undefined) return { kind: 'seconds', seconds };
  if (passes !== undefined) return { kind: 'passes', passes };
  if (input.kind === 'trace' || values.requests !== undefined) return { kind: 'passes', passes: 1 };
  return { kind: 'seconds', seconds: DEFAULT_SECONDS };
}

function refuseTogether(values: Values, names: readonly OptionName[], reason: string): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given !== undefined) throw new ShadowError('ERR_CLI_OPTION', `--${given} does not go with the other options: ${reason}`);
}

function text(values: Values, name: OptionName): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (value.trim() === '') throw new ShadowError('ERR_CLI_OPTION', `--${name} is empty; give a value or leave it out`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The store has the last word on the size; here only the form is checked. */
function byteCount(values: Values): number | undefined {
  const value = text(values, 'max-bytes');
  if (value === undefined) return undefined;
  const match = /^(\d{1,15})([KMG]?)$/i.exec(value);
  const bytes = match === null ? NaN : Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  if (!(bytes >= 1 && bytes <= 2 ** 33))
    throw refusal('max-bytes', value, 'a whole number of bytes up to 8G, with K, M or G as unit if you like');
  return bytes;
}
