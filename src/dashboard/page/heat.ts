/**
 * Owns the heat map of the bucket region: a cell for one bucket, or for a stretch of them, the darker the fuller; a dot where lines overflow. The numbers stand beneath it. Imports
 * dom, format and the types of wire.
 */
import type { Heat } from '../wire.js';
import { byId, el, setText } from './dom.js';
import { percent, plural, short, whole } from './format.js';

const ENTRIES = 7;
const STEPS = 16;
const OVERFLOWING = 128;
const NARROW_PIXELS = 560;
const COLUMNS = { narrow: 64, wide: 128 };

export class HeatMap {
  readonly #canvas = byId('heat', HTMLCanvasElement);
  readonly #text = byId('heat-text', HTMLElement);
  readonly #shares: HTMLTableCellElement[] = [];
  #heat: Heat | undefined;

  constructor() {
    const levels = byId('heat-levels', HTMLElement);
    const shares = byId('heat-shares', HTMLElement);
    for (let level = 0; level <= ENTRIES + 1; level++) {
      const overflow = level > ENTRIES;
      levels.append(el('td', {}, el('i', { class: overflow ? 'swatch dot' : `swatch heat-${level}` }), overflow ? 'over' : String(level)));
      const share = el('td');
      this.#shares.push(share);
      shares.append(share);
    }
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  show(heat: Heat): void {
    this.#heat = heat;
    const cells = decode(heat);
    const counts = new Array<number>(ENTRIES + 2).fill(0);
    for (const cell of cells) {
      const level = Math.round((cell & ~OVERFLOWING) / STEPS);
      counts[level] = (counts[level] ?? 0) + 1;
      if ((cell & OVERFLOWING) !== 0) counts[ENTRIES + 1] = (counts[ENTRIES + 1] ?? 0) + 1;
    }
    this.#shares.forEach((cell, level) => setText(cell, tellShare((counts[level] ?? 0) / Math.max(1, cells.length))));
    const { buckets, bucketsPerCell, readPerCell, mean, overflowing } = heat;
    const cell =
      bucketsPerCell === 1
        ? 'a cell for each'
        : `a cell for ${whole(bucketsPerCell)} of them${readPerCell < bucketsPerCell ? `, of which ${readPerCell} are read each second` : ''}`;
    setText(
      this.#text,
      `${plural(buckets, 'bucket')}, ${cell}. On average ${short(mean)} of ${ENTRIES} entries of a line are in use, and ${percent(overflowing)} of the lines overflow (over).`,
    );
    this.#draw();
  }

  #draw(): void {
    const { clientWidth: width } = this.#canvas;
    if (this.#heat === undefined || width === 0) return;
    const cells = decode(this.#heat);
    const columns = width < NARROW_PIXELS ? COLUMNS.narrow : COLUMNS.wide;
    const rows = Math.max(1, Math.ceil(cells.length / columns));
    const size = Math.max(1, Math.floor((width * devicePixelRatio) / columns));
    this.#canvas.width = size * columns;
    this.#canvas.height = size * rows;
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    const style = getComputedStyle(document.documentElement);
    const palette = Array.from({ length: ENTRIES + 1 }, (_, level) => style.getPropertyValue(`--heat-${level}`).trim());
    const gap = size > 4 ? 1 : 0;
    cells.forEach((cell, index) => {
      const [x, y] = [(index % columns) * size, Math.floor(index / columns) * size];
      const level = Math.round((cell & ~OVERFLOWING) / STEPS);
      context.fillStyle = palette[level] ?? '';
      context.fillRect(x, y, size - gap, size - gap);
      if ((cell & OVERFLOWING) === 0) return;
      const dot = Math.max(1, Math.floor(size / 3));
      const inset = Math.floor((size - gap - dot) / 2);
      context.fillStyle = style.getPropertyValue(level >= ENTRIES - 2 ? '--heat-dot-on-full' : '--heat-dot');
      context.fillRect(x + inset, y + inset, dot, dot);
    });
  }
}

/** In whole per cent, where little is not nothing. */
function tellShare(share: number): string {
  return share > 0 && share < 0.005 ? '<1' : whole(share * 100);
}

function decode({ cells }: Heat): Uint8Array {
  return Uint8Array.from(atob(cells), (character) => character.charCodeAt(0));
}
