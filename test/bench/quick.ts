/** Quick runs of whole suites, as a user has them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from '../../bench/figures.js';
import type { Report } from '../../bench/report.js';
import type { Summary } from '../../bench/statistics.js';

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

/** What `npm run bench -- … --quick` writes. */
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

/** Every figure of a suite by its name. Nothing may fail, and every number has to be one. */
export function quickFigures(suite: string): ReadonlyMap<string, Figure> {
  const { figures } = quickReport(suite);
  for (const { name, ours, reference, ratio } of figures) {
    for (const summary of [ours.summary, reference?.summary, ratio]) if (summary) assertSane(name, summary);
    assert.equal(ratio === null, reference === null, name);
  }
  return new Map(figures.map((figure) => [figure.name, figure]));
}

/** JSON turns what is no finite number into null. */
function assertSane(name: string, { rounds, median }: Summary): void {
  assert.ok(rounds.length > 0, `${name} has rounds`);
  for (const value of [...rounds, median]) assert.ok(typeof value === 'number' && value >= 0, `${name}: ${rounds.join(' ')}`);
}
