/** The command itself, as a person starts it: small runs that have to pass, planted faults that have to be reported, and bad usage. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Random } from '../../src/cli/random.js';
import type { Verdict } from '../../src/cli/verdict.js';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const SMALL = '--requests 20000 --records 500 --workers 2 --concurrent-tasks 4 --batch 200 --seed 5';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'umbra-main-'));
});
after(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `onOutput` is told everything on stdout so far, each time there is more. */
async function start(line: string, onOutput: (out: string, child: ChildProcess) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'run', ...line.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    onOutput(out, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

function assertPass({ code, out, err }: Ended): void {
  assert.equal(code, 0, `${out}\n${err}`);
  assert.match(out, /verdict: pass\n$/);
}

describe('the main job', () => {
  it('patches workers with overlapping tasks under load and passes, with the JSON verdict that it promises', async () => {
    const file = join(folder, 'verdict.json');
    assertPass(await start(`${SMALL} --repeat 2 --json ${file}`));
    const verdict = JSON.parse(await readFile(file, 'utf8')) as Verdict;
    assert.deepEqual(Object.keys(verdict), [
      'verdict',
      'requests',
      'workers',
      'seconds',
      'opsPerSecond',
      'latencyMicroseconds',
      'faults',
      'constructed',
      'destroyed',
      'live',
      'transitions',
      'collected',
    ]);
    assert.equal(verdict.verdict, 'pass');
    assert.equal(verdict.requests, 40_000);
    assert.equal(verdict.workers, 2);
    assert.ok(verdict.seconds > 0 && verdict.opsPerSecond > 0);
    const { p50, p99, p999 } = verdict.latencyMicroseconds;
    assert.ok(p50 > 0 && p50 <= p99 && p99 <= p999);
    assert.deepEqual(verdict.faults, { lostUpdates: 0, duplicateVariables: 0, mixedTasks: 0, unconstructedReads: 0, leakedBlocks: 0 });
    assert.equal(verdict.constructed, verdict.destroyed + verdict.live);
    assert.deepEqual(
      verdict.transitions.map(({ patch, kind, workers }) => [patch, kind, workers]),
      [
        ['hot-objects-1', 'enable', 2],
        ['hot-objects-2', 'replace', 2],
        ['hot-objects-1', 'replace', 2],
        ['hot-objects-1', 'disable', 2],
      ],
    );
    assert.deepEqual(
      verdict.collected.map(({ id }) => id),
      [0x11, 0x12, 0x10, 0x11],
    );
    for (const entry of [...verdict.transitions, ...verdict.collected]) assert.equal(typeof entry.milliseconds, 'number');
    assert.deepEqual(Object.keys(verdict.transitions[0]!).sort(), ['forced', 'kind', 'milliseconds', 'patch', 'reversed', 'workers']);
    assert.deepEqual(Object.keys(verdict.collected[0]!).sort(), ['id', 'milliseconds', 'variables']);
  });

  it('replays a compressed trace', async () => {
    const random = new Random(12);
    const rows = Array.from(
      { length: 8000 },
      () => `${random.below(2) ? '2a' : '28'},${random.below(65_536)},${random.below(900) * 2 ** 41}\n`,
    );
    const file = join(folder, 'trace.csv.gz');
    await writeFile(file, gzipSync(`command,bytes,block\n${rows.join('')}`));
    const ended = await start(`--trace ${file} --object block --op command --size bytes --workers 2 --repeat 3`);
    assertPass(ended);
    assert.match(ended.out, /24,000 in/);
  });

  it('gives every stage its share of the smallest input and of scans', async () => {
    assertPass(await start('--requests 20 --records 3 --workers 2 --seed 1'));
    assertPass(await start('--workload e --requests 600 --records 300 --workers 1 --concurrent-tasks 1 --seed 1'));
  });

  it('repeats the input until the time is over, and prints where it is', async () => {
    const ended = await start('--requests 2000 --records 100 --seconds 1.5 --workers 2');
    assertPass(ended);
    assert.match(ended.out, / s {2}[\d,]+ requests {2}[\d,]+\/s {2}\S+ .*\d\/2 workers switched {2}[\d,]+ live variables\n/);
    assert.match(ended.out, /replace hot-objects-2: 2 workers switched in/);
    assert.match(ended.out, /seed \d+/);
  });
});

describe('the verdict can fail', () => {
  it('--sabotage lost-update is reported with object, id, expected and found', async () => {
    const { code, out } = await start(`${SMALL} --sabotage lost-update`);
    assert.equal(code, 1, out);
    const match = /lost update: object \d+, id 0x1 \(account\), (?:reads|writes): expected (\d+), found (\d+)/.exec(out);
    assert.ok(match !== null, out);
    assert.ok(Number(match[1]) > Number(match[2]));
    assert.match(out, /verdict: fail\n$/);
  });

  it('--sabotage leak is reported with the object left behind', async () => {
    const file = join(folder, 'leak.json');
    const { code, out } = await start(`${SMALL} --sabotage leak --json ${file}`);
    assert.equal(code, 1, out);
    assert.match(out, /leaked block: object 4503599627370495, id 0x1 \(account\): expected freed, found still there/);
    const verdict = JSON.parse(await readFile(file, 'utf8')) as Verdict;
    assert.equal(verdict.verdict, 'fail');
    assert.deepEqual(verdict.faults, { lostUpdates: 0, duplicateVariables: 0, mixedTasks: 0, unconstructedReads: 0, leakedBlocks: 1 });
  });

  it('--sabotage mixed-version is reported with the task and both versions, and nothing else is', async () => {
    const { code, out } = await start(`${SMALL} --sabotage mixed-version`);
    assert.equal(code, 1, out);
    assert.match(out, /mixed task: task 0 \(requests 0…199\): expected one version, found (unpatched code|patch \d), then patch \d/);
    assert.match(out, /0 lost updates, 0 duplicate variables, 1 mixed tasks, 0 unconstructed reads, 0 leaked blocks/);
  });

  it('a store that is too small ends the run with the reason, and what ran before is accounted for', async () => {
    const { code, out } = await start('--requests 100000 --records 50000 --distribution uniform --max-bytes 1M --workers 2 --seed 3');
    assert.equal(code, 1, out);
    assert.match(out, /request failed: number \d+ of the input in task \d+: ERR_SHADOW_EXHAUSTED: /);
    assert.match(out, /0 lost updates, 0 duplicate variables, 0 mixed tasks, 0 unconstructed reads, 0 leaked blocks/);
    assert.doesNotMatch(out, /accounting:/);
    assert.match(out, /verdict: fail\n$/);
  });
});

describe('Ctrl-C', () => {
  it('ends the run early, still with a verdict for what ran', async () => {
    let sent = false;
    const ended = await start('--requests 5000 --records 300 --seconds 4 --workers 2', (out, child) => {
      if (sent || !out.includes('enable hot-objects-1')) return;
      sent = true;
      child.kill('SIGINT');
    });
    assert.ok(sent);
    assertPass(ended);
    assert.match(ended.out, /finishing the tasks in flight/);
    assert.match(ended.out, /the run was interrupted/);
    assert.match(ended.out, /disable hot-objects-1/);
    assert.doesNotMatch(ended.out, /hot-objects-2/);
  });

  it('a second one exits at once', async () => {
    // The planted task waits for a transition that is far away, so the first Ctrl-C has something to wait for.
    let sent = 0;
    const { code, out } = await start('--requests 5000 --seconds 600 --workers 2 --sabotage mixed-version', (text, child) => {
      if (sent === 0 && / requests {2}[\d,]+\/s/.test(text)) {
        sent = 1;
        child.kill('SIGINT');
      } else if (sent === 1 && text.includes('again to exit at once')) {
        sent = 2;
        child.kill('SIGINT');
      }
    });
    assert.equal(code, 130, out);
    assert.doesNotMatch(out, /verdict/);
  });
});

describe('bad usage', () => {
  it('is refused with exit code 2 before anything runs', async () => {
    const cases = [
      ['--workers 0', 'ERR_CLI_OPTION: --workers'],
      ['--requests 19', 'ERR_CLI_OPTION: the input has 19 requests.*--repeat 2'],
      ['--max-bytes 5', 'ERR_SHADOW_MAX_BYTES'],
      [`--json ${join(folder, 'no', 'such', 'folder.json')}`, 'ERR_CLI_OPTION: --json'],
      ['--sabotage mixed-version --batch 1', 'ERR_CLI_OPTION: --sabotage mixed-version'],
      ['--trace /nonexistent/trace.csv', 'ERR_TRACE_FILE'],
    ] as const;
    for (const [line, message] of cases) {
      const { code, out, err } = await start(line);
      assert.equal(code, 2, line);
      assert.equal(out, '', line);
      assert.match(err, new RegExp(`^${message}`), line);
      assert.equal(err.trimEnd().includes('\n'), false, `${line}: one line, no stack`);
    }
  });

  it('--help shows options and examples', async () => {
    const { code, out } = await start('--help');
    assert.equal(code, 0);
    for (const option of ['--trace', '--workload', '--concurrent-tasks', '--max-bytes', '--sabotage', 'Examples:'])
      assert.ok(out.includes(option), option);
    for (const line of out.split('\n')) assert.ok(line.length <= 140, line);
  });
});
