/** What a reader of the README meets first: two commands, and an example of twenty lines. That it runs as shown is in examples.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isScript, readDocuments } from './documents.js';

const readme = readDocuments().find(({ path }) => path === 'README.md')!;

test('the two commands stand at the top of the README', () => {
  const first = readme.text.slice(0, readme.text.indexOf('## '));
  assert.match(first, /^npm ci && npm start/m);
  assert.match(first, /^npm ci && npm test/m);
});

test('the example of the README has at most twenty lines', () => {
  const section = readme.text.slice(readme.text.indexOf('## In twenty lines'), readme.text.indexOf('## What happens meanwhile'));
  const blocks = readme.blocks.filter((block) => isScript(block) && section.includes(block.code));
  assert.equal(blocks.length, readme.blocks.filter(isScript).length);
  const lines = blocks.flatMap(({ code }) => code.trimEnd().split('\n'));
  assert.ok(lines.length <= 20, `${lines.length} lines`);
});

test('the README is short enough to be read', () => {
  assert.ok(readme.text.split('\n').length <= 220);
});
