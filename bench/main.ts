/**
 * `npm run bench -- [suite…] [--json FILE] [--quick] [--filter TEXT]`: runs the suites case by case, each in a process of its own, and
 * shows every figure beside its reference. Exit code 0 when every case ran or was left out for a reason, whatever its bar says; 1 when
 * one failed; 2 for arguments that make no sense.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/errors.js';
import type { CaseSpec } from './figures.js';
import { describeCommit, describeMachine } from './machine.js';
import { FULL_PLAN, QUICK_PLAN } from './plan.js';
import { countBars, type Report } from './report.js';
import { describeCase, runCases } from './run.js';
import { SUITES } from './suites.js';

const USAGE = `Usage: npm run bench -- [suite…] [options]

Suites: ${Object.keys(SUITES).join(', ')} (all of them by default)

  --json FILE    write machine, commit and every round of every figure to FILE
  --quick        small and short: shows that everything runs, not how fast
  --filter TEXT  only cases whose description contains TEXT, such as "cursor hit dense 10000 variables"
  --help         show this text
`;

interface Options {
  readonly cases: readonly CaseSpec[];
  readonly json: string | undefined;
  readonly quick: boolean;
}

function readOptions(): Options {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        quick: { type: 'boolean', default: false },
        filter: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const unknown = positionals.filter((name) => !Object.hasOwn(SUITES, name));
    if (unknown.length > 0) throw new RangeError(`no such suite: ${unknown.join(', ')}`);
    const suites = positionals.length > 0 ? [...new Set(positionals)] : Object.keys(SUITES);
    const plan = values.quick ? QUICK_PLAN : FULL_PLAN;
    const cases = suites.flatMap((name) => SUITES[name]!.cases(plan)).filter((spec) => describeCase(spec).includes(values.filter));
    if (cases.length === 0) throw new RangeError(`no case contains ${JSON.stringify(values.filter)}`);
    return { cases, json: values.json, quick: values.quick };
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

const { cases, json, quick } = readOptions();
const startedAt = new Date();
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, Node ${process.version}`);
const { figures, failures, leftOut } = await runCases(cases, (line) => console.log(line));
const bars = countBars(figures);
console.log(`\n${figures.length} figures; bars: ${bars.met} met, ${bars.missed} missed${quick ? ' (quick: not a measurement)' : ''}`);
for (const { case: name, reason } of leftOut) console.log(`left out: ${name}: ${reason}`);
if (json !== undefined) {
  const report: Report = {
    schema: 1,
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    quick,
    node: process.version,
    v8: process.versions.v8,
    commit: describeCommit(fileURLToPath(new URL('.', import.meta.url))),
    machine,
    bars,
    failures,
    leftOut,
    figures,
  };
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
}
if (failures.length > 0) process.exitCode = 1;
