/**
 * Owns the question whether anything in the modules that are explored reaches shared memory past the scheduler. The rewriting knows accesses by name
 * (names.ts), since compiled code has no types; this looks at the sources, which have. An element of a typed array, a method of one, one that is handed to the
 * language or to Node, one that is spread or iterated: each has to be what the rewriting takes for an access, or stand in the list below. Reads src; imports
 * names and the compiler.
 */
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

import { isSharedElement, isSpan } from './names.js';

interface Exception {
  /** Path below src. */
  readonly path: string;
  /** What the access contains. */
  readonly text: RegExp;
  readonly why: string;
}

/** Accesses that are no steps, and why that is right. */
const EXCEPTIONS: readonly Exception[] = [
  { path: 'memory/reservation.ts', text: /^header\[/, why: 'was written before there was a handle, and never changes' },
  { path: 'memory/classes.ts', text: /^(table|CLASS_OF_PAIRS)\[/, why: 'tables of the thread’s own' },
  {
    path: 'shadow/many.ts',
    text: /^(addresses|lows|identities|keys|lines|blocks|touched|left|views)\[/,
    why: 'arrays of the caller’s and of the thread’s own',
  },
  { path: 'shadow/slots.ts', text: /^counts\[/, why: 'an array of the caller’s own' },
  { path: 'shadow/stats.ts', text: /^created\[/, why: 'the same array' },
  { path: 'shadow/view.ts', text: /^(current|value)\[/, why: 'copies of what fields hold' },
  { path: 'shadow/variables.ts', text: /^\.\.\.this\.#words\.subarray\(/, why: 'subarray() is a step that gives a copy' },
  { path: 'recovery/repair.ts', text: /^this\.#words\.subarray\(.*\.includes$/, why: 'as above' },
  {
    path: 'shadow/records.ts',
    text: /^(head|all|bytes|parts|crc32|Buffer|this\.#data)\b/,
    why: 'texts that the coordinator keeps for its successor, in blocks that nobody else reads while it lives; in no scenario',
  },
  { path: 'shadow/field-access.ts', text: /\b(bytes|target|span)\b/, why: 'fields of single bytes and of strings; in no scenario' },
  { path: 'shadow/raw-view.ts', text: /this\.\$(span|touch)\(/, why: 'bytes of a variable as one; in no scenario' },
];

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const TYPED_ARRAY = /^(Big)?(Int|Uint|Float)(8|16|32|64)(Clamped)?Array$|^(DataView|Buffer)$/;
/** What these tell is no memory. */
const PLAIN_PROPERTIES = new Set(['length', 'buffer', 'byteOffset', 'byteLength', 'BYTES_PER_ELEMENT']);

export interface Bypasses {
  /** Accesses past the scheduler. */
  readonly found: readonly string[];
  /** Exceptions that nothing needs any more. */
  readonly outdated: readonly string[];
}

/** Looks at the modules of these paths below src (`x/y.ts`). `planted`: other texts for some of them. */
export function findBypasses(paths: readonly string[], planted: ReadonlyMap<string, string> = new Map()): Bypasses {
  const { program, files } = programOf(paths, planted);
  const checker = program.getTypeChecker();
  const found: string[] = [];
  const outdated = new Set(EXCEPTIONS);
  for (const [path, file] of files) {
    const visit = (node: ts.Node): void => {
      const what = reaches(checker, node);
      if (what !== undefined) {
        const text = node.getText().replaceAll(/\s+/g, ' ');
        const exception = EXCEPTIONS.find((one) => one.path === path && one.text.test(text));
        if (exception === undefined) found.push(`${path}: ${what}: ${text}`);
        else outdated.delete(exception);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return { found, outdated: [...outdated].map(({ path, why }) => `${path}: ${why}`) };
}

function reaches(checker: ts.TypeChecker, node: ts.Node): string | undefined {
  const isArray = (expression: ts.Expression): boolean => isTypedArray(checker.getTypeAtLocation(expression));
  if (ts.isElementAccessExpression(node)) {
    const plain = ts.factory.createElementAccessExpression(withoutTypes(node.expression), node.argumentExpression);
    return isArray(node.expression) && !isSharedElement(plain) ? 'an element under another name' : undefined;
  }
  if (ts.isPropertyAccessExpression(node)) {
    if (PLAIN_PROPERTIES.has(node.name.text) || !isArray(node.expression)) return undefined;
    return isSpan(node.name.text, withoutTypes(node.expression)) ? undefined : 'a method that is no step';
  }
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    if (!(node.arguments ?? []).some(isArray) || !isForeign(checker, node)) return undefined;
    return 'handed to what is not explored';
  }
  if (ts.isSpreadElement(node) || ts.isForOfStatement(node)) return isArray(node.expression) ? 'iterated' : undefined;
  if (ts.isVariableDeclaration(node) && ts.isArrayBindingPattern(node.name) && node.initializer !== undefined)
    return isArray(node.initializer) ? 'taken apart' : undefined;
  return undefined;
}

function isTypedArray(type: ts.Type): boolean {
  if (type.isUnionOrIntersection()) return type.types.some(isTypedArray);
  const { symbol } = type as { readonly symbol?: ts.Symbol };
  return symbol !== undefined && TYPED_ARRAY.test(symbol.name);
}

/** Whether what is called is the language's or Node's; methods of typed arrays and atomics are looked at elsewhere. */
function isForeign(checker: ts.TypeChecker, node: ts.CallExpression | ts.NewExpression): boolean {
  const { expression } = node;
  if (ts.isPropertyAccessExpression(expression)) {
    if (ts.isIdentifier(expression.expression) && expression.expression.text === 'Atomics') return false;
    if (isTypedArray(checker.getTypeAtLocation(expression.expression))) return false;
  }
  const declaration = checker.getResolvedSignature(node)?.declaration;
  return declaration?.getSourceFile().isDeclarationFile === true;
}

/** As the compiler leaves it. */
function withoutTypes(node: ts.Expression): ts.Expression {
  if (ts.isNonNullExpression(node) || ts.isAsExpression(node) || ts.isParenthesizedExpression(node)) return withoutTypes(node.expression);
  return node;
}

function programOf(
  paths: readonly string[],
  planted: ReadonlyMap<string, string>,
): { program: ts.Program; files: ReadonlyMap<string, ts.SourceFile> } {
  const config = ts.readConfigFile(`${ROOT}tsconfig.json`, (path) => ts.sys.readFile(path)).config as { compilerOptions: object };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const host = ts.createCompilerHost({ ...options, noEmit: true }, true);
  const texts = new Map([...planted].map(([path, text]) => [`${ROOT}src/${path}`, text]));
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version, ...rest) => {
    const text = texts.get(name);
    return text === undefined ? read(name, version, ...rest) : ts.createSourceFile(name, text, version, true);
  };
  const program = ts.createProgram(
    paths.map((path) => `${ROOT}src/${path}`),
    { ...options, noEmit: true },
    host,
  );
  return { program, files: new Map(paths.map((path) => [path, program.getSourceFile(`${ROOT}src/${path}`)!])) };
}
