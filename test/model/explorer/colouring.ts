/**
 * Owns the question which functions may reach shared memory: those become generators, everything else stays as it is. The answer is a fixpoint over the
 * calls. A plain name is resolved exactly; a method is any method of that name; a call of a value, such as a parameter, may reach anything. Imports names
 * and sources, and the compiler for scopes.
 */
import ts from 'typescript';

import {
  atomicsCall,
  helperCallback,
  isGlobal,
  isOwnField,
  isSharedElement,
  lastName,
  makesCollection,
  propertyKey,
  spanCall,
  unwrap,
} from './names.js';
import type { Source } from './sources.js';

/** One function of the code. */
export interface Fn {
  readonly node: ts.FunctionLikeDeclaration;
  readonly path: string;
  readonly name: string;
  /** It was a generator before: what it yields are items, to a `for` loop. */
  readonly isIterator: boolean;
  /** It touches the memory itself, or calls what cannot be known. */
  direct: boolean;
  readonly callees: (Fn | string)[];
  coloured: boolean;
}

/** What becomes of a call: it stays; it is a generator to run; or it may be one. */
export type CallKind = 'plain' | 'certain' | 'possible';

export class Colouring {
  readonly files: readonly ts.SourceFile[];
  readonly #checker: ts.TypeChecker;
  readonly #fns = new Map<ts.Node, Fn>();
  /** By method name, and by name of a property that was given a function. */
  readonly #methods = new Map<string, Fn[]>();
  readonly #getters = new Map<string, Fn[]>();
  /** Properties that were given a value which may be a function of anybody's. */
  readonly #values = new Set<string>();
  /** Names that hold a collection of the language's, by file. */
  readonly #collections = new Set<string>();

  constructor(sources: readonly Source[]) {
    const program = programOf(sources);
    this.#checker = program.getTypeChecker();
    this.files = sources.map(({ path }) => program.getSourceFile(ROOT + path)!);
    for (const file of this.files) this.#declare(file);
    for (const file of this.files) this.#collect(file, undefined);
    this.#spread();
  }

  /** The function at a node. */
  fn(node: ts.Node): Fn | undefined {
    return this.#fns.get(node);
  }

  isColoured(node: ts.Node): boolean {
    return this.#fns.get(node)?.coloured === true;
  }

  /** Whether a property read may run a getter that reaches the memory. */
  isColouredRead(node: ts.PropertyAccessExpression): boolean {
    const key = propertyKey(node.name, pathOf(node));
    return key !== undefined && (this.#getters.get(key)?.some((fn) => fn.coloured) ?? false);
  }

  isColouredGetter(name: string): boolean {
    return this.#getters.get(name)?.some((fn) => fn.coloured) ?? false;
  }

  callKind(node: ts.CallExpression): CallKind {
    const callees = this.#calleesOf(node);
    if (callees === undefined) return 'possible';
    const isCalled = (callee: Fn | string): boolean =>
      typeof callee === 'string' ? this.#isColouredName(callee) : callee.coloured && !callee.isIterator;
    if (!callees.some(isCalled)) return 'plain';
    return callees.length === 1 && typeof callees[0] === 'object' ? 'certain' : 'possible';
  }

  /** Whether a `for` loop or a spread runs over what yields steps and items. */
  isSteppedIteration(node: ts.ForOfStatement | ts.SpreadElement): boolean {
    const over = unwrap(node.expression);
    if (!ts.isCallExpression(over)) return false;
    return this.#resolved(over).some((fn) => fn.isIterator && fn.coloured);
  }

  #isColouredName(key: string): boolean {
    return this.#values.has(key) || (this.#methods.get(key)?.some((fn) => fn.coloured && !fn.isIterator) ?? false);
  }

  /** Notes functions and what properties hold. */
  #declare(node: ts.Node): void {
    const path = pathOf(node);
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const fn: Fn = {
        node: node,
        path,
        name: describeFunction(node),
        isIterator: 'asteriskToken' in node && node.asteriskToken !== undefined,
        direct: false,
        callees: [],
        coloured: false,
      };
      this.#fns.set(node, fn);
      const key = keyOf(node, path);
      if (key !== undefined) addTo(ts.isGetAccessor(node) ? this.#getters : this.#methods, key, fn);
    }
    const given = givenProperty(node);
    if (given !== undefined) {
      const key = propertyKey(given.name, path);
      if (key !== undefined && mayHoldFunction(given.value)) this.#values.add(key);
      if (makesCollection(given.value)) this.#collections.add(`${given.name.text.replace(/^#/, '')}@${path}`);
    }
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && makesCollection(node.initializer))
      this.#collections.add(`${node.name.text}@${path}`);
    ts.forEachChild(node, (child) => {
      this.#declare(child);
    });
  }

  /** Notes what each function does. */
  #collect(node: ts.Node, within: Fn | undefined): void {
    const fn = this.#fns.get(node) ?? within;
    if (fn !== undefined && node !== fn.node) {
      if (ts.isCallExpression(node)) {
        const callees = this.#calleesOf(node);
        if (callees === undefined) fn.direct = true;
        else fn.callees.push(...callees);
      } else if (isSharedElement(node) || isOwnField(node)) {
        fn.direct = true;
      } else if (ts.isPropertyAccessExpression(node)) {
        const key = propertyKey(node.name, pathOf(node));
        for (const getter of this.#getters.get(key ?? '') ?? []) fn.callees.push(getter);
      } else if ((ts.isForOfStatement(node) || ts.isSpreadElement(node)) && ts.isCallExpression(unwrap(node.expression))) {
        fn.callees.push(...this.#resolved(unwrap(node.expression) as ts.CallExpression).filter((callee) => callee.isIterator));
      }
    }
    ts.forEachChild(node, (child) => {
      this.#collect(child, fn);
    });
  }

  /** What a call may run, functions and method names; undefined when it may be anything, a step included. */
  #calleesOf(node: ts.CallExpression): (Fn | string)[] | undefined {
    const atomics = atomicsCall(node);
    if (atomics !== undefined || spanCall(node) !== undefined) return undefined;
    const callback = helperCallback(node);
    if (callback !== undefined) {
      const fn = this.#fns.get(callback) ?? (ts.isIdentifier(callback) ? this.#functionOf(callback) : undefined);
      if (fn !== undefined && fn !== 'unknown') return [fn];
      if (!ts.isIdentifier(callback)) return [];
    }
    const callee = unwrap(node.expression);
    if (ts.isIdentifier(callee)) {
      const fn = this.#functionOf(callee);
      if (fn === 'unknown') return undefined;
      return fn === undefined || fn.isIterator ? [] : [fn];
    }
    if (ts.isPropertyAccessExpression(callee)) {
      if (isGlobal(callee.expression)) return callee.name.text === 'apply' ? undefined : [];
      if (callee.expression.kind === ts.SyntaxKind.SuperKeyword) return [callee.name.text];
      const path = pathOf(node);
      if (this.#collections.has(`${lastName(callee.expression) ?? ''}@${path}`)) return [];
      // `access.get.call(view)` runs what `access.get` holds.
      const called = unwrap(callee.expression);
      const isCall = callee.name.text === 'call' && ts.isPropertyAccessExpression(called);
      return [propertyKey(isCall ? called.name : callee.name, path)!];
    }
    if (callee.kind === ts.SyntaxKind.SuperKeyword || callee.kind === ts.SyntaxKind.ImportKeyword) return [];
    return undefined;
  }

  /** The functions that a call may run, iterators included. */
  #resolved(node: ts.CallExpression): Fn[] {
    const callee = unwrap(node.expression);
    if (ts.isIdentifier(callee)) {
      const fn = this.#functionOf(callee);
      return fn === undefined || fn === 'unknown' ? [] : [fn];
    }
    if (!ts.isPropertyAccessExpression(callee)) return [];
    return this.#methods.get(propertyKey(callee.name, pathOf(node)) ?? '') ?? [];
  }

  /** The function that a name stands for; undefined for one of the language's, 'unknown' for a value. */
  #functionOf(name: ts.Identifier): Fn | 'unknown' | undefined {
    let symbol = this.#checker.getSymbolAtLocation(name);
    if (symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0) symbol = this.#checker.getAliasedSymbol(symbol);
    const declaration = symbol?.valueDeclaration;
    if (declaration === undefined) return undefined;
    if (ts.isFunctionDeclaration(declaration)) return this.#fns.get(declaration);
    if (ts.isVariableDeclaration(declaration) && declaration.initializer !== undefined) {
      const value = declaration.initializer;
      if (this.#fns.has(value)) return this.#fns.get(value);
      if (ts.isIdentifier(value)) return this.#functionOf(value);
    }
    return ts.isClassDeclaration(declaration) ? undefined : 'unknown';
  }

  /** Whatever calls what is coloured is coloured. */
  #spread(): void {
    const fns = [...this.#fns.values()];
    for (const fn of fns) fn.coloured = fn.direct && !runsThrough(fn.node);
    for (let changed = true; changed;) {
      changed = false;
      for (const fn of fns) {
        if (fn.coloured || runsThrough(fn.node)) continue;
        if (!fn.callees.some((callee) => (typeof callee === 'string' ? this.#isColouredName(callee) : callee.coloured))) continue;
        fn.coloured = true;
        changed = true;
      }
    }
  }
}

const ROOT = '/explored/';

/** The path below dist/src of the file a node is in. */
export function pathOf(node: ts.Node): string {
  return node.getSourceFile().fileName.slice(ROOT.length);
}

/** A program of these modules alone, for the scopes. */
function programOf(sources: readonly Source[]): ts.Program {
  const options: ts.CompilerOptions = {
    allowJs: true,
    noLib: true,
    noResolve: false,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
  };
  const files = new Map(
    sources.map(({ path, text }) => [ROOT + path, ts.createSourceFile(ROOT + path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS)]),
  );
  const host: ts.CompilerHost = {
    getSourceFile: (name) => files.get(name),
    getDefaultLibFileName: () => 'lib.d.ts',
    writeFile: () => undefined,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => files.has(name),
    readFile: () => undefined,
    resolveModuleNameLiterals: (literals, containing) =>
      literals.map(({ text }) => {
        const name = new URL(text, `file://${containing}`).pathname;
        return {
          resolvedModule: text.startsWith('.') && files.has(name) ? { resolvedFileName: name, extension: ts.Extension.Js } : undefined,
        };
      }),
  };
  return ts.createProgram([...files.keys()], options, host);
}

/** Where no generator can be, or nothing is explored: constructors and asynchronous functions. */
function runsThrough(node: ts.FunctionLikeDeclaration): boolean {
  return ts.isConstructorDeclaration(node) || (node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) ?? false);
}

/** The property that a function is reached by: the method's own, or that which is given it. */
function keyOf(node: ts.FunctionLikeDeclaration, path: string): string | undefined {
  if (ts.isMethodDeclaration(node) || ts.isAccessor(node)) return propertyKey(node.name, path);
  const given = givenProperty(node.parent);
  return given !== undefined && given.value === node ? propertyKey(given.name, path) : undefined;
}

/** A property and the value it is given here. */
function givenProperty(node: ts.Node): { name: ts.Identifier | ts.PrivateIdentifier | ts.StringLiteral; value: ts.Expression } | undefined {
  if ((ts.isPropertyAssignment(node) || ts.isPropertyDeclaration(node)) && node.initializer !== undefined) {
    const { name } = node;
    if (ts.isIdentifier(name) || ts.isPrivateIdentifier(name) || ts.isStringLiteral(name)) return { name, value: node.initializer };
  }
  if (ts.isShorthandPropertyAssignment(node)) return { name: node.name, value: node.name };
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isPropertyAccessExpression(node.left)) {
    const { name } = node.left;
    return { name: name as ts.Identifier, value: node.right };
  }
  return undefined;
}

/** Names and results of calls may be functions of anybody's. What is written out as a function is known. */
function mayHoldFunction(value: ts.Expression): boolean {
  const inner = unwrap(value);
  return ts.isIdentifier(inner) || ts.isCallExpression(inner) || ts.isConditionalExpression(inner);
}

function describeFunction(node: ts.FunctionLikeDeclaration): string {
  const own = node.name !== undefined && 'text' in node.name ? node.name.text : undefined;
  const given = givenProperty(node.parent);
  const held = ts.isVariableDeclaration(node.parent) && ts.isIdentifier(node.parent.name) ? node.parent.name.text : undefined;
  const name = own ?? given?.name.text ?? held ?? (ts.isConstructorDeclaration(node) ? 'constructor' : 'callback');
  for (let outer: ts.Node = node.parent; !ts.isSourceFile(outer); outer = outer.parent) {
    if (ts.isClassLike(outer)) return `${outer.name?.text ?? 'class'}.${name}`;
    if (ts.isFunctionLike(outer)) return `${describeFunction(outer as ts.FunctionLikeDeclaration)}.${name}`;
  }
  return name;
}

function addTo(map: Map<string, Fn[]>, key: string, fn: Fn): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [fn]);
  else list.push(fn);
}
