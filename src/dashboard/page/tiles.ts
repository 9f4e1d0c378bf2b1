/**
 * Owns the row of numbers at the top: what they are at this moment. Imports dom, format and the types of wire.
 */
import type { MeterName, Sample } from '../wire.js';
import { el, Keyed, setAttribute, setText } from './dom.js';
import { bytes, milliseconds, NOTHING, percent, short, whole } from './format.js';

interface Tile {
  readonly key: string;
  readonly label: string;
  readonly text: string;
  /** The exact number. */
  readonly value: number | null;
  /** A second, smaller line. */
  readonly note: string;
  readonly alarm?: boolean;
}

export class Tiles {
  readonly #list: Keyed<Tile, HTMLDivElement>;
  #meters: readonly MeterName[] = [];

  constructor(parent: HTMLElement) {
    this.#list = new Keyed(parent, createTile, updateTile);
  }

  setMeters(meters: readonly MeterName[]): void {
    this.#meters = meters;
  }

  show(sample: Sample): void {
    const { point, store } = sample;
    const { reserved, free } = point.bytes;
    const tasks = point.latency;
    this.#list.show(
      [
        tile('live', 'Live variables', whole(point.live), point.live, `${whole(store.entries)} entries`),
        tile('created', 'Created', rate(point.created), point.created, `${short(store.allocated)} in all`),
        tile('freed', 'Freed', rate(point.freed), point.freed, `${short(store.freed)} in all`),
        tile('tasks', 'Tasks', rate(point.tasks), point.tasks, tasks === null ? 'none ended' : `p50 ${milliseconds(tasks.p50)}`),
        tile(
          'p99',
          'Task p99',
          milliseconds(tasks?.p99 ?? null),
          tasks?.p99 ?? null,
          tasks === null ? '' : `p99.9 ${milliseconds(tasks.p999)}`,
        ),
        {
          ...tile(
            'memory',
            'Memory in use',
            bytes(reserved - free),
            reserved - free,
            `${percent((reserved - free) / reserved)} of ${bytes(reserved)}`,
          ),
          alarm: store.memoryPressure,
        },
        tile('retired', 'Retired blocks', whole(point.retired), point.retired, `${rate(point.reclaimed)} reclaimed`),
        tile(
          'epoch',
          'Grace epoch',
          whole(store.graceEpoch),
          store.graceEpoch,
          `${sample.threads.filter(({ inside }) => inside).length} threads inside`,
        ),
        tile(
          'recovered',
          'Deaths',
          whole(store.recoveredThreads),
          store.recoveredThreads,
          `recovered; ${short(store.lockWaits)} lock waits`,
        ),
        ...this.#meters.map((meter, index) => meterTile(meter, point.meters[index] ?? null, index)),
      ],
      ({ key }) => key,
    );
  }
}

function tile(key: string, label: string, text: string, value: number | null, note: string): Tile {
  return { key, label, text, value, note };
}

function meterTile({ name, kind, unit }: MeterName, value: number | null, index: number): Tile {
  const per = kind === 'rate' ? `${unit}/s` : unit;
  return tile(`meter-${index}`, name, value === null ? NOTHING : `${short(value)} ${per}`.trim(), value, '');
}

function rate(value: number | null): string {
  return value === null ? NOTHING : `${short(value)}/s`;
}

function createTile({ key, label }: Tile): HTMLDivElement {
  return el('div', { class: 'tile', id: `tile-${key}` }, el('dt', {}, label), el('dd', {}, el('data'), el('small')));
}

function updateTile(element: HTMLDivElement, { text, value, note, alarm = false }: Tile): void {
  const [data, small] = [element.querySelector('data'), element.querySelector('small')];
  if (data === null || small === null) return;
  setAttribute(data, 'value', value === null ? '' : String(value));
  setText(data, text);
  setText(small, alarm ? `${note}; pressure: an allocation failed` : note);
  element.classList.toggle('alarm', alarm);
}
