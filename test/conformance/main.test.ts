import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

const load = ['op', 'load', 'basic', {}];
const enabled = [
  ['core', 'enable-begin', 'basic'],
  ['core', 'transition-init', 'basic', 'patching'],
  ['core', 'transition-start', 'basic', 'patching'],
  ['core', 'transition-completing', 'basic', 'patching'],
  ['core', 'transition-done', 'basic', 'patching'],
];
const seen = ['observe', 'output', 'showCmdline', 'basic'];

interface Written {
  readonly id: string;
  readonly steps: readonly unknown[];
  readonly events: readonly unknown[];
}

const good: Written = { id: 'x/good', steps: [load, seen], events: [load, ...enabled, seen] };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'umbra-conformance-'));
  t.after(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

function catalogue(t: TestContext, content: unknown): string {
  const file = join(folder(t), 'catalogue.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

async function conformance(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test('exit code 0 when all pass, whatever key they are under, and the result as JSON', async (t) => {
  const file = catalogue(t, { scenarios: [good], laterScenarios: [{ ...good, id: 'x/later' }] });
  const json = join(folder(t), 'result.json');
  const { code, out, err } = await conformance(file, '--json', json, '--workers', '1');
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /x\/good +pass .*\nx\/later +pass .*\n2 of 2 passed\n$/);
  const result = JSON.parse(readFileSync(json, 'utf8')) as { passed: number; failed: number; results: { events: unknown }[] };
  assert.deepEqual([result.passed, result.failed], [2, 0]);
  assert.deepEqual(result.results[0]?.events, good.events);
});

test('exit code 1 for a falsified expectation, with the first difference; --only leaves it out', async (t) => {
  const wrong = { ...good, id: 'x/wrong', events: good.events.toSpliced(3, 1, ['core', 'transition-start', 'basic', 'unpatching']) };
  const contrary = {
    ...good,
    id: 'x/contrary',
    steps: [load, ['observe', 'output', 'showCmdline', 'original']],
    events: [load, ...enabled],
  };
  const file = catalogue(t, [good, wrong, contrary]);
  const { code, out } = await conformance(file);
  assert.equal(code, 1);
  assert.match(out, /x\/good +pass/);
  assert.match(out, /x\/wrong +FAIL[^]*event 3\n[^]*expected .*"unpatching"\]\n *got .*"patching"\]/);
  assert.match(out, /x\/contrary +FAIL[^]*expected *\(nothing\)\n *got *\["observe","output","showCmdline","basic"\]/);
  assert.match(out, /1 of 3 passed; failed: x\/wrong, x\/contrary\n$/);
  assert.equal((await conformance(file, '--only', 'x/good')).code, 0);
});

test('an unknown step, attribute, parameter or fixture fails its scenario alone, by name', async (t) => {
  const strange = [
    { id: 'x/op', steps: [['op', 'juggle', 'basic']] },
    { id: 'x/form', steps: [['dance', 1]] },
    { id: 'x/observe', steps: [load, ['observe', 'smell', 'basic']] },
    { id: 'x/attribute', steps: [load, ['observe', 'value', 'weight', '1']] },
    { id: 'x/parameter', steps: [['op', 'load', 'basic', { flavour: 'mint' }]] },
    { id: 'x/fixture', steps: [['op', 'load', 'martian', {}]] },
    { id: 'x/function', steps: [['op', 'query', 'sing']] },
  ].map((scenario) => ({ ...scenario, events: [] }));
  const shadowApi = {
    variants: [{ name: 'quantum' }],
    steps: [{ call: ['teleport', 'o0', 1], expect: null }],
    edge_rules_from_source: [{ case: 'on a Sunday' }],
  };
  const { code, out } = await conformance(catalogue(t, { scenarios: [...strange, good], shadowApi }));
  assert.equal(code, 1);
  for (const word of ['juggle', 'dance', 'smell', 'weight', 'flavour', 'martian', 'teleport', 'quantum', 'on a Sunday']) {
    assert.match(out, new RegExp(`FAIL[^\n]*\n *UnknownForm: [^\n]*${word}`));
  }
  assert.match(out, /x\/good +pass/);
});

test('exit code 2 for wrong use and for files that are no catalogues, and what is right', async (t) => {
  for (const [args, pattern] of [
    [['--colour'], /--colour/],
    [['--workers', 'many'], /--workers is a whole number/],
    [['--workers', '0'], /--workers is a whole number/],
    [['/nowhere/catalogue.json'], /cannot read/],
    [[catalogue(t, '{')], /not JSON/],
    [[catalogue(t, {})], /holds no scenario/],
    [[catalogue(t, '7')], /not an object/],
    [[catalogue(t, { scenarios: [{ id: 'x' }] })], /scenarios\[0\] is not a scenario/],
    [[catalogue(t, { scenarios: [{ ...good, steps: ['load'] }] })], /steps is a list of lists/],
    [[catalogue(t, { scenarios: [good, good] })], /two scenarios called x\/good/],
    [[catalogue(t, { scenarios: [good], fixtures: { patches: 7 } })], /fixtures\.patches is not an object/],
    [[catalogue(t, [good]), '--only', 'x/bad'], /no scenario is called x\/bad; there are x\/good/],
  ] as const) {
    const { code, out, err } = await conformance(...args);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, pattern);
    assert.match(err, /Usage: npm run conformance/);
  }
  assert.match((await conformance('--help')).out, /Usage: npm run conformance/);
});

test('a file may bring fixtures of its own and use those of the project beside them', async (t) => {
  const fixtures = { patches: { twice: { objects: [{ name: 'base', functions: ['sing', 'showCmdline'], callbacks: 'pre_patch only' }] } } };
  const step = ['op', 'load', 'twice', {}];
  const told = enabled.map((event) => event.with(2, 'twice'));
  const events = [step, ...told.slice(0, 2), ['callback', 'pre_patch', 'twice', 'base', null], ...told.slice(2)];
  const scenario = {
    id: 'x/own',
    steps: [load, step, ['observe', 'output', 'sing', 'twice']],
    events: [load, ...enabled, ...events, ['observe', 'output', 'sing', 'twice']],
  };
  const { code, out } = await conformance(catalogue(t, { fixtures, proposals: [scenario] }));
  assert.equal(code, 0, out);
});
