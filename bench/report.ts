/**
 * How a run is shown: a table row per figure for a person, one JSON object for a program.
 */
import { heldAgainst, type Figure } from './figures.js';
import type { Machine } from './machine.js';
import type { Summary } from './statistics.js';

export interface Report {
  /** Version of this shape. */
  readonly schema: 1;
  readonly command: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly quick: boolean;
  readonly node: string;
  readonly v8: string;
  readonly commit: string | null;
  readonly machine: Machine;
  readonly bars: { readonly met: number; readonly missed: number };
  /** Cases that ended with an error instead of figures. */
  readonly failures: readonly { readonly case: string; readonly message: string }[];
  /** Cases that cannot be measured here, and why. */
  readonly leftOut: readonly { readonly case: string; readonly reason: string }[];
  readonly figures: readonly Figure[];
}

export interface Column<Row> {
  readonly title: string;
  readonly width: number;
  readonly right?: true;
  readonly text: (row: Row) => string;
}

const COLUMNS: readonly Column<Figure>[] = [
  { title: 'case', width: 30, text: (figure) => figure.name },
  { title: 'keys', width: 6, text: (figure) => figure.keys },
  { title: 'variables', width: 9, right: true, text: (figure) => figure.variables.toLocaleString('en') },
  { title: 'ours', width: 30, right: true, text: (figure) => side(figure.ours.label, figure.ours.summary) },
  {
    title: 'reference',
    width: 30,
    right: true,
    text: (figure) => (figure.reference === null ? '' : side(figure.reference.label, figure.reference.summary)),
  },
  { title: 'ratio', width: 6, right: true, text: (figure) => figure.ratio?.median.toFixed(2) ?? '' },
  { title: 'quartiles', width: 12, right: true, text: quartiles },
  { title: 'bar', width: 8, right: true, text: bar },
  { title: '', width: 4, text: (figure) => (figure.pass === null ? '' : figure.pass ? 'pass' : 'FAIL') },
];

export function tableHeader(): string {
  return formatHeader(COLUMNS);
}

export function tableRow(figure: Figure): string {
  return formatRow(COLUMNS, figure);
}

export function formatHeader<Row>(columns: readonly Column<Row>[]): string {
  const titles = line(
    columns,
    columns.map((column) => column.title),
  );
  return `${titles}\n${'─'.repeat(titles.length)}`;
}

export function formatRow<Row>(columns: readonly Column<Row>[], row: Row): string {
  return line(
    columns,
    columns.map((column) => column.text(row)),
  );
}

export function countBars(figures: readonly Figure[]): Report['bars'] {
  return { met: figures.filter((figure) => figure.pass === true).length, missed: figures.filter((figure) => figure.pass === false).length };
}

/** One line per bar, the missed ones last: what a person looks for at the end of a long run. */
export function barLines(figures: readonly Figure[]): string[] {
  return [true, false].flatMap((pass) =>
    figures
      .filter((figure) => figure.pass === pass)
      .map((figure) => `${pass ? 'met    ' : 'MISSED '} ${describeFigure(figure)}: ${verdict(figure)}`),
  );
}

export function describeFigure({ suite, name, keys, variables }: Figure): string {
  return `${suite} ${name} ${keys} ${variables.toLocaleString('en')}`;
}

function verdict(figure: Figure): string {
  const { on, relation, value } = figure.bar!;
  const unit = on === 'ratio' ? '' : ` ${figure.unit}`;
  return `${on} ${formatNumber(heldAgainst(figure.bar!, figure).median)}${unit}, asked for ${relation} ${value}`;
}

function line<Row>(columns: readonly Column<Row>[], cells: readonly string[]): string {
  return cells
    .map((cell, index) => {
      const { width, right } = columns[index]!;
      return right ? cell.padStart(width) : cell.padEnd(width);
    })
    .join('  ')
    .trimEnd();
}

function side(label: string, summary: Summary): string {
  return `${label} ${formatNumber(summary.median)}`;
}

export function formatSpan(low: number, high: number): string {
  return low === high ? '' : `${formatNumber(low)}${low < 0 ? ' to ' : '–'}${formatNumber(high)}`;
}

/** Of the ratio, or of ours where that is all there is. */
function quartiles({ ratio, ours }: Figure): string {
  const { lowerQuartile, upperQuartile } = ratio ?? ours.summary;
  return formatSpan(lowerQuartile, upperQuartile);
}

function bar(figure: Figure): string {
  if (figure.bar === null) return '';
  const { on, relation, value } = figure.bar;
  return `${on === 'difference' ? '−: ' : ''}${relation} ${value}`;
}

/** Three significant digits or all before the point. */
export function formatNumber(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
