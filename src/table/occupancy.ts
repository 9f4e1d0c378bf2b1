/**
 * Owns a picture of how full the lines of the bucket region are, for whoever wants to look at it. Reads BUCKET_COUNT, block words and links plainly, takes no lock
 * and follows no link, so it neither waits nor holds anybody up; what it tells is a moment old and never more than a bounded number of lines. Imports layout,
 * hash and reservation.
 */
import { Layout } from '../memory/layout.js';
import type { Memory } from '../memory/reservation.js';
import { bucketAddress } from './hash.js';

/** As many as a store has buckets at first: then a cell is a bucket. */
const MOST_CELLS = Layout.FIRST_BUCKETS;
/** Lines of one cell that are read at once; each is a cache line that others may be writing. */
const MOST_READ_PER_CELL = 2;
/** Where a cell stands for more buckets than are read, it moves by this share towards what was read now. */
const SMOOTHING = 1 / 4;

export interface Occupancy {
  readonly buckets: number;
  readonly bucketsPerCell: number;
  /** Of those, how many are read each time. */
  readonly readPerCell: number;
  readonly cells: number;
  /** For each cell: entries in use per line, 0…BUCKET_ENTRIES. Valid until the next read. */
  readonly used: Float32Array;
  /** For each cell: share of lines that have an overflow line. Valid until the next read. */
  readonly overflowing: Float32Array;
  /** Of the lines that were read now. */
  readonly meanUsed: number;
  readonly shareOverflowing: number;
}

export class OccupancyReader {
  readonly #words: Int32Array;
  readonly #region: number;
  readonly #used = new Float32Array(MOST_CELLS);
  readonly #overflowing = new Float32Array(MOST_CELLS);
  #bucketsPerCell = 0;
  #turn = 0;

  constructor({ words, buckets }: Memory) {
    this.#words = words;
    this.#region = buckets;
  }

  read(): Occupancy {
    const buckets = this.#bucketCount();
    const bucketsPerCell = Math.max(1, Math.ceil(buckets / MOST_CELLS));
    const cells = Math.ceil(buckets / bucketsPerCell);
    const readPerCell = Math.min(bucketsPerCell, MOST_READ_PER_CELL);
    const fresh = bucketsPerCell !== this.#bucketsPerCell || readPerCell === bucketsPerCell;
    this.#bucketsPerCell = bucketsPerCell;
    let lines = 0;
    let used = 0;
    let overflowing = 0;
    for (let cell = 0; cell < cells; cell++) {
      const first = cell * bucketsPerCell;
      const present = Math.min(bucketsPerCell, buckets - first);
      const reads = Math.min(readPerCell, present);
      let cellUsed = 0;
      let cellOverflowing = 0;
      for (let i = 0; i < reads; i++) {
        const line = bucketAddress(this.#region, first + ((this.#turn * readPerCell + i) % present));
        cellUsed += this.#usedIn(line);
        if (this.#words[line + Layout.BUCKET_NEXT] !== 0) cellOverflowing++;
      }
      lines += reads;
      used += cellUsed;
      overflowing += cellOverflowing;
      const share = fresh ? 1 : SMOOTHING;
      this.#used[cell]! += (cellUsed / reads - this.#used[cell]!) * share;
      this.#overflowing[cell]! += (cellOverflowing / reads - this.#overflowing[cell]!) * share;
    }
    this.#turn++;
    return {
      buckets,
      bucketsPerCell,
      readPerCell,
      cells,
      used: this.#used,
      overflowing: this.#overflowing,
      meanUsed: lines === 0 ? 0 : used / lines,
      shareOverflowing: lines === 0 ? 0 : overflowing / lines,
    };
  }

  /** Of a damaged store BUCKET_COUNT may be anything: then there is nothing to be seen. */
  #bucketCount(): number {
    const count = this.#words[Layout.BUCKET_COUNT]!;
    return count > 0 && this.#region + count * Layout.BUCKET_WORDS <= this.#words.length ? count : 0;
  }

  #usedIn(line: number): number {
    const words = this.#words;
    let used = 0;
    const end = line + Layout.BUCKET_BLOCKS + Layout.BUCKET_ENTRIES;
    for (let at = line + Layout.BUCKET_BLOCKS; at < end; at++) if (words[at] !== 0) used++;
    return used;
  }
}
