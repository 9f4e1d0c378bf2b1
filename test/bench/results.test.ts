import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createFigure } from '../../bench/figures.js';
import { findNewestReport, formatReport, readReport, RESULTS_FOLDER, writeReport } from '../../bench/results.js';
import { createReport } from './sample-report.js';

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'umbra-results-'));
});

after(() => rmSync(folder, { recursive: true }));

const FIGURES = ['first', 'second'].map((name) =>
  createFigure(
    { suite: 'get', name, keys: 'dense', variables: 10 },
    'ns/op',
    { label: 'ours', rounds: [10.123456789, 20] },
    { label: 'reference', rounds: [1, 2] },
    null,
  ),
);

test('a kept report has a line per figure and six digits per round, and is read back', () => {
  const text = formatReport(createReport({ figures: FIGURES }));
  const lines = text.split('\n').filter((line) => line.includes('"suite"'));
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /"rounds":\[10\.1235,20\]/);
  const file = join(folder, 'read-back.json');
  writeReport(file, createReport({ figures: FIGURES, commit: 'def' }));
  const report = readReport(file);
  assert.equal(report.commit, 'def');
  assert.deepEqual(
    report.figures.map(({ name }) => name),
    ['first', 'second'],
  );
  rmSync(file);
});

test('200 figures of 5 runs with 11 rounds stay below 400 kB', () => {
  const rounds = Array.from({ length: 55 }, (_, round) => Math.PI * (round + 1));
  const side = { label: 'a side of the figure', rounds };
  const figure = createFigure({ suite: 'get', name: 'a case with a name', keys: 'dense', variables: 1e6 }, 'ns/op', side, side, null);
  const text = formatReport(createReport({ figures: new Array<typeof figure>(200).fill(figure) }));
  assert.ok(text.length < 400_000, `${text.length} characters`);
});

test('a report without figures is still JSON', () => {
  assert.deepEqual(JSON.parse(formatReport(createReport({}))), createReport({}));
});

test('the newest report is the one begun last, whatever its name', () => {
  assert.throws(() => findNewestReport(folder), /holds no report/);
  writeReport(join(folder, 'a.json'), createReport({ startedAt: '2026-03-01T00:00:00.000Z' }));
  writeReport(join(folder, 'b.json'), createReport({ startedAt: '2026-02-01T00:00:00.000Z' }));
  writeFileSync(join(folder, 'notes.md'), 'not a report');
  assert.equal(findNewestReport(folder), join(folder, 'a.json'));
});

test('kept reports lie in the source tree, not beside the compiled files', () => {
  assert.match(RESULTS_FOLDER, /bench[/\\]results[/\\]$/);
  assert.doesNotMatch(RESULTS_FOLDER, /dist/);
});
