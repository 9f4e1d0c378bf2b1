/**
 * What the workers of suite `growth` do, in which proportions and how often, and what the main thread tells them.
 */
import type { ShadowStore } from '../src/shadow/store.js';

/** Indices into OPERATIONS. */
export const HIT = 0;
export const MISS = 1;
export const INSERT = 2;
export const ADD = 3;
export const UPDATE = 4;
export const FREE = 5;
export const SAFEPOINT = 6;
export const OPERATIONS = ['get hit', 'get miss', 'insert', 'add', 'update', 'free', 'safepoint'];

/** One cycle of each side: the same gets and changes; of eight insertions and frees together, seven are insertions or four. */
export const GROWING = [INSERT, HIT, INSERT, MISS, INSERT, FREE, INSERT, ADD, INSERT, UPDATE, INSERT, INSERT];
export const STEADY = [INSERT, HIT, FREE, MISS, INSERT, FREE, INSERT, ADD, FREE, UPDATE, INSERT, FREE];
/** Variables that a cycle of GROWING adds. */
const GAIN = 6;

/** What one worker does, step by step. */
export interface Steps {
  /** Variables of the worker at the start. */
  readonly initial: number;
  /** Cycles of STEADY that go unrecorded before anything else: they have the code compiled. */
  readonly warmupCycles: number;
  /** Per step: cycles of GROWING, and then as many of STEADY. */
  readonly cycles: readonly number[];
}

export interface GrowthData {
  readonly handle: ShadowStore['handle'];
  /** One word per meeting, 0 at the start. */
  readonly meetings: SharedArrayBuffer;
  readonly index: number;
  readonly workers: number;
  readonly steps: Steps;
}

/** What a worker posts when it is done: encoded latencies. */
export interface GrowthReport {
  readonly growing: string[];
  readonly steady: string[];
}

/** From `from` variables to `to` in steps of ten times as many, shared by `workers`. */
export function planSteps(from: number, to: number, workers: number, warmupCycles: number): Steps {
  const initial = from / workers;
  const cycles: number[] = [];
  for (let size = from; size < to;) {
    const next = Math.min(to, size * 10);
    cycles.push(Math.ceil((next - size) / workers / GAIN));
    size = next;
  }
  return { initial, warmupCycles, cycles };
}

/** How often one worker does an operation, the warm-up left out; safepoints come on top. */
export function countOperations(mix: readonly number[], { cycles }: Steps, operation: number): number {
  const perCycle = mix.filter((each) => each === operation).length;
  return perCycle * cycles.reduce((sum, count) => sum + count, 0);
}

/** How many keys one worker uses. */
export function countKeys(steps: Steps): number {
  const warmup = steps.warmupCycles * STEADY.filter((each) => each === INSERT).length;
  return steps.initial + warmup + countOperations(GROWING, steps, INSERT) + countOperations(STEADY, steps, INSERT);
}

/** How many variables one worker leaves in the store. */
export function countLeft(steps: Steps): number {
  return steps.initial + countOperations(GROWING, steps, INSERT) - countOperations(GROWING, steps, FREE);
}
