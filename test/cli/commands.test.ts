/** `umbra` itself: which command runs, what help says, and what wrong use is answered with. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { Command } from '../../src/cli/command.js';
import { nearest } from '../../src/cli/nearest.js';
import { BIN, umbra } from './fixtures.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMMANDS = ['run', 'demo', 'bench', 'chaos', 'check', 'inspect'];

async function commandNamed(name: string): Promise<Command> {
  return ((await import(`../../src/cli/commands/${name}.js`)) as { readonly command: Command }).command;
}

test('without arguments, and with --help, all commands are listed with what they are for', async () => {
  const [bare, help, word] = await Promise.all([umbra([]), umbra(['--help']), umbra(['help'])]);
  assert.equal(bare.code, 0);
  assert.equal(help.out, bare.out);
  assert.equal(word.out, bare.out);
  for (const name of COMMANDS) {
    const command = await commandNamed(name);
    assert.equal(command.name, name);
    assert.match(bare.out, new RegExp(`^  ${name} +${escaped(command.summary)}$`, 'm'));
  }
});

test('the help of each command shows its options and examples, in lines that fit, and runs nothing', async () => {
  for (const name of COMMANDS) {
    const [behind, before] = await Promise.all([umbra([name, '--no-such-option', '--help']), umbra(['help', name])]);
    assert.equal(behind.code, 0, name);
    assert.equal(behind.out, before.out);
    assert.equal(behind.out, (await commandNamed(name)).help);
    assert.match(behind.out, new RegExp(`^Usage: umbra ${name}`));
    assert.match(behind.out, new RegExp(`\nExamples:\n  umbra ${name}`));
    assert.match(behind.out, /--json/);
    assert.match(behind.out, /Exit code: 0/);
    for (const line of behind.out.split('\n')) assert.ok(line.length <= 140, line);
  }
});

test('the help of the main job names every option that it takes', async () => {
  const { help } = await commandNamed('run');
  const source = readFileSync(new URL('../../../src/cli/options.ts', import.meta.url), 'utf8');
  const definitions = source.slice(source.indexOf('DEFINITIONS = {'), source.indexOf('} as const'));
  const names = [...definitions.matchAll(/^ {2}'?([\w-]+)'?: \{/gm)].map(([, name]) => name!);
  assert.ok(names.length > 15);
  for (const name of names) assert.ok(help.includes(`--${name}`), name);
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  assert.deepEqual(await umbra(['--version']), { code: 0, out: `${version}\n`, err: '' });
});

test('wrong use ends with code 2, one line, and the nearest right word', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['inspct'], /^ERR_CLI_COMMAND: .*"inspct"; did you mean umbra inspect\?/],
    [['help', 'benhc'], /^ERR_CLI_COMMAND: .*did you mean umbra bench\?/],
    [['frobnicate'], /^ERR_CLI_COMMAND: .*umbra --help lists all commands/],
    [['--hlep'], /^ERR_CLI_OPTION: Unknown option '--hlep'; did you mean --help\?/],
    [['--seconds', '3'], /^ERR_CLI_OPTION: Unknown option '--seconds'; options stand behind a command/],
    [['run', '--sceonds', '3'], /^ERR_CLI_OPTION: Unknown option '--sceonds'; did you mean --seconds\?/],
    [['run', '--jsn'], /did you mean --json\?/],
    [['run', '--dashboard', '99999'], /^ERR_CLI_OPTION: --dashboard "99999" is not a whole number 0…65535/],
    [['bench', '--quik'], /did you mean --quick\?/],
    [['bench', 'gte'], /no such suite: gte; did you mean get\?/],
    [['chaos', '--kils', '3'], /did you mean --kills\?/],
    [['chaos', '--rounds', 'grwth'], /no round grwth; did you mean growth\?/],
    [['check'], /^ERR_CLI_OPTION: name the snapshot: umbra check FILE/],
    [['check', ''], /^ERR_CLI_OPTION: name the snapshot: umbra check FILE/],
    [['check', 'a', 'b'], /^ERR_CLI_OPTION: umbra check takes one snapshot, and "b" is a second one/],
    [['check', '/no/such/file'], /^ERR_SHADOW_SNAPSHOT_FILE: .*ENOENT/],
    [['inspect', 'a', '--tpye', '3'], /did you mean --type\?/],
    [['inspect', 'a', '--type', 'x'], /^ERR_CLI_OPTION: --type "x" is no id/],
    [['check', 'a', '--json', 'b'], /"b" is a second one; the file of --json stands behind an equals sign: --json=FILE/],
    [['inspect', 'a', '--limit', '-1'], /^ERR_CLI_OPTION: --limit "-1" is not a whole number 0…1000000/],
    [['inspect', 'a', '--type', '-17'], /^ERR_CLI_OPTION: --type "-17" is no id/],
    [['run', '--workload', 'g'], /^ERR_CLI_OPTION: --workload "g" is not one of a, b, c, d, e, f; --help/],
    [['run', '--distribution', 'zipfain'], /did you mean zipfian/],
    [['chaos', '--steps', '--only', 'frobnicate'], /^ERR_CLI_OPTION: --only "frobnicate": no operation and no step/],
    [['chaos', '--mutations', '--only', 'frobnicate'], /^ERR_CLI_OPTION: --only "frobnicate": no fault/],
    ...['run', 'demo', 'bench', 'chaos'].map((name): readonly [readonly string[], RegExp] => [
      [name, `--json=${ROOT}`],
      /^ERR_CLI_OPTION: --json .*: it is a folder/,
    ]),
    [['check', BIN, `--json=${BIN}`], /^ERR_CLI_OPTION: --json .*: it is the file that is read/],
    [['run', '--trace', BIN, `--json=${BIN}`], /^ERR_CLI_OPTION: --json .*: it is the file that is read/],
    [['inspect', '/no/such/file', '--json=/no/such/folder/x'], /^ERR_CLI_OPTION: --json \/no\/such\/folder\/x/],
  ];
  await Promise.all(
    cases.map(async ([args, message]) => {
      const { code, out, err } = await umbra(args);
      assert.equal(code, 2, `${args.join(' ')}: ${err}`);
      assert.equal(out, '', args.join(' '));
      assert.match(err, message);
      assert.equal(err.trimEnd().includes('\n'), false, err);
    }),
  );
});

test('a word is taken for another one only if few letters of it are wrong', () => {
  assert.equal(nearest('inspct', COMMANDS), 'inspect');
  assert.equal(nearest('ihnspect', COMMANDS), 'inspect');
  assert.equal(nearest('BENCH', COMMANDS), 'bench');
  assert.equal(nearest('nru', COMMANDS), undefined);
  assert.equal(nearest('rnu', COMMANDS), 'run');
  assert.equal(nearest('in', COMMANDS), 'inspect');
  assert.equal(nearest('x', COMMANDS), undefined);
  assert.equal(nearest('g', ['a', 'b']), undefined);
  assert.equal(nearest('', COMMANDS), undefined);
});

test('a run with --json gives its verdict to standard output and all else to standard error', async () => {
  const args = ['run', '--requests', '2000', '--records', '100', '--workers', '1', '--seed', '4', '--json'];
  const { code, out, err } = await umbra(args);
  assert.equal(code, 0, err);
  assert.equal((JSON.parse(out) as { readonly verdict: string }).verdict, 'pass');
  assert.match(err, /verdict: pass\n$/);
});

test('a run with --dashboard prints an address that answers while it runs, and is gone with it', async () => {
  const child = spawn(process.execPath, [
    BIN,
    'run',
    '--records',
    '100',
    '--requests',
    '1000',
    '--seconds',
    '30',
    '--workers',
    '1',
    '--dashboard',
  ]);
  let out = '';
  let answered: number | undefined;
  for await (const text of child.stdout.setEncoding('utf8')) {
    out += text as string;
    const url = /^http:\/\/127\.0\.0\.1:\d+\/\S+$/m.exec(out)?.[0];
    if (url === undefined || answered !== undefined) continue;
    const response = await fetch(url);
    await response.text();
    answered = response.status;
    child.kill('SIGINT');
  }
  assert.equal(answered, 200, out);
  assert.match(out, /verdict: pass\n$/);
});

test('chaos counts the same in its JSON as in its lines', async () => {
  const { code, out, err } = await umbra(['chaos', '--kills', '5', '--seed', '5', '--rounds', 'steady', '--workers', '2', '--json']);
  assert.equal(code, 0, err);
  const result = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual(Object.keys(result), [
    'verdict',
    'seed',
    'mode',
    'workers',
    'rounds',
    'kills',
    'seconds',
    'operations',
    'holders',
    'milliseconds',
    'violations',
  ]);
  assert.equal(result['verdict'], 'pass');
  assert.match(err, new RegExp(`^${String(result['kills'])} random kills in 1 rounds`, 'm'));
  assert.match(err, new RegExp(`^${String(result['operations'])} operations, each judged; ${String(result['holders'])} threads died`, 'm'));
  assert.equal(/\x1b/.test(err + out), false);
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
