/**
 * The bars of a report as Markdown: what was asked for, what it came to, and whether that is enough. A table that is made, not typed.
 */
import { heldAgainst, type Figure } from './figures.js';
import { formatNumber, formatSpan, type Report } from './report.js';

const HEAD = ['case', 'bar', 'median', 'quartiles', 'met'] as const;

export function barTable({ figures, machine, node, commit, command, startedAt, quick }: Report): string {
  const rows = figures.filter((figure) => figure.bar !== null).map(rowOf);
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const origin =
    `${machine.cpu}, ${machine.cores} cores, Node ${node.replace(/^v/, '')}, ${startedAt.slice(0, 10)}, ` +
    `commit ${commit?.slice(0, 12) ?? 'unknown'}, \`${command}\`${quick ? ' (quick: not a measurement)' : ''}`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), '', origin, ''].join('\n');
}

function rowOf(figure: Figure): readonly string[] {
  const bar = figure.bar!;
  const { median, lowerQuartile, upperQuartile } = heldAgainst(bar, figure);
  const unit = bar.on === 'ratio' ? '' : ` ${figure.unit}`;
  const reference = figure.reference?.label ?? '';
  const sign = { ratio: ' ÷ ', difference: ' − ', ours: '' }[bar.on];
  return [
    `${figure.name}, ${figure.keys}, ${figure.variables.toLocaleString('en')}: ${figure.ours.label}${bar.on === 'ours' ? '' : sign + reference}`,
    `${bar.relation} ${bar.value}${unit}`,
    formatNumber(median) + unit,
    formatSpan(lowerQuartile, upperQuartile),
    figure.pass === true ? 'yes' : '**no**',
  ];
}
