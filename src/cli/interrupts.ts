/** Owns what Ctrl-C does: the first one asks for an early end, the second one ends the process. Touches the process. Imports command. */
import { EXIT_INTERRUPTED } from './command.js';

export class Interrupts {
  /** What the next one ends, and how that is said. */
  #end: (() => void) | undefined;
  #announcement = '';
  #asked = false;
  readonly #tell: (text: string) => void;

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
    process.on('SIGINT', this.#onSignal);
  }

  /** Until this is called again, Ctrl-C calls `end`; at once, if somebody has pressed it before there was anything to end. */
  ends(announcement: string, end: () => void): void {
    this.#announcement = announcement;
    this.#end = end;
    if (this.#asked) end();
  }

  close(): void {
    process.off('SIGINT', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    if (this.#asked) process.exit(EXIT_INTERRUPTED);
    this.#asked = true;
    this.#tell(`${this.#announcement}; press Ctrl-C again to exit at once`);
    this.#end?.();
  };
}
