/**
 * What a chart shows, before it is drawn: figures of a report, put into series over categories by a definition.
 */
import type { Figure } from '../figures.js';
import type { Summary } from '../statistics.js';

export interface Point {
  /** Points of one group have one colour and one sign. */
  readonly group: string;
  /** Distinguishes series within a group, such as dense from sparse keys. */
  readonly variant?: string;
  readonly x: string | number;
  readonly summary: Summary;
}

export interface ChartDefinition {
  /** Name of the picture, without its ending. */
  readonly file: string;
  readonly title: string;
  /** Below the title: what was measured and how to read it. */
  readonly note: string;
  readonly kind: 'bars' | 'lines';
  readonly scale: 'linear' | 'log';
  readonly xName: string;
  readonly yName: string;
  readonly yFormat: 'plain' | 'nanoseconds';
  /** Where there is a line across: neither side is ahead. Bars stand on it on a logarithmic scale. */
  readonly parity?: { readonly value: number; readonly label: string };
  /** The categories from left to right, where they are names; others follow as the report has them. */
  readonly order?: readonly string[];
  readonly points: (figures: readonly Figure[]) => readonly Point[];
}

export interface Series {
  readonly name: string;
  readonly group: number;
  readonly variant: number;
  /** One per category; null where nothing was measured. */
  readonly values: readonly (Summary | null)[];
}

export interface Chart extends Omit<ChartDefinition, 'points' | 'order'> {
  readonly categories: readonly string[];
  readonly series: readonly Series[];
}

/** null where the report holds none of the figures. Of several at one place the first stands. Numbers on the x axis are put in order. */
export function buildChart(definition: ChartDefinition, figures: readonly Figure[]): Chart | null {
  const { points: select, order = [], ...rest } = definition;
  const points = select(figures);
  if (points.length === 0) return null;
  const given = new Set(points.map((point) => point.x));
  const xs = [...order.filter((x) => given.has(x)), ...[...given].filter((x) => !order.includes(String(x)))];
  if (xs.every((x) => typeof x === 'number')) xs.sort((a, b) => a - b);
  const groups = [...new Set(points.map((point) => point.group))];
  const variants = [...new Set(points.map((point) => point.variant))];
  const series = groups.flatMap((group, groupIndex) =>
    variants.flatMap((variant, variantIndex): Series[] => {
      const own = points.filter((point) => point.group === group && point.variant === variant);
      if (own.length === 0) return [];
      const values = xs.map((x) => own.find((point) => point.x === x)?.summary ?? null);
      return [{ name: variant === undefined ? group : `${group}, ${variant}`, group: groupIndex, variant: variantIndex, values }];
    }),
  );
  return { ...rest, categories: xs.map((x) => (typeof x === 'number' ? x.toLocaleString('en') : x)), series };
}
