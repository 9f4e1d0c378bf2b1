/**
 * `npm run bench`: measures, shows every figure beside its reference and, at the end, all bars; keeps the report, and compares it with an
 * earlier one. See options.ts for the command line and the exit codes.
 */
import { fileURLToPath } from 'node:url';
import { personOutput } from '../src/cli/json.js';
import { endWithReader } from '../src/cli/reader.js';
import { StatusLine } from '../src/cli/status-line.js';
import { compareReports } from './compare.js';
import { formatComparison } from './comparison-table.js';
import { describeCommit, describeMachine } from './machine.js';
import { readOptions } from './options.js';
import { barLines, countBars, type Report } from './report.js';
import { formatReport, writeReport } from './results.js';
import { runCases } from './run.js';

/** A case that takes longer than this says so, where there is no terminal to say it on all the time. */
const PLAIN_MILLISECONDS = 30_000;

endWithReader();
const { cases, json, quick, runs, baseline } = await readOptions();
const status = new StatusLine(personOutput(json));
const say = (line: string): void => {
  status.line(line);
};
const startedAt = new Date();
const machine = describeMachine();
const commit = describeCommit(fileURLToPath(new URL('../../', import.meta.url)));
say(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, Node ${process.version}`);
let now = { number: 0, what: '', since: 0 };
status.start(
  () => `  case ${now.number} of ${cases.length * runs}: ${now.what}, ${((performance.now() - now.since) / 1000).toFixed(0)} s`,
  PLAIN_MILLISECONDS,
);
const { figures, failures, leftOut } = await runCases(cases, runs, {
  line: say,
  begins: (what) => {
    now = { number: now.number + 1, what, since: performance.now() };
  },
});
status.stop();
const bars = countBars(figures);
const report: Report = {
  schema: 1,
  command: [process.env['UMBRA_COMMAND'] ?? 'npm run bench --', ...process.argv.slice(2)].join(' '),
  startedAt: startedAt.toISOString(),
  seconds: (Date.now() - startedAt.getTime()) / 1000,
  quick,
  node: process.version,
  v8: process.versions.v8,
  commit,
  machine,
  bars,
  failures,
  leftOut,
  figures,
};
if (json?.kind === 'file') writeReport(json.file, report);
else if (json !== undefined) process.stdout.write(formatReport(report));

say(`\n${figures.length} figures; bars: ${bars.met} met, ${bars.missed} missed${quick ? ' (quick: not a measurement)' : ''}`);
for (const line of barLines(figures)) say(line);
for (const { case: name, reason } of leftOut) say(`left out ${name}: ${reason}`);
for (const { case: name, message } of failures) say(`failed   ${name}: ${message}`);
if (failures.length > 0) process.exitCode = 1;
if (baseline !== null) {
  const comparison = compareReports(baseline.report, report);
  say(`\n${formatComparison(comparison, baseline.file, baseline.report, report)}`);
  if (comparison.changes.some(({ verdict }) => verdict === 'worse')) process.exitCode = 1;
}
