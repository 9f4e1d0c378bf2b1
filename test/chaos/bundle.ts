/**
 * Owns bundles: a compiled module and all it imports from the repository in one CommonJS file, so that a worker thread starts in half the time. The code
 * inside the modules stays as it is. Imports the compiler for its change of module format.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import ts from 'typescript';

/** The bundle of a module file. Dynamic imports and `import.meta` are not for bundles. */
export function bundle(entry: string): string {
  const numbers = new Map<string, number>();
  const bodies: string[] = [];
  const add = (file: string): number => {
    const known = numbers.get(file);
    if (known !== undefined) return known;
    const number = numbers.size;
    numbers.set(file, number);
    const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true };
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { fileName: file, compilerOptions });
    bodies[number] = outputText.replace(/\brequire\("(\.[^"]+)"\)/g, (_, path: string) => `require(${add(resolve(dirname(file), path))})`);
    return number;
  };
  add(resolve(entry));
  return [
    `'use strict';`,
    `const modules = [${bodies.map((body) => `(exports, require) => {\n${body}\n}`).join(',\n')}];`,
    `const loaded = [];`,
    `const load = (name) => {`,
    `  if (typeof name === 'string') return require(name);`,
    `  if (loaded[name] === undefined) modules[name]((loaded[name] = {}), load);`,
    `  return loaded[name];`,
    `};`,
    `load(0);`,
    ``,
  ].join('\n');
}
