// Runs the compiled tests on several versions of Node, each of which comes out of the npm package `node` into a folder of its own.
//
// npm run test:nodes                       all tests on all of VERSIONS
// npm run test:nodes -- 24 22.12.0         on these
// npm run test:nodes -- 24 dist/test/shadow/view.test.js
//
// Whatever the tests start runs on the same Node: they start `process.execPath`, and `node` and npm's own `#!/usr/bin/env node` are found first on the PATH.
// Prints a summary per version; exit code 1 if anything failed on one of them.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const VERSIONS = ['20', '22', '24'];

const given = process.argv.slice(2);
const isVersion = (text) => /^\d+(?:\.\d+){0,2}$/.test(text);
const versions = given.some(isVersion) ? given.filter(isVersion) : VERSIONS;
const files = given.some((text) => !isVersion(text)) ? given.filter((text) => !isVersion(text)) : allTests();

const folder = mkdtempSync(join(tmpdir(), 'umbra-nodes-'));
const summaries = [];
try {
  for (const version of versions) {
    const { ok, summary } = await testOn(version);
    summaries.push(summary);
    if (!ok) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${summaries.join('\n')}`);

async function testOn(version) {
  const binary = install(version);
  if (binary === undefined) return { ok: false, summary: `Node ${version}: could not be installed` };
  const name = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\nNode ${name}`);
  const began = performance.now();
  const { status, counts } = await run(binary);
  const seconds = Math.round((performance.now() - began) / 1000);
  const failed = (counts.fail ?? 0) + (counts.cancelled ?? 0);
  const outcome = status === 0 ? 'all well' : `${failed} failed, exit code ${status}`;
  return { ok: status === 0, summary: `Node ${name}: ${counts.tests ?? 0} tests, ${counts.pass ?? 0} passed, ${outcome}, ${seconds} s` };
}

/** The path of the binary; undefined if npm could not install it, which npm has said. */
function install(version) {
  const prefix = join(folder, version);
  const args = ['install', '--prefix', prefix, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', `node@${version}`];
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return status === 0 ? join(prefix, 'node_modules', 'node', 'bin', 'node') : undefined;
}

/** Runs the tests, shows what they say, and reads the counts at its end. */
function run(binary) {
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
  const child = spawn(binary, ['--test', '--test-reporter=spec', ...files], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = {};
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const [, name, count] = /^(?:\x1b\[\d+m)*ℹ (tests|pass|fail|cancelled) (\d+)/.exec(line) ?? [];
      if (name !== undefined) counts[name] = Number(count);
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ status: code ?? signal, counts }));
  });
}

/** The files that `npm test` runs. */
function allTests() {
  return readdirSync('dist/test', { recursive: true })
    .filter((path) => /^[^/\\]+[/\\][^/\\]+\.test\.js$/.test(path))
    .sort()
    .map((path) => join('dist/test', path));
}
