/**
 * Draws a chart as SVG with echarts, without a browser: the same bytes for the same chart. Readable on any page, since it brings its own
 * ground, and without colours, since groups differ in pattern or sign, and variants in fill or dash.
 */
import { init, type EChartsOption, type LegendComponentOption, type SeriesOption } from 'echarts';
import { formatNumber } from '../report.js';
import type { Chart, Series } from './chart.js';

const WIDTH = 860;
const HEIGHT = 480;
const GROUND = '#ffffff';
const INK = '#24292f';
const PALE_INK = '#57606a';
const GRID = '#d8dee4';

/** Distinct in lightness as well as in hue (Okabe and Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'] as const;
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'pin', 'arrow'] as const;
/** Wide enough for a reader's font that is wider than the one assumed here, where there is none to measure with. */
const LEGEND_GAP = 36;
const LEGEND_COLUMNS = 4;
const GAPS = { barGap: '8%', barCategoryGap: '22%' } as const;
const DASHES = ['solid', 'dashed', 'dotted'] as const;
const DECALS = [
  { symbol: 'none' },
  { symbol: 'rect', symbolSize: 1, rotation: Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [2, 5], color: 'rgba(0,0,0,0.35)' },
  {
    symbol: 'circle',
    symbolSize: 0.9,
    dashArrayX: [
      [6, 6],
      [0, 6, 6, 0],
    ],
    dashArrayY: [6, 0],
    color: 'rgba(0,0,0,0.35)',
  },
  { symbol: 'rect', symbolSize: 1, rotation: 0, dashArrayX: [1, 0], dashArrayY: [2, 5], color: 'rgba(0,0,0,0.35)' },
  { symbol: 'rect', symbolSize: 1, rotation: -Math.PI / 4, dashArrayX: [1, 0], dashArrayY: [2, 3], color: 'rgba(0,0,0,0.35)' },
  { symbol: 'triangle', symbolSize: 0.8, dashArrayX: [8, 4], dashArrayY: [8, 2], color: 'rgba(0,0,0,0.35)' },
];

export function drawChart(chart: Chart): string {
  const instance = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    instance.setOption(optionOf(chart));
    return tidy(instance.renderToSVGString(), chart.title);
  } finally {
    instance.dispose(); // its timer would keep the process alive
  }
}

function optionOf(chart: Chart): EChartsOption {
  const log = chart.scale === 'log';
  return {
    animation: false,
    backgroundColor: GROUND,
    textStyle: { fontFamily: 'sans-serif', color: INK },
    title: {
      text: chart.title,
      subtext: chart.note,
      left: 16,
      top: 10,
      textStyle: { fontSize: 17, color: INK },
      subtextStyle: { fontSize: 12, color: PALE_INK },
    },
    legend: legendRows(chart),
    grid: { left: 88, right: chart.parity === undefined ? 24 : 64, top: 82, bottom: 112, outerBoundsMode: 'none' },
    xAxis: {
      type: 'category',
      data: [...chart.categories],
      name: chart.xName,
      nameLocation: 'middle',
      nameGap: chart.categories.some((category) => category.includes('\n')) ? 40 : 28,
      nameTextStyle: { color: PALE_INK },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: PALE_INK }, onZero: false },
      axisLabel: { color: INK, interval: 0 },
    },
    yAxis: {
      type: log ? 'log' : 'value',
      name: chart.yName,
      nameLocation: 'middle',
      nameGap: 52,
      nameTextStyle: { color: PALE_INK },
      splitLine: { lineStyle: { color: GRID } },
      axisLabel: { color: INK, formatter: (value: number) => tickLabel(chart, value) },
      ...(log ? logRange(chart) : { min: 0 }),
    },
    series: [
      ...chart.series.map((series) => seriesOf(chart, series)),
      ...chart.series.map((series, index) => whiskersOf(chart, series, index)),
    ],
  };
}

/** One legend per row: wrapped by itself, it would put as much room between rows as between entries. */
function legendRows({ kind, series }: Chart): LegendComponentOption[] {
  const count = Math.ceil(series.length / LEGEND_COLUMNS);
  const columns = Math.ceil(series.length / count);
  return Array.from({ length: count }, (_, row) => ({
    bottom: 10 + (count - 1 - row) * 24,
    ...(kind === 'bars' ? { icon: 'rect' } : {}),
    data: series.slice(row * columns, (row + 1) * columns).map(({ name }) => name),
    selectedMode: false,
    textStyle: { color: INK },
    itemWidth: 34,
    itemGap: LEGEND_GAP,
  }));
}

/** Whole decades around all that is shown; bars stand on parity, or on the lowest decade. */
function logRange(chart: Chart): { min: number; max: number; startValue: number } {
  const values = chart.series.flatMap(({ values }) =>
    values.flatMap((each) => (each === null ? [] : [each.lowerQuartile, each.upperQuartile])),
  );
  const all = chart.parity === undefined ? values : [...values, chart.parity.value];
  const range = { min: 10 ** Math.floor(Math.log10(Math.min(...all))), max: 10 ** Math.ceil(Math.log10(Math.max(...all))) };
  return { ...range, startValue: chart.parity?.value ?? range.min };
}

function tickLabel({ yFormat }: Chart, value: number): string {
  if (yFormat === 'plain') return value.toLocaleString('en');
  const [divisor, unit] = value < 1e3 ? [1, 'ns'] : value < 1e6 ? [1e3, 'µs'] : [1e6, 'ms'];
  return `${value / divisor} ${unit}`;
}

function seriesOf(chart: Chart, { name, group, variant, values }: Series): SeriesOption {
  const colour = COLOURS[group % COLOURS.length]!;
  const data = values.map((summary) => summary?.median ?? null);
  const parity = chart.parity;
  const markLine =
    parity === undefined || group + variant > 0
      ? {}
      : {
          markLine: {
            silent: true,
            symbol: 'none',
            lineStyle: { color: INK, type: 'dashed' as const, width: 1 },
            label: { formatter: parity.label, position: 'end' as const, color: INK },
            data: [{ yAxis: parity.value }],
          },
        };
  if (chart.kind === 'lines') {
    return {
      type: 'line',
      name,
      data,
      silent: true,
      symbol: SYMBOLS[group % SYMBOLS.length]!,
      symbolSize: 9,
      lineStyle: { color: colour, width: 2, type: DASHES[variant % DASHES.length]! },
      itemStyle: { color: variant === 0 ? colour : GROUND, borderColor: colour, borderWidth: 2 },
      ...markLine,
    };
  }
  return {
    type: 'bar',
    name,
    data,
    silent: true,
    ...GAPS,
    itemStyle: {
      color: variant === 0 ? colour : lighten(colour, variant),
      borderColor: colour,
      borderWidth: 1,
      decal: DECALS[group % DECALS.length]!,
    },
    ...markLine,
  };
}

/** From the lower to the upper quartile, and above it, or below where the bar hangs down, the median in figures. */
function whiskersOf(chart: Chart, { values }: Series, index: number): SeriesOption {
  const bars = chart.kind === 'bars';
  const hangs = (median: number): boolean => chart.scale === 'log' && chart.parity !== undefined && median < chart.parity.value;
  return {
    type: 'custom',
    silent: true,
    z: 5,
    data: values.flatMap((summary, x) => (summary === null ? [] : [[x, summary.lowerQuartile, summary.upperQuartile, summary.median]])),
    encode: { x: 0, y: [1, 2] },
    renderItem: (_params, api) => {
      const [x, low, high, median] = [0, 1, 2, 3].map((dimension) => Number(api.value(dimension))) as [number, number, number, number];
      const offset = bars ? (api.barLayout({ count: chart.series.length, ...GAPS })?.[index]?.offsetCenter ?? 0) : 0;
      const [centre, top] = api.coord([x, high]) as [number, number];
      const bottom = api.coord([x, low])[1]!;
      const at = centre + offset;
      const line = (x1: number, y1: number, x2: number, y2: number) =>
        ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: INK, lineWidth: 1.2 } }) as const;
      const below = hangs(median);
      const label = {
        type: 'text',
        x: at,
        y: below ? bottom + 4 : top - 4,
        style: {
          text: median >= 1000 ? Math.round(median).toLocaleString('en') : formatNumber(median),
          align: 'center',
          verticalAlign: below ? 'top' : 'bottom',
          fill: INK,
          fontSize: 10,
        },
      } as const;
      const whiskers = [line(at, top, at, bottom), line(at - 3, top, at + 3, top), line(at - 3, bottom, at + 3, bottom)];
      return { type: 'group', children: bars ? [...whiskers, label] : whiskers };
    },
  };
}

/** Towards the ground, so that variants of one colour can be told apart by their lightness. */
function lighten(colour: string, variant: number): string {
  const share = 1 - 0.65 ** variant;
  const channel = (at: number): number => parseInt(colour.slice(at, at + 2), 16);
  return `rgb(${[1, 3, 5].map((at) => Math.round(channel(at) + (255 - channel(at)) * share)).join(',')})`;
}

/** Takes out what the picture does not need and what differs from drawing to drawing: names of classes, and numbers of instances. */
function tidy(svg: string, title: string): string {
  return svg
    .replace(/<style\b[^]*?<\/style>\n?/g, '')
    .replace(/ (?:class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
    .replace(/\bzr\d+-/g, 'part-')
    .replace('<svg ', `<svg role="img" aria-label="${title.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}" `)
    .replace(/\n*$/, '\n');
}
