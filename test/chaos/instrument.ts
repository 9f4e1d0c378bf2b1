/**
 * Owns the change from comment to call: every `// step:` comment of a compiled module becomes a call of the hook, right before the statement that it
 * precedes, or at the end of its block. Nothing else changes, not even the number of a line. Pure; imports the compiler for its parser.
 */
import ts from 'typescript';

import { type Step, stepName, stepsOf } from './steps.js';

/** What the calls are named by in an instrumented module. */
const CALL = '$step';

/** The import that every instrumented module begins with. */
export function hookImport(hook: string): string {
  return `import { step as ${CALL} } from '${hook}'; `;
}

/** The call that stands behind the comment of a step. */
export function hookCall(number: number): string {
  return ` ${CALL}(${number});`;
}

/**
 * The module with its calls; unchanged if it names no step. `numberOf` tells the number of the i-th step of the module. @throws if a comment stands where
 * no statement can be put
 */
export function instrument(text: string, module: string, hook: string, numberOf: (index: number) => number): string {
  const steps = stepsOf(text, module);
  if (steps.length === 0) return text;
  const places = statementPlaces(text, module);
  if (places.length !== steps.length) throw new Error(`${module}: ${misplaced(steps, places)} stands where no statement can be put`);
  let changed = '';
  let from = 0;
  places.forEach(({ end }, index) => {
    // In the line of the comment, which has to become one that ends: lines keep their numbers.
    changed += `${text.slice(from, end).replace(/\/\/ (step: \S+)$/, '/* $1 */')}${hookCall(numberOf(index))}`;
    from = end;
  });
  return hookImport(hook) + changed + text.slice(from);
}

interface Place {
  readonly name: string;
  readonly end: number;
}

/** The ends of all step comments in a list of statements: before one of them, or behind the last one of a block. */
function statementPlaces(text: string, module: string): Place[] {
  const source = ts.createSourceFile(module, text, ts.ScriptTarget.ES2022, false, ts.ScriptKind.JS);
  const places: Place[] = [];
  const look = (position: number): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, position) ?? []) {
      const name = stepName(text.slice(pos, end), module);
      if (name !== undefined) places.push({ name, end });
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isSourceFile(node) || ts.isBlock(node) || ts.isCaseOrDefaultClause(node)) {
      for (const statement of node.statements) look(statement.pos);
    }
    if (ts.isBlock(node)) look(node.statements.end);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return places.sort((a, b) => a.end - b.end);
}

function misplaced(steps: readonly Step[], places: readonly Place[]): string {
  const left = places.map(({ name }) => name);
  for (const { name, line } of steps) {
    const at = left.indexOf(name);
    if (at < 0) return `step ${name} (line ${line})`;
    left.splice(at, 1);
  }
  return 'a step';
}
