/**
 * Owns bundles: a compiled module and all it imports from the repository in one CommonJS file, so that a worker thread starts in half the time. The code
 * inside the modules stays as it is. Loads the compiler for its change of module format, where it is installed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type TypeScript from 'typescript';

/** The bundle of a module file; undefined without the compiler. Dynamic imports and `import.meta` are not for bundles. */
export function bundle(entry: string): string | undefined {
  const ts = compiler();
  if (ts === undefined) return undefined;
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

/** What a worker of a build is started from: the bundle of a module, or the module itself where there is none. `module` is its URL. */
export function bundleOrModule(module: URL): string {
  const file = fileURLToPath(module);
  const bundled = file.replace(/\.js$/, '.cjs');
  return existsSync(bundled) ? bundled : file;
}

function compiler(): typeof TypeScript | undefined {
  const require = createRequire(import.meta.url);
  try {
    require.resolve('typescript');
  } catch {
    return undefined;
  }
  return require('typescript') as typeof TypeScript;
}
