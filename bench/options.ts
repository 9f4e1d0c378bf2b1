/**
 * The command line of `npm run bench`: what it says, checked before anything is measured.
 */
import { BENCH_HELP } from '../src/cli/bench-help.js';
import { type JsonTarget, requireWritable, takeJson } from '../src/cli/json.js';
import { nearest } from '../src/cli/nearest.js';
import { parseWithPositionals } from '../src/cli/strict.js';
import { messageOf } from '../src/errors.js';
import { MIN_RUNS } from './compare.js';
import type { CaseSpec } from './figures.js';
import { FULL_PLAN, type Plan, QUICK_PLAN } from './plan.js';
import type { Report } from './report.js';
import { prepareFolder, readReport } from './results.js';
import { describeCase } from './run.js';
import { SUITES } from './suites.js';

const RUNS_TO_COMPARE = 5;

export interface Options {
  readonly cases: readonly CaseSpec[];
  /** Where the report goes. */
  readonly json: JsonTarget | undefined;
  readonly quick: boolean;
  readonly runs: number;
  readonly baseline: { readonly file: string; readonly report: Report } | null;
}

/** Ends the process for `--help`, and with exit code 2 for arguments that make no sense. */
export async function readOptions(): Promise<Options> {
  try {
    const { args, json } = takeJson(process.argv.slice(2), (argument) => !Object.hasOwn(SUITES, argument));
    const { values, positionals } = parseWithPositionals(args, {
      json: { type: 'string' }, // taken out before; here it can be guessed
      quick: { type: 'boolean', default: false },
      filter: { type: 'string', default: '' },
      redis: { type: 'string' },
      trace: { type: 'string' },
      object: { type: 'string', default: 'object' },
      op: { type: 'string', default: 'op' },
      size: { type: 'string', default: 'size' },
      runs: { type: 'string' },
      compare: { type: 'string' },
      help: { type: 'boolean', default: false },
    });
    if (values.help) {
      process.stdout.write(BENCH_HELP);
      process.exit(0);
    }
    const { quick, compare } = values;
    const runs = readRuns(values.runs ?? (compare === undefined ? '1' : String(RUNS_TO_COMPARE)), compare === undefined ? 1 : MIN_RUNS);
    const baseline = compare === undefined ? null : { file: compare, report: readBaseline(compare, quick) };
    const cases = selectCases(positionals, planOf(values), values.filter);
    if (json?.kind === 'file') prepareFolder(json.file);
    await requireWritable(json);
    return { cases, json, quick, runs, baseline };
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(2);
  }
}

interface PlanOptions {
  readonly quick: boolean;
  readonly redis?: string | undefined;
  readonly trace?: string | undefined;
  readonly object: string;
  readonly op: string;
  readonly size: string;
}

function planOf({ quick, redis, trace, object, op, size }: PlanOptions): Plan {
  return {
    ...(quick ? QUICK_PLAN : FULL_PLAN),
    redis,
    trace: trace === undefined ? undefined : { file: trace, columns: { object, op, size } },
  };
}

function selectCases(names: readonly string[], plan: Plan, filter: string): CaseSpec[] {
  const unknown = names.find((name) => !Object.hasOwn(SUITES, name));
  if (unknown !== undefined) {
    const guess = nearest(unknown, Object.keys(SUITES));
    throw new RangeError(`no such suite: ${unknown}; ${guess === undefined ? '' : `did you mean ${guess}? `}--help lists all suites`);
  }
  const suites = names.length > 0 ? [...new Set(names)] : Object.keys(SUITES);
  const cases = suites.flatMap((name) => SUITES[name]!.cases(plan)).filter((spec) => describeCase(spec).includes(filter));
  if (cases.length === 0) throw new RangeError(`no case contains ${JSON.stringify(filter)}`);
  return cases;
}

function readRuns(text: string, least: number): number {
  const runs = Number(text);
  if (!Number.isSafeInteger(runs) || runs < least) throw new RangeError(`--runs must be a whole number, at least ${least} here: ${text}`);
  return runs;
}

function readBaseline(file: string, quick: boolean): Report {
  const report = readReport(file);
  if (report.quick !== quick) throw new RangeError(`${file} was ${report.quick ? '' : 'not '}made with --quick: the sizes differ`);
  return report;
}
