/**
 * Owns one chart over time: drawn by uPlot, and beside it a table of its lines with the values of now, or of where the pointer is, which is also what is read out. Lines are told
 * apart by their dashes as much as by their colours. Imports uPlot, dom, format, history and the types of wire.
 */
import type { Point } from '../wire.js';
import { el, setText } from './dom.js';
import { clock, NOTHING } from './format.js';
import type { History } from './history.js';
import uPlot from './vendor/uPlot.esm.js';

interface Series {
  readonly label: string;
  readonly of: (point: Point) => number | null;
}

export interface ChartOptions {
  readonly id: string;
  readonly title: string;
  readonly format: (value: number) => string;
  /** For the axis, where there is little room; default: `format`. */
  readonly axis?: (value: number) => string;
  /** Steps between the lines of the axis. */
  readonly steps?: readonly number[];
  readonly series: readonly Series[];
  /** Areas upon each other, in the order of the series. */
  readonly stacked?: boolean;
  readonly logarithmic?: boolean;
}

/** Something that happened, to be marked in every chart. */
export interface Mark {
  readonly at: number;
  readonly letter: string;
}

const HEIGHT = 150;
const WINDOW_SECONDS = 300;
const LEAST_WINDOW_SECONDS = 30;
/** Of each series, in its order: on and off, in pixels. */
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [10, 3, 2, 3], [1, 2], [14, 4]];
const COLOURS = DASHES.length;

export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #history: History;
  readonly #marks: () => readonly Mark[];
  readonly #frame = el('div', { class: 'frame', 'aria-hidden': 'true' });
  readonly #when = el('span', { class: 'when' });
  readonly #cells: HTMLTableCellElement[] = [];
  #plot: uPlot | undefined;
  #width = 0;

  constructor(options: ChartOptions, history: History, marks: () => readonly Mark[]) {
    this.#options = options;
    this.#history = history;
    this.#marks = marks;
    const rows = options.series.map((series, index) => {
      const now = el('td', { class: 'figure' }, NOTHING);
      this.#cells.push(now);
      return el('tr', {}, el('th', { scope: 'row' }, sampleLine(index), series.label), now);
    });
    const heading = el('h2', { id: `${options.id}-heading` }, options.title);
    this.element = el(
      'section',
      { class: 'chart', id: options.id, 'aria-labelledby': heading.id },
      heading,
      this.#when,
      this.#frame,
      el('table', { class: 'legend' }, el('tbody', {}, ...rows)),
    );
  }

  /** Fits it to the room it has, and takes on the colours of now. */
  rebuild(): void {
    this.#plot?.destroy();
    this.#width = this.#frame.clientWidth;
    this.#plot = this.#width === 0 ? undefined : new uPlot(this.#configure(), this.#data(), this.#frame);
    this.#tell(null);
  }

  draw(): void {
    if (this.#plot === undefined || this.#frame.clientWidth !== this.#width) {
      this.rebuild();
      return;
    }
    this.#plot.setData(this.#data());
    this.#tell(this.#plot.cursor.idx ?? null);
  }

  destroy(): void {
    this.#plot?.destroy();
    this.element.remove();
  }

  #data(): uPlot.AlignedData {
    const { series, stacked = false } = this.#options;
    if (!stacked) return this.#history.columns(series.map(({ of }) => of));
    const sums = series.map(
      (_, index) =>
        (point: Point): number =>
          series.slice(0, index + 1).reduce((sum, { of }) => sum + (of(point) ?? 0), 0),
    );
    return this.#history.columns(sums);
  }

  #configure(): uPlot.Options {
    const { series, stacked = false, logarithmic = false, format, axis: short = format, steps } = this.#options;
    const colour = colours();
    const axis = {
      stroke: colour('--quiet'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    return {
      width: this.#width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      padding: [12, 8, 0, 0],
      scales: {
        x: { time: true, range: (_plot, _min, max) => timeRange(this.#history, max) },
        y: logarithmic ? { distr: 3 } : { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] },
      },
      axes: [
        { ...axis, size: 26, space: 70, values: (_plot, times) => times.map((time) => clock(time * 1000)) },
        {
          ...axis,
          ...(logarithmic ? { grid: { ...axis.grid, filter: powersOfTen } } : {}),
          size: 56,
          values: (_plot, values) => values.map((value: number | null) => (value === null ? '' : short(value))),
          ...(steps === undefined ? {} : { incrs: [...steps] }),
        },
      ],
      series: [
        {},
        ...series.map((_, index) => ({
          stroke: colour(`--series-${index % COLOURS}`),
          width: 1.75,
          dash: [...(DASHES[index % DASHES.length] ?? [])],
          points: { show: false },
          ...(stacked && index === 0 ? { fill: colour('--fill-0') } : {}),
        })),
      ],
      ...(stacked
        ? {
            bands: series
              .slice(1)
              .map((_, index) => ({ series: [index + 2, index + 1] as [number, number], fill: colour(`--fill-${(index + 1) % COLOURS}`) })),
          }
        : {}),
      hooks: {
        draw: [(plot) => drawMarks(plot, this.#marks(), colour('--quiet'))],
        setCursor: [(plot) => this.#tell(plot.cursor.idx ?? null)],
      },
    };
  }

  /** Values at an index of the data; null = the last. */
  #tell(index: number | null): void {
    const { series, format } = this.#options;
    const times = this.#plot?.data[0] ?? [];
    const at = index === null ? undefined : times[index];
    const point = at === undefined ? this.#history.last : this.#history.points.find((candidate) => candidate.at / 1000 === at);
    setText(this.#when, at === undefined ? '' : `at ${clock(at * 1000)}`);
    series.forEach(({ of }, place) => {
      const value = point === undefined ? null : of(point);
      const cell = this.#cells[place];
      if (cell !== undefined) setText(cell, value === null ? NOTHING : format(value));
    });
  }
}

/** The lines of a logarithmic axis that have a number. */
function powersOfTen(_plot: uPlot, splits: number[]): (number | null)[] {
  return splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));
}

function timeRange(history: History, max: number): [number, number] {
  const first = (history.points[0]?.at ?? Date.now()) / 1000;
  const last = history.last === undefined ? max : history.last.at / 1000;
  return [Math.min(Math.max(first, last - WINDOW_SECONDS), last - LEAST_WINDOW_SECONDS), last];
}

/** Reads the custom properties of the page, which differ in light and dark. */
function colours(): (name: string) => string {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

/** A short piece of a series' line, as in the chart. */
function sampleLine(index: number): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  const attributes = { x1: '0', y1: '6', x2: '30', y2: '6', 'stroke-dasharray': (DASHES[index % DASHES.length] ?? []).join(' ') || 'none' };
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
  line.setAttribute('class', `stroke-${index % COLOURS}`);
  svg.setAttribute('viewBox', '0 0 30 12');
  svg.setAttribute('class', 'dash');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(line);
  return svg;
}

function drawMarks(plot: uPlot, marks: readonly Mark[], colour: string): void {
  const { ctx, bbox } = plot;
  const { min = 0, max = 0 } = plot.scales['x'] ?? {};
  const pixels = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = pixels;
  ctx.font = `${10 * pixels}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.setLineDash([2 * pixels, 3 * pixels]);
  for (const { at, letter } of marks) {
    if (at / 1000 < min || at / 1000 > max) continue;
    const x = Math.round(plot.valToPos(at / 1000, 'x', true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(letter, x, bbox.top - 3 * pixels);
  }
  ctx.restore();
}
