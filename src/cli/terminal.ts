/** Owns what may be written to which stream: whether it is a terminal, how wide it is, whether it takes colour. Reads the environment; imports nothing. */
import type { WriteStream } from 'node:tty';

/** What output needs of a stream; process.stdout is one. */
export type Output = Pick<NodeJS.WritableStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_COLUMNS = 120;

/** Whether lines can be written over: only where somebody looks on, with a terminal that can. */
export function isTerminal({ isTTY }: Output, environment: Environment = process.env): boolean {
  return isTTY === true && environment['TERM'] !== 'dumb';
}

/** A terminal that does not know its width says 0. */
export function terminalWidth({ columns }: Output): number {
  return columns !== undefined && columns > 0 ? columns : DEFAULT_COLUMNS;
}

/** Only a terminal has lines that are too long; elsewhere nothing is cut off. */
export function tableWidth(output: Output): number {
  return isTerminal(output) ? terminalWidth(output) : Infinity;
}

/** FORCE_COLOR decides where it is set, as it does for Node.js itself; then NO_COLOR; then whether it is a terminal. */
export function takesColour(output: Output, environment: Environment = process.env): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: refused } = environment;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (refused !== undefined && refused !== '') return false;
  return isTerminal(output, environment);
}

const SGR = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

/** Puts a text in a style, where the output takes it; as it is elsewhere. Nothing is ever said by colour alone. */
export type Style = (style: keyof typeof SGR, text: string) => string;

export function styleFor(output: Output, environment: Environment = process.env): Style {
  if (!takesColour(output, environment)) return (_style, text) => text;
  return (style, text) => {
    const [on, off] = SGR[style];
    return `\x1b[${on}m${text}\x1b[${off}m`;
  };
}
