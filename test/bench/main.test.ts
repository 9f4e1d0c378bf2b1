import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../bench/report.js';

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

test('an unknown suite, an unknown option and a filter that fits nothing end with exit code 2 and the usage', () => {
  for (const args of [['gte'], ['--fast'], ['get', '--filter', 'no such case']]) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.match(stderr, /Usage: npm run bench/);
  }
});

test('the help names every suite', () => {
  const { stdout } = bench('--help');
  assert.match(stdout, /get, write, threads, transition, memory/);
});
