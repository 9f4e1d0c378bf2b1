/**
 * Recorded input: a trace as CSV with a header, one request per row. Turns the three columns a run needs into the columns of `input`.
 *
 * Objects get their index in the order of first appearance. Everything is checked here, once: what leaves this file is good for every
 * thread.
 */

import { describe, ShadowError } from '../errors.js';
import { readRows } from './csv.js';
import { type Input, READ, sharedFloat64, sharedUint32, sharedUint8, WRITE } from './input.js';

/** Names of the columns in the header. */
export interface TraceColumns {
  readonly object: string;
  readonly op: string;
  readonly size: string;
}

const READS = ['r', 'rs', 'read', 'get', 'gets', 'load', 'lookup', 'select', 'head'];
const WRITES = [
  'w',
  'ws',
  'write',
  'put',
  'set',
  'add',
  'insert',
  'update',
  'replace',
  'store',
  'append',
  'prepend',
  'cas',
  'incr',
  'decr',
  'delete',
];
/** SCSI operation codes, in hexadecimal: READ and WRITE of 6, 10, 12 and 16 bytes. */
const SCSI_READS = ['08', '28', 'a8', '88'];
const SCSI_WRITES = ['0a', '2a', 'aa', '8a'];

const OPERATIONS: ReadonlyMap<string, number> = new Map([
  ...[...READS, ...SCSI_READS].map((name) => [name, READ] as const),
  ...[...WRITES, ...SCSI_WRITES].map((name) => [name, WRITE] as const),
]);
const OPERATIONS_RULE = 'read, get or r for reads, write, put, set or w for writes, or a SCSI code such as 28 (read) and 2a (write)';

/** Reads the whole trace. Throws ERR_TRACE_FILE, ERR_TRACE_COLUMN, ERR_TRACE_ROW. */
export async function readTrace(file: string, columns: TraceColumns): Promise<Input> {
  const requests = new RequestColumns();
  let picked: PickedColumns | undefined;
  await readRows(file, (cells, line) => {
    if (picked === undefined) picked = pickColumns(cells, columns, file);
    else requests.add(picked, cells, line);
  });
  if (picked === undefined) {
    throw new ShadowError('ERR_TRACE_COLUMN', `the trace ${describe(file)} is empty; its first line has to be a header`);
  }
  if (requests.count === 0) {
    throw new ShadowError('ERR_TRACE_ROW', `the trace ${describe(file)} has a header but no rows; there is nothing to replay`);
  }
  return requests.finish(`trace ${file}`);
}

interface Column {
  readonly name: string;
  readonly position: number;
}

interface PickedColumns {
  readonly width: number;
  readonly object: Column;
  readonly op: Column;
  readonly size: Column;
}

function pickColumns(header: readonly string[], columns: TraceColumns, file: string): PickedColumns {
  const names = header.map((name) => name.trim());
  const pick = (option: keyof TraceColumns): Column => {
    const name = columns[option];
    const position = names.indexOf(name);
    if (position !== -1) return { name, position };
    const numeric = names.every((cell) => /^[\d.]*$/.test(cell));
    throw new ShadowError(
      'ERR_TRACE_COLUMN',
      numeric
        ? `the first line of ${describe(file)} is ${describe(header.join(','))}, which is no header; add one that names the columns`
        : `the header of ${describe(file)} has no column ${describe(name)}; pick one of ${names.map(describe).join(', ')} with --${option}`,
    );
  };
  return { width: names.length, object: pick('object'), op: pick('op'), size: pick('size') };
}

/** Columns that grow by doubling; the shared copies are made once the length is known. */
class RequestColumns {
  count = 0;
  private indexes = new Uint32Array(4096);
  private operations = new Uint8Array(4096);
  private sizes = new Uint32Array(4096);
  private readonly indexOf = new Map<number, number>();

  add(picked: PickedColumns, cells: readonly string[], line: number): void {
    if (cells.length !== picked.width) {
      throw new ShadowError(
        'ERR_TRACE_ROW',
        `line ${line} has ${cells.length} columns, the header ${picked.width}; every row needs all of them`,
      );
    }
    const object = wholeNumber(cells, picked.object, line, 2 ** 52 - 1);
    const operation = OPERATIONS.get(cells[picked.op.position]!.trim().toLowerCase());
    if (operation === undefined) throw rowError(cells, picked.op, line, OPERATIONS_RULE);
    const size = wholeNumber(cells, picked.size, line, 2 ** 32 - 1);

    if (this.count === this.indexes.length) this.grow();
    let index = this.indexOf.get(object);
    if (index === undefined) {
      index = this.indexOf.size;
      this.indexOf.set(object, index);
    }
    this.indexes[this.count] = index;
    this.operations[this.count] = operation;
    this.sizes[this.count] = size;
    this.count++;
  }

  finish(description: string): Input {
    const objects = sharedFloat64(this.indexOf.size);
    for (const [object, index] of this.indexOf) objects[index] = object;
    const indexes = sharedUint32(this.count);
    indexes.set(this.indexes.subarray(0, this.count));
    const operations = sharedUint8(this.count);
    operations.set(this.operations.subarray(0, this.count));
    const sizes = sharedUint32(this.count);
    sizes.set(this.sizes.subarray(0, this.count));
    return { objects, indexes, operations, sizes, spans: undefined, description };
  }

  private grow(): void {
    const length = this.count * 2;
    const indexes = new Uint32Array(length);
    indexes.set(this.indexes);
    const operations = new Uint8Array(length);
    operations.set(this.operations);
    const sizes = new Uint32Array(length);
    sizes.set(this.sizes);
    this.indexes = indexes;
    this.operations = operations;
    this.sizes = sizes;
  }
}

function wholeNumber(cells: readonly string[], column: Column, line: number, maximum: number): number {
  const cell = cells[column.position]!.trim();
  const value = /^\d{1,16}$/.test(cell) ? Number(cell) : NaN;
  if (!(value <= maximum)) throw rowError(cells, column, line, `a whole number 0…${maximum}`);
  return value;
}

function rowError(cells: readonly string[], column: Column, line: number, rule: string): ShadowError {
  const cell = cells[column.position]!;
  return new ShadowError(
    'ERR_TRACE_ROW',
    `line ${line}, column ${describe(column.name)}: ${describe(cell)} is not ${rule}; mend or remove the row`,
  );
}
