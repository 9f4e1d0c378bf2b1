/**
 * Owns the report of a rehearsal for a person. Touches no shared memory. Imports errors and the type of a rehearsal.
 */
import { describe, ShadowError } from '../errors.js';
import type { Finding } from './findings.js';
import type { RehearsedPath, Rehearsal } from './rehearsal.js';

/** Several lines: the verdict, then each finding with where it was found first, then what was refused. */
export function formatRehearsal(rehearsal: Rehearsal): string {
  if (!Array.isArray((rehearsal as Partial<Rehearsal> | undefined)?.findings))
    throw new ShadowError('ERR_PATCH_DECLARATION', `formatRehearsal() takes what rehearse() resolves to, not ${describe(rehearsal)}`);
  const { ok, patches, workers, paths, findings, tasks } = rehearsal;
  const steps = paths.reduce((sum, path) => sum + path.steps.length, 0);
  const walked = `${paths.length} paths with ${steps} steps among ${patches.join(', ')}; ${tasks} tasks in ${workers} workers`;
  const verdict = ok ? 'nothing found' : `${findings.length} finding${findings.length === 1 ? '' : 's'}`;
  return [`${verdict}: ${walked}`, ...findings.flatMap(tellFinding), ...tellSkipped(paths), ...tellRefusals(paths)].join('\n');
}

function tellFinding({ kind, patch, detail, path, step, times }: Finding): string[] {
  const whose = patch === null ? '' : ` (${patch})`;
  return [`  ${kind}${whose}: ${detail}`, `    ${often(times)} at "${step}" of: ${path}`];
}

function tellSkipped(paths: readonly RehearsedPath[]): string[] {
  return paths.filter(({ outcome }) => outcome === 'skipped').map(({ name }) => `  skipped: ${name}`);
}

/** The same refusal comes back in many paths. */
function tellRefusals(paths: readonly RehearsedPath[]): string[] {
  const refusals = new Map<string, { readonly first: string; readonly times: number }>();
  for (const { name, steps } of paths) {
    for (const { step, outcome, why } of steps) {
      if (outcome !== 'refused') continue;
      const { first, times } = refusals.get(why ?? '') ?? { first: `"${step}" of: ${name}`, times: 0 };
      refusals.set(why ?? '', { first, times: times + 1 });
    }
  }
  return [...refusals].flatMap(([why, { first, times }]) => [`  refused: ${why}`, `    ${often(times)} at ${first}`]);
}

function often(times: number): string {
  return times === 1 ? 'once' : `${times} times, first`;
}
