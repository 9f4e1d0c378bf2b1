/** Owns `umbra inspect` for a person: tables of types, of occupancy and of variables. Imports table, terminal, and the form of the report. */
import type { FieldDescription } from '../recovery/type-descriptions.js';
import type { InspectReport, TypeReport, VariableReport } from './inspect-snapshot.js';
import { grouped } from './progress.js';
import { type Column, formatTable } from './table.js';
import type { Style } from './terminal.js';

export function describeInspection(report: InspectReport, width: number, style: Style): string[] {
  const { file, format, created, bytes, types, variables, omitted } = report;
  const lines = [`${file}: format ${format}, taken ${created}, ${grouped(bytes)} bytes`];
  const section = (title: string, body: readonly string[]): void => {
    lines.push('', style('bold', title));
    for (const line of body) lines.push(line); // one by one: there may be more than a call takes arguments
  };
  section('types', types.length === 0 ? ['none'] : formatTable(TYPE_COLUMNS, types, width));
  section('occupancy', formatTable(OCCUPANCY_COLUMNS, occupancyRows(report), width));
  section('chains', formatTable(CHAIN_COLUMNS, chainRows(report), width));
  if (variables === null) return lines;
  if (variables.length === 0) section('variables', [omitted === 0 ? 'none' : 'none shown']);
  for (const group of grouping(variables)) {
    const [{ type, version }] = group as [VariableReport];
    section(`variables of type ${idText(type)}, version ${version}`, formatTable(variableColumns(group, types), group, width));
  }
  if (omitted > 0) lines.push('', `and ${grouped(omitted)} more; --limit shows more`);
  return lines;
}

const TYPE_COLUMNS: readonly Column<TypeReport>[] = [
  { title: 'id', right: true, text: ({ id }) => idText(id) },
  { title: 'version', right: true, text: ({ version }) => String(version) },
  { title: 'bytes', right: true, text: ({ size }) => grouped(size) },
  { title: 'live', right: true, text: ({ live }) => grouped(live) },
  { title: 'unmigrated', right: true, text: ({ unmigrated }) => grouped(unmigrated) },
  { title: 'registrations', right: true, text: ({ registrations }) => grouped(registrations) },
  { title: 'state', text: ({ state }) => state },
  { title: 'fields', gives: true, text: ({ fields }) => fieldsText(fields) },
];

function fieldsText(fields: readonly FieldDescription[] | null): string {
  if (fields === null) return 'not described';
  return fields.length === 0
    ? 'raw bytes'
    : fields.map(({ name, kind, length }) => `${name} ${kind}${length === undefined ? '' : `(${length})`}`).join(', ');
}

/** Decimal and hexadecimal: a declaration may have either. */
function idText(id: number): string {
  return `${id} (0x${id.toString(16)})`;
}

interface Row {
  readonly what: string;
  readonly count: string;
  readonly bytes: string;
}

const OCCUPANCY_COLUMNS: readonly Column<Row>[] = [
  { title: 'what', text: ({ what }) => what },
  { title: 'count', right: true, text: ({ count }) => count },
  { title: 'bytes', right: true, text: ({ bytes }) => bytes },
];

function occupancyRows({ occupancy: { buckets, entries, pages, bytes } }: InspectReport): Row[] {
  const row = (what: string, count: number | undefined, size?: number): Row => ({
    what,
    count: count === undefined ? '' : grouped(count),
    bytes: size === undefined ? '' : grouped(size),
  });
  return [
    row('buckets', buckets, bytes.buckets),
    row('entries', entries),
    row('pages of buckets', pages.buckets),
    row('pages of blocks and overflow lines', pages.blocks, bytes.blocks + bytes.overflow),
    row('of these, overflow lines', undefined, bytes.overflow),
    row('free pages', pages.free, bytes.free),
    row('header, types, threads', undefined, bytes.fixed),
    row('all', pages.total, bytes.reserved),
  ];
}

interface ChainRow {
  readonly length: string;
  readonly buckets: number;
}

const CHAIN_COLUMNS: readonly Column<ChainRow>[] = [
  { title: 'a bucket with', right: true, text: ({ length }) => length },
  { title: 'how many', right: true, text: ({ buckets }) => grouped(buckets) },
];

function chainRows({ occupancy: { chains } }: InspectReport): ChainRow[] {
  return [
    ...chains.lines.map(({ lines, buckets }) => ({ length: lines === 1 ? '1 line' : `${lines} lines`, buckets })),
    ...chains.entries.map(({ entries, buckets }) => ({ length: entries === 1 ? '1 entry' : `${entries} entries`, buckets })),
  ];
}

/** Variables of one type and version together, in the order in which they come. */
function grouping(variables: readonly VariableReport[]): VariableReport[][] {
  const groups = new Map<string, VariableReport[]>();
  for (const variable of variables) {
    const { type, version, size } = variable;
    const key = `${type} ${version} ${size} ${variable.fields === null}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [variable]);
    else group.push(variable);
  }
  return [...groups.values()];
}

function variableColumns(group: readonly VariableReport[], types: readonly TypeReport[]): Column<VariableReport>[] {
  const parent: Column<VariableReport> = { title: 'parent', gives: true, text: parentText };
  const [first] = group;
  if (first === undefined || first.fields === null) return [parent, { title: 'bytes', gives: true, text: ({ hex }) => hex ?? '' }];
  const described = types.find(({ id, version }) => id === first.type && version === first.version)?.fields ?? [];
  const columns = Object.keys(first.fields).map((name): Column<VariableReport> => {
    const kind = described.find((field) => field.name === name)?.kind;
    return {
      title: name,
      right: kind !== 'bytes' && kind !== 'string',
      gives: true,
      text: ({ fields }) => valueText(fields?.[name], kind),
    };
  });
  return [parent, ...columns];
}

function parentText({ parent, parentKind, object }: VariableReport): string {
  if (parentKind === 'handle') return `object ${object}`;
  return parentKind === 'string' ? JSON.stringify(parent) : parentKind === 'null' ? 'null' : String(object);
}

function valueText(value: number | string | undefined, kind: FieldDescription['kind'] | undefined): string {
  return kind === 'string' ? JSON.stringify(value) : String(value);
}
