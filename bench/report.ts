/**
 * How a run is shown: a table row per figure for a person, one JSON object for a program.
 */
import type { Figure } from './figures.js';
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

interface Column {
  readonly title: string;
  readonly width: number;
  readonly right?: true;
  readonly text: (figure: Figure) => string;
}

const COLUMNS: readonly Column[] = [
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
  const titles = line(COLUMNS.map((column) => column.title));
  return `${titles}\n${'─'.repeat(titles.length)}`;
}

export function tableRow(figure: Figure): string {
  return line(COLUMNS.map((column) => column.text(figure)));
}

export function countBars(figures: readonly Figure[]): Report['bars'] {
  return { met: figures.filter((figure) => figure.pass === true).length, missed: figures.filter((figure) => figure.pass === false).length };
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, index) => {
      const { width, right } = COLUMNS[index]!;
      return right ? cell.padStart(width) : cell.padEnd(width);
    })
    .join('  ')
    .trimEnd();
}

function side(label: string, summary: Summary): string {
  return `${label} ${number(summary.median)}`;
}

function span(low: number, high: number): string {
  return low === high ? '' : `${number(low)}–${number(high)}`;
}

/** Of the ratio, or of ours where that is all there is. */
function quartiles({ ratio, ours }: Figure): string {
  const { lowerQuartile, upperQuartile } = ratio ?? ours.summary;
  return span(lowerQuartile, upperQuartile);
}

function bar(figure: Figure): string {
  if (figure.bar === null) return '';
  const { on, relation, value } = figure.bar;
  return `${on === 'difference' ? '−: ' : ''}${relation} ${value}`;
}

/** Three significant digits or all before the point. */
function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
