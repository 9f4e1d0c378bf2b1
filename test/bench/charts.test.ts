import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildChart, type ChartDefinition } from '../../bench/charts/chart.js';
import { CHARTS } from '../../bench/charts/definitions.js';
import { drawChart } from '../../bench/charts/draw.js';
import { createFigure, type Figure, type Unit } from '../../bench/figures.js';
import { writeReport } from '../../bench/results.js';
import { createReport } from './sample-report.js';

const MAIN = fileURLToPath(new URL('../../bench/charts/main.js', import.meta.url));

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'umbra-charts-'));
});

after(() => rmSync(folder, { recursive: true }));

function figureOf(suite: string, name: string, variables: number, ours: number[], keys = 'sparse', unit: Unit = 'ns/op'): Figure {
  const reference = { label: 'theirs', rounds: ours.map(() => 20) };
  return createFigure({ suite, name, keys, variables }, unit, { label: 'ours', rounds: ours }, reference, null);
}

/** Out of order and with a gap, as a filtered run may leave it. */
const GETS = [
  figureOf('get', 'cursor hit', 100_000, [10, 9, 11], 'dense'),
  figureOf('get', 'cursor hit', 10_000, [20, 19, 21], 'dense'),
  figureOf('get', 'cursor hit', 10_000, [16, 15, 17], 'sparse'),
  figureOf('get', 'cursor miss', 10_000, [16]),
  figureOf('threads', 'cursor hit', 10_000, [16]),
];
const PEERS = [
  figureOf('peers', 'lmdb get, 2 workers', 1_000_000, [5], 'sparse', 'Mops/s'),
  figureOf('peers', 'lmdb get, 2 workers', 100_000, [200, 198, 202], 'sparse', 'Mops/s'),
  figureOf('peers', 'lmdb get, 1 worker', 100_000, [7], 'sparse', 'Mops/s'),
  figureOf('peers', 'Map 95/5, 2 workers', 100_000, [10, 9, 11], 'sparse', 'Mops/s'),
];

function definitionOf(file: string): ChartDefinition {
  const found = CHARTS.find((definition) => definition.file === file);
  assert.ok(found !== undefined);
  return found;
}

/** What stands in the picture, in the order of drawing. */
function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

test('a chart takes the figures of its suites and names, sizes in order, and leaves a gap where one is missing', () => {
  const chart = buildChart(definitionOf('throughput-by-size'), GETS);
  assert.deepEqual(chart?.categories, ['10,000', '100,000']);
  assert.deepEqual(
    chart.series.map(({ name, group, variant, values }) => [name, group, variant, values.map((value) => value?.median ?? null)]),
    [
      ['cursor get, dense keys', 0, 0, [1, 2]],
      ['cursor get, sparse keys', 0, 1, [1.25, null]],
    ],
  );
});

test('peers stand at the smallest size measured, by two workers', () => {
  const chart = buildChart(definitionOf('peers'), PEERS);
  assert.deepEqual(chart?.categories, ['lmdb\n100,000', 'Map\n100,000']);
  assert.deepEqual(
    chart.series.map(({ name, values }) => [name, values.map((value) => value?.median ?? null)]),
    [
      ['get', [10, null]],
      ['95/5', [null, 0.5]],
    ],
  );
});

test('one worker alone stands at the left of the loads on a single variable', () => {
  const of = (name: string, label: string): Figure =>
    createFigure(
      { suite: 'oversubscribed', name, keys: 'sparse', variables: 1 },
      'Mops/s',
      { label: 'ours', rounds: [8] },
      { label, rounds: [20] },
      null,
    );
  const chart = buildChart(definitionOf('oversubscribed'), [
    of('one key add, 32 workers', '1 worker'),
    of('one key add, 2 workers', '1 worker'),
    of('zipf 50/50, 2 workers', 'a Map each'),
    of('zipf 50/50, store: 32 ÷ 2', '2 workers'),
  ]);
  assert.deepEqual(chart?.categories, ['1', '2', '32']);
  assert.deepEqual(
    chart.series.map(({ name, values }) => [name, values.map((value) => value?.median ?? null)]),
    [
      ['one key add', [20, 8, 8]],
      ['zipf 50/50', [null, 8, null]],
      ['zipf 50/50, a Map each', [null, 20, null]],
    ],
  );
});

test('a size that no Map holds stands alone, and of two suites with one case the first counts', () => {
  const alone = createFigure(
    { suite: 'scale', name: 'add', keys: 'sparse', variables: 5e7 },
    'ns/op',
    { label: 'add', rounds: [90] },
    null,
    null,
  );
  const chart = buildChart(definitionOf('scale'), [
    figureOf('scale', 'add', 10_000, [30]),
    figureOf('scale', 'add', 10_000, [5], 'dense'),
    alone,
  ]);
  assert.deepEqual(
    chart?.series.map(({ name, values }) => [name, values.map((value) => value?.median ?? null)]),
    [
      ['add', [30, 90]],
      ['add, Map', [20, null]],
    ],
  );
  const both = [
    figureOf('get', 'cursor hit', 10_000, [10]),
    figureOf('scale', 'cursor hit', 10_000, [20]),
    figureOf('scale', 'cursor hit', 1e7, [5]),
  ];
  const throughput = buildChart(definitionOf('throughput-by-size'), both);
  assert.deepEqual(
    throughput?.series.map(({ values }) => values.map((value) => value?.median)),
    [[2, 4]],
  );
});

test('transitions stand by load, enabling beside replacing', () => {
  const figures = ['enable, 2 workers, idle', 'replace, 2 workers, idle', 'enable, 32 workers, compute', 'throughput, 2 workers, wait'].map(
    (name) => figureOf('transition', name, 20, [3], 'dense', 'ms'),
  );
  const chart = buildChart(definitionOf('transitions'), figures);
  assert.deepEqual(chart?.categories, ['2', '32']);
  assert.deepEqual(
    chart.series.map(({ name }) => name),
    ['idle, enable', 'idle, replace', 'compute, enable'],
  );
});

test('categories that are names stand in the order of the definition', () => {
  const figures = ['max', 'p99', 'median'].map((which) => figureOf('collect', `readers of another id, ${which}`, 10, [1], 'sparse', 'ns'));
  assert.deepEqual(buildChart(definitionOf('collection'), figures)?.categories, ['median', 'p99', 'max']);
});

test('no chart comes of a report without its figures', () => {
  for (const definition of CHARTS) assert.equal(buildChart(definition, []), null);
});

test('a picture names its title, axes, categories, series and medians, and has a ground of its own', () => {
  const svg = drawChart(buildChart(definitionOf('throughput-by-size'), GETS)!);
  const texts = textsOf(svg);
  for (const text of [
    'One thread: throughput ÷ a thread-local Map',
    'variables in the store',
    'throughput, ours ÷ Map',
    '10,000',
    '100,000',
    'cursor get, dense keys',
    'cursor get, sparse keys',
    '2.00',
    '1.25',
    'Map',
  ]) {
    assert.ok(texts.includes(text), `${text} is missing: ${texts.join(' | ')}`);
  }
  assert.match(svg, /^<svg role="img" aria-label="One thread: [^"]+"[^>]*>\n<rect width="860" height="480" x="0" y="0" fill="#ffffff">/);
});

test('a logarithmic picture with values on both sides of parity shows each median', () => {
  const texts = textsOf(drawChart(buildChart(definitionOf('peers'), PEERS)!));
  for (const text of ['10.0', '0.50', '0.1', 'peer']) assert.ok(texts.includes(text), `${text} is missing: ${texts.join(' | ')}`);
});

test('drawing twice gives the same bytes, in one process and in two, and the command ends by itself', () => {
  const chart = buildChart(definitionOf('peers'), PEERS)!;
  const first = drawChart(chart);
  assert.equal(drawChart(chart), first);

  const report = join(folder, 'report.json');
  writeReport(report, createReport({ figures: [...GETS, ...PEERS] }));
  const [one, two] = ['one', 'two'].map((name) => {
    const out = join(folder, name);
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, report, '--out', out], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /growth: left out, the report holds none of its figures/);
    return readdirSync(out).map((file) => [file, readFileSync(join(out, file), 'utf8')] as const);
  });
  assert.deepEqual(
    one!.map(([file]) => file),
    ['peers.svg', 'throughput-by-size.svg'],
  );
  assert.deepEqual(one, two);
  assert.equal(one![0]![1], first);
});

test('a report that cannot be read ends with exit code 2 and the usage', () => {
  for (const args of [[join(folder, 'missing.json')], ['--size', '3'], ['a.json', 'b.json']]) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /Usage: npm run bench:charts/);
  }
});
