/**
 * Owns the declaration of a workload: what runs in the workers while patches come and go, and its checked form. Touches no shared memory.
 * Imports errors and the type of shadow types.
 */
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describe, ShadowError } from '../errors.js';
import type { AnyShadowType } from '../shadow/type.js';

/**
 * What the workers do during a rehearsal: the tasks 0 to `tasks` − 1, again and again. Tasks should leave the application's variables as a
 * whole round of them found or made them: what is different after a patch has come and gone is then a finding.
 */
export interface Workload<Task = unknown, Result = unknown> {
  /** The worker file, as for a pool: it calls `attach()`, and exports what `task()` returned. A URL, or a path relative to the working directory. */
  readonly filename: URL | string;
  /** Which export is the task; `default` by default. */
  readonly name?: string;
  /** The input of task `n`, 0…`tasks` − 1. Asked once for each; structured-clone friendly. */
  task(n: number): Task;
  /** What is wrong with the result of a task, on the thread of the rehearsal; `undefined` if nothing is. A throw counts as wrong. */
  check?(result: Result, task: Task): string | undefined;
  /** How many different tasks there are, 1…100000. Default 24. */
  readonly tasks?: number;
  /** The application's shadow types. */
  readonly types?: readonly AnyShadowType[];
  /** Modules that come and go with each patch, in addition to those that it patches. */
  readonly modules?: readonly string[];
  /** 1…64. Default 3. */
  readonly workers?: number;
  /** Tasks in flight per worker, 1…64. Default 2. */
  readonly concurrentTasks?: number;
  /** Size of the store. Default 2^26. */
  readonly maxBytes?: number;
  /** What the workers find as `workerData`. */
  readonly workerData?: unknown;
  /** How long one step may take before it counts as stalled, 10…600000 ms. Default 10000. */
  readonly timeout?: number;
}

export interface CheckedWorkload {
  readonly filename: string;
  readonly exportName: string;
  readonly inputs: readonly unknown[];
  readonly check: (result: unknown, n: number) => string | undefined;
  readonly types: readonly AnyShadowType[];
  readonly modules: readonly string[];
  readonly workers: number;
  readonly concurrentTasks: number;
  readonly maxBytes: number;
  readonly workerData: unknown;
  readonly timeout: number;
}

const KEYS: readonly string[] = [
  'filename',
  'name',
  'task',
  'check',
  'tasks',
  'types',
  'modules',
  'workers',
  'concurrentTasks',
  'maxBytes',
  'workerData',
  'timeout',
];

/** @throws ERR_PATCH_DECLARATION, and what `task()` throws */
export function readWorkload<Task, Result>(workload: Workload<Task, Result>): CheckedWorkload {
  if (typeof workload !== 'object' || (workload as unknown) === null) refuse(`it is an object, not ${describe(workload)}`);
  const unknown = Object.keys(workload).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) refuse(`it has an unknown property ${describe(unknown)}; known are ${KEYS.join(', ')}`);
  const { filename, name = 'default', types = [], modules = [], workerData, maxBytes = 2 ** 26 } = workload;
  const { task } = workload as { readonly task?: unknown };
  if (typeof task !== 'function') refuse(`task is ${describe(task)}; give a function that returns the n-th input`);
  const { check } = workload as { readonly check?: unknown };
  if (check !== undefined && typeof check !== 'function') refuse(`check is ${describe(check)}, not a function`);
  if (typeof name !== 'string') refuse(`name is ${describe(name)}; give the name of an export`);
  if (!Array.isArray(types)) refuse(`types is ${describe(types)}; give an array of shadow types`);
  if (!Array.isArray(modules) || modules.some((module) => typeof module !== 'string')) refuse('modules is a list of names');
  const inputs = Array.from({ length: readNumber(workload.tasks, 'tasks', 24, 1, 100_000) }, (_, n) => workload.task(n));
  return {
    filename: locate(filename),
    exportName: name,
    inputs,
    check: (result, n) => workload.check?.(result as Result, inputs[n]!),
    types: [...(types as readonly AnyShadowType[])],
    modules: [...(modules as readonly string[])],
    workers: readNumber(workload.workers, 'workers', 3, 1, 64),
    concurrentTasks: readNumber(workload.concurrentTasks, 'concurrentTasks', 2, 1, 64),
    maxBytes,
    workerData,
    timeout: readNumber(workload.timeout, 'timeout', 10_000, 10, 600_000),
  };
}

function locate(filename: unknown): string {
  if (filename instanceof URL) return filename.href;
  if (typeof filename !== 'string' || filename.length === 0) refuse(`filename is ${describe(filename)}; give a URL or a path`);
  if (!isAbsolute(filename) && URL.canParse(filename)) return filename;
  return pathToFileURL(resolve(filename)).href;
}

function readNumber(value: unknown, what: string, normal: number, least: number, most: number): number {
  if (value === undefined) return normal;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    refuse(`${what} is ${describe(value)}; give a whole number from ${least} to ${most}`);
  return value;
}

function refuse(what: string): never {
  throw new ShadowError('ERR_PATCH_DECLARATION', `the workload of a rehearsal: ${what}`);
}
