/** The tables of docs/reference.md name what there is: exports, options, operations and events, all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANNELS } from '../../src/channels.js';
import * as face from '../../src/index.js';
import * as testing from '../../src/testing/index.js';
import * as worker from '../../src/worker.js';
import { readDocuments } from './documents.js';

const documents = readDocuments();
const reference = documents.find(({ path }) => path === 'docs/reference.md')!.text;

function isTold(name: string, text = reference): boolean {
  return new RegExp(`\\b${name.replace('$', '\\$')}\\b`).test(text);
}

/** Public members of a class: getters and methods; names that begin with $ are internal. */
function membersOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor' && !name.startsWith('$') && !name.startsWith('_'));
}

test('the reference names every function and class that workers import', () => {
  const missing = Object.keys(worker).filter((name) => !isTold(name) && name !== 'ShadowError');
  assert.deepEqual(missing, []);
});

test('the documents name everything that umbra and umbra/testing export', () => {
  const all = documents.map(({ text }) => text).join('\n');
  const missing = [...Object.keys(face), ...Object.keys(testing)].filter((name) => !isTold(name, all));
  assert.deepEqual(missing, []);
});

test('the reference names every operation of stores and coordinators', () => {
  const { ShadowStore, PatchCoordinator } = face;
  const coordinator = Object.getPrototypeOf(PatchCoordinator.prototype) as object;
  const members = [ShadowStore.prototype, PatchCoordinator.prototype, coordinator].flatMap(membersOf);
  const protectedOnes = ['resume', 'join'];
  assert.deepEqual(
    members.filter((name) => !isTold(name) && !protectedOnes.includes(name)),
    [],
  );
});

test('the reference names every channel', () => {
  const names = Object.values(CHANNELS).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => !reference.includes(`\`${String(name)}\``)),
    [],
  );
  assert.equal([...reference.matchAll(/`umbra:[\w-]+`/g)].length, names.length);
});
