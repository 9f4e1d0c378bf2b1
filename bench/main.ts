/**
 * `npm run bench`: measures, shows every figure beside its reference and, at the end, all bars; keeps the report, and compares it with an
 * earlier one. See options.ts for the command line and the exit codes.
 */
import { fileURLToPath } from 'node:url';
import { compareReports } from './compare.js';
import { formatComparison } from './comparison-table.js';
import { describeCommit, describeMachine } from './machine.js';
import { readOptions } from './options.js';
import { barLines, countBars, type Report } from './report.js';
import { prepareFolder, writeReport } from './results.js';
import { runCases } from './run.js';

const { cases, json, quick, runs, baseline } = readOptions();
if (json !== undefined) prepareFolder(json);
const startedAt = new Date();
const machine = describeMachine();
const commit = describeCommit(fileURLToPath(new URL('.', import.meta.url)));
console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, Node ${process.version}`);
const { figures, failures, leftOut } = await runCases(cases, runs, (line) => console.log(line));
const bars = countBars(figures);
const report: Report = {
  schema: 1,
  command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
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
if (json !== undefined) writeReport(json, report);

console.log(`\n${figures.length} figures; bars: ${bars.met} met, ${bars.missed} missed${quick ? ' (quick: not a measurement)' : ''}`);
for (const line of barLines(figures)) console.log(line);
for (const { case: name, reason } of leftOut) console.log(`left out ${name}: ${reason}`);
for (const { case: name, message } of failures) console.log(`failed   ${name}: ${message}`);
if (failures.length > 0) process.exitCode = 1;
if (baseline !== null) {
  const comparison = compareReports(baseline.report, report);
  console.log(`\n${formatComparison(comparison, baseline.file, baseline.report, report)}`);
  if (comparison.changes.some(({ verdict }) => verdict === 'worse')) process.exitCode = 1;
}
