/** What a command of `umbra` is to the dispatcher. Imports nothing. */

/** One of them stands in each file of commands/, exported as `command`. The file loads what the command works with only when it runs. */
export interface Command {
  readonly name: string;
  /** One line, for the list of all commands. */
  readonly summary: string;
  /** What `--help` prints, examples included. */
  readonly help: string;
  /** The exit code: 0 good, 1 a fault was found or the work failed, 2 wrong use or unusable input and nothing ran. */
  run(args: readonly string[]): Promise<number>;
}

export const EXIT_FAULT = 1;
export const EXIT_UNUSABLE = 2;
export const EXIT_INTERRUPTED = 130;
