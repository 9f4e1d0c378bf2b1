/**
 * Owns the line that tells where long work stands: written over and over on a terminal, elsewhere a plain line now and then. Writes to the stream it is given;
 * imports terminal.
 */
import { isTerminal, type Output, terminalWidth } from './terminal.js';

const TERMINAL_MILLISECONDS = 200;

export class StatusLine {
  readonly terminal: boolean;
  private readonly output: Output;
  private timer: NodeJS.Timeout | undefined;

  constructor(output: Output, environment?: NodeJS.ProcessEnv) {
    this.output = output;
    this.terminal = isTerminal(output, environment);
  }

  /** Asks for the text again and again: every so many milliseconds where it is no terminal. */
  start(text: () => string, plainMilliseconds: number): void {
    this.timer = setInterval(() => this.show(text()), this.terminal ? TERMINAL_MILLISECONDS : plainMilliseconds);
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

  private show(text: string): void {
    if (!this.terminal) this.output.write(`${text}\n`);
    else this.output.write(`\r\x1b[2K${text.slice(0, terminalWidth(this.output) - 1)}`);
  }

  private clear(): void {
    if (this.terminal) this.output.write('\r\x1b[2K');
  }
}
