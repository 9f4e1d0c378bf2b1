/** Every link of the documents leads somewhere: to a file of the repository, and to a heading of it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { type Document, parseDocument, proseOf, readDocuments, ROOT } from './documents.js';

const documents = readDocuments();

/** Headings, as the addresses that GitHub and npm make of them. */
function anchorsOf(document: Document): Set<string> {
  const headings = [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  const plain = (heading: string): string => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '');
  return new Set(headings.map((heading) => plain(heading).replaceAll(' ', '-')));
}

function brokenLinks(document: Document, all: readonly Document[]): string[] {
  const links = [...proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return links.flatMap((target) => {
    if (/^https:\/\//.test(target)) return [];
    const [path, anchor] = target.split('#') as [string, string | undefined];
    const file = path === '' ? document.path : posix.normalize(posix.join(posix.dirname(document.path), path));
    if (path !== '' && (file.startsWith('..') || !existsSync(new URL(file, ROOT)))) return [`${document.path}: ${target}`];
    const aim = all.find((other) => other.path === file);
    if (anchor === undefined || (aim !== undefined && anchorsOf(aim).has(anchor))) return [];
    return [`${document.path}: ${target}`];
  });
}

test('every link leads to a file that is there, and to a heading of it', () => {
  assert.deepEqual(
    documents.flatMap((document) => brokenLinks(document, documents)),
    [],
  );
});

test('every guide is reached from the README, by links', () => {
  const reached = new Set(['README.md']);
  for (const path of reached) {
    const document = documents.find((other) => other.path === path);
    for (const [, target] of document === undefined ? [] : proseOf(document).matchAll(/\]\(([^)#\s]+\.md)(?:#[^)]*)?\)/g))
      if (!target!.startsWith('https:')) reached.add(posix.normalize(posix.join(posix.dirname(path), target!)));
  }
  assert.deepEqual(
    documents.map(({ path }) => path).filter((path) => !reached.has(path)),
    [],
  );
});

test('a link to a file or a heading that is not there is found', () => {
  const broken = parseDocument(
    'docs/broken.md',
    '# Here\n\n[a](nowhere.md) [b](#there) [c](#here) [d](../README.md#what-happens-meanwhile)\n',
  );
  assert.deepEqual(brokenLinks(broken, [...documents, broken]), ['docs/broken.md: nowhere.md', 'docs/broken.md: #there']);
});

test('source files that the prose names are there', () => {
  const named = documents.flatMap((document) =>
    [...proseOf(document).matchAll(/`((?:src|test|bench|workers)\/[\w./-]+\.\w+)`/g)].map(([, path]) => `${document.path}: ${path}`),
  );
  assert.deepEqual(
    named.filter((place) => !existsSync(new URL(place.split(': ')[1]!, ROOT))),
    [],
  );
});
