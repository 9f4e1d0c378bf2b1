/**
 * `npm run docs:pages -- [FILE]`: makes anew what the pages say of figures and of error codes, from a report: the kept one of Node 20 by default. Exit code 2 for a
 * report that cannot be read or lacks a figure.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/errors.js';
import { readReport } from '../results.js';
import { fillSections } from './markdown.js';
import { makeSection, PAGE_REPORT, PAGES } from './sections.js';

try {
  const report = readReport(process.argv[2] ?? PAGE_REPORT);
  for (const page of PAGES) {
    const file = fileURLToPath(new URL(`../../../${page}`, import.meta.url));
    writeFileSync(
      file,
      fillSections(readFileSync(file, 'utf8'), (name) => makeSection(report, name)),
    );
  }
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\nUsage: npm run docs:pages -- [FILE]\n`);
  process.exitCode = 2;
}
