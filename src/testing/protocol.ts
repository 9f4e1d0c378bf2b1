/**
 * Owns what the crew and its workers say to each other. Plain data, structured-clone friendly. Touches no shared memory. Imports the type of
 * the store's handle.
 */
import type { MessagePort } from 'node:worker_threads';

import type { StoreHandle } from '../memory/reservation.js';

/** The first message to a worker; everything else goes through `port`, for the worker's own port belongs to the workload. */
export interface Setup {
  readonly filename: string;
  readonly exportName: string;
  readonly handle: StoreHandle;
  readonly port: MessagePort;
}

export type Order =
  | { readonly kind: 'task'; readonly serial: number; readonly input: unknown }
  /** Have one more task in flight, until `release`. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'release' }
  | { readonly kind: 'end' };

/** One call that reached a patchable function through its entry, not through the `original` of a replacement. */
export interface Call {
  /** "object.function" */
  readonly name: string;
  /** Whose version ran; null = the original. */
  readonly patch: string | null;
  /** What currentVersion() was. */
  readonly version: number;
  /** Whether the task had been answered by then. */
  readonly late: boolean;
}

export type Reply =
  | { readonly kind: 'ready' }
  /** The file of the workload cannot be used, or an order could not be followed. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'held' }
  /** `failure`: why the task was rejected. `calls`: all different ones. */
  | {
      readonly kind: 'done';
      readonly serial: number;
      readonly failure: string | null;
      readonly result: unknown;
      readonly calls: readonly Call[];
    }
  /** All different calls of a task that went on after it had been answered. */
  | { readonly kind: 'stray'; readonly calls: readonly Call[] };
