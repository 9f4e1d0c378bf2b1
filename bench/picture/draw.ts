/**
 * Draws a recorded transition as SVG: who ran which version when. The same bytes for the same recording; readable on light and dark pages, since it brings its
 * own ground for both, and without colours, since tasks of the new version are striped and those that wait are outlines. Imports the type of a recording.
 */
import type { RecordedTask, Recording } from './record.js';

const WIDTH = 880;
const LEFT = 84;
const RIGHT = 20;
const TOP = 74;
const ROW = 13;
const GAP = 14;
const TICK = 20; // ms

const STYLE = `
  .ground { fill: #ffffff } .ink { fill: #24292f } .pale { fill: #57606a } .lane { fill: #f3f5f7 } .mark { stroke: #57606a } .bound { stroke: #24292f }
  .old { fill: #0072b2 } .new { fill: url(#stripes); stroke: #b45309 } .wait { fill: none; stroke: #57606a }
  .stripe { stroke: #b45309 } .stripe-ground { fill: #fde7c7 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .ink { fill: #e6edf3 } .pale { fill: #9da7b3 } .lane { fill: #161b22 } .mark { stroke: #9da7b3 } .bound { stroke: #e6edf3 }
    .old { fill: #56b4e9 } .new { stroke: #f5a623 } .wait { stroke: #9da7b3 } .stripe { stroke: #f5a623 } .stripe-ground { fill: #3a2a10 }
  }`;

export function drawTransition(recording: Recording): string {
  const { workers, enableCalled, told, complete, tasks } = recording;
  const from = Math.min(...tasks.map(({ arrived }) => Math.max(arrived, 0)));
  const to = Math.max(complete + 45, ...tasks.map(({ began }) => began)) + 5;
  const x = (time: number): string =>
    (LEFT + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const lanes = Array.from({ length: workers }, (_, worker) => placeRows(tasks.filter((task) => task.worker === worker)));
  let top = TOP;
  const drawn = lanes.map((rows, worker) => {
    const height = rows.length * ROW + 6;
    const lane = drawLane(worker, rows, top, height, x);
    top += height + GAP;
    return lane;
  });
  const bottom = top - GAP + 4;
  const ticks = Array.from({ length: Math.floor(to / TICK) + 1 }, (_, index) => index * TICK).filter((time) => time >= from && time < to);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 66}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>One transition of ${workers} workers</title>`,
    `<style>${STYLE}\n</style>`,
    '<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">' +
      '<rect class="stripe-ground" width="6" height="6"/><line class="stripe" x1="0" y1="0" x2="0" y2="6" stroke-width="3"/></pattern></defs>',
    `<rect class="ground" width="${WIDTH}" height="${bottom + 66}"/>`,
    ...drawn,
    mark(x(enableCalled), bottom, 18, 'enable() is called', 'end'),
    mark(x(told), bottom, 36, 'loaded everywhere: threads may switch', 'start'),
    mark(x(complete), bottom, 54, 'all run the new version: enable() resolves', 'start'),
    ...ticks.map((time) => text(x(time), bottom + 16, `${time} ms`, 'pale', 'middle')),
    legend(bottom + 44),
    '</svg>\n',
  ].join('\n');
}

/** The first row that is free. */
function placeRows(tasks: readonly RecordedTask[]): RecordedTask[][] {
  const rows: RecordedTask[][] = [];
  for (const task of [...tasks].sort((a, b) => a.arrived - b.arrived)) {
    const free = rows.find((row) => row.at(-1)!.ended <= task.arrived + 0.05);
    if (free === undefined) rows.push([task]);
    else free.push(task);
  }
  return rows;
}

function drawLane(worker: number, rows: readonly RecordedTask[][], top: number, height: number, x: (time: number) => string): string {
  const span = (from: number, to: number, y: number, kind: string): string => {
    const width = Number(x(to)) - Number(x(from)) - 1;
    return width <= 0 ? '' : `<rect class="${kind}" x="${x(from)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 3}" rx="2"/>`;
  };
  const bars = rows.flatMap((row, index) => {
    const y = top + 4 + index * ROW;
    return row.flatMap(({ arrived, began, ended, version }) => [
      began - arrived > 0.5 ? span(arrived, began, y, 'wait') : '',
      span(began, ended, y, version),
    ]);
  });
  const firstNew = Math.min(...rows.flat().flatMap(({ version, began }) => (version === 'new' ? [began] : [])));
  const bound = Number.isFinite(firstNew)
    ? `<line class="bound" x1="${x(firstNew)}" x2="${x(firstNew)}" y1="${top - 3}" y2="${top + height + 3}" stroke-width="2"/>`
    : '';
  return [
    `<rect class="lane" x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${height}" rx="3"/>`,
    text(String(LEFT - 10), top + height / 2 + 4, `worker ${worker + 1}`, 'ink', 'end'),
    ...bars.filter((bar) => bar !== ''),
    bound,
  ].join('\n');
}

function mark(x: string, bottom: number, y: number, label: string, anchor: 'start' | 'end'): string {
  const beside = Number(x) + (anchor === 'start' ? 5 : -5);
  return [
    `<line class="mark" x1="${x}" x2="${x}" y1="${y - 8}" y2="${bottom}" stroke-dasharray="4 3"/>`,
    text(beside.toFixed(1), y, label, 'ink', anchor),
  ].join('\n');
}

function legend(y: number): string {
  const entries: readonly (readonly [kind: string, label: string, x: number])[] = [
    ['old', 'task on the old version', LEFT],
    ['new', 'task on the new version', LEFT + 190],
    ['wait', 'task that waits until its worker has switched', LEFT + 384],
  ];
  const bound = `<line class="bound" x1="${LEFT + 700}" x2="${LEFT + 700}" y1="${y - 11}" y2="${y + 3}" stroke-width="2"/>`;
  return [
    ...entries.map(
      ([kind, label, x]) =>
        `<rect class="${kind}" x="${x}" y="${y - 9}" width="20" height="10" rx="2"/>` + text(String(x + 26), y, label, 'ink', 'start'),
    ),
    bound + text(String(LEFT + 708), y, 'switched', 'ink', 'start'),
  ].join('\n');
}

function text(x: string, y: number, content: string, kind: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}
