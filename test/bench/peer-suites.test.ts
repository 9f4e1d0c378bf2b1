import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { whyAbsent } from '../../bench/peers/catalog.js';
import type { Report } from '../../bench/report.js';
import { startRespServer, type RespServer } from './resp-server.js';

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

let folder: string;
let redis: RespServer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'umbra-bench-'));
  redis = await startRespServer();
});

after(async () => {
  await redis.close();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<Report> {
  const file = join(folder, 'report.json');
  await promisify(execFile)(process.execPath, [MAIN, ...args, '--quick', '--json', file]);
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

/** Every figure has rounds of both sides that took time. */
function requireRates({ figures, failures }: Report): void {
  assert.deepEqual(failures, []);
  for (const { name, ours, reference, ratio } of figures) {
    assert.equal(ratio?.rounds.length, 3, name);
    for (const rate of [...ours.summary.rounds, ...reference!.summary.rounds]) assert.ok(rate > 0 && Number.isFinite(rate), name);
  }
}

const installed = [
  'Map',
  'sharedmap',
  'lmdb',
  'owner',
  'owner×64',
  ...(whyAbsent('worker_map', undefined) === undefined ? ['worker_map'] : []),
];

test('peers compares each that is there, in each mix, by one worker and by two', async () => {
  const report = await run('peers', '--redis', redis.url);
  requireRates(report);
  assert.deepEqual(
    report.figures.map((figure) => figure.name),
    [...installed, 'redis'].flatMap((peer) =>
      ['get', 'set', 'assign', '95/5'].flatMap((mix) => ['1 worker', '2 workers'].map((workers) => `${peer} ${mix}, ${workers}`)),
    ),
  );
  assert.equal(redis.entries.size, 0);
});

test('a peer that is not there is left out by name', async () => {
  const { figures, leftOut } = await run('peers', '--filter', 'redis get');
  assert.deepEqual(figures, []);
  assert.deepEqual(
    leftOut.map(({ case: name }) => name),
    ['peers redis get sparse 1000 variables'],
  );
  assert.match(leftOut[0]!.reason, /--redis URL/);
});

test('traces takes each peer through each workload and the trace', async () => {
  const file = join(folder, 'trace.csv');
  writeFileSync(file, ['block,op,size', ...Array.from({ length: 500 }, (_, i) => `${i % 70},${i % 3 === 0 ? 'w' : 'r'},512`)].join('\n'));
  const report = await run('traces', '--redis', redis.url, '--trace', file, '--object', 'block');
  requireRates(report);
  const workloads = ['YCSB A', 'YCSB B', 'YCSB C', 'YCSB D', 'YCSB E', 'YCSB F', 'trace'];
  assert.deepEqual(
    report.figures.map((figure) => figure.name),
    ['Map', 'sharedmap', 'lmdb', 'owner', 'owner×64', 'redis'].flatMap((peer) => workloads.map((workload) => `${peer} ${workload}`)),
  );
  for (const { name, variables } of report.figures) assert.equal(variables, name.endsWith('trace') ? 70 : 1000, name);
  assert.deepEqual(
    report.leftOut.map(({ case: name }) => name),
    ['traces worker_map any workload dense 1000 variables'],
  );
});

test('without a trace its cases are left out by name', async () => {
  const { figures, leftOut } = await run('traces', '--filter', 'lmdb trace');
  assert.deepEqual(figures, []);
  assert.deepEqual(
    leftOut.map(({ case: name }) => name),
    ['traces lmdb trace sparse 1000 variables'],
  );
  assert.match(leftOut[0]!.reason, /--trace FILE/);
});
