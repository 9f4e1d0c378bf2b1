import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { layoutWith } from '../model/explorer/layout.js';
import { writtenLayout } from '../model/explorer/text-change.js';
import { COMPILED, makeBuild } from './build.js';
import { hookCall, hookImport, instrument } from './instrument.js';
import { requirePlaces } from './step-places.js';
import { filesBelow, stepsBelow, stepsOf } from './steps.js';

const SOURCES = join(COMPILED, '../src');
const PRODUCTION = join(COMPILED, 'src');
const HOOK = '../hook.js';

const calls = (text: string): string => instrument(text, 'sample', HOOK, (index) => index + 1);

test('what is shipped calls no hook and imports nothing of the tests', () => {
  const files = filesBelow(PRODUCTION, '.js');
  assert.ok(files.length > 100);
  for (const file of files) {
    const text = readFileSync(join(PRODUCTION, file), 'utf8');
    // The command chaos runs a file of test/ in a process of its own.
    assert.doesNotMatch(text, /\$step|hook\.js|(?:from|import\()\s*['"`][^'"`]*\btest\//, file);
  }
});

test('every step of the sources is in what the compiler made of them, in the same order', () => {
  const inSources = stepsBelow(SOURCES, '.ts');
  const compiled = stepsBelow(PRODUCTION, '.js');
  const names = (steps: typeof compiled): string[] => steps.map(({ name, module }) => `${module}: ${name}`);
  assert.deepEqual(names(compiled), names(inSources), 'a step was lost or moved by the compiler');
  assert.ok(inSources.length > 0, 'there are no steps at all');
});

test('a chaos build is what is shipped, plus one call for each step', () => {
  const build = makeBuild();
  let found = 0;
  for (const file of filesBelow(PRODUCTION, '.js')) {
    const shipped = readFileSync(join(PRODUCTION, file), 'utf8');
    const copied = readFileSync(join(build.folder, 'src', file), 'utf8');
    const steps = stepsOf(shipped, `src/${file.slice(0, -3)}`);
    if (steps.length === 0) {
      assert.equal(copied, shipped, file);
      continue;
    }
    const depth = file.split('/').length;
    const head = hookImport(`${'../'.repeat(depth)}test/chaos/hook.js`);
    assert.ok(copied.startsWith(head), file);
    const undone = copied.slice(head.length).replace(/\/\* (step: \S+) \*\/ \$step\((\d+)\);/g, (_, comment: string, number: string) => {
      assert.equal(`step: ${build.steps[Number(number)]!.name}`, comment, `${file}: the number of a step leads to another name`);
      found++;
      return `// ${comment}`;
    });
    assert.equal(undone, shipped, `${file} differs in more than its calls`);
  }
  assert.equal(found, stepsBelow(PRODUCTION, '.js').length);
});

test('a chaos build without steps is what is shipped', () => {
  const build = makeBuild({ steps: false });
  for (const file of filesBelow(PRODUCTION, '.js'))
    assert.equal(readFileSync(join(build.folder, 'src', file), 'utf8'), readFileSync(join(PRODUCTION, file), 'utf8'), file);
  assert.ok(existsSync(join(build.folder, 'test/chaos/puppet.cjs')));
});

test('a build has the faults that were planted in it', () => {
  const find = 'return 3;';
  const module = 'memory/lock.js';
  assert.throws(() => makeBuild({ faults: [{ module, find: 'no such text', replace: find }] }), /memory\/lock\.js has no such place/);
  assert.throws(() => makeBuild({ faults: [{ module, find: 'Atomics', replace: find }] }), /memory\/lock\.js has \d+ such places/);
  const declaration = 'const SPINS = 60;';
  const build = makeBuild({ faults: [{ module, find: declaration, replace: 'const SPINS = 61;' }] });
  assert.match(readFileSync(join(build.folder, 'src/memory/lock.js'), 'utf8'), /const SPINS = 61;/);
  assert.notEqual(build.folder, makeBuild().folder);
});

test('a step comment becomes a call right before its statement', () => {
  const before = 'f();\n// step: a.b\ng();\nif (x) {\n  // step: a.c\n  // and a word about it\n  h();\n}\n';
  const after = `${hookImport(HOOK)}f();\n/* step: a.b */${hookCall(1)}\ng();\nif (x) {\n  /* step: a.c */${hookCall(2)}\n  // and a word about it\n  h();\n}\n`;
  assert.equal(calls(before), after);
  assert.equal(calls('{\n  g();\n  // step: a.b\n}\n'), `${hookImport(HOOK)}{\n  g();\n  /* step: a.b */${hookCall(1)}\n}\n`);
  assert.equal(calls('// nothing here\nf();\n'), '// nothing here\nf();\n');
});

test('a step where no call can be put is an error that names it', () => {
  const places = (text: string) => () => requirePlaces(text, 'sample');
  assert.doesNotThrow(places('f();\n// step: a.b\ng();\nif (x) {\n  // step: a.c\n  // and a word about it\n  h();\n  // step: a.d\n}\n'));
  assert.throws(places('if (x)\n  // step: a.b\n  f();\n'), /step a\.b \(line 2\) stands where no statement/);
  assert.throws(places('f(\n  // step: a.b\n  x);\n'), /step a\.b \(line 2\) stands where no statement/);
  assert.throws(() => calls('f(); // step: a.b\n'), /sample:1: a step needs a line of its own/);
  assert.throws(() => calls('// step: nameless\nf();\n'), /sample:1: .* names no step/);
});

test('every step stands where a call can be put', () => {
  for (const part of ['src', 'test/chaos'])
    for (const file of filesBelow(join(COMPILED, part), '.js'))
      if (!file.endsWith('.test.js')) requirePlaces(readFileSync(join(COMPILED, part, file), 'utf8'), `${part}/${file}`);
});

test('the layout that a fault is planted with is the one that the sources have', () => {
  const written = writtenLayout(filesBelow(PRODUCTION, '.js').map((file) => readFileSync(join(PRODUCTION, file), 'utf8')));
  assert.ok(Object.keys(written).length > 100);
  const layout = layoutWith({});
  for (const [name, value] of Object.entries(written)) assert.equal(value, layout[name], name);
});
