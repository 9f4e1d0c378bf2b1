/**
 * Owns the change from comment to call: every `// step:` comment of a compiled module becomes a call of the hook, in its own line, right before the statement
 * that it precedes, or at the end of its block. Nothing else changes, not even the number of a line. Pure. That each comment stands where a statement can be put
 * is for step-places.ts to prove.
 */
import { stepsOf } from './steps.js';

/** What the calls are named by in an instrumented module. */
const CALL = '$step';
const COMMENT = /^([ \t]*)\/\/ (step: \S+)$/gm;

/** The import that every instrumented module begins with. */
export function hookImport(hook: string): string {
  return `import { step as ${CALL} } from '${hook}'; `;
}

/** The call that stands behind the comment of a step. */
export function hookCall(number: number): string {
  return ` ${CALL}(${number});`;
}

/** The module with its calls; unchanged if it names no step. `numberOf` tells the number of the i-th step of the module. */
export function instrument(text: string, module: string, hook: string, numberOf: (index: number) => number): string {
  const steps = stepsOf(text, module);
  if (steps.length === 0) return text;
  let index = 0;
  const changed = text.replace(COMMENT, (_, indent: string, step: string) => `${indent}/* ${step} */${hookCall(numberOf(index++))}`);
  if (index !== steps.length) throw new Error(`${module} has ${steps.length} steps, and calls were put at ${index}`);
  return hookImport(hook) + changed;
}
