/** What a task of the picture tells of itself, and the clock for that. Imports nothing. */

export interface Told {
  readonly thread: number;
  readonly arrived: number;
  readonly began: number;
  readonly ended: number;
  /** What the patchable function answered at the beginning and at the end of the task. */
  readonly versions: readonly [string, string];
}

/** Of one clock for all threads, in ms. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
