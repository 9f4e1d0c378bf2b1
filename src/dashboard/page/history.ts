/**
 * Owns the points that the charts are drawn from: the last five minutes, whether the server sent them just now or before a restart. Where nobody looked, the lines have
 * gaps. Imports the types of wire.
 */
import type { Point } from '../wire.js';

const MOST_MILLISECONDS = 300_000;
/** Points further apart than this are not joined. */
const GAP_MILLISECONDS = 3500;

export class History {
  #points: Point[] = [];

  get points(): readonly Point[] {
    return this.#points;
  }

  get last(): Point | undefined {
    return this.#points.at(-1);
  }

  add(points: readonly Point[]): void {
    const byTime = new Map([...this.#points, ...points].map((point) => [point.at, point]));
    const sorted = [...byTime.values()].sort((a, b) => a.at - b.at);
    const oldest = (sorted.at(-1)?.at ?? 0) - MOST_MILLISECONDS;
    this.#points = sorted.filter(({ at }) => at >= oldest);
  }

  /** Times in seconds, and for each series its values; null where a line has to break. */
  columns(series: readonly ((point: Point) => number | null)[]): [number[], ...(number | null)[][]] {
    const times: number[] = [];
    const values: (number | null)[][] = series.map(() => []);
    let before = Infinity;
    for (const point of this.#points) {
      if (point.at - before > GAP_MILLISECONDS) {
        times.push((before + 1) / 1000);
        for (const column of values) column.push(null);
      }
      times.push(point.at / 1000);
      series.forEach((of, index) => values[index]?.push(of(point)));
      before = point.at;
    }
    return [times, ...values];
  }
}
