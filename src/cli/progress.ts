/**
 * What a person sees while a run goes on: one refreshing line on a terminal, plain lines about every second elsewhere. Writes to the
 * stream it is given.
 */

import type { TransitionResult } from '../livepatch/transition.js';
import type { Status } from './replay.js';
import { isTerminal, type Output, terminalWidth } from './terminal.js';

const TERMINAL_MILLISECONDS = 200;
const PLAIN_MILLISECONDS = 1000;

export class Progress {
  private readonly output: Output;
  private readonly terminal: boolean;
  private timer: NodeJS.Timeout | undefined;
  private last = { seconds: 0, requests: 0 };

  constructor(output: Output, environment?: NodeJS.ProcessEnv) {
    this.output = output;
    this.terminal = isTerminal(output, environment);
  }

  start(status: () => Status): void {
    this.timer = setInterval(() => this.show(status()), this.terminal ? TERMINAL_MILLISECONDS : PLAIN_MILLISECONDS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.clear();
  }

  /** A line that stays. */
  line(text: string): void {
    this.clear();
    this.output.write(`${text}\n`);
  }

  transition({ patch, kind, milliseconds, workers }: TransitionResult): void {
    this.line(`  ${kind} ${patch}: ${workers} workers switched in ${milliseconds.toFixed(1)} ms`);
  }

  private show(status: Status): void {
    const text = this.describe(status);
    if (!this.terminal) this.output.write(`${text}\n`);
    else this.output.write(`\r\x1b[2K${text.slice(0, terminalWidth(this.output) - 1)}`);
  }

  private clear(): void {
    if (this.terminal) this.output.write('\r\x1b[2K');
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
