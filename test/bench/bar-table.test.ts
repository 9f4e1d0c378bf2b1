import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barTable } from '../../bench/bar-table.js';
import { createFigure, type Bar } from '../../bench/figures.js';
import { createReport, MACHINE } from './sample-report.js';

test('the table has a row per bar, met or not, and says where the figures come from', () => {
  const of = (name: string, bar: Bar | null) =>
    createFigure(
      { suite: 'get', name, keys: 'dense', variables: 10_000 },
      'ns/op',
      { label: 'find', rounds: [8, 10, 16] },
      { label: 'Map.get', rounds: [16, 16, 16] },
      bar,
    );
  const figures = [
    of('cursor', { on: 'ratio', relation: '≥', value: 1.5 }),
    of('no bar', null),
    of('call', { on: 'difference', relation: '≤', value: -7 }),
    of('bytes', { on: 'ours', relation: '≤', value: 12 }),
  ];
  assert.equal(
    barTable(createReport({ figures, machine: { ...MACHINE, cpu: 'a processor' }, commit: '0123456789abcdef' })),
    `| case                                  | bar        | median      | quartiles      | met    |
| ------------------------------------- | ---------- | ----------- | -------------- | ------ |
| cursor, dense, 10,000: find ÷ Map.get | ≥ 1.5      | 1.60        | 1.30–1.80      | yes    |
| call, dense, 10,000: find − Map.get   | ≤ -7 ns/op | -6.00 ns/op | -7.00 to -3.00 | **no** |
| bytes, dense, 10,000: find            | ≤ 12 ns/op | 10.0 ns/op  | 9.00–13.0      | yes    |

a processor, 2 cores, Node 20.1.0, 2026-01-01, commit 0123456789ab, \`npm run bench --\`
`,
  );
});
