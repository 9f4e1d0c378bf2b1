/**
 * Owns what the runner tells: a table for a person, and all results as JSON. Imports the form of a result.
 */
import type { Result } from './replay.js';

export function tellResult({ id, passed, milliseconds, reason }: Result, width: number): string {
  const line = `${id.padEnd(width)}  ${passed ? 'pass' : 'FAIL'}  ${milliseconds.toFixed(0).padStart(6)} ms`;
  return reason === null ? line : `${line}\n${reason.replace(/^/gm, '  ')}`;
}

export function tellSummary(results: readonly Result[]): string {
  const failed = results.filter(({ passed }) => !passed);
  const counts = `${results.length - failed.length} of ${results.length} passed`;
  return failed.length === 0 ? counts : `${counts}; failed: ${failed.map(({ id }) => id).join(', ')}`;
}

/** The whole result, schemaVersion 1. */
export function toJson(files: readonly string[], results: readonly Result[]): string {
  const failed = results.filter(({ passed }) => !passed).length;
  return `${JSON.stringify({ schemaVersion: 1, files, passed: results.length - failed, failed, results }, undefined, 1)}\n`;
}
