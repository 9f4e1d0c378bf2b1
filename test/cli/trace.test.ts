/** The trace reader: what it takes in, and that it names line and column of whatever it refuses. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { READ, WRITE } from '../../src/cli/input.js';
import { readTrace } from '../../src/cli/trace.js';
import { type ErrorCode, ShadowError } from '../../src/errors.js';

const COLUMNS = { object: 'lbn', op: 'op', size: 'size' };
const SMALL = 'version,time,op,size,lbn\n1,10,2a,512,900\n1,11,28,4096,7\n1,12,28,512,900\n';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'umbra-trace-'));
});
after(() => rm(folder, { recursive: true }));

async function write(name: string, content: string | Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

async function refusal(content: string | Buffer, code: ErrorCode, ...words: readonly string[]): Promise<void> {
  const file = await write('refused.csv', content);
  await assert.rejects(readTrace(file, COLUMNS), (error) => {
    assert.ok(error instanceof ShadowError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message} lacks ${word}`);
    return true;
  });
}

describe('the trace reader', () => {
  it('turns rows into columns, with objects numbered in the order of first appearance', async () => {
    const input = await readTrace(await write('small.csv', SMALL), COLUMNS);
    assert.deepEqual([...input.objects], [900, 7]);
    assert.deepEqual([...input.indexes], [0, 1, 0]);
    assert.deepEqual([...input.operations], [WRITE, READ, READ]);
    assert.deepEqual([...input.sizes], [512, 4096, 512]);
    assert.ok(input.indexes.buffer instanceof SharedArrayBuffer);
  });

  it('reads gzip-compressed traces of any length, whatever the file is called', async () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => `1,${i},${i % 3 === 0 ? '2a' : '28'},${i},${i % 1000}\n`);
    const input = await readTrace(await write('compressed', gzipSync(`version,time,op,size,lbn\n${rows.join('')}`)), COLUMNS);
    assert.equal(input.indexes.length, 50_000);
    assert.equal(input.objects.length, 1000);
    assert.equal(input.sizes[49_999], 49_999);
    assert.equal(input.operations[49_998], WRITE);
  });

  it('takes quoted cells, CRLF, a byte order mark, empty lines and a last line without an end', async () => {
    const text = '\uFEFF"op","size","lbn, ""block"""\r\nREAD,1,"4503599627370495"\r\n\r\n"put",2,0';
    const input = await readTrace(await write('quoted.csv', text), { ...COLUMNS, object: 'lbn, "block"' });
    assert.deepEqual([...input.objects], [2 ** 52 - 1, 0]);
    assert.deepEqual([...input.operations], [READ, WRITE]);
  });

  it('knows reads and writes by the names that traces use', async () => {
    const names = ['r', 'W', 'Read', 'write', 'GET', 'set', '28', '2A', '88', '8a'];
    const input = await readTrace(await write('names.csv', `op,size,lbn\n${names.map((name) => `${name},1,1\n`).join('')}`), COLUMNS);
    assert.deepEqual([...input.operations], [READ, WRITE, READ, WRITE, READ, WRITE, READ, WRITE, READ, WRITE]);
  });

  it('names line and column of a cell that it cannot use', async () => {
    const head = 'op,size,lbn\n28,512,1\n';
    await refusal(`${head}28,512,-3\n`, 'ERR_TRACE_ROW', 'line 3', '"lbn"', '"-3"');
    await refusal(`${head}28,512,4503599627370496\n`, 'ERR_TRACE_ROW', 'line 3', '"lbn"', '4503599627370495');
    await refusal(`${head}28,,1\n`, 'ERR_TRACE_ROW', 'line 3', '"size"');
    await refusal(`${head}28,4294967296,1\n`, 'ERR_TRACE_ROW', 'line 3', '"size"');
    await refusal(`${head}35,512,1\n`, 'ERR_TRACE_ROW', 'line 3', '"op"', '"35"');
    await refusal(`${head}28,512\n`, 'ERR_TRACE_ROW', 'line 3', '2 columns', '3');
    await refusal(`${head}28,"512,1\n`, 'ERR_TRACE_ROW', 'line 3, column 2', 'quotes');
  });

  it('asks for a header that has the columns', async () => {
    await refusal('', 'ERR_TRACE_COLUMN', 'empty');
    await refusal('a\x1b[31m,b\n1,2\n', 'ERR_TRACE_COLUMN', 'a\\u001b[31m'); // nothing in a file speaks to the terminal
    await refusal('1,2,3\n4,5,6\n', 'ERR_TRACE_COLUMN', '"1,2,3"', 'no header');
    await refusal('op,size,block\n28,1,1\n', 'ERR_TRACE_COLUMN', '"lbn"', '"op", "size", "block"', '--object');
    await refusal('op,size,lbn\n', 'ERR_TRACE_ROW', 'no rows');
  });

  it('refuses a gzip file that ends too early or is damaged, and a file that is not there', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `1,${i},28,${(i * 7919) % 65_536},${(i * 104_729) % 99_991}\n`);
    const whole = gzipSync(`version,time,op,size,lbn\n${rows.join('')}`);
    await refusal(whole.subarray(0, whole.length / 2), 'ERR_TRACE_FILE', 'truncated');
    await refusal(whole.subarray(0, whole.length - 4), 'ERR_TRACE_FILE', 'truncated');
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, 5000, 5064);
    await refusal(damaged, 'ERR_TRACE_FILE', 'damaged');
    await assert.rejects(readTrace(join(folder, 'nowhere.csv'), COLUMNS), { code: 'ERR_TRACE_FILE', message: /nowhere\.csv.*ENOENT/ });
    await assert.rejects(readTrace(folder, COLUMNS), { code: 'ERR_TRACE_FILE' });
  });
});
