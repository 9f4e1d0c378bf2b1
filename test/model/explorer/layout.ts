/**
 * Owns the values of the memory layout for a store of tiny sizes. The layout is a const enum, so the compiler has written its values into the code, each
 * followed by its name in a comment; this evaluates the enum again with some members changed, and everything that derives from them. Reads the source
 * of memory/layout.ts; imports the compiler.
 */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';

import ts from 'typescript';

export type LayoutValues = Readonly<Record<string, number>>;

const SOURCE = new URL('../../../../src/memory/layout.ts', import.meta.url);
const CONSTANT = /(-?)(\d[\d.]*(?:e[+-]?\d+)?) \/\* Layout\.([A-Z][A-Z0-9_]*) \*\//g;

/** All members of the layout, with these values in the place of their own. */
export function layoutWith(changes: LayoutValues): LayoutValues {
  const text = readFileSync(SOURCE, 'utf8');
  const source = ts.createSourceFile('layout.ts', text, ts.ScriptTarget.ES2022, true);
  const wanted = new Map(Object.entries(changes));
  let changed = text;
  const members = source.statements.filter(ts.isEnumDeclaration).flatMap((declaration) => [...declaration.members]);
  for (const member of members.reverse()) {
    const value = wanted.get(member.name.getText());
    if (value === undefined || member.initializer === undefined) continue;
    wanted.delete(member.name.getText());
    changed = changed.slice(0, member.initializer.getStart()) + String(value) + changed.slice(member.initializer.end);
  }
  if (wanted.size > 0) throw new Error(`the layout has no member ${[...wanted.keys()].join(', ')}`);
  const compilerOptions: ts.CompilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, preserveConstEnums: true };
  const { outputText } = ts.transpileModule(changed, { compilerOptions });
  const exports: { Layout?: Record<string, number | string> } = {};
  runInNewContext(outputText, { exports });
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(exports.Layout ?? {})) if (typeof value === 'number') values[name] = value;
  return values;
}

/** A compiled module with other values of the layout. */
export function substitute(text: string, before: LayoutValues, after: LayoutValues): string {
  return text.replaceAll(CONSTANT, (whole, sign: string, digits: string, name: string) => {
    const [old, value] = [before[name], after[name]];
    if (old === undefined || value === undefined) throw new Error(`the layout has no member ${name}, which the compiled code names`);
    // The sign belongs to the value, or it is an operator in front of it.
    const own = old < 0;
    if (Math.abs(old) !== Number(digits)) throw new Error(`the compiled code has ${digits} for ${name}, the layout ${old}; build again`);
    if (old === value) return whole;
    return `${own ? '' : sign}${value < 0 && !own ? `(${value})` : value} /* Layout.${name} */`;
  });
}
