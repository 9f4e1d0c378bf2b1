/** What the documents show is what happens: every block of JavaScript is written to a file as it stands there, type-checked and run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import ts from 'typescript';
import { parseDocument, readDocuments } from './documents.js';
import { type Example, type Program, prepareFolder, writeExample } from './example.js';

/** Blocks of these are run; those of others are named here, with who looks at them. */
const LANGUAGES = new Set(['js', 'ts', 'mjs', 'cjs', 'sh', 'text', 'json']);
const SECONDS = 60;
/** Errors that only say that JavaScript declares no types: of parameters, of what was caught, and of what comes of them. */
const UNTYPED = (code: number): boolean => (code >= 7005 && code <= 7057) || code === 18046 || code === 2571;

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'umbra-docs-'));
after(() => rmSync(folder, { recursive: true }));
prepareFolder(folder);
const documents = readDocuments();
const examples = documents.flatMap((document) => writeExample(document, documents, folder) ?? []);

test('no document has a block that nothing looks at', () => {
  for (const { path, blocks } of documents) {
    for (const { language, code, line } of blocks) {
      assert.ok(LANGUAGES.has(language), `${path}:${line}: no test knows blocks of ${language || 'no language'}`);
      if (language === 'json') JSON.parse(code);
    }
  }
});

test('every block of the documents passes the type checker', () => {
  const program = ts.createProgram({
    rootNames: examples.flatMap(({ files }) => files.filter((file) => !file.endsWith('.cjs') && !file.endsWith('pieces.js'))),
    options: {
      allowJs: true,
      checkJs: true,
      noEmit: true,
      strict: true,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.es2024.string.d.ts', 'lib.es2024.sharedmemory.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      typeRoots: [join(folder, 'node_modules', '@types')],
      types: ['node'],
      skipLibCheck: true,
    },
  });
  const complaints = ts
    .getPreEmitDiagnostics(program)
    .filter(({ code, file }) => !(UNTYPED(code) && file?.fileName.endsWith('.js') === true))
    .map(({ file, start, messageText }) => {
      const place = file === undefined ? '' : `${file.fileName}:${file.getLineAndCharacterOfPosition(start ?? 0).line + 1}: `;
      return place + ts.flattenDiagnosticMessageText(messageText, '\n');
    });
  assert.deepEqual(complaints, []);
});

// Two at a time: there may be no more processors, and each starts workers of its own.
test('every program of the documents runs, and prints what the text says', { timeout: SECONDS * 1000, concurrency: 2 }, async (context) => {
  const runs = examples.flatMap((example) => example.programs.map((program) => ({ example, program })));
  await Promise.all(
    runs.map(({ example, program }) =>
      context.test(`${program.where}: node ${program.args.join(' ')}`, () => runProgram(example, program)),
    ),
  );
});

test('a block that nothing says how to run is refused', () => {
  const lone = parseDocument('docs/lone.md', '# Lone\n\n```js\nconsole.log(1); // 1\n```\n');
  assert.throws(() => writeExample(lone, [lone], folder), /lone\.md:4: nothing says how to run this block/);
});

test('an output that the text does not tell is refused', () => {
  const silent = parseDocument('docs/silent.md', '`a.js`:\n\n```js\nconsole.log(1);\n```\n\n```sh\nnode a.js\n```\n');
  assert.throws(() => writeExample(silent, [silent], folder), /silent\.md:8: say behind console\.log/);
});

test('a program that prints and is never run is refused', () => {
  const idle = parseDocument('docs/idle.md', '`a.js`:\n\n```js\nconsole.log(1); // 1\n```\n');
  assert.throws(() => writeExample(idle, [idle], folder), /idle\.md: a\.js prints, and no block of shell runs it/);
});

async function runProgram(example: Example, { where, args, output }: Program): Promise<void> {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env; // tells a test runner that it runs inside another
  const { stdout, failure } = await new Promise<{ stdout: string; failure: string | null }>((resolve) => {
    execFile(process.execPath, args, { cwd: example.folder, env: environment, timeout: SECONDS * 1000 }, (error, out, err) => {
      resolve({ stdout: out, failure: error === null ? null : `${error.message}\n${out}\n${err}` });
    });
  });
  assert.ok(failure === null, `${where} failed: ${failure}`);
  if (output === null) return;
  const lines = stdout.trimEnd() === '' ? [] : stdout.trimEnd().split('\n');
  assert.ok(matches(lines, output), `${where} printed\n${lines.join('\n')}\nand the text says\n${output.join('\n')}`);
}

/** Line by line; `…` stands for anything. */
function matches(lines: readonly string[], expected: readonly string[]): boolean {
  if (lines.length !== expected.length) return false;
  return expected.every((line, index) => {
    const pattern = line.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    return new RegExp(`^${pattern.join('.*')}$`).test(lines[index]!);
  });
}
