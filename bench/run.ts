/**
 * Runs cases one after the other, each in a process of its own, so that neither type feedback nor garbage of another case is in it, and
 * shows the figures as they come.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { messageOf } from '../src/errors.js';
import { mergeRuns, type CaseSpec, type Figure, type LeftOut } from './figures.js';
import { tableHeader, tableRow, type Report } from './report.js';
import { SUITES } from './suites.js';

export type Outcome = Pick<Report, 'figures' | 'failures' | 'leftOut'>;

const CHILD = new URL('./child.js', import.meta.url);

export function describeCase(spec: CaseSpec): string {
  return `${spec.suite} ${spec.name} ${spec.keys} ${spec.variables} variables`;
}

/** Who is told of what goes on. */
export interface Audience {
  /** For a person. */
  readonly line: (text: string) => void;
  /** A case begins. */
  readonly begins: (what: string) => void;
}

/**
 * Runs all cases `runs` times over; whatever changes slowly on the machine touches all of them. A case that fails, or is left out, is noted
 * by its name, and the rest goes on. `child` is the module that measures one case.
 */
export async function runCases(cases: readonly CaseSpec[], runs: number, audience: Audience, child = CHILD): Promise<Outcome> {
  const passes: Outcome[] = [];
  let remaining = cases;
  for (let run = 1; run <= runs; run++) {
    if (runs > 1) audience.line(`\nrun ${run} of ${runs}`);
    const pass = await runPass(remaining, audience, child);
    passes.push(pass);
    const unmeasurable = new Set(pass.leftOut.map((each) => each.case));
    remaining = remaining.filter((spec) => !unmeasurable.has(describeCase(spec)));
  }
  const figures = mergeRuns(passes.map((pass) => pass.figures));
  if (runs > 1) showTogether(figures, runs, audience.line);
  return { figures, failures: passes.flatMap((pass) => pass.failures), leftOut: passes.flatMap((pass) => pass.leftOut) };
}

async function runPass(cases: readonly CaseSpec[], { line: show, begins }: Audience, child: URL): Promise<Outcome> {
  const figures: Figure[] = [];
  const failures: Report['failures'][number][] = [];
  const leftOut: Report['leftOut'][number][] = [];
  let suite = '';
  for (const spec of cases) {
    if (spec.suite !== suite) {
      suite = spec.suite;
      show(heading(suite));
    }
    begins(describeCase(spec));
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

function showTogether(figures: readonly Figure[], runs: number, show: (line: string) => void): void {
  show(`\nall ${runs} runs together`);
  for (const suite of new Set(figures.map((figure) => figure.suite))) {
    show(heading(suite));
    for (const figure of figures.filter((each) => each.suite === suite)) show(tableRow(figure));
  }
}

function heading(suite: string): string {
  return `\n${suite} (${SUITES[suite]!.unit})\n\n${tableHeader()}`;
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
