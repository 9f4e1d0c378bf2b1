/**
 * `npm run bench:charts -- [FILE]`: draws the README's charts from a report, the newest kept one by default, into bench/results/charts.
 * A chart of which the report holds no figure is left out by name. Exit code 2 for a report that cannot be read.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.js';
import type { Report } from '../report.js';
import { findNewestReport, readReport, RESULTS_FOLDER } from '../results.js';
import { buildChart } from './chart.js';
import { CHARTS } from './definitions.js';
import { drawChart } from './draw.js';

const USAGE = `Usage: npm run bench:charts -- [FILE] [--out FOLDER]

  FILE          a report of npm run bench -- --json (by default the newest of bench/results)
  --out FOLDER  where the pictures go (by default bench/results/charts)
`;

function readArguments(): { file: string; report: Report; folder: string } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { out: { type: 'string', default: join(RESULTS_FOLDER, 'charts') }, help: { type: 'boolean', default: false } },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (positionals.length > 1) throw new RangeError(`one report at a time: ${positionals.join(', ')}`);
    const file = positionals[0] ?? findNewestReport();
    return { file, report: readReport(file), folder: values.out };
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

const { file, report, folder } = readArguments();
mkdirSync(folder, { recursive: true });
console.log(`charts of ${file}`);
for (const definition of CHARTS) {
  const chart = buildChart(definition, report.figures);
  if (chart === null) {
    console.log(`${definition.file}: left out, the report holds none of its figures`);
    continue;
  }
  const picture = join(folder, `${definition.file}.svg`);
  writeFileSync(picture, drawChart(chart));
  console.log(picture);
}
