/**
 * Runs suites through the command as `--quick` does, and reads what it wrote.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../bench/report.js';

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

export function quickReport(...args: string[]): Report {
  const folder = mkdtempSync(join(tmpdir(), 'umbra-bench-'));
  try {
    const file = join(folder, 'report.json');
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args, '--quick', '--json', file], { encoding: 'utf8' });
    assert.equal(status, 0, stderr + stdout);
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
