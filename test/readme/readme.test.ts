/** What the README shows is what happens: its example is written to files as it stands there and run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { namedFiles } from './named-files.js';

const root = new URL('../../../', import.meta.url);
const readme = await readFile(new URL('README.md', root), 'utf8');

/** Without what tells a test runner that it runs inside another. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  return environment;
}

test('the example of the README runs as shown', async () => {
  const files = await namedFiles();
  assert.deepEqual([...files.keys()], ['usage.js', 'sessions.js', 'limit.js', 'service.js', 'limit.test.js']);
  const folder = await mkdtemp(join(tmpdir(), 'umbra-readme-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules', 'umbra'), 'dir');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const [name, code] of files) await writeFile(join(folder, name), code);
    const { stdout } = await promisify(execFile)(process.execPath, ['service.js'], { cwd: folder, timeout: 60_000 });
    assert.equal(stdout, '2\n');
    await promisify(execFile)(process.execPath, ['--test', 'limit.test.js'], { cwd: folder, timeout: 120_000, env: plainEnvironment() });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the two commands stand at the top of the README', () => {
  const first = readme.slice(0, readme.indexOf('## '));
  assert.match(first, /^npm ci && npm start/m);
  assert.match(first, /^npm ci && npm test/m);
});
