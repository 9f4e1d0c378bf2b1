/** Owns tables for a person: columns as wide as what is in them, numbers on the right, no line wider than it may be. Imports nothing. */

export interface Column<Row> {
  readonly title: string;
  /** On the right, as numbers are. */
  readonly right?: boolean;
  /** Whether the column is made narrower where the table is too wide. */
  readonly gives?: boolean;
  readonly text: (row: Row) => string;
}

const GAP = '  ';
/** No column is made narrower than this. */
const LEAST_WIDTH = 8;

/** Header, rule and rows, without line ends. Cells that do not fit end in an ellipsis, those of columns that give first. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], columnsOfTerminal: number): string[] {
  const cells = rows.map((row) => columns.map(({ text }) => printable(text(row))));
  const titles = columns.map(({ title }) => title);
  const widths = fit(
    columns,
    // Not Math.max of all at once: there may be more rows than a call takes arguments.
    titles.map((title, i) => cells.reduce((widest, row) => Math.max(widest, lengthOf(row[i]!)), title.length)),
    columnsOfTerminal,
  );
  const line = (row: readonly string[]): string =>
    clip(row.map((cell, i) => pad(clip(cell, widths[i]!), widths[i]!, columns[i]!.right === true)).join(GAP), columnsOfTerminal).trimEnd();
  const rule = clip(widths.map((width) => '─'.repeat(width)).join(GAP), columnsOfTerminal);
  return [line(titles), rule, ...cells.map(line)];
}

/** Takes what is too much from the widest of the columns that give. */
function fit<Row>(columns: readonly Column<Row>[], natural: readonly number[], available: number): readonly number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - available;
  while (excess > 0) {
    let widest = -1;
    for (let i = 0; i < widths.length; i++) {
      if (columns[i]!.gives === true && widths[i]! > LEAST_WIDTH && (widest === -1 || widths[i]! > widths[widest]!)) widest = i;
    }
    if (widest === -1) break;
    widths[widest]!--;
    excess--;
  }
  return widths;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return right ? blanks + text : text + blanks;
}

/** What a cell says may come from anywhere; it shall not speak to the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\ufffd');
}

/** At most so many characters. */
function clip(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
