/** Owns what a run came to: the JSON object of `--json`, and the same in lines for a person. Imports table, verdict and the types of what it shows. */
import { rounded } from '../cli/json.js';
import { grouped } from '../cli/progress.js';
import { type Column, formatTable } from '../cli/table.js';
import { messageOf } from '../errors.js';
import { type Level, PHASES, type PhaseName } from './course.js';
import type { DemoOptions } from './options.js';
import type { Step, Story } from './story.js';
import type { Report } from './tally.js';
import type { Check } from './verdict.js';
import { megabytes, milliseconds } from './words.js';

interface PhaseResult {
  readonly name: PhaseName;
  readonly seconds: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly latencyMilliseconds: { readonly p50: number; readonly p99: number } | null;
  readonly refused: number;
  readonly failed: number;
  readonly sessions: { readonly begin: number; readonly end: number };
  /** Data of the variables alive, and what the store has taken from the operating system for them. */
  readonly bytes: { readonly begin: number; readonly end: number };
  readonly pageBytes: { readonly begin: number; readonly end: number };
}

/** What `--json` gives. */
export interface DemoResult {
  readonly verdict: 'pass' | 'fail';
  readonly interrupted: boolean;
  /** Why the run ended early, if it failed. */
  readonly error: string | null;
  readonly workers: number;
  readonly rate: number;
  readonly seed: number;
  readonly requests: number;
  readonly served: number;
  readonly refused: number;
  readonly failed: number;
  /** Requests that were due and not sent, since too many were under way. */
  readonly heldBack: number;
  readonly phases: readonly PhaseResult[];
  readonly transitions: readonly Step[];
  readonly collected: readonly { readonly id: number; readonly variables: number; readonly milliseconds: number }[];
  /** Answers by the version that their tasks ran. */
  readonly versions: Report['versions'];
  readonly checks: readonly Check[];
  /** Examples of what was wrong, in words. */
  readonly faults: readonly string[];
}

export function resultOf(options: DemoOptions, story: Story, report: Report, checks: readonly Check[]): DemoResult {
  const { sent, served, refused, failed, heldBack, versions, faults } = report;
  const failedRun = story.error !== undefined || checks.some(({ ok }) => !ok);
  return {
    verdict: failedRun ? 'fail' : 'pass',
    interrupted: story.interrupted,
    error: story.error === undefined ? null : messageOf(story.error),
    workers: options.workers,
    rate: options.rate,
    seed: options.seed,
    requests: sent,
    served,
    refused,
    failed,
    heldBack,
    phases: phasesOf(story, report),
    transitions: story.steps.map((step) => ({ ...step, milliseconds: rounded(step.milliseconds) })),
    collected: story.collected.map(({ id, variables, milliseconds: taken }) => ({ id, variables, milliseconds: rounded(taken) })),
    versions,
    checks,
    faults,
  };
}

function phasesOf(story: Story, report: Report): PhaseResult[] {
  return story.phases.map(({ name, begin, end }, i) => {
    const { seconds, requests, refused, failed, latencyMilliseconds: latency } = report.phases[i]!;
    return {
      name,
      seconds: rounded(seconds),
      requests,
      requestsPerSecond: seconds > 0 ? Math.round(requests / seconds) : 0,
      latencyMilliseconds: latency === null ? null : { p50: rounded(latency.p50), p99: rounded(latency.p99) },
      refused,
      failed,
      sessions: pair(begin, end, 'sessions'),
      bytes: pair(begin, end, 'bytes'),
      pageBytes: pair(begin, end, 'pageBytes'),
    };
  });
}

function pair(begin: Level, end: Level, figure: keyof Level): { begin: number; end: number } {
  return { begin: begin[figure], end: end[figure] };
}

const WHAT_RUNS: Readonly<Record<PhaseName, string>> = {
  unpatched: 'two bugs',
  'patch 1': '+ expire-sessions',
  'patch 2': '+ limit-rate',
  downgrade: '− limit-rate',
  disabled: '− expire-sessions',
};

const COLUMNS: readonly Column<PhaseResult>[] = [
  { title: 'phase', text: ({ name }) => name },
  { title: 'what runs', gives: true, text: ({ name }) => WHAT_RUNS[name] },
  { title: 'requests', right: true, text: ({ requests }) => grouped(requests) },
  { title: 'req/s', right: true, text: ({ requestsPerSecond }) => grouped(requestsPerSecond) },
  { title: 'p50', right: true, text: ({ latencyMilliseconds: latency }) => (latency === null ? '–' : milliseconds(latency.p50)) },
  { title: 'p99', right: true, text: ({ latencyMilliseconds: latency }) => (latency === null ? '–' : milliseconds(latency.p99)) },
  { title: '429', right: true, text: ({ refused }) => grouped(refused) },
  { title: 'failed', right: true, text: ({ failed }) => grouped(failed) },
  { title: 'sessions', right: true, text: ({ sessions: { begin, end } }) => `${grouped(begin)} → ${grouped(end)}` },
  { title: 'in use', right: true, text: ({ bytes: { begin, end } }) => `${megabytes(begin)} → ${megabytes(end)}` },
  { title: 'taken', right: true, text: ({ pageBytes: { end } }) => megabytes(end) },
];

/** Lines for a person; the last one is the verdict. */
export function linesOf(result: DemoResult, width: number): string[] {
  const { phases, checks, faults, error, interrupted, verdict, heldBack } = result;
  const lines = ['', ...(phases.length > 0 ? [...formatTable(COLUMNS, phases, width), ''] : [])];
  for (const { rule, ok, what } of checks) lines.push(`${ok ? 'ok   ' : 'FAULT'}  ${rule.padEnd(11)}  ${what}`);
  for (const fault of faults) lines.push(`       ${fault}`);
  if (heldBack > 0) lines.push(`The machine was busy: ${grouped(heldBack)} requests that were due were not sent.`);
  if (error !== null) lines.push(`the run ended early: ${error}`);
  if (interrupted) lines.push(`the run was interrupted after ${phases.length} of ${PHASES.length} phases; the verdict is about what ran`);
  lines.push(`verdict: ${verdict}`);
  return lines;
}
