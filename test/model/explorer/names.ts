/**
 * Owns what the explorer knows of the code by name, since compiled code has no types: which arrays are shared memory, and which calls are the language's
 * own. A name too many costs speed; one too few is found by bypass.ts, which looks at the types of the sources. Imports the compiler.
 */
import ts from 'typescript';

/** The typed arrays over the reservation. What turns out to be another array at run time is no step. */
const SHARED = new Set(['words', 'uwords', 'shorts', 'ushorts', 'singles', 'doubles', 'longs', 'ulongs', 'array', 'counters', 'moved']);
/** Their methods that touch several words. */
const SPANS = new Set(['fill', 'copyWithin', 'subarray', 'set']);
const GLOBALS = new Set([
  'Math',
  'Object',
  'Number',
  'JSON',
  'Array',
  'Promise',
  'String',
  'process',
  'performance',
  'BigInt',
  'Symbol',
  'console',
  'Reflect',
  'Date',
]);
const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'FinalizationRegistry', 'TextEncoder', 'TextDecoder']);
/** Methods of arrays that call back. */
const HELPERS = new Set(['map', 'filter', 'find', 'findIndex', 'some', 'every', 'forEach', 'reduce', 'flatMap']);

export function unwrap(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) ? unwrap(node.expression) : node;
}

/** The last name of `a.b.c`, `c` or `a.#c`. */
export function lastName(node: ts.Expression): string | undefined {
  const inner = unwrap(node);
  if (ts.isIdentifier(inner)) return inner.text;
  if (ts.isPropertyAccessExpression(inner)) return inner.name.text.replace(/^#/, '');
  return undefined;
}

/** `words[i]` and its like. */
export function isSharedElement(node: ts.Node): node is ts.ElementAccessExpression {
  return ts.isElementAccessExpression(node) && SHARED.has(lastName(node.expression) ?? '');
}

/** `this[name]`: the fields of views are accessors that were made for them. */
export function isOwnField(node: ts.Node): node is ts.ElementAccessExpression {
  return ts.isElementAccessExpression(node) && unwrap(node.expression).kind === ts.SyntaxKind.ThisKeyword;
}

/** The operation of `Atomics.operation(…)`. */
export function atomicsCall(node: ts.CallExpression): string | undefined {
  const callee = node.expression;
  if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.expression) || callee.expression.text !== 'Atomics')
    return undefined;
  return callee.name.text;
}

/** The method of `words.fill(…)` and its like. */
export function spanCall(node: ts.CallExpression): string | undefined {
  const callee = node.expression;
  if (!ts.isPropertyAccessExpression(callee) || !isSpan(callee.name.text, callee.expression)) return undefined;
  return callee.name.text;
}

/** Whether this method of that is one of several words of memory. */
export function isSpan(method: string, of: ts.Expression): boolean {
  return SPANS.has(method) && SHARED.has(lastName(of) ?? '');
}

/** The callback of `list.map(callback)` and its like, if it is a function written there or named. */
export function helperCallback(node: ts.CallExpression): ts.Expression | undefined {
  const callee = node.expression;
  if (!ts.isPropertyAccessExpression(callee) || !HELPERS.has(callee.name.text)) return undefined;
  const [first] = node.arguments;
  if (first === undefined) return undefined;
  return ts.isArrowFunction(first) || ts.isFunctionExpression(first) || ts.isIdentifier(first) ? first : undefined;
}

export function isGlobal(node: ts.Expression): boolean {
  return ts.isIdentifier(node) && GLOBALS.has(node.text);
}

/** Whether a value is one of the language's collections, whose methods call nothing of ours. */
export function makesCollection(node: ts.Expression | undefined): boolean {
  if (node === undefined) return false;
  if (ts.isArrayLiteralExpression(node)) return true;
  return ts.isNewExpression(node) && ts.isIdentifier(node.expression) && COLLECTIONS.has(node.expression.text);
}

/** How a property is told from others of its name: private ones belong to their file. */
export function propertyKey(name: ts.Node, path: string): string | undefined {
  if (ts.isPrivateIdentifier(name)) return `${name.text}@${path}`;
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : undefined;
}
