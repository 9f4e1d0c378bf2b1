/**
 * Owns the reading of the documents: which there are, and their blocks of code with what the text says about them.
 *
 * The conventions, all of them visible in the text:
 * - a line that begins with a file name in backquotes and ends with a colon, before a block of JavaScript or TypeScript: the block is that file of the document's
 *   example;
 * - such a block without a name is a *piece*: it continues the document's `setup.js`, whose exports it may use;
 * - "the files of [Title](other.md)": the example contains those of the other document, too;
 * - the output of a program stands behind its `console.log()`, as a comment, or in a block of text after the block of shell that runs it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** The repository, two levels above the compiled file. */
export const ROOT = new URL('../../../', import.meta.url);

export interface Block {
  /** What stands behind the fence: js, ts, sh, text, json, html. */
  readonly language: string;
  readonly code: string;
  /** File of the example, if the text names one. */
  readonly file: string | undefined;
  /** Line of the document in which the code begins. */
  readonly line: number;
}

export interface Document {
  /** Path from the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** Paths of the documents whose files the example contains. */
  readonly borrows: readonly string[];
}

const NAMED = /^`([\w./-]+\.(?:js|mjs|cjs|ts))`.*:$/;
const BORROWED = /\bfiles of \[[^\]]+\]\(([\w./-]+\.md)\)/g;

export function readDocuments(): Document[] {
  const guides = readdirSync(new URL('docs/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`);
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...guides.sort()].map((path) =>
    parseDocument(path, readFileSync(new URL(path, ROOT), 'utf8')),
  );
}

export function parseDocument(path: string, text: string): Document {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const fence = /^\s*```(\w*)/.exec(lines[index]!);
    if (fence === null) continue;
    if (lines[index]!.startsWith(' ')) throw new Error(`${path}:${index + 1}: an indented block of code is not seen by the tests`);
    const end = lines.findIndex((line, later) => later > index && line === '```');
    if (end < 0) throw new Error(`${path}:${index + 1}: the block of code has no end`);
    const name = NAMED.exec(lines[lines[index - 1] === '' ? index - 2 : index - 1] ?? '');
    const code = lines
      .slice(index + 1, end)
      .map((line) => `${line}\n`)
      .join('');
    blocks.push({ language: fence[1]!, code, file: name?.[1], line: index + 2 });
    index = end;
  }
  const borrows = [...text.matchAll(BORROWED)].map(([, target]) => posix.join(posix.dirname(path), target!));
  return { path, text, blocks, borrows: [...new Set(borrows)] };
}

/** The text without blocks of code. */
export function proseOf({ text }: Document): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

export function isScript({ language }: Block): boolean {
  return language === 'js' || language === 'ts' || language === 'mjs' || language === 'cjs';
}
