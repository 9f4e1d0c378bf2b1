/** What pages are made of is what they say: figures of the kept report, the table of error codes, and the picture of what was recorded. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fillSections, sectionNames, withoutSections } from '../../bench/pages/markdown.js';
import { makeSection, PAGE_REPORT, PAGES } from '../../bench/pages/sections.js';
import { drawTransition } from '../../bench/picture/draw.js';
import { type Recording, recordTransition } from '../../bench/picture/record.js';
import { readReport } from '../../bench/results.js';
import { ERROR_CODES } from '../../src/errors.js';
import { readDocuments, ROOT } from './documents.js';

const documents = readDocuments();
const report = readReport(PAGE_REPORT);

function textOf(path: string): string {
  const found = documents.find((document) => document.path === path);
  assert.ok(found !== undefined, `there is no ${path}`);
  return found.text;
}

for (const path of PAGES) {
  test(`what ${path} says of figures and codes is what they are; npm run docs:pages makes it so`, () => {
    const text = textOf(path);
    assert.ok(sectionNames(text).length > 0);
    assert.equal(
      fillSections(text, (name) => makeSection(report, name)),
      text,
    );
  });
}

test('the README has no measured figure of its own', () => {
  const figures = withoutSections(textOf('README.md')).match(/\b\d[\d.,]*\s?(?:ns|µs|ms|MiB|KiB|bytes|M\/s|times|%)(?!\w)/g) ?? [];
  assert.deepEqual(figures, []);
});

test('a section that nobody makes, or a figure that the report lacks, is an error', () => {
  assert.throws(() => makeSection(report, 'weather'), /there is no section weather/);
  assert.throws(() => makeSection({ ...report, figures: [] }, 'costs'), /the report has no figure transition \| patched call/);
});

test('every code of an error stands in the documents, and no other', () => {
  const codes = new Set(Object.keys(ERROR_CODES));
  for (const code of codes) assert.ok(textOf('docs/errors.md').includes(`\`${code}\``), code);
  const told = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\bERR_(?:SHADOW|PATCH|CLI|TRACE|DASHBOARD)_[A-Z_]+\b/g)].map(([code]) => `${path}: ${code}`),
  );
  assert.deepEqual(
    told.filter((place) => !codes.has(place.split(': ')[1]!)),
    [],
  );
});

test('the picture of a transition is that of the recording beside it', () => {
  const folder = new URL('docs/pictures/', ROOT);
  const recording = JSON.parse(readFileSync(new URL('transition.json', folder), 'utf8')) as Recording;
  assert.equal(drawTransition(recording), readFileSync(new URL('transition.svg', folder), 'utf8'));
});

test('a recorded transition shows what it is to show: each worker on the old version, then on the new', async () => {
  const { tasks, workers, enableCalled, told, complete } = await recordTransition();
  assert.equal(workers, 4);
  assert.ok(enableCalled <= told && told <= complete);
  for (let worker = 0; worker < workers; worker++) {
    const own = tasks.filter((task) => task.worker === worker).sort((a, b) => a.began - b.began);
    const switched = own.findIndex(({ version }) => version === 'new');
    assert.ok(switched > 0);
    assert.ok(own.slice(switched).every(({ version }) => version === 'new'));
    const lastOld = Math.max(...own.slice(0, switched).map(({ ended }) => ended));
    assert.ok(lastOld <= own[switched]!.began);
  }
});
