/**
 * Rows of a CSV file, plain or gzip-compressed, read as a stream: memory use does not depend on the file's size. Knows nothing of traces.
 *
 * Comma-separated, cells optionally in double quotes ("" inside is one quote), lines end with LF or CRLF, empty lines are skipped, a byte
 * order mark is dropped. A quoted cell ends on its line. Compression is recognised by content, so the file's name does not matter.
 */

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { describe, messageOf, ShadowError } from '../errors.js';

/** Calls `row(cells, line)` for each line, numbered from 1. Throws ERR_TRACE_FILE; whatever `row` throws ends the reading. */
export async function readRows(file: string, row: (cells: readonly string[], line: number) => void): Promise<void> {
  const stream = await openStream(file);
  stream.setEncoding('utf8');
  let rest = '';
  let line = 0;
  const take = (text: string): void => {
    line++;
    if (line === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    if (text.charCodeAt(text.length - 1) === 13) text = text.slice(0, -1);
    if (text !== '') row(splitCells(text, line), line);
  };
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const text = rest + chunk;
      let start = 0;
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
        take(text.slice(start, end));
        start = end + 1;
      }
      rest = text.slice(start);
    }
    if (rest !== '') take(rest);
  } catch (error) {
    if (error instanceof ShadowError) throw error;
    throw fileError(file, error, `after line ${line}`);
  } finally {
    stream.destroy();
  }
}

async function openStream(file: string): Promise<Readable> {
  const start = Buffer.alloc(2);
  try {
    const handle = await open(file);
    try {
      await handle.read(start, 0, 2, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(file, error, 'at its start');
  }
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  if (start[0] !== 0x1f || start[1] !== 0x8b) return stream;
  // pipeline hands a read error on to the reader of the last stream; the callback only keeps it from being thrown twice.
  return pipeline(stream, createGunzip({ chunkSize: 1 << 18 }), () => undefined);
}

function fileError(file: string, error: unknown, where: string): ShadowError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason =
    code === 'Z_BUF_ERROR'
      ? 'the gzip data end too early; the file is truncated, fetch it again'
      : code.startsWith('Z_')
        ? `the gzip data are damaged (${code}); fetch the file again`
        : `${messageOf(error)}; give the path of a readable .csv or .csv.gz file`;
  return new ShadowError('ERR_TRACE_FILE', `reading ${describe(file)} failed ${where}: ${reason}`, { cause: error });
}

function splitCells(text: string, line: number): string[] {
  if (!text.includes('"')) return text.split(',');
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  while (cell.lastIndex <= text.length) {
    const column = cells.length + 1;
    const match = cell.exec(text);
    if (match === null) {
      throw new ShadowError(
        'ERR_TRACE_ROW',
        `line ${line}, column ${column}: the double quotes do not match; a quoted cell ends on its own line`,
      );
    }
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') break;
  }
  return cells;
}
