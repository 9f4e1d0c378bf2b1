/** Markdown as prettier writes it: tables with padded cells, and the generated sections of a page. Imports nothing. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What stands between `<!-- made: name -->` and `<!-- end of made -->`. */
const SECTION = /(<!-- made: ([\w-]+) -->\n)[\s\S]*?(\n<!-- end of made -->)/g;

/** A page with each of its sections made anew; `make` throws for a name that it does not know. */
export function fillSections(page: string, make: (name: string) => string): string {
  return page.replace(SECTION, (_, begin: string, name: string, end: string) => `${begin}\n${make(name)}\n${end}`);
}

/** A page without its generated sections. */
export function withoutSections(page: string): string {
  return page.replace(SECTION, '');
}

export function sectionNames(page: string): string[] {
  return [...page.matchAll(SECTION)].map(([, , name]) => name!);
}
