import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERROR_RATE, WORTH_TELLING } from '../../bench/compare.js';
import { describeCommit } from '../../bench/machine.js';
import type { Report } from '../../bench/report.js';
import { formatReport, readReport } from '../../bench/results.js';
import { SUITES } from '../../bench/suites.js';
import { BENCH_HELP } from '../../src/cli/bench-help.js';

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'umbra-bench-'));
});

after(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}

function report(...args: string[]): { report: Report; stdout: string } {
  const file = join(folder, 'report.json');
  const { status, stdout, stderr } = bench(...args, '--quick', '--json', file);
  assert.equal(status, 0, stderr + stdout);
  return { report: JSON.parse(readFileSync(file, 'utf8')) as Report, stdout };
}

test('a quick run writes machine, versions, command and every round beside its reference', () => {
  const { report: written, stdout } = report('get', '--filter', 'cursor hit');
  assert.equal(written.schema, 1);
  assert.equal(written.node, process.version);
  assert.equal(written.quick, true);
  assert.match(written.command, /^npm run bench -- get --filter cursor hit --quick/);
  assert.ok(written.machine.cores >= 1);
  assert.deepEqual(written.failures, []);
  assert.deepEqual(written.leftOut, []);
  assert.deepEqual(
    written.figures.map((figure) => `${figure.suite} ${figure.name} ${figure.keys}`),
    ['get cursor hit dense', 'get cursor hit sparse'],
  );
  for (const { ours, reference, ratio } of written.figures) {
    assert.equal(ratio?.rounds.length, 3);
    assert.ok(reference !== null);
    for (const { summary } of [ours, reference]) {
      assert.equal(summary.rounds.length, 3);
      assert.ok(summary.min > 0 && summary.min <= summary.median && summary.median <= summary.max);
    }
  }
  assert.match(stdout, /cursor\.find \+ field .* Map\.get \+ field/);
});

test('a quick run of threads compares every number of workers with one', () => {
  const { report: written } = report('threads', '--filter', '95/5');
  assert.deepEqual(
    written.figures.map((figure) => figure.name),
    ['95/5, 1 worker', '95/5, 2 workers', '95/5, store: 2 ÷ 1', '95/5, Maps: 2 ÷ 1'],
  );
});

test('an unknown suite, an unknown option and a filter that fits nothing end with exit code 2 and one line that says what would be right', () => {
  for (const [args, message] of [
    [['gte'], /no such suite: gte; did you mean get\?/],
    [['--fitler', 'hit'], /Unknown option '--fitler'; did you mean --filter\?/],
    [['get', '--filter', 'no such case'], /no case contains "no such case"/],
    [['--runs', '0'], /--runs/],
    [['--runs', 'many'], /--runs/],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().includes('\n'), false);
  }
});

test('the help names every suite, and the rules of a comparison as they are', () => {
  const { stdout } = bench('--help');
  assert.equal(stdout, BENCH_HELP);
  const named = stdout.slice(stdout.indexOf('Suites'), stdout.indexOf('Options'));
  for (const suite of Object.keys(SUITES)) assert.match(named, new RegExp(`(^| ) ${suite} `, 'm'));
  assert.match(stdout, new RegExp(`p < ${ERROR_RATE}, [^]*be ${WORTH_TELLING * 100} % or more`));
});

test('--json alone gives the report to standard output, and all else to standard error', () => {
  const { status, stdout, stderr } = bench('--json', 'get', '--filter', 'cursor hit dense', '--quick');
  assert.equal(status, 0, stderr);
  const { figures } = JSON.parse(stdout) as Report;
  assert.equal(figures.length, 1);
  assert.match(stderr, /cursor\.find \+ field .* Map\.get \+ field/);
});

test('a commit is told of a checkout only, not of a folder inside of one', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  assert.match(describeCommit(root) ?? '', /^([0-9a-f]{40}(\+changes)?)?$/);
  assert.equal(describeCommit(join(root, 'dist')), null);
  assert.equal(describeCommit(folder), null);
});

test('three runs give one figure each, with the rounds of all, and can be compared with', () => {
  const file = join(folder, 'made', 'on the way', 'three.json');
  const { status, stdout, stderr } = bench('get', '--filter', 'cursor hit dense', '--quick', '--runs', '3', '--json', file);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /run 1 of 3[^]*run 3 of 3[^]*all 3 runs together/);
  const before = readReport(file);
  assert.equal(before.figures.length, 1);
  assert.deepEqual(before.figures[0]!.runs, [3, 3, 3]);
  assert.equal(before.figures[0]!.ratio?.rounds.length, 9);

  // As if the store had been, or were now, a million times faster: no noise of a quick run comes near.
  for (const [factor, verdict, code] of [
    [1e6, 'worse', 1],
    [1e-6, 'better', 0],
  ] as const) {
    const other = join(folder, `${verdict}.json`);
    writeFileSync(other, formatReport({ ...before, figures: before.figures.map((figure) => multiplied(figure, factor)) }));
    const compared = bench('get', '--filter', 'cursor hit', '--quick', '--runs', '3', '--compare', other);
    assert.equal(compared.status, code, compared.stderr + compared.stdout);
    assert.match(compared.stdout, new RegExp(`get cursor hit .* dense .* ${verdict}\\n`));
    assert.match(compared.stdout, /1 figures compared: [^]*0 figures only in the file, 1 only in this run/);
  }
});

function multiplied(figure: Report['figures'][number], factor: number): Report['figures'][number] {
  const ratio = figure.ratio!;
  return { ...figure, ratio: { ...ratio, rounds: ratio.rounds.map((round) => round * factor) } };
}

test('what cannot serve as a baseline is refused before anything is measured', () => {
  const single = join(folder, 'single.json');
  assert.equal(bench('get', '--filter', 'cursor hit dense', '--quick', '--json', single).status, 0);
  const other = join(folder, 'other.json');
  writeFileSync(other, '{"schema": 1}');
  for (const [args, message] of [
    [['--compare', single], /made with --quick/],
    [['--quick', '--compare', other], /is not what npm run bench -- --json writes/],
    [['--quick', '--compare', join(folder, 'missing.json')], /cannot be read/],
    [['--quick', '--compare', single, '--runs', '2'], /at least 3/],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});
