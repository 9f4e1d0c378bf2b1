/**
 * Owns what clients make of the answers they get: figures by phase, and what is wrong with them. Plain data, so that it goes from the thread of
 * the clients to the verdict. Imports histogram and application.
 */
import { bucketOf, HISTOGRAM_BUCKETS, mergeHistograms, quantileOf } from '../cli/histogram.js';
import { type Answer, type Code, CODES, isCode } from './application.js';
import type { Kind } from './clients.js';

export interface PhaseFigures {
  /** Requests that the version of the phase answered, and those sent in it that failed. */
  readonly requests: number;
  readonly seconds: number;
  readonly refused: number;
  readonly failed: number;
  readonly latencyMilliseconds: { readonly p50: number; readonly p99: number } | null;
}

/** Answers of one version of the service. */
interface VersionCount {
  readonly version: number;
  readonly code: Code;
  readonly answers: number;
}

export interface Report {
  readonly phases: readonly PhaseFigures[];
  readonly sent: number;
  readonly served: number;
  readonly refused: number;
  readonly failed: number;
  /** Served requests that were the first of a session. */
  readonly opened: number;
  readonly versions: readonly VersionCount[];
  readonly mixed: number;
  /** Requests of clients that do not hammer, refused. */
  readonly wronglyRefused: number;
  /** Requests that were due and not sent, because too many were under way. */
  readonly heldBack: number;
  /** Of each kind of fault the first ones, in words. */
  readonly faults: readonly string[];
}

/** Findings of a kind that are kept. */
const KEPT_FAULTS = 5;

interface Phase {
  readonly startedAt: number;
  endedAt: number;
  /** Of the service. */
  readonly version: number;
  failed: number;
}

/** Answers to requests that were sent in one phase, by one version. */
interface Answers {
  readonly phase: number;
  readonly version: number;
  count: number;
  refused: number;
  readonly histogram: Float64Array;
}

export class Tally {
  sent = 0;
  served = 0;
  refused = 0;
  failed = 0;
  heldBack = 0;
  #opened = 0;
  #mixed = 0;
  #wronglyRefused = 0;
  readonly #phases: Phase[] = [];
  readonly #answers = new Map<string, Answers>();
  readonly #versions = new Map<string, { version: number; code: Code; answers: number }>();
  readonly #faults: string[] = [];
  readonly #keptOfKind = new Map<string, number>();

  /** Another phase, in which every thread of the service runs this version. */
  begin(now: number, version: number): void {
    this.end(now);
    this.#phases.push({ startedAt: now, endedAt: 0, version, failed: 0 });
  }

  /** No requests are sent any more. */
  end(now: number): void {
    const last = this.#phases.at(-1);
    if (last !== undefined && last.endedAt === 0) last.endedAt = now;
  }

  /** A request is on its way; the number of the phase. */
  send(): number {
    this.sent++;
    return this.#phases.length - 1;
  }

  answered(phase: number, kind: Kind, milliseconds: number, answer: Answer): void {
    const answers = this.#answersOf(phase, answer.versions[1]);
    answers.count++;
    answers.histogram[bucketOf(milliseconds * 1e6)]! += 1;
    if (answer.status === 429) {
      this.refused++;
      answers.refused++;
      if (kind !== 'hammer') {
        this.#wronglyRefused++;
        this.#fault('refused', `a client that does not hammer was refused (${kind})`);
      }
    } else {
      this.served++;
      if (answer.hits === 1) this.#opened++;
    }
    this.#checkVersion(answer);
  }

  failedRequest(phase: number, why: string): void {
    this.failed++;
    this.#phases[phase]!.failed++;
    this.#fault('failed', `a request failed: ${why}`);
  }

  get report(): Report {
    const { sent, served, refused, failed, heldBack } = this;
    return {
      phases: this.#phases.map((_, phase) => this.#figuresOf(phase)),
      sent,
      served,
      refused,
      failed,
      opened: this.#opened,
      versions: [...this.#versions.values()],
      mixed: this.#mixed,
      wronglyRefused: this.#wronglyRefused,
      heldBack,
      faults: this.#faults,
    };
  }

  #answersOf(phase: number, version: number): Answers {
    const key = `${phase} ${version}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answers = { phase, version, count: 0, refused: 0, histogram: new Float64Array(HISTOGRAM_BUCKETS) };
    this.#answers.set(key, answers);
    return answers;
  }

  #figuresOf(phase: number): PhaseFigures {
    const { startedAt, endedAt, failed } = this.#phases[phase]!;
    const answers = [...this.#answers.values()].filter((one) => this.#phaseOf(one) === phase);
    const sum = (of: (one: Answers) => number): number => answers.reduce((total, one) => total + of(one), 0);
    const histogram = mergeHistograms(answers.map((one) => one.histogram));
    const milliseconds = (quantile: number): number => quantileOf(histogram, quantile) / 1e6;
    return {
      requests: sum((one) => one.count) + failed,
      seconds: (endedAt - startedAt) / 1000,
      refused: sum((one) => one.refused),
      failed,
      latencyMilliseconds: answers.length === 0 ? null : { p50: milliseconds(0.5), p99: milliseconds(0.99) },
    };
  }

  /** A phase begins when all threads have switched. Some have before, so the answer may be one of the phase that followed. */
  #phaseOf({ phase, version }: Answers): number {
    return this.#phases[phase]!.version !== version && this.#phases[phase + 1]?.version === version ? phase + 1 : phase;
  }

  #checkVersion({ versions: [begun, ended], code: seen, status }: Answer): void {
    const code = codeOf(seen, status);
    if (begun !== ended || code === undefined) {
      this.#mixed++;
      this.#fault(
        'mixed',
        `a request ran version ${begun} at its beginning and ${ended} at its end, and saw the code of ${seen.join(', ')}`,
      );
      return;
    }
    const key = `${begun} ${code}`;
    const count = this.#versions.get(key) ?? { version: begun, code, answers: 0 };
    this.#versions.set(key, count);
    count.answers++;
  }

  #fault(kind: string, what: string): void {
    const kept = this.#keptOfKind.get(kind) ?? 0;
    if (kept >= KEPT_FAULTS) return;
    this.#keptOfKind.set(kind, kept + 1);
    this.#faults.push(what);
  }
}

/** What `admit`, `touch` and `save` have to say where all of them are of one version. */
const MARKS: Readonly<Record<Code, string>> = {
  service: 'service service service',
  'expire-sessions': 'service expire-sessions expire-sessions',
  'limit-rate': 'limit-rate limit-rate limit-rate',
};

/** The only code that refuses. */
const REFUSING: Code = 'limit-rate';

/** The one version that a request saw; undefined if it saw more than one. */
export function codeOf(seen: readonly Code[], status: Answer['status']): Code | undefined {
  if (status === 429) return seen.join() === REFUSING ? REFUSING : undefined;
  const marks = seen.join(' ');
  return CODES.find((code) => MARKS[code] === marks);
}

/** Of what came over the wire. @throws Error in words if it is no answer of the service */
export function readAnswer(status: number | undefined, body: string): Answer {
  if (status !== 200 && status !== 429) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
  const { hits, versions, code } = JSON.parse(body) as Partial<Record<keyof Answer, unknown>>;
  if (!isNumber(hits) || !isListOf(versions, isNumber) || versions.length !== 2 || !isListOf(code, isCode))
    throw new Error(`status ${status} with an answer that is none: ${body.slice(0, 200)}`);
  return { status, hits, versions: [versions[0]!, versions[1]!], code };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isListOf<T>(list: unknown, isOne: (value: unknown) => value is T): list is T[] {
  return Array.isArray(list) && list.every(isOne);
}
