/**
 * Owns changes of compiled text: one place of a module with something else in it. A change that no longer fits the text fails loudly: it would show nothing.
 * Pure; imports the names of the layout's values.
 */
import type { LayoutValues } from './layout.js';

/** A place in a compiled module and what stands there instead. */
export interface TextChange {
  /** Path below dist/src. */
  readonly module: string;
  /**
   * Has to occur exactly once, unless `every` says that it is to be changed wherever it occurs. Any run of blanks fits any other; `Layout.NAME` stands for
   * its value as the compiler has written it.
   */
  readonly find: string;
  /** `Layout.NAME` here as well. */
  readonly replace: string;
  readonly every?: boolean;
}

/** The text with one place changed. @throws when the place is not there, or is not the only one */
export function applyChange(text: string, { module, find, replace, every = false }: TextChange, layout: LayoutValues): string {
  const pattern = new RegExp(
    find
      .trim()
      .split(/\s+/)
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('\\s+')
      .replaceAll(/Layout\\\.([A-Z0-9_]+)/g, '-?[\\d.]+ /\\* Layout\\.$1 \\*/'),
    'g',
  );
  const instead = replace.replaceAll(/Layout\.([A-Z0-9_]+)/g, (_, name: string) => {
    const value = layout[name];
    if (value === undefined) throw new Error(`the layout has no member ${name}, which a change of ${module} names`);
    return `${value} /* Layout.${name} */`;
  });
  const places = [...text.matchAll(pattern)].length;
  if (places === 0) throw new Error(`${module} has no such place any more: ${find}`);
  if (places > 1 && !every) throw new Error(`${module} has ${places} such places, which of them is meant? ${find}`);
  return text.replaceAll(pattern, () => instead);
}

/** Values of the layout as the compiler has written them into the code, each with its name behind it: of the members that the code names, no others. */
export function writtenLayout(texts: Iterable<string>): LayoutValues {
  const values: Record<string, number> = {};
  for (const text of texts) {
    for (const [, digits, name] of text.matchAll(/(-?\d[\d.]*(?:e[+-]?\d+)?) \/\* Layout\.([A-Z][A-Z0-9_]*) \*\//g)) {
      // A sign in front of a positive value is an operator; a negative one has its sign everywhere.
      values[name!] = Math.max(values[name!] ?? -Infinity, Number(digits));
    }
  }
  return values;
}
