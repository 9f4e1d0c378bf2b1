/** Colour, widths and tables: what is written where. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

import { formatTable } from '../../src/cli/table.js';
import { isTerminal, styleFor, tableWidth, takesColour } from '../../src/cli/terminal.js';
import { BIN } from './fixtures.js';

const write = (): boolean => true;
const terminal = { write, isTTY: true, columns: 40 };
const pipe = { write };

test('colour is for terminals; NO_COLOR refuses it, and FORCE_COLOR decides before that', () => {
  for (const [output, environment, expected] of [
    [terminal, {}, true],
    [pipe, {}, false],
    [terminal, { TERM: 'dumb' }, false],
    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '' }, true],
    [pipe, { FORCE_COLOR: '1' }, true],
    [pipe, { FORCE_COLOR: '' }, true],
    [terminal, { FORCE_COLOR: '0' }, false],
    [pipe, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ] as const)
    assert.equal(takesColour(output, environment), expected, JSON.stringify(environment));
  assert.equal(styleFor(terminal, {})('red', 'x'), '\x1b[31mx\x1b[39m');
  assert.equal(styleFor(pipe, {})('red', 'x'), 'x');
});

test('lines are written over on a terminal only, and nothing is cut off elsewhere', () => {
  assert.equal(isTerminal(terminal, {}), true);
  assert.equal(isTerminal(terminal, { TERM: 'dumb' }), false);
  assert.equal(isTerminal(pipe, {}), false);
  assert.equal(tableWidth(pipe), Infinity);
});

test('a table is as wide as its cells, numbers stand on the right, and columns that give make it fit', () => {
  const columns = [
    { title: 'name', text: ([name]: readonly [string, number]) => name, gives: true },
    { title: 'n', right: true, text: ([, count]: readonly [string, number]) => String(count) },
  ];
  const rows = [
    ['a', 1],
    ['grünes Licht', 1234],
  ] as const;
  assert.deepEqual(formatTable(columns, rows, Infinity), [
    'name             n',
    '────────────  ────',
    'a                1',
    'grünes Licht  1234',
  ]);
  const narrow = formatTable(columns, rows, 15);
  assert.equal(narrow[3], 'grünes L…  1234');
  for (const line of narrow) assert.ok(line.length <= 15, line);
  for (const line of formatTable(columns, rows, 6)) assert.ok(line.length <= 6, line);
  assert.equal(formatTable(columns, [['\x1b[2Jx\u202ey', 1]], Infinity)[2], '\ufffd[2Jx\ufffdy  1');
});

// Of each kind of program one: the command itself, and the two that are processes of their own.
for (const line of ['run --requests 2000 --records 100 --workers 1', 'chaos --kills 3 --workers 2 --rounds steady', 'bench get --quick'])
  test(`umbra ${line} ends without a word when nobody reads its output any more`, { skip: process.platform === 'win32' }, async () => {
    const child = spawn(process.execPath, [BIN, ...line.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = once(child, 'close');
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    assert.deepEqual(await closed, [1, null]);
    assert.equal(err, '');
  });

test(
  'a signal reaches the program that a command runs, and its end is the end of the command',
  { skip: process.platform === 'win32' },
  async () => {
    const child = spawn(process.execPath, [BIN, 'bench', 'get', '--quick'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close'); // when no process has the pipe any more
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    child.stdout.resume();
    assert.deepEqual(await closed, [143, null]);
  },
);
