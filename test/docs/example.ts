/**
 * Owns the example of a document as files in a folder: those that the text names, and one for each piece. What cannot be run is an error, so that no block
 * is left out without anybody noticing. Imports documents.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, type Document, isScript, ROOT } from './documents.js';

/** What examples import besides umbra: from where this repository has it. */
const PACKAGES = ['piscina', 'prom-client', '@opentelemetry/api', '@opentelemetry/sdk-metrics', '@types/node'];
const SETUP = 'setup.js';
/** Between the outputs of two pieces. */
const SEPARATOR = '\u001e';

/** One program of a document, and what it has to print. */
export interface Program {
  readonly where: string;
  readonly args: readonly string[];
  /** Lines; `…` stands for anything. null: the text says nothing of an output. */
  readonly output: readonly string[] | null;
}

export interface Example {
  readonly document: Document;
  readonly folder: string;
  /** Paths of all files of the example, those of pieces included. */
  readonly files: readonly string[];
  readonly programs: readonly Program[];
}

/** A folder in which documents' examples find umbra and what else they import. */
export function prepareFolder(folder: string): void {
  const modules = fileURLToPath(new URL('node_modules/', ROOT));
  for (const name of PACKAGES) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(modules, name), link, 'dir');
  }
  symlinkSync(fileURLToPath(ROOT), join(folder, 'node_modules', 'umbra'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
}

/** Writes the example of a document below `folder`; undefined if it has no code. */
export function writeExample(document: Document, all: readonly Document[], folder: string): Example | undefined {
  const { path, blocks } = document;
  if (!blocks.some(isScript) && runsOf(document).length === 0) return undefined;
  const own = join(folder, path.replace(/[/.]/g, '-'));
  mkdirSync(own, { recursive: true });
  const files = new Map<string, string>();
  for (const block of [...document.borrows.flatMap((borrowed) => blocksOf(borrowed, all)), ...blocks]) {
    if (block.file !== undefined && isScript(block)) files.set(block.file, block.code);
  }
  const pieces = blocks.filter((block) => isScript(block) && block.file === undefined);
  if (pieces.length > 0 && !files.has(SETUP))
    throw new Error(`${path}:${pieces[0]!.line}: nothing says how to run this block: name its file, or give the document a ${SETUP}`);
  const setup = files.get(SETUP) ?? '';
  const names = pieces.map((piece, index) => {
    const name = `piece-${index + 1}.${piece.language}`;
    files.set(name, pieceCode(piece, setup));
    return name;
  });
  if (pieces.length > 0) files.set('pieces.js', driverCode(names, setup));
  for (const [name, code] of files) {
    mkdirSync(dirname(join(own, name)), { recursive: true });
    writeFileSync(join(own, name), code);
  }
  const programs = runsOf(document).map(({ command, block, output }) => programOf(path, command, block, output, files));
  if (pieces.length > 0) {
    const output = pieces.flatMap((piece) => [SEPARATOR, ...printed(path, piece.code, piece.line)]);
    programs.push({ where: `${path}, pieces`, args: ['pieces.js'], output });
  }
  const toldAsText = runsOf(document).some(({ output }) => output !== undefined);
  for (const { file, code } of blocks) {
    if (file === undefined || !code.includes('console.log(') || programs.some(({ args }) => args.at(-1) === file)) continue;
    const isUsed = [...files.values()].some((other) => other.includes(`./${file}'`));
    if (!isUsed || !toldAsText) throw new Error(`${path}: ${file} prints, and no block of shell runs it`);
  }
  return { document, folder: own, files: [...files.keys()].map((name) => join(own, name)), programs };
}

function blocksOf(path: string, all: readonly Document[]): readonly Block[] {
  const found = all.find((document) => document.path === path);
  if (found === undefined) throw new Error(`no document ${path} to take files of`);
  return [...found.borrows.flatMap((borrowed) => blocksOf(borrowed, all)), ...found.blocks];
}

interface Run {
  readonly command: string;
  readonly block: Block;
  /** The block of text behind it. */
  readonly output: Block | undefined;
}

/** `node …` in blocks of shell; other commands are looked at in commands.test.ts. */
function runsOf({ blocks }: Document): Run[] {
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh') return [];
    const next = blocks[index + 1];
    const commands = block.code.split('\n').filter((line) => line.startsWith('node '));
    return commands.map((command) => ({ command, block, output: next?.language === 'text' ? next : undefined }));
  });
}

function programOf(path: string, command: string, block: Block, output: Block | undefined, files: ReadonlyMap<string, string>): Program {
  const where = `${path}:${block.line}`;
  const args = command.replace(/#.*$/, '').trim().split(/\s+/).slice(1);
  const code = files.get(args.at(-1)!);
  if (code === undefined) throw new Error(`${where}: ${command}: the text has no such file`);
  if (output !== undefined) return { where, args, output: output.code.trimEnd().split('\n') };
  if (args.includes('--test')) return { where, args, output: null };
  return { where, args, output: printed(path, code, block.line) };
}

/** What the comments behind `console.log()` say. */
function printed(path: string, code: string, line: number): string[] {
  return code.split('\n').flatMap((text, index) => {
    if (!/^\s*[^/\s].*console\.log\(|^\s*console\.log\(/.test(text)) return [];
    const comment = /;\s*\/\/ (.+)$/.exec(text);
    if (comment === null) throw new Error(`${path}:${line + index}: say behind console.log() what it prints, or show all output as text`);
    return [comment[1]!];
  });
}

/** Exports of setup.js, by name. */
function exportsOf(setup: string): string[] {
  return [...setup.matchAll(/^export (?:const|let|class|function|async function) (\w+)/gm)].map(([, name]) => name!);
}

/** A piece as a module: what it uses of setup.js, and does not declare itself, is imported; its own imports come first. */
function pieceCode({ code }: Block, setup: string): string {
  const declared = (name: string): boolean =>
    new RegExp(`\\b(?:const|let|class|function)\\s+${name}\\b|^import [^;]*\\b${name}\\b`, 'm').test(code);
  const used = exportsOf(setup).filter((name) => new RegExp(`(?<![.\\w'])${name}\\b`).test(code) && !declared(name));
  const imported = used.length === 0 ? '' : `import { ${used.join(', ')} } from './${SETUP}'; `;
  return `${imported}${code}export {};\n`;
}

/** Runs the pieces one after another in one process, and ends what setup.js started. */
function driverCode(names: readonly string[], setup: string): string {
  const steps = names.map((name) => `console.log('${SEPARATOR}');\nawait import('./${name}');`);
  const end = exportsOf(setup).includes('coordinator') ? "await (await import('./setup.js')).coordinator.close();" : '';
  return `${steps.join('\n')}\n${end}\n`;
}
