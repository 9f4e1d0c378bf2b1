/** `umbra check` and `umbra inspect`: what they show is what the store has, and no file makes them crash. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { CheckReport } from '../../src/cli/check-snapshot.js';
import type { InspectReport } from '../../src/cli/inspect-snapshot.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { defineShadowType } from '../../src/shadow/type.js';
import { asFormat1 } from '../recovery/fixtures/files.js';
import { everything, umbra, writeSnapshot } from './fixtures.js';

let folder: string;
let file: string;
let store: ShadowStore;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'umbra-snapshots-'));
  file = join(folder, 'store.snapshot');
  store = await writeSnapshot(file);
});

after(() => {
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

async function inspected(...args: string[]): Promise<InspectReport> {
  const { code, out, err } = await umbra(['inspect', file, '--json', ...args]);
  assert.equal(code, 0, err);
  return JSON.parse(out) as InspectReport;
}

/** The cell beside a word in a table. */
function cell(out: string, what: string): string {
  return new RegExp(`^${what} +([\\d,]+)`, 'm').exec(out)?.[1] ?? `no ${what}`;
}

test('check proves a snapshot, and shows in its table what it says in JSON', async () => {
  const [plain, json] = await Promise.all([umbra(['check', file]), umbra(['check', file, '--json'])]);
  assert.equal(plain.code, 0, plain.out);
  assert.equal(json.err, plain.out);
  const { verdict, format, bytes, types, found, violations, omitted } = JSON.parse(json.out) as CheckReport;
  assert.deepEqual([verdict, format, types, violations, omitted], ['in order', 2, 2, [], 0]);
  assert.equal(bytes!.file, readFileSync(file).length);
  assert.equal(bytes!.store, store.stats().bytes.reserved);
  const { variables, names, buckets } = store.check().found;
  assert.deepEqual([found!.variables, found!.names, found!.buckets], [variables, names, buckets]);
  for (const [what, figure] of [
    ['bytes of the file', bytes!.file],
    ['variables', variables],
    ['names', names],
    ['buckets', buckets],
    ['violations', 0],
  ] as const)
    assert.equal(cell(plain.out, what), figure.toLocaleString('en'), what);
  assert.match(plain.out, /verdict: in order\n$/);
});

test('a snapshot with one byte changed, cut off, or of another kind is damaged, whatever byte it is', async () => {
  const whole = readFileSync(file);
  const damaged = join(folder, 'damaged.snapshot');
  const contents: Buffer[] = [Buffer.alloc(0), Buffer.from('no snapshot'), whole.subarray(0, whole.length - 1)];
  for (const at of [0, 17, 25, 41, 72, 5000, 200_000, whole.length - 2]) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0x10;
    contents.push(changed);
  }
  for (const content of contents) {
    writeFileSync(damaged, content);
    const { code, out, err } = await umbra(['check', damaged, '--json']);
    assert.equal(code, 1, err);
    const report = JSON.parse(out) as CheckReport;
    assert.equal(report.verdict, 'damaged');
    assert.equal(report.violations[0]!.rule, 'file');
    assert.match(err, /verdict: damaged\n$/);
  }
  const { code, out, err } = await umbra(['inspect', damaged]);
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /^ERR_SHADOW_SNAPSHOT: .*\n$/);
});

test('a version that this build does not read is no damage', async () => {
  const other = join(folder, 'other.snapshot');
  const content = readFileSync(file);
  content.writeUInt32LE(99, 8);
  writeFileSync(other, content);
  for (const command of ['check', 'inspect']) {
    const { code, err } = await umbra([command, other]);
    assert.equal(code, 2);
    assert.match(err, /^ERR_SHADOW_SNAPSHOT_VERSION: .* format 99 /);
  }
});

test('what the store itself breaks is told by rule and address, although every checksum is right', async () => {
  const broken = ShadowStore.create({ maxBytes: 2 ** 22, types: [everything] });
  for (let i = 0; i < 10; i++) broken.alloc(i, everything);
  const { words } = broken.internals.memory;
  // The header of a block that is linked: its identity names another object than the one it is found by.
  const block = broken.get(3, everything)!.$block;
  words[block] = 99;
  const damaged = join(folder, 'broken.snapshot');
  await broken.snapshot(damaged);
  const { code, out, err } = await umbra(['check', damaged, '--json']);
  assert.equal(code, 1, err);
  const { verdict, violations } = JSON.parse(out) as CheckReport;
  assert.equal(verdict, 'damaged');
  assert.ok(violations.length > 0);
  for (const { rule, address, what } of violations) {
    assert.notEqual(rule, 'file');
    assert.ok(Number.isInteger(address));
    assert.ok(err.includes(what));
  }
  assert.equal((await umbra(['inspect', damaged])).code, 1);
});

test('inspect shows every variable of a type with the values that the store has', async () => {
  const { variables, omitted } = await inspected('--type', '0x11', '--limit', '1000');
  assert.equal(omitted, 0);
  const shown = new Map(variables!.map((variable) => [variable.object, variable]));
  let seen = 0;
  for (const [parent, view] of store.entries(everything)) {
    const object = store.objects.find(parent);
    const variable = shown.get(object)!;
    seen++;
    const kind = parent === null ? 'null' : typeof parent === 'string' ? 'string' : object < 2 ** 52 ? 'number' : 'handle';
    assert.deepEqual([variable.parent, variable.parentKind], [parent, kind]);
    assert.deepEqual(variable.fields, {
      small: view.small,
      octet: view.octet,
      short: view.short,
      word: view.word,
      int: view.int,
      count: view.count,
      single: view.single,
      total: Number.isNaN(view.total) ? 'NaN' : view.total,
      signed: String(view.signed),
      unsigned: String(view.unsigned),
      name: view.name,
      raw: Buffer.from(view.raw).toString('hex'),
    });
  }
  assert.equal(seen, 304);
  assert.equal(shown.size, 304);
});

test('inspect finds a parent by number, string, quoted string, null and handle, in all its types', async () => {
  const numbers = [...store.entries(everything)].flatMap(([parent]) => (typeof parent === 'number' ? [parent] : []));
  const handle = Math.max(...numbers);
  assert.ok(handle >= 2 ** 52);
  for (const [key, parent, types] of [
    ['17', 17, [17]],
    ['"17"', '17', [17]],
    ['session-81', 'session-81', [17, 7]],
    ['null', null, [17]],
    [String(handle), handle, [17]],
    ['nobody', undefined, []],
    ['100000', undefined, []],
  ] as const) {
    const { variables } = await inspected('--obj', key);
    assert.deepEqual(
      variables!.map((variable) => [variable.parent, variable.type]),
      types.map((type) => [parent, type]),
      key,
    );
  }
  const { variables } = await inspected('--obj', 'session-81', '--type', '7');
  assert.deepEqual(
    variables!.map(({ fields, hex }) => [fields, hex]),
    [[null, '090807000000000000000000']],
  );
  const { code, err } = await umbra(['inspect', file, '--obj', '9007199254740993']);
  assert.equal(code, 2);
  assert.match(err, /^ERR_CLI_OPTION: --obj/);
});

test('types and occupancy are those of the store, in the table as in JSON', async () => {
  const [report, { out }] = await Promise.all([inspected(), umbra(['inspect', file])]);
  const stats = store.stats();
  assert.equal(report.variables, null);
  assert.deepEqual(
    report.types.map(({ fields, ...type }) => [type, fields?.map(({ name, kind, offset }) => [name, kind, offset])]),
    stats.types.map((type) => [
      type,
      type.id === 7 ? [] : everything.fields.map(({ name, kind, offset }) => [name, typeof kind === 'string' ? kind : kind.kind, offset]),
    ]),
  );
  const { buckets, entries, chains, bytes } = report.occupancy;
  assert.equal(buckets, stats.growth.buckets);
  assert.equal(entries, stats.live + store.check().found.names);
  assert.equal(bytes.blocks, stats.bytes.blocks);
  assert.equal(
    chains.lines.reduce((sum, one) => sum + one.buckets, 0),
    buckets,
  );
  assert.equal(
    chains.entries.reduce((sum, one) => sum + one.buckets * one.entries, 0),
    entries,
  );
  assert.match(out, /^17 \(0x11\) .* 304 .* live .*small i8, octet u8,.* name string\(20\), raw bytes\(5\)$/m);
  assert.equal(cell(out, 'entries'), entries.toLocaleString('en'));
});

test('a parent of digits is a number, however many there are, unless it is quoted', async () => {
  const { code, err } = await umbra(['inspect', file, '--obj', '1'.repeat(20)]);
  assert.equal(code, 2);
  assert.match(err, /^ERR_CLI_OPTION: --obj "1{20}": .*cannot be a parent/);
  assert.deepEqual((await inspected('--obj', JSON.stringify('1'.repeat(20)))).variables, []);
});

test('a damaged file is told of in words of the command, which restores nothing', async () => {
  const cut = join(folder, 'cut.snapshot');
  writeFileSync(cut, readFileSync(file).subarray(0, 5000));
  const [checked, shown] = await Promise.all([umbra(['check', cut]), umbra(['inspect', cut])]);
  assert.deepEqual([checked.code, shown.code], [1, 1]);
  for (const text of [checked.out, shown.err]) {
    assert.match(text, /is no whole snapshot: it has 5000 bytes/);
    assert.doesNotMatch(text, /restored/);
  }
});

test('as many variables are shown as --limit says, more than a call takes arguments', async () => {
  const count = 200_000;
  const large = join(folder, 'large.snapshot');
  const number = defineShadowType({ id: 9, fields: { n: 'u32' } });
  const many = ShadowStore.create({ maxBytes: 2 ** 25, types: [number] });
  for (let n = 0; n < count; n++) many.alloc(n, number);
  await many.snapshot(large);
  const { code, out, err } = await umbra(['inspect', large, '--type', '9', '--limit', '1000000']);
  assert.equal(code, 0, err);
  assert.equal(out.match(/^\d+ +0$/gm)?.length, count);
});

test('with --limit 0 variables are counted, and none is shown', async () => {
  const { out } = await umbra(['inspect', file, '--type', '17', '--limit', '0']);
  assert.match(out, /\nvariables\nnone shown\n\nand 304 more; --limit shows more\n$/);
});

test('a snapshot of format 1, which describes no types, is proved and shown all the same', async () => {
  const old = join(folder, 'old.snapshot');
  writeFileSync(old, asFormat1(file));
  const { code, out } = await umbra(['check', old]);
  assert.equal(code, 0, out);
  assert.match(out, /format 1/);
  const { out: shown } = await umbra(['inspect', old, '--obj', '5', '--json']);
  const { format, types, variables } = JSON.parse(shown) as InspectReport;
  assert.equal(format, 1);
  assert.equal(types[0]!.fields, null);
  const words = Buffer.from(variables![0]!.hex!, 'hex');
  const { offset } = everything.fields.find(({ name }) => name === 'count')!;
  assert.equal(words.readUInt32LE(offset), 4_000_000_005);
});

test('what is shown is plain text: no escape code, not even one that a variable holds', async () => {
  const { out } = await umbra(['inspect', file, '--type', '17', '--limit', '3']);
  assert.match(out, /"näme \\"\d+\\"\\u001b\[31m"/);
  assert.equal(/\p{Cc}/u.test(out.replaceAll('\n', '')), false);
  assert.match(out, /and 301 more; --limit shows more/);
  const coloured = await umbra(['inspect', file], { FORCE_COLOR: '1' });
  assert.equal(coloured.out.includes('\x1b[1mtypes\x1b[22m'), true);
  const refused = await umbra(['inspect', file], { NO_COLOR: '1' });
  assert.equal(refused.out.includes('\x1b'), false);
});

test('a type that the thread did not know shows its bytes', async () => {
  const unknown = join(folder, 'unknown.snapshot');
  const restored = ShadowStore.restore(file);
  const late = defineShadowType({ id: 0x11, version: 9, fields: { other: 'u8' } }); // the latest declaration here is not the one in force
  assert.equal(late.version, 9);
  await restored.snapshot(unknown);
  const { code, out, err } = await umbra(['inspect', unknown, '--obj', 'null', '--json']);
  assert.equal(code, 0, err);
  const { types, variables } = JSON.parse(out) as InspectReport;
  assert.equal(types.find(({ id }) => id === 0x11)!.fields, null);
  assert.equal(variables![0]!.fields, null);
  assert.equal(variables![0]!.hex!.length, everything.size * 2);
  assert.match(err, /not described/);
});
