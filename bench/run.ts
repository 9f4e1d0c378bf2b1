/**
 * Runs cases one after the other, each in a process of its own, so that neither type feedback nor garbage of another case is in it, and
 * shows the figures as they come.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { messageOf } from '../src/errors.js';
import type { CaseSpec, Figure, LeftOut } from './figures.js';
import { tableHeader, tableRow, type Report } from './report.js';
import { SUITES } from './suites.js';

export type Outcome = Pick<Report, 'figures' | 'failures' | 'leftOut'>;

const CHILD = new URL('./child.js', import.meta.url);

export function describeCase(spec: CaseSpec): string {
  return `${spec.suite} ${spec.name} ${spec.keys} ${spec.variables} variables`;
}

/** Runs case after case. One that fails, or is left out, is noted by its name, and the rest goes on. `child` measures one case. */
export async function runCases(cases: readonly CaseSpec[], show: (line: string) => void, child = CHILD): Promise<Outcome> {
  const figures: Figure[] = [];
  const failures: Report['failures'][number][] = [];
  const leftOut: Report['leftOut'][number][] = [];
  let suite = '';
  for (const spec of cases) {
    if (spec.suite !== suite) {
      suite = spec.suite;
      show(`\n${suite} (${SUITES[suite]!.unit})\n\n${tableHeader()}`);
    }
    try {
      const result = await runCase(spec, child);
      if ('leftOut' in result) {
        leftOut.push({ case: describeCase(spec), reason: result.leftOut });
        show(`${describeCase(spec)}: left out: ${result.leftOut}`);
        continue;
      }
      figures.push(...result);
      for (const figure of result) show(tableRow(figure));
    } catch (error) {
      const message = messageOf(error);
      failures.push({ case: describeCase(spec), message });
      show(`${describeCase(spec)}: ${message}`);
    }
  }
  return { figures, failures, leftOut };
}

async function runCase(spec: CaseSpec, module: URL): Promise<Figure[] | LeftOut> {
  const child = fork(module, [JSON.stringify(spec)], { execArgv: ['--expose-gc'] });
  const received: (Figure[] | LeftOut)[] = [];
  child.on('message', (message) => received.push(message as Figure[] | LeftOut));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const [result] = received;
  if (code !== 0 || result === undefined) throw new Error(`the case ended with ${signal ?? `code ${String(code)}`}`);
  return result;
}
