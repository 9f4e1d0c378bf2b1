/** What a person sees while the main job goes on: where it stands, about every second, and each transition. Imports status-line. */
import type { TransitionResult } from '../livepatch/transition.js';
import type { Status } from './replay.js';
import { StatusLine } from './status-line.js';
import type { Output } from './terminal.js';

const PLAIN_MILLISECONDS = 1000;

export class Progress {
  private readonly status: StatusLine;
  private last = { seconds: 0, requests: 0 };

  constructor(output: Output, environment?: NodeJS.ProcessEnv) {
    this.status = new StatusLine(output, environment);
  }

  start(status: () => Status): void {
    this.status.start(() => this.describe(status()), PLAIN_MILLISECONDS);
  }

  stop(): void {
    this.status.stop();
  }

  /** A line that stays. */
  line(text: string): void {
    this.status.line(text);
  }

  transition({ patch, kind, milliseconds, workers }: TransitionResult): void {
    this.line(`  ${kind} ${patch}: ${workers} workers switched in ${milliseconds.toFixed(1)} ms`);
  }

  private describe({ patch, requests, seconds, live, workers, switched, inTransition }: Status): string {
    const span = seconds - this.last.seconds;
    const rate = span > 0 ? (requests - this.last.requests) / span : 0;
    this.last = { seconds, requests };
    const code = `${patch ?? 'unpatched'}${inTransition ? ' → next' : ''}`;
    const parts = [
      `${seconds.toFixed(1)} s`,
      `${grouped(requests)} requests`,
      `${grouped(rate)}/s`,
      code,
      `${switched}/${workers} workers switched`,
      `${grouped(live)} live variables`,
    ];
    return `  ${parts.join('  ')}`;
  }
}

/** 1234567 → "1,234,567" */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en');
}
