/**
 * Reports for tests: as a run writes them, of a machine that does not exist.
 */
import type { Machine } from '../../bench/machine.js';
import { countBars, type Report } from '../../bench/report.js';

export const MACHINE: Machine = {
  cpu: 'a processor',
  cores: 2,
  memoryBytes: 2 ** 33,
  platform: 'linux',
  arch: 'x64',
  release: '6.0',
  load: 0,
};

export function createReport(given: Partial<Report>): Report {
  return {
    schema: 1,
    command: 'npm run bench --',
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds: 1,
    quick: false,
    node: 'v20.1.0',
    v8: '11.3',
    commit: 'abc',
    machine: MACHINE,
    bars: countBars(given.figures ?? []),
    failures: [],
    leftOut: [],
    figures: [],
    ...given,
  };
}
