/**
 * A comparison of two reports as text: what got worse, what got better, what could not be compared, and by which rule.
 */
import { ERROR_RATE, isSameMachine, WORTH_TELLING, type Change, type Comparison } from './compare.js';
import { describeFigure, formatHeader, formatNumber, formatRow, type Column, type Report } from './report.js';

const COLUMNS: readonly Column<Change>[] = [
  { title: 'case', width: 42, text: ({ figure }) => `${figure.suite} ${figure.name}` },
  { title: 'keys', width: 6, text: ({ figure }) => figure.keys },
  { title: 'variables', width: 10, right: true, text: ({ figure }) => figure.variables.toLocaleString('en') },
  { title: 'compared', width: 14, right: true, text: ({ compared, figure }) => (compared === 'ratio' ? 'ratio' : figure.unit) },
  { title: 'before', width: 8, right: true, text: ({ before }) => formatNumber(before) },
  { title: 'now', width: 8, right: true, text: ({ after }) => formatNumber(after) },
  { title: 'change', width: 8, right: true, text: ({ factor }) => percent(factor) },
  { title: 'p', width: 7, right: true, text: ({ p }) => (p < 0.0001 ? '<0.0001' : p.toFixed(4)) },
  { title: '', width: 6, text: ({ verdict }) => verdict },
];

export function formatComparison(comparison: Comparison, file: string, before: Report, now: Pick<Report, 'node' | 'machine'>): string {
  const { changes, skipped, onlyBefore, onlyAfter } = comparison;
  const told = changes.filter(({ verdict }) => verdict !== 'none');
  const lines = [`Changes since ${file} (commit ${before.commit ?? 'unknown'}, Node ${before.node})`];
  if (before.node.split('.')[0] !== now.node.split('.')[0]) lines.push(`The versions of Node differ: changes may be theirs.`);
  if (!isSameMachine(before.machine, now.machine)) lines.push('The machines differ: changes may be theirs.');
  if (told.length > 0) lines.push('', formatHeader(COLUMNS), ...told.map((change) => formatRow(COLUMNS, change)));
  lines.push('', ...skipped.map(({ figure, reason }) => `not compared: ${describeFigure(figure)}: ${reason}`), summarizeChanges(changes));
  if (onlyBefore + onlyAfter > 0) lines.push(`${onlyBefore} figures only in the file, ${onlyAfter} only in this run`);
  return lines.join('\n');
}

function summarizeChanges(changes: readonly Change[]): string {
  const count = (verdict: Change['verdict']): number => changes.filter((change) => change.verdict === verdict).length;
  return (
    `${changes.length} figures compared: ${count('worse')} worse, ${count('better')} better, ${count('none')} not changed beyond noise ` +
    `(Student's test over run medians, p < ${ERROR_RATE} after Holm, and at least ${WORTH_TELLING * 100} %)`
  );
}

function percent(factor: number): string {
  const change = (factor - 1) * 100;
  return `${change > 0 ? '+' : '−'}${Math.abs(change).toFixed(1)} %`;
}
