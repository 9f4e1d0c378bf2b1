/**
 * The command line of `npm run bench`: what it says, checked before anything is measured.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/errors.js';
import { ERROR_RATE, MIN_RUNS, WORTH_TELLING } from './compare.js';
import type { CaseSpec } from './figures.js';
import { FULL_PLAN, type Plan, QUICK_PLAN } from './plan.js';
import type { Report } from './report.js';
import { readReport } from './results.js';
import { describeCase } from './run.js';
import { SUITES } from './suites.js';

const RUNS_TO_COMPARE = 5;

const USAGE = `Usage: npm run bench -- [suite…] [options]

Suites: ${Object.keys(SUITES).join(', ')} (all of them by default)

  --json FILE     write machine, commit and every round of every figure to FILE
  --quick         small and short: shows that everything runs, not how fast
  --filter TEXT   only cases whose description contains TEXT, such as "cursor hit dense 10000 variables"
  --redis URL     where the suites with peers find Redis, such as redis://127.0.0.1:6379
  --trace FILE    recorded input for the suite traces: .csv or .csv.gz with a header, and its columns where their names differ:
  --object NAME, --op NAME, --size NAME
  --runs N        measure all cases N times over, each time in fresh processes (1; with --compare ${RUNS_TO_COMPARE})
  --compare FILE  tell what has changed beyond noise since the report in FILE; one of several runs shows smaller changes
  --help          show this text

How --compare decides: a run of a case counts as one observation, the median of its rounds, of the ratio to the reference where there is
one. Student's two-sided test over their logarithms, adjusted after Holm for the number of figures, has to say p < ${ERROR_RATE}, and the change
has to be ${WORTH_TELLING * 100} % or more. More runs on either side find smaller changes. Figures without a reference need the same machine.

Exit code: 0 when every case ran or was left out for a reason, whatever its bar says; 1 when one failed, or with --compare got worse
beyond noise; 2 for arguments that make no sense.
`;

export interface Options {
  readonly cases: readonly CaseSpec[];
  readonly json: string | undefined;
  readonly quick: boolean;
  readonly runs: number;
  readonly baseline: { readonly file: string; readonly report: Report } | null;
}

/** Ends the process for `--help`, and with exit code 2 for arguments that make no sense. */
export function readOptions(): Options {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
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
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const { json, quick, compare } = values;
    const runs = readRuns(values.runs ?? (compare === undefined ? '1' : String(RUNS_TO_COMPARE)), compare === undefined ? 1 : MIN_RUNS);
    const baseline = compare === undefined ? null : { file: compare, report: readBaseline(compare, quick) };
    return { cases: selectCases(positionals, planOf(values), values.filter), json, quick, runs, baseline };
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

interface PlanOptions {
  readonly quick: boolean;
  readonly redis?: string;
  readonly trace?: string;
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
  const unknown = names.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0) throw new RangeError(`no such suite: ${unknown.join(', ')}`);
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
