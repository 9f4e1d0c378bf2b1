/**
 * Reports as files: one line per figure, so that a kept one is small and its changes can be read, and where the kept ones are.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../src/errors.js';
import type { Report } from './report.js';

/** Kept reports, one per release and major version of Node: in the source tree, which is two levels above this compiled file. */
export const RESULTS_FOLDER = fileURLToPath(new URL('../../bench/results/', import.meta.url));

/** Digits kept of a round: more than any clock here is good for. */
const SIGNIFICANT_DIGITS = 6;

export function formatReport({ figures, ...head }: Report): string {
  const lines = figures.map((figure) => `    ${JSON.stringify(figure, shorten)}`);
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "figures": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

export function writeReport(file: string, report: Report): void {
  writeFileSync(file, formatReport(report));
}

/** Makes the folder, so that a long run does not fail when it is over. */
export function prepareFolder(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
}

/** @throws RangeError when the file is not such a report. */
export function readReport(file: string): Report {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new RangeError(`${file} cannot be read as a report: ${messageOf(error)}`);
  }
  if (!isReport(content)) throw new RangeError(`${file} is not what npm run bench -- --json writes in this version`);
  return content;
}

/** The kept report that was begun last. */
export function findNewestReport(folder = RESULTS_FOLDER): string {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
  const began = (file: string): number => Date.parse(readReport(file).startedAt);
  const newest = files.sort((a, b) => began(b) - began(a))[0];
  if (newest === undefined) throw new RangeError(`${folder} holds no report: npm run bench -- --json FILE writes one`);
  return newest;
}

function isReport(content: unknown): content is Report {
  if (typeof content !== 'object' || content === null) return false;
  const { schema, figures } = content as Partial<Report>;
  return schema === 1 && Array.isArray(figures) && figures.every((figure) => Array.isArray((figure as Report['figures'][number]).runs));
}

function shorten(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : value;
}
