/**
 * `npm run bench:table -- [FILE]`: the bars of a report, the newest kept one by default, as a Markdown table for the README. Exit code 2 for a
 * report that cannot be read.
 */
import { messageOf } from '../src/errors.js';
import { barTable } from './bar-table.js';
import { findNewestReport, readReport } from './results.js';

try {
  process.stdout.write(barTable(readReport(process.argv[2] ?? findNewestReport())));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\nUsage: npm run bench:table -- [FILE]\n`);
  process.exitCode = 2;
}
