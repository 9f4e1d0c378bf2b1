/**
 * Owns the rewriting: compiled modules become modules in which every access to shared memory is one step of the thread. `$S` is the thread's port
 * (port.ts). A step asks the port whether the thread may go on; if not, the function yields, and whoever resumes it hands in what the access came to:
 *
 *   words[i]             →  ($S.r(words, i, site) ? yield : $S.v)
 *   words[i] = v         →  ($S.w(words, i, v, site) ? yield : $S.v)
 *   Atomics.add(a, i, v) →  ($S.a('add', a, i, v, undefined, site) ? yield : $S.v)
 *   acquire(thread, l)   →  (yield* acquire(thread, l))
 *   view.get(obj)        →  (($S.t = view.get(obj)) instanceof $S.G ? yield* $S.t : $S.t)
 *
 * Functions that may do so become generators, getters give one back, callbacks of arrays run by the port's own loops. Where no generator can be
 * (constructors, modules as they load) the code runs through at once; while threads are being explored, the port refuses that for words that they contend for.
 * Imports colouring, names.
 */
import ts from 'typescript';

import { type Colouring, pathOf } from './colouring.js';
import { atomicsCall, helperCallback, isOwnField, isSharedElement, spanCall, unwrap } from './names.js';

const { factory } = ts;

/** Where an access stands. */
export interface Site {
  readonly path: string;
  /** The function, with those around it. */
  readonly within: string;
  readonly text: string;
}

export interface Rewritten {
  readonly path: string;
  /** A CommonJS module body. */
  readonly text: string;
}

/** What surrounds a node: whether it may yield, and the helper variables its function has. */
interface Frame {
  readonly yields: boolean;
  readonly isIterator: boolean;
  readonly within: string;
  temporaries: number;
}

const COMPOUND: ReadonlyMap<ts.SyntaxKind, ts.BinaryOperator> = new Map<ts.SyntaxKind, ts.BinaryOperator>([
  [ts.SyntaxKind.PlusEqualsToken, ts.SyntaxKind.PlusToken],
  [ts.SyntaxKind.MinusEqualsToken, ts.SyntaxKind.MinusToken],
  [ts.SyntaxKind.BarEqualsToken, ts.SyntaxKind.BarToken],
  [ts.SyntaxKind.AmpersandEqualsToken, ts.SyntaxKind.AmpersandToken],
  [ts.SyntaxKind.CaretEqualsToken, ts.SyntaxKind.CaretToken],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanEqualsToken, ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken],
]);

/** All modules of a colouring; `sites` gets the places of the accesses, which the code names by index. */
export function rewriteAll(colouring: Colouring, sites: Site[]): Rewritten[] {
  return colouring.files.map((file) => ({ path: pathOf(file), text: toCommonJs(new Rewriter(colouring, file, sites).run()) }));
}

/** A module as the loader evaluates it. */
export function toCommonJs(text: string): string {
  const compilerOptions: ts.CompilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

class Rewriter {
  readonly #colouring: Colouring;
  readonly #file: ts.SourceFile;
  readonly #sites: Site[];
  readonly #frames: Frame[] = [{ yields: false, isIterator: false, within: 'module', temporaries: 0 }];
  #context!: ts.TransformationContext;

  constructor(colouring: Colouring, file: ts.SourceFile, sites: Site[]) {
    this.#colouring = colouring;
    this.#file = file;
    this.#sites = sites;
  }

  run(): string {
    const result = ts.transform(this.#file, [
      (context) => {
        this.#context = context;
        return (file) => ts.visitEachChild(file, this.#visit, context);
      },
    ]);
    return ts.createPrinter({ removeComments: true }).printFile(result.transformed[0]!);
  }

  get #frame(): Frame {
    return this.#frames.at(-1)!;
  }

  readonly #visit = (node: ts.Node): ts.VisitResult<ts.Node> => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) return this.#function(node);
    if (ts.isCallExpression(node)) return this.#call(node);
    if (ts.isBinaryExpression(node)) return this.#assignment(node);
    if (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) return this.#count(node);
    if (isSharedElement(node)) return this.#read(this.#expression(node.expression), this.#expression(node.argumentExpression), node);
    if (isOwnField(node)) return this.#possible(this.#each(node));
    if (ts.isPropertyAccessExpression(node) && this.#colouring.isColouredRead(node) && !isCallee(node)) {
      if (isInnerLink(node)) return this.#fail(node, 'a getter that reaches memory in the middle of an optional chain');
      return this.#possible(this.#each(node));
    }
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) this.#checkPattern(node);
    if (ts.isSpreadElement(node) && this.#colouring.isSteppedIteration(node))
      return factory.createSpreadElement(this.#run(port('list', [this.#expression(node.expression)])));
    if (ts.isForOfStatement(node) && this.#colouring.isSteppedIteration(node)) return this.#iteration(node);
    if (ts.isYieldExpression(node) && this.#frame.isIterator) {
      return factory.createYieldExpression(
        undefined,
        port('item', [node.expression === undefined ? undefinedNode() : this.#expression(node.expression)]),
      );
    }
    return this.#each(node);
  };

  #each<T extends ts.Node>(node: T): T {
    return ts.visitEachChild(node, this.#visit, this.#context);
  }

  #expression(node: ts.Expression): ts.Expression {
    return ts.visitNode(node, this.#visit, ts.isExpression);
  }

  #fail(node: ts.Node, what: string): never {
    const { line } = this.#file.getLineAndCharacterOfPosition(node.getStart());
    throw new Error(`${pathOf(node)}:${line + 1}: cannot rewrite ${what}: ${node.getText()}`);
  }

  #checkPattern(node: ts.BindingElement): void {
    const name = node.propertyName ?? node.name;
    if (ts.isIdentifier(name) && this.#colouring.isColouredGetter(name.text)) this.#fail(node, 'a getter that reaches memory in a pattern');
  }

  // --- Functions --------------------------------------------------------------------------------------------------------------------

  #function(node: ts.FunctionLikeDeclaration): ts.VisitResult<ts.Node> {
    const fn = this.#colouring.fn(node);
    const yields = fn?.coloured === true;
    this.#frames.push({ yields, isIterator: yields && fn.isIterator, within: fn?.name ?? 'function', temporaries: 0 });
    try {
      if (!yields) return this.#each(node);
      const parameters = node.parameters.map((parameter) => this.#each(parameter));
      const hoisted = hoistDefaults(parameters);
      const visited = ts.isBlock(node.body!)
        ? this.#each(node.body).statements
        : [factory.createReturnStatement(this.#expression(node.body as ts.Expression))];
      const body = factory.createBlock([...this.#declarations(), ...hoisted.statements, ...visited], true);
      return this.#generator(node, hoisted.parameters, body, fn.isIterator);
    } finally {
      this.#frames.pop();
    }
  }

  #declarations(): ts.Statement[] {
    const { temporaries } = this.#frame;
    if (temporaries === 0) return [];
    const names = Array.from({ length: temporaries }, (_, i) => factory.createVariableDeclaration(`$${i}`));
    return [factory.createVariableStatement(undefined, factory.createVariableDeclarationList(names, ts.NodeFlags.Let))];
  }

  #generator(
    node: ts.FunctionLikeDeclaration,
    parameters: readonly ts.ParameterDeclaration[],
    body: ts.Block,
    isIterator: boolean,
  ): ts.VisitResult<ts.Node> {
    // What was an iterator gives back something that a stepped loop takes, not a call that is under way.
    const star = isIterator ? undefined : factory.createToken(ts.SyntaxKind.AsteriskToken);
    const inner = isIterator ? factory.createBlock([factory.createReturnStatement(port('iterable', [calledHere(body)]))]) : body;
    if (ts.isFunctionDeclaration(node))
      return factory.createFunctionDeclaration(node.modifiers, star, node.name, undefined, parameters, undefined, inner);
    if (ts.isMethodDeclaration(node))
      return factory.createMethodDeclaration(node.modifiers, star, node.name, undefined, undefined, parameters, undefined, inner);
    if (ts.isGetAccessor(node)) {
      const given = factory.createBlock([factory.createReturnStatement(calledHere(inner))]);
      return factory.createGetAccessorDeclaration(node.modifiers, node.name, [], undefined, given);
    }
    if (ts.isFunctionExpression(node))
      return factory.createFunctionExpression(node.modifiers, star, node.name, undefined, parameters, undefined, inner);
    if (ts.isArrowFunction(node)) {
      const made = factory.createFunctionExpression(undefined, star, undefined, undefined, parameters, undefined, inner);
      if (!mentionsThis(node)) return factory.createParenthesizedExpression(made);
      return factory.createCallExpression(
        factory.createPropertyAccessExpression(factory.createParenthesizedExpression(made), 'bind'),
        undefined,
        [factory.createThis()],
      );
    }
    return this.#fail(node, 'a function of this kind that reaches memory');
  }

  // --- Calls ------------------------------------------------------------------------------------------------------------------------

  #call(node: ts.CallExpression): ts.Expression {
    const atomics = atomicsCall(node);
    if (atomics !== undefined) return this.#atomics(node, atomics);
    const span = spanCall(node);
    if (span !== undefined) {
      const receiver = (node.expression as ts.PropertyAccessExpression).expression;
      const given = [this.#expression(receiver), ...node.arguments.map((argument) => this.#expression(argument))];
      return this.#run(port(span === 'set' ? 'setAll' : span, [this.#site(node), ...given]));
    }
    const callback = helperCallback(node);
    const kind = this.#colouring.callKind(node);
    if (callback !== undefined && kind === 'certain') {
      const callee = node.expression as ts.PropertyAccessExpression;
      if (ts.isOptionalChain(node)) this.#fail(node, 'a callback that reaches memory in an optional chain');
      const given = [this.#expression(callee.expression), ...node.arguments.map((argument) => this.#expression(argument))];
      return this.#run(port(callee.name.text, given));
    }
    const call = this.#each(node);
    if (kind === 'plain' || node.expression.kind === ts.SyntaxKind.SuperKeyword) return call;
    if (isInnerLink(node)) {
      if (kind === 'possible')
        return call.arguments.length >= 0 && this.#isPlainName(node) ? call : this.#fail(node, 'a call in the middle of an optional chain');
      return this.#fail(node, 'a call in the middle of an optional chain');
    }
    return kind === 'certain' && !ts.isOptionalChain(node) ? this.#run(call) : this.#possible(call);
  }

  /** Methods of the language's that stand in optional chains. */
  #isPlainName(node: ts.CallExpression): boolean {
    return ts.isPropertyAccessExpression(node.expression) && ['toString', 'deref', 'pop', 'split'].includes(node.expression.name.text);
  }

  #atomics(node: ts.CallExpression, operation: string): ts.Expression {
    const given = node.arguments.map((argument) => this.#expression(argument));
    const site = this.#site(node);
    if (operation === 'wait') return this.#run(port('wait', [site, ...given]));
    const [array, index, x = undefinedNode(), y = undefinedNode()] = given;
    return this.#step('a', [factory.createStringLiteral(operation), array!, index!, x, y, site]);
  }

  /** Runs what is certainly a generator. */
  #run(call: ts.Expression): ts.Expression {
    if (!this.#frame.yields) return port('drive', [call]);
    return parenthesized(factory.createYieldExpression(factory.createToken(ts.SyntaxKind.AsteriskToken), call));
  }

  /** Runs what may be one. */
  #possible(value: ts.Expression): ts.Expression {
    if (!this.#frame.yields) return port('drive', [value]);
    const held = (): ts.Expression => factory.createPropertyAccessExpression(factory.createIdentifier('$S'), 't');
    return parenthesized(
      factory.createConditionalExpression(
        factory.createBinaryExpression(
          parenthesized(factory.createAssignment(held(), value)),
          ts.SyntaxKind.InstanceOfKeyword,
          factory.createPropertyAccessExpression(factory.createIdentifier('$S'), 'G'),
        ),
        undefined,
        parenthesized(factory.createYieldExpression(factory.createToken(ts.SyntaxKind.AsteriskToken), held())),
        undefined,
        held(),
      ),
    );
  }

  // --- Accesses ---------------------------------------------------------------------------------------------------------------------

  #site(node: ts.Node): ts.Expression {
    this.#sites.push({ path: pathOf(node), within: this.#frame.within, text: node.getText().replaceAll(/\s+/g, ' ') });
    return factory.createNumericLiteral(this.#sites.length - 1);
  }

  #step(method: string, given: readonly ts.Expression[]): ts.Expression {
    if (!this.#frame.yields) return port(`${method}Now`, given);
    return parenthesized(
      factory.createConditionalExpression(
        port(method, given),
        undefined,
        parenthesized(factory.createYieldExpression(undefined, undefined)),
        undefined,
        factory.createPropertyAccessExpression(factory.createIdentifier('$S'), 'v'),
      ),
    );
  }

  #read(array: ts.Expression, index: ts.Expression, node: ts.Node): ts.Expression {
    return this.#step('r', [array, index, this.#site(node)]);
  }

  #write(array: ts.Expression, index: ts.Expression, value: ts.Expression, node: ts.Node): ts.Expression {
    return this.#step('w', [array, index, value, this.#site(node)]);
  }

  #assignment(node: ts.BinaryExpression): ts.Expression {
    const { left, operatorToken } = node;
    const target = unwrap(left);
    const operator = COMPOUND.get(operatorToken.kind);
    if (isSharedElement(target)) {
      if (operatorToken.kind === ts.SyntaxKind.EqualsToken) {
        return this.#write(
          this.#expression(target.expression),
          this.#expression(target.argumentExpression),
          this.#expression(node.right),
          node,
        );
      }
      if (operator !== undefined) return this.#change(target, operator, () => this.#expression(node.right), true, node);
      if (isAssignmentOperator(operatorToken.kind)) this.#fail(node, 'an assignment of this kind to memory');
    }
    if (isOwnField(target) && operatorToken.kind === ts.SyntaxKind.EqualsToken) {
      return this.#run(port('set', [factory.createThis(), this.#expression(target.argumentExpression), this.#expression(node.right)]));
    }
    return this.#each(node);
  }

  #count(node: ts.PostfixUnaryExpression | ts.PrefixUnaryExpression): ts.Expression {
    const target = unwrap(node.operand);
    const { operator } = node;
    if (!isSharedElement(target) || (operator !== ts.SyntaxKind.PlusPlusToken && operator !== ts.SyntaxKind.MinusMinusToken))
      return this.#each(node);
    const by = operator === ts.SyntaxKind.PlusPlusToken ? ts.SyntaxKind.PlusToken : ts.SyntaxKind.MinusToken;
    return this.#change(target, by, () => factory.createNumericLiteral(1), ts.isPrefixUnaryExpression(node), node);
  }

  /** Reads, changes and writes: two steps. Gives the new value, or the old one. */
  #change(
    target: ts.ElementAccessExpression,
    operator: ts.BinaryOperator,
    by: () => ts.Expression,
    givesNew: boolean,
    node: ts.Node,
  ): ts.Expression {
    const array = this.#temporary();
    const index = this.#temporary();
    const before = this.#temporary();
    const after = this.#temporary();
    const assign = (name: string, value: ts.Expression): ts.Expression => factory.createAssignment(factory.createIdentifier(name), value);
    const held = (name: string): ts.Expression => factory.createIdentifier(name);
    return parenthesized(
      factory.createCommaListExpression([
        assign(array, this.#expression(target.expression)),
        assign(index, this.#expression(target.argumentExpression)),
        assign(before, this.#read(held(array), held(index), node)),
        assign(after, factory.createBinaryExpression(held(before), operator, parenthesized(by()))),
        this.#write(held(array), held(index), held(after), node),
        held(givesNew ? after : before),
      ]),
    );
  }

  #temporary(): string {
    if (!this.#frame.yields) throw new Error(`${this.#frame.within}: changes memory where nothing may be explored`);
    return `$${this.#frame.temporaries++}`;
  }

  // --- Loops ------------------------------------------------------------------------------------------------------------------------

  /** for (const x of steps()) … → an endless loop that asks for the next item. */
  #iteration(node: ts.ForOfStatement): ts.Statement {
    if (!ts.isVariableDeclarationList(node.initializer)) return this.#fail(node, 'a loop over steps without a variable of its own');
    const [declaration] = node.initializer.declarations;
    const iterator = this.#temporary();
    const item = this.#temporary();
    const named = (name: string): ts.Expression => factory.createIdentifier(name);
    const body = ts.visitNode(node.statement, this.#visit, ts.isStatement);
    return factory.createForStatement(
      factory.createAssignment(named(iterator), this.#expression(node.expression)),
      undefined,
      undefined,
      factory.createBlock(
        [
          factory.createExpressionStatement(factory.createAssignment(named(item), this.#run(port('next', [named(iterator)])))),
          factory.createIfStatement(factory.createPropertyAccessExpression(named(item), 'done'), factory.createBreakStatement()),
          factory.createVariableStatement(
            undefined,
            factory.createVariableDeclarationList(
              [
                factory.createVariableDeclaration(
                  this.#each(declaration!.name),
                  undefined,
                  undefined,
                  factory.createPropertyAccessExpression(named(item), 'value'),
                ),
              ],
              ts.NodeFlags.Const,
            ),
          ),
          body,
        ],
        true,
      ),
    );
  }
}

/** `$S.method(…)` */
function port(method: string, given: readonly ts.Expression[]): ts.Expression {
  return factory.createCallExpression(factory.createPropertyAccessExpression(factory.createIdentifier('$S'), method), undefined, given);
}

/** `(function* () { … }).call(this)` */
function calledHere(body: ts.Block): ts.Expression {
  const star = factory.createToken(ts.SyntaxKind.AsteriskToken);
  const made = parenthesized(factory.createFunctionExpression(undefined, star, undefined, undefined, [], undefined, body));
  return factory.createCallExpression(factory.createPropertyAccessExpression(made, 'call'), undefined, [factory.createThis()]);
}

function parenthesized(node: ts.Expression): ts.Expression {
  return factory.createParenthesizedExpression(node);
}

function undefinedNode(): ts.Expression {
  return factory.createIdentifier('undefined');
}

function isAssignmentOperator(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

/** Whether `node` is what is called, or what is assigned to. */
function isCallee(node: ts.PropertyAccessExpression): boolean {
  const { parent } = node;
  if (ts.isCallExpression(parent)) return parent.expression === node;
  return ts.isBinaryExpression(parent) && parent.left === node && isAssignmentOperator(parent.operatorToken.kind);
}

/** Whether an optional chain goes on behind this link of it: `node` in `a?.node.b`. */
function isInnerLink(node: ts.Node): boolean {
  if (!ts.isOptionalChain(node)) return false;
  const { parent } = node;
  return ts.isOptionalChain(parent) && (parent as ts.PropertyAccessExpression).expression === node;
}

/** Defaults that reach memory cannot stand among the parameters of a generator: they are given in its body. */
function hoistDefaults(parameters: readonly ts.ParameterDeclaration[]): {
  parameters: ts.ParameterDeclaration[];
  statements: ts.Statement[];
} {
  const statements: ts.Statement[] = [];
  const plain = parameters.map((parameter) => {
    const { initializer, name } = parameter;
    if (initializer === undefined || !containsYield(initializer) || !ts.isIdentifier(name)) return parameter;
    const isMissing = factory.createStrictEquality(name, undefinedNode());
    statements.push(factory.createIfStatement(isMissing, factory.createExpressionStatement(factory.createAssignment(name, initializer))));
    return factory.createParameterDeclaration(undefined, parameter.dotDotDotToken, name);
  });
  return { parameters: plain, statements };
}

function containsYield(node: ts.Node): boolean {
  return ts.isYieldExpression(node) || (ts.forEachChild(node, (child) => containsYield(child) || undefined) ?? false);
}

function mentionsThis(node: ts.Node): boolean {
  if (node.kind === ts.SyntaxKind.ThisKeyword) return true;
  if (ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isClassLike(node) || ts.isMethodDeclaration(node)) return false;
  return ts.forEachChild(node, (child) => mentionsThis(child) || undefined) ?? false;
}
