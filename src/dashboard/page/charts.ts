/**
 * Owns which charts there are. Those of types and meters depend on what the store and the application have; they are made anew when that changes. Imports chart, dom, format,
 * history and the types of wire.
 */
import type { Line, MeterName, Point } from '../wire.js';
import { Chart, type ChartOptions, type Mark } from './chart.js';
import { bytes, hex, milliseconds, short, whole } from './format.js';
import type { History } from './history.js';

const MOST_TYPES = 5;
/** 1, 2, 4 … 512 of each unit. */
const BYTE_STEPS = Array.from({ length: 40 }, (_, power) => 2 ** power);
const LETTERS: Readonly<Partial<Record<Line['kind'], string>>> = { transition: 'T', collection: 'C', death: 'D' };
/** Events of one kind that follow each other faster are one mark. */
const MARK_MILLISECONDS = 2000;

export class Charts {
  readonly #parent: HTMLElement;
  readonly #history: History;
  readonly #charts = new Map<string, { readonly signature: string; readonly chart: Chart }>();
  #meters: readonly MeterName[] = [];
  #marks: Mark[] = [];
  /** Types that have a line of their own. They keep it while they are among the largest, so that lines do not change places. */
  #types: readonly number[] = [];

  constructor(parent: HTMLElement, history: History) {
    this.#parent = parent;
    this.#history = history;
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#rebuild());
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  setMeters(meters: readonly MeterName[]): void {
    this.#meters = meters;
  }

  mark(lines: readonly Line[]): void {
    for (const { at, kind } of lines) {
      const letter = LETTERS[kind];
      const near = this.#marks.some((mark) => mark.letter === letter && Math.abs(mark.at - at) < MARK_MILLISECONDS);
      if (letter !== undefined && !near) this.#marks.push({ at, letter });
    }
    this.#marks = this.#marks.slice(-100);
  }

  draw(): void {
    this.#chooseTypes();
    for (const options of this.#wanted()) this.#ensure(options).draw();
  }

  #rebuild(): void {
    for (const { chart } of this.#charts.values()) chart.rebuild();
  }

  #ensure(options: ChartOptions): Chart {
    const signature = options.series.map(({ label }) => label).join('\n');
    const known = this.#charts.get(options.id);
    if (known?.signature === signature) return known.chart;
    const chart = new Chart(options, this.#history, () => this.#marks);
    if (known === undefined) this.#parent.append(chart.element);
    else known.chart.element.replaceWith(chart.element);
    known?.chart.destroy();
    this.#charts.set(options.id, { signature, chart });
    return chart;
  }

  #chooseTypes(): void {
    const present = this.#history.last?.types.map(([id]) => id) ?? [];
    if (this.#types.length < Math.min(MOST_TYPES, present.length) || this.#types.some((id) => !present.includes(id)))
      this.#types = present.slice(0, MOST_TYPES);
  }

  #wanted(): ChartOptions[] {
    const liveOf = (id: number) => (point: Point) => point.types.find(([other]) => other === id)?.[1] ?? 0;
    return [
      {
        id: 'chart-operations',
        title: 'Operations per second',
        format: (value) => `${short(value)}/s`,
        axis: short,
        series: [
          { label: 'variables created', of: ({ created }) => created },
          { label: 'variables freed', of: ({ freed }) => freed },
          { label: 'tasks ended', of: ({ tasks }) => tasks },
        ],
      },
      {
        id: 'chart-latency',
        title: 'Task latency',
        format: milliseconds,
        logarithmic: true,
        series: [
          { label: 'p50', of: ({ latency }) => latency?.p50 ?? null },
          { label: 'p99', of: ({ latency }) => latency?.p99 ?? null },
          { label: 'p99.9', of: ({ latency }) => latency?.p999 ?? null },
        ],
      },
      {
        id: 'chart-live',
        title: 'Live variables',
        format: whole,
        axis: short,
        series: [
          { label: 'all types', of: ({ live }) => live },
          ...this.#types.map((id) => ({ label: `type ${hex(id)}`, of: liveOf(id) })),
        ],
      },
      {
        id: 'chart-memory',
        title: 'Memory by use',
        format: bytes,
        steps: BYTE_STEPS,
        stacked: true,
        series: [
          { label: 'header and counters', of: (point) => point.bytes.fixed },
          { label: 'bucket lines', of: (point) => point.bytes.buckets },
          { label: 'overflow lines', of: (point) => point.bytes.overflow },
          { label: 'variables and names', of: (point) => point.bytes.blocks },
        ],
      },
      {
        id: 'chart-grace',
        title: 'Grace periods',
        format: short,
        series: [
          { label: 'blocks retired now', of: ({ retired }) => retired },
          { label: 'blocks reclaimed per second', of: ({ reclaimed }) => reclaimed },
        ],
      },
      ...this.#meterCharts(),
    ];
  }

  /** Meters that count the same thing share a chart. */
  #meterCharts(): ChartOptions[] {
    const groups = new Map<string, { readonly unit: string; readonly members: number[] }>();
    this.#meters.forEach(({ kind, unit }, index) => {
      const name = kind === 'rate' ? `: ${unit || 'events'} per second` : unit && `: ${unit}`;
      const group = groups.get(name) ?? { unit: kind === 'rate' ? `${unit}/s` : unit, members: [] };
      groups.set(name, group);
      group.members.push(index);
    });
    return [...groups].map(([name, { unit, members }], place) => ({
      id: `chart-meters-${place}`,
      title: `Application${name}`,
      format: (value) => `${short(value)} ${unit}`.trim(),
      axis: short,
      series: members.map((index) => ({ label: this.#meters[index]?.name ?? '', of: ({ meters }) => meters[index] ?? null })),
    }));
  }
}
