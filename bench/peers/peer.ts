/**
 * What a peer is to the benchmarks: something that keeps 16 bytes under a number for several worker threads. One adapter per file, each
 * in the peer's own best way; the store itself has one too, so that both sides of a comparison are driven by the same code.
 *
 * A value is what a `tally` holds (subjects.ts): `reads`, `writes`, `total`. A set writes all of it, creating what is not there; a get
 * reads `reads` and takes 0 for what is missing. `reads` tells the key and who wrote it (`readsOf`), so sums over gets prove what was
 * found.
 */
import type { MessagePort } from 'node:worker_threads';

/** The requests of one worker, in order, drawn before anything is measured. */
export interface Requests {
  readonly keys: readonly number[];
  /** 1: set, 0: get. */
  readonly sets: Uint8Array;
  /** `initialReads` of the key. */
  readonly values: Uint16Array;
}

/** A worker's end. It goes with its worker: whatever it holds must stand that. */
export interface Client {
  /** Does the requests `from`…`to`−1; a get sees every set before it. Returns the sum of what the gets found, as an int32. */
  run(from: number, to: number, generation: Generation): number | Promise<number>;
}

/** The main thread's end: owns the data. */
export interface Host {
  /** What a worker needs to take part; goes through structured clone. */
  readonly handle: unknown;
  /** Peers that speak through ports: one for a worker of their own. */
  connect?(): MessagePort;
  /** Called when all workers have ended. */
  close(): Promise<void>;
}

export interface HostOptions {
  /** There from the start, of generation 0. */
  readonly keys: readonly number[];
  /** How many keys there will ever be. */
  readonly capacity: number;
  /** Where a server answers, for peers that are one. */
  readonly address: string | undefined;
}

export interface Peer {
  host(options: HostOptions): Host | Promise<Host>;
  attach(handle: unknown, requests: Requests, port: MessagePort | undefined): Client | Promise<Client>;
}

/** Who wrote a value: 0 what is there from the start, 1 the check before the first round. */
export type Generation = 0 | 1;

/** Above every `initialReads`. */
const GENERATION = 2 ** 10;

/** The field `reads`: `value` is the key's `initialReads`. */
export function readsOf(value: number, generation: Generation): number {
  return value + generation * GENERATION;
}

/** What a peer keeps for each `readsOf` there is, made once. */
export function valuesOf<T>(create: (reads: number) => T): readonly T[] {
  return Array.from({ length: 2 * GENERATION }, (_, reads) => create(reads));
}
