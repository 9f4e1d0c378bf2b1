/** Owns `umbra check`: what was proved of a snapshot, as a table, and what is wrong. Imports json, snapshot, table, terminal. */
import type { CheckResult } from '../recovery/check.js';
import type { Rule } from '../recovery/violations.js';
import { EXIT_FAULT } from './command.js';
import { personOutput, requireWritable, writeJson } from './json.js';
import { grouped } from './progress.js';
import { damageIn, type Examined, examineSnapshot } from './snapshot.js';
import { snapshotArguments } from './snapshot-arguments.js';
import { formatTable } from './table.js';
import { styleFor, tableWidth } from './terminal.js';

/** What `--json` writes. */
export interface CheckReport {
  readonly verdict: 'in order' | 'damaged';
  readonly file: string;
  /** null: the file could not be opened as a snapshot. */
  readonly format: number | null;
  readonly created: string | null;
  readonly bytes: { readonly file: number; readonly store: number } | null;
  readonly types: number | null;
  readonly found: CheckResult['found'] | null;
  readonly violations: readonly ReportedViolation[];
  /** Violations beyond the hundred that are kept. */
  readonly omitted: number;
}

interface ReportedViolation {
  /** `file`: the file is not what was written. Otherwise a rule of store.check(). */
  readonly rule: Rule | 'file';
  /** Word address in the store; null for the file. */
  readonly address: number | null;
  readonly what: string;
}

const MEANING: Readonly<Record<Rule | 'file', string>> = {
  file: 'the file is what was written',
  header: 'the fixed words are in their ranges',
  chain: 'bucket chains are finite',
  entry: 'every key stands in its own bucket',
  block: 'every block is in one place, with a header that fits',
  list: 'lists of blocks are finite and hold what belongs there',
  page: 'pages and their border fit',
  count: 'counts equal what is found',
  leak: 'no block is nowhere',
  type: 'the type table fits',
  name: 'strings and object handles have their records',
  thread: 'thread slots are at rest',
  lock: 'no lock is held',
  busy: 'threads come to rest',
};

export async function checkSnapshot(args: readonly string[]): Promise<number> {
  const { file, json } = snapshotArguments('check', args);
  await requireWritable(json, file);
  const report = examined(file);
  const output = personOutput(json);
  const style = styleFor(output);
  const good = report.verdict === 'in order';
  for (const line of describeReport(report, tableWidth(output))) output.write(`${line}\n`);
  output.write(`verdict: ${style(good ? 'green' : 'red', report.verdict)}\n`);
  return (await writeJson(json, report)) && good ? 0 : EXIT_FAULT;
}

function examined(file: string): CheckReport {
  try {
    return reportOf(file, examineSnapshot(file));
  } catch (error) {
    const damage = damageIn(error);
    const what = damage.slice(damage.indexOf(': ') + 2); // without the code
    const nothing = { format: null, created: null, bytes: null, types: null, found: null };
    return { verdict: 'damaged', file, ...nothing, violations: [{ rule: 'file', address: null, what }], omitted: 0 };
  }
}

function reportOf(file: string, { opened, store, result }: Examined): CheckReport {
  return {
    verdict: result.ok ? 'in order' : 'damaged',
    file,
    format: opened.format,
    created: opened.manifest.created,
    bytes: { file: opened.bytes, store: opened.memory.buffer.byteLength },
    types: store.stats().types.length,
    found: result.found,
    violations: result.violations.map(({ rule, address, what }) => ({ rule, address, what })),
    omitted: result.omitted,
  };
}

function describeReport(report: CheckReport, width: number): string[] {
  const { file, created, format, bytes, types, found, violations, omitted } = report;
  const rows: (readonly [what: string, count: string])[] = [];
  if (bytes !== null && found !== null) {
    rows.push(['bytes of the file', grouped(bytes.file)], ['bytes of the store', grouped(bytes.store)], ['types', grouped(types ?? 0)]);
    rows.push(['variables', grouped(found.variables)], ['names', grouped(found.names)], ['buckets', grouped(found.buckets)]);
    rows.push(['overflow lines', grouped(found.overflowLines)], ['left-over variables', grouped(found.leftOvers)]);
    rows.push(['free blocks', grouped(found.freeBlocks)], ['destructors owed', grouped(found.destroying)]);
  }
  rows.push(['violations', grouped(violations.length + omitted)]);
  const lines = [created === null ? file : `${file}: format ${format}, taken ${created}`, ''];
  lines.push(
    ...formatTable(
      [
        { title: 'checked', text: ([what]) => what },
        { title: 'count', right: true, text: ([, count]) => count },
      ],
      rows,
      width,
    ),
    '',
  );
  if (violations.length === 0) return lines;
  lines.push(
    ...formatTable<ReportedViolation>(
      [
        { title: 'rule', text: ({ rule }) => rule },
        { title: 'address', right: true, text: ({ address }) => (address === null ? '–' : String(address)) },
        { title: 'rule says', gives: true, text: ({ rule }) => MEANING[rule] },
        { title: 'what is wrong', gives: true, text: ({ what }) => what },
      ],
      violations,
      width,
    ),
  );
  if (omitted > 0) lines.push(`and ${grouped(omitted)} more`);
  return [...lines, ''];
}
