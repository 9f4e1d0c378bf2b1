/**
 * The course of a run: which patch follows which, the ids that each brings, and the schedule of the transitions. Imports `options` for
 * types.
 *
 * Five stages share the run evenly: unpatched, patch 1, patch 2, patch 1 again, unpatched again. A transition begins under load when its
 * stage's share is dispatched; requests go on meanwhile, but never so many that a later stage would get none.
 */

import type { Extent } from './options.js';

export const STAGES = 5;

export interface Patch {
  readonly name: string;
  readonly file: string;
  readonly ids: readonly number[];
}

export const PATCH_1: Patch = { name: 'hot-objects-1', file: 'hot-objects-1.js', ids: [0x10, 0x11] };
export const PATCH_2: Patch = { name: 'hot-objects-2', file: 'hot-objects-2.js', ids: [0x10, 0x12] };

/** The patch that runs in each stage. */
export const PATCH_OF_STAGE: readonly (Patch | undefined)[] = [undefined, PATCH_1, PATCH_2, PATCH_1, undefined];

/** Stages in which variables of the id are kept. Consecutive stages share them: the id stays registered. */
export function stagesOf(id: number): number[] {
  return Array.from({ length: STAGES }, (_, stage) => stage).filter((stage) => PATCH_OF_STAGE[stage]?.ids.includes(id));
}

/** The ids that die when `to` takes the place of `from`. */
export function dyingIds(from: Patch | undefined, to: Patch | undefined): number[] {
  return (from?.ids ?? []).filter((id) => to?.ids.includes(id) !== true);
}

/**
 * The stage in which a request was handled. Unpatched code and patch 1 run in two stages each, told apart by the transitions that were
 * complete by then: no thread runs a stage's code again before another stage was complete.
 */
export function stageOf(handledBy: number, phase: number): number {
  if (handledBy === 2) return 2;
  const early = phase < 2;
  if (handledBy === 1) return early ? 1 : 3;
  return early ? 0 : 4;
}

/** Tasks that every stage is given at least: two may go to the transition that ends it. */
const LEAST_TASKS = 4;
/** A run with fewer requests cannot give every stage its tasks. */
export const LEAST_REQUESTS = STAGES * LEAST_TASKS;

/** The requests per task: `wanted`, or less so that every stage has its tasks. `requests`: in one pass over the input. */
export function batchSize(wanted: number, requests: number, passes: number): number {
  return Math.max(1, Math.min(wanted, requests, Math.floor((requests * passes) / LEAST_REQUESTS)));
}

/** Where a run stands. */
export interface Standing {
  readonly stage: number;
  readonly inTransition: boolean;
  /** Tasks given to the workers. */
  readonly dispatched: number;
  /** Whether the current stage has handled a whole task. */
  readonly stageSeen: boolean;
  readonly elapsedSeconds: number;
}

export type Step = 'dispatch' | 'advance' | 'wait' | 'end';

/** Says what to do next. Counts tasks where the extent is a number of passes, seconds where it is a time. */
export class Schedule {
  private readonly whole: number;
  private readonly counted: boolean;

  /** `tasks`: in the whole run; ignored when the extent is a time. */
  constructor(extent: Extent, tasks: number) {
    this.counted = extent.kind === 'passes';
    this.whole = extent.kind === 'passes' ? tasks : extent.seconds;
  }

  next({ stage, inTransition, dispatched, stageSeen, elapsedSeconds }: Standing): Step {
    if (this.counted) {
      // Half of the next stage's share stays for after the transition. Requests of a stage not seen yet are on their way.
      if (inTransition) return dispatched < Math.floor(this.shareUntil(stage + 1.5)) ? 'dispatch' : 'wait';
      if (dispatched < Math.floor(this.shareUntil(stage + 1))) return 'dispatch';
      if (!stageSeen) return 'wait';
    } else {
      if (inTransition || !stageSeen || elapsedSeconds < this.shareUntil(stage + 1)) return 'dispatch';
    }
    return stage === STAGES - 1 ? 'end' : 'advance';
  }

  private shareUntil(stages: number): number {
    return (this.whole * stages) / STAGES;
  }
}
