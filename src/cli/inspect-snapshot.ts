/** Owns `umbra inspect`: what is asked for, and the report of it. Imports errors, json, occupancy, snapshot, snapshot-variables, inspect-tables. */
import { describe, ShadowError } from '../errors.js';
import type { FieldDescription } from '../recovery/type-descriptions.js';
import type { Parent } from '../shadow/objects.js';
import type { TypeStats } from '../shadow/stats.js';
import { EXIT_FAULT } from './command.js';
import { describeInspection } from './inspect-tables.js';
import { personOutput, requireWritable, writeJson } from './json.js';
import { type Occupancy, occupancyOf } from './occupancy.js';
import { damageIn, type Examined, examineSnapshot } from './snapshot.js';
import { snapshotArguments } from './snapshot-arguments.js';
import { SnapshotVariables, type Value, type Variable } from './snapshot-variables.js';
import { styleFor, tableWidth } from './terminal.js';

export interface TypeReport extends TypeStats {
  /** null: the thread that took the snapshot did not know the type. Empty for a type declared by its size. */
  readonly fields: readonly FieldDescription[] | null;
}

export interface VariableReport extends Pick<Variable, 'parent' | 'parentKind' | 'object' | 'type' | 'version' | 'size'> {
  readonly fields: Readonly<Record<string, number | string>> | null;
  /** All bytes, where there are no fields. */
  readonly hex: string | null;
}

/** What `--json` writes. */
export interface InspectReport {
  readonly file: string;
  readonly format: number;
  readonly created: string;
  readonly bytes: number;
  readonly types: readonly TypeReport[];
  readonly occupancy: Occupancy;
  readonly registrations: Examined['opened']['manifest']['registrations'];
  /** null where neither a type nor a parent is asked for. */
  readonly variables: readonly VariableReport[] | null;
  /** Variables that were asked for and are beyond the limit. */
  readonly omitted: number;
}

const DEFAULT_LIMIT = 20;
const MOST = 1_000_000;

export async function inspectSnapshot(args: readonly string[]): Promise<number> {
  const { file, json, values } = snapshotArguments('inspect', args, ['type', 'obj', 'limit']);
  const { type, obj, limit } = values;
  const wanted = { id: type === undefined ? undefined : typeId(type), obj, limit: limit === undefined ? DEFAULT_LIMIT : limitOf(limit) };
  await requireWritable(json, file);
  let report: InspectReport;
  try {
    report = inspected(file, wanted);
  } catch (error) {
    process.stderr.write(`${damageIn(error)}\n`);
    return EXIT_FAULT;
  }
  const output = personOutput(json);
  for (const line of describeInspection(report, tableWidth(output), styleFor(output))) output.write(`${line}\n`);
  return (await writeJson(json, report)) ? 0 : EXIT_FAULT;
}

interface Wanted {
  readonly id: number | undefined;
  readonly obj: string | undefined;
  readonly limit: number;
}

/** @throws ERR_CLI_OPTION, and what examineSnapshot() throws */
function inspected(file: string, wanted: Wanted): InspectReport {
  const { opened, store, result } = examineSnapshot(file);
  if (!result.ok) {
    throw new ShadowError('ERR_SHADOW_SNAPSHOT', `the store in ${describe(file)} is not in order; umbra check tells what is wrong with it`);
  }
  const { types: described, created, registrations } = opened.manifest;
  const variables = new SnapshotVariables(store, described);
  const stats = store.stats();
  const types = stats.types.map((type): TypeReport => {
    const description = variables.description(type.id, type.version, type.size);
    return { ...type, fields: description?.fields ?? null };
  });
  if (wanted.id !== undefined && variables.slots(wanted.id).length === 0) {
    const known = types.map(({ id }) => id).join(', ');
    throw new ShadowError(
      'ERR_CLI_OPTION',
      `--type ${wanted.id}: the snapshot has no such type; ${known === '' ? 'it has none' : `it has ${known}`}`,
    );
  }
  const { shown, omitted } = choose(variables, wanted, (parent) => store.objects.find(parent));
  return {
    file,
    format: opened.format,
    created,
    bytes: opened.bytes,
    types,
    occupancy: occupancyOf(store, stats),
    registrations,
    variables: wanted.id === undefined && wanted.obj === undefined ? null : shown.map(reportOf),
    omitted,
  };
}

/** The variables that are asked for, up to the limit, and how many more there are. */
function choose(
  variables: SnapshotVariables,
  { id, obj, limit }: Wanted,
  find: (parent: Parent) => number,
): { readonly shown: readonly Variable[]; readonly omitted: number } {
  const shown: Variable[] = [];
  if (id === undefined && obj === undefined) return { shown, omitted: 0 };
  let omitted = 0;
  const slots = variables.slots(id);
  const object = obj === undefined ? undefined : objectOf(obj, find);
  for (const variable of object === undefined ? variables.walk(slots) : object < 0 ? [] : variables.of(object, slots)) {
    if (shown.length < limit) shown.push(variable);
    else omitted++;
  }
  return { shown, omitted };
}

/** The number behind what was typed, −1 for a string that nothing is attached to. @throws ERR_CLI_OPTION */
function objectOf(text: string, find: (parent: Parent) => number): number {
  const parent = parentOf(text);
  try {
    return find(parent);
  } catch (error) {
    if (!(error instanceof ShadowError)) throw error;
    throw new ShadowError('ERR_CLI_OPTION', `--obj ${describe(text)}: ${error.message}`, { cause: error });
  }
}

function parentOf(text: string): Parent {
  if (text === 'null') return null;
  if (/^\d+$/.test(text)) return Number(text);
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'string') return value;
  } catch {
    // a name that begins with a quotation mark
  }
  return text;
}

function typeId(text: string): number {
  const id = /^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text) ? Number(text) : NaN;
  if (id < 2 ** 32) return id;
  throw new ShadowError('ERR_CLI_OPTION', `--type ${describe(text)} is no id; give a whole number from 0 to 2^32−1, such as 17 or 0x11`);
}

function limitOf(text: string): number {
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (limit <= MOST) return limit;
  throw new ShadowError('ERR_CLI_OPTION', `--limit ${describe(text)} is not a whole number 0…${MOST}`);
}

function reportOf({ parent, parentKind, object, type, version, size, fields, bytes }: Variable): VariableReport {
  const plain = fields === undefined ? null : Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
  return {
    parent,
    parentKind,
    object,
    type,
    version,
    size,
    fields: plain,
    hex: plain === null ? Buffer.from(bytes).toString('hex') : null,
  };
}

/** As JSON can say it. */
function plainValue(value: Value): number | string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
