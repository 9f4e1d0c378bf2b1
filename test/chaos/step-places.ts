/**
 * Owns the proof that a call can be put where a step is named: before a statement, or behind the last one of a block. Pure; imports the compiler for its parser.
 */
import ts from 'typescript';

import { stepName, stepsOf } from './steps.js';

/** @throws if a comment stands where no statement can be put */
export function requirePlaces(text: string, module: string): void {
  const left = statementSteps(text, module);
  for (const { name, line } of stepsOf(text, module)) {
    const at = left.indexOf(name);
    if (at < 0) throw new Error(`${module}: step ${name} (line ${line}) stands where no statement can be put`);
    left.splice(at, 1);
  }
}

/** The names of all step comments in a list of statements: before one of them, or behind the last one of a block. */
function statementSteps(text: string, module: string): string[] {
  const source = ts.createSourceFile(module, text, ts.ScriptTarget.ES2022, false, ts.ScriptKind.JS);
  const names: string[] = [];
  const look = (position: number): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, position) ?? []) {
      const name = stepName(text.slice(pos, end), module);
      if (name !== undefined) names.push(name);
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
  return names;
}
