/**
 * Owns the options of a dashboard: what is asked for is checked once, here. Imports errors and the types of dashboard.
 */
import { randomBytes } from 'node:crypto';

import { describe, ShadowError } from '../errors.js';
import type { DashboardOptions, Meter, PatchChoice } from './dashboard.js';

const OPTIONS: readonly string[] = ['port', 'token', 'title', 'meters', 'patches'];
const TOKEN = /^[\w-]{16,128}$/;
const TOKEN_BYTES = 24;
const MOST_TITLE = 80;
const MOST_NAME = 40;
const MOST_METERS = 16;
const MOST_PATCHES = 64;

export type ReadOptions = Required<DashboardOptions>;

/** @throws ERR_DASHBOARD_OPTION */
export function readOptions(options: DashboardOptions): ReadOptions {
  if (typeof options !== 'object' || (options as unknown) === null)
    refuse(`the options of a dashboard are an object, not ${describe(options)}`);
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) refuse(`unknown option ${name} of a dashboard; known are ${OPTIONS.join(', ')}`);
  }
  const { port = 0, token = randomBytes(TOKEN_BYTES).toString('base64url'), title = 'Umbra', meters = [], patches = [] } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    refuse(`port is ${describe(port)}; give a whole number from 0 (any free one) to 65535`);
  // The token is a secret: it is not repeated here.
  if (typeof token !== 'string' || !TOKEN.test(token))
    refuse('token is not 16 to 128 letters, digits, - and _; leave it out for a random one');
  if (!isText(title, MOST_TITLE)) refuse(`title is ${describe(title)}; give 1 to ${MOST_TITLE} characters`);
  checkList('meters', meters, MOST_METERS);
  checkList('patches', patches, MOST_PATCHES);
  return {
    port,
    token,
    title,
    meters: meters.map(checkMeter),
    patches: patches.map(checkChoice),
  };
}

function checkList(name: string, list: readonly unknown[], most: number): void {
  if (!Array.isArray(list) || list.length > most) refuse(`${name} is ${describe(list)}; give an array of at most ${most}`);
}

function checkMeter(meter: Meter, index: number, all: readonly Meter[]): Meter {
  const { name, kind, unit, read } = (meter as Partial<Meter> | null | undefined) ?? {};
  if (!isText(name, MOST_NAME)) refuse(`the name of meter ${index + 1} is ${describe(name)}; give 1 to ${MOST_NAME} characters`);
  if (all.findIndex((other) => other.name === name) !== index) refuse(`two meters have the name ${describe(name)}; give each its own`);
  if (kind !== 'rate' && kind !== 'level') refuse(`the kind of meter ${describe(name)} is ${describe(kind)}; give "rate" or "level"`);
  if (unit !== undefined && !isText(unit, MOST_NAME))
    refuse(`the unit of meter ${describe(name)} is ${describe(unit)}; give 1 to ${MOST_NAME} characters`);
  if (typeof read !== 'function') refuse(`read of meter ${describe(name)} is ${describe(read)}; give a function that returns a number`);
  return meter;
}

/** What stands in `source` and `options` is checked by `enable()`. */
function checkChoice(choice: PatchChoice, index: number, all: readonly PatchChoice[]): PatchChoice {
  const { name, source } = (choice as Partial<PatchChoice> | null | undefined) ?? {};
  if (typeof name !== 'string' || name === '')
    refuse(`the name of patch ${index + 1} is ${describe(name)}; give the name that the patch has`);
  if (all.findIndex((other) => other.name === name) !== index) refuse(`two patches have the name ${describe(name)}; give each its own`);
  if (source === undefined) refuse(`patch ${describe(name)} has no source; give what enable() takes`);
  return choice;
}

function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= most;
}

function refuse(what: string): never {
  throw new ShadowError('ERR_DASHBOARD_OPTION', what);
}
