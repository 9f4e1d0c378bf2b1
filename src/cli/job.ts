/** What the coordinator's side and the worker entry of the main job say to each other. Plain data, structured-clone friendly. */

import type { Findings } from './faults.js';
import type { Input } from './input.js';
import type { LedgerHandle } from './ledger.js';
import type { Sabotage } from './options.js';

/** What a worker gets when it starts. */
export interface WorkerSetup {
  readonly input: Input;
  readonly ledger: LedgerHandle;
  /** An object that the input does not name, for the planted leak. */
  readonly strayObject: number;
}

/** One task: the requests at `from`…`to`−1 of the input. */
export interface Job {
  readonly from: number;
  readonly to: number;
  /** Plant this fault on the way. */
  readonly sabotage: Sabotage | undefined;
}

/** A stretch of one task that one version of the code handled. */
export interface Segment {
  readonly from: number;
  to: number;
  /** As the handling function said: 0 unpatched, else the number of the patch. */
  readonly handledBy: number;
  /** Transitions that were complete when the stretch began. */
  readonly phase: number;
  accesses: number;
  bytes: number;
}

export interface Report {
  /** In order and without gaps. A task that kept to one version has one. */
  readonly segments: readonly Segment[];
  /** Version of the livepatch engine at the task's start and end. */
  readonly versions: readonly [number, number];
  readonly findings: Findings;
  /** The request that threw, which is in no segment: what it did before it threw is unknown. */
  readonly failure: Failure | undefined;
}

export interface Failure {
  readonly position: number;
  readonly message: string;
}
