/** What somebody has who installs the package into an empty project. The registry, or what npm keeps of it, has to give piscina and async-mutex. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';

import { readDocuments } from '../docs/documents.js';
import { writeExample } from '../docs/example.js';
import { manifest, pack, ROOT } from './tarball.js';

/** Packages of the platform's own are among those that piscina may bring. */
const BROUGHT = /^(?:@napi-rs\/nice(?:-[\w-]+)?|async-mutex|piscina|tslib|umbra)$/;
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

let project: string;

/** Runs a program in the project, or in a folder of it, and gives what it printed. Without what tells a test runner that it runs inside another. */
async function run(program: string, args: readonly string[], cwd = project): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  try {
    return (await promisify(execFile)(program, args, { cwd, env, timeout: 120_000 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

const node = (...args: string[]): Promise<string> => run(process.execPath, args);
const evaluate = (code: string): Promise<string> => node('--input-type=module', '--eval', code);
const umbra = (...args: string[]): Promise<string> => run('npx', ['--no', '--', 'umbra', ...args]);

/** Puts a package of this repository beside the installed one. */
async function lend(name: string): Promise<void> {
  const place = join(project, 'node_modules', name);
  await mkdir(dirname(place), { recursive: true });
  await symlink(join(ROOT, 'node_modules', name), place, 'dir');
}

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'umbra-installed-'));
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const { filename } = await pack(project);
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', filename]);
});
after(() => rm(project, { recursive: true, force: true }));

// One after the other: the last one lends packages that those before it do without.
suite('the package installed into an empty project', { concurrency: 1 }, () => {
  test('brings piscina and async-mutex, and theirs, and runs no scripts', async () => {
    const lock = JSON.parse(await readFile(join(project, 'node_modules/.package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
    };
    const brought = Object.entries(lock.packages).map(([path, { hasInstallScript }]) => {
      assert.ok(hasInstallScript !== true, path);
      return path.replace(/^.*node_modules\//, '');
    });
    assert.ok(brought.includes('piscina') && brought.includes('async-mutex'));
    assert.deepEqual(
      brought.filter((name) => !BROUGHT.test(name)),
      [],
    );
  });

  test('is imported without its optional peers', async () => {
    for (const peer of Object.keys(manifest.peerDependencies))
      await assert.rejects(readFile(join(project, 'node_modules', peer, 'package.json')), { code: 'ENOENT' }, peer);
    const names = `const names = [await import('umbra'), await import('umbra/worker'), await import('umbra/testing')].flatMap(Object.keys);`;
    const printed = await evaluate(`${names} console.log(['ShadowStore', 'attach', 'rehearse'].every((name) => names.includes(name)));`);
    assert.equal(printed, 'true\n');
  });

  test('runs the example of the README', async () => {
    const documents = readDocuments();
    const example = writeExample(
      documents.find(({ path }) => path === 'README.md')!,
      documents,
      project,
    );
    assert.ok(example !== undefined && example.programs.length > 0);
    for (const { args, output } of example.programs) {
      const printed = await run(process.execPath, args, example.folder);
      if (output !== null) assert.deepEqual(printed.trimEnd().split('\n'), output);
    }
  });

  test('has the command', async () => {
    assert.equal(await umbra('--version'), `${manifest.version}\n`);
    await evaluate(`
      import { defineShadowType, ShadowStore } from 'umbra';
      const usage = defineShadowType({ id: 1, fields: { count: 'u32' } });
      const store = ShadowStore.create({ maxBytes: 2 ** 24, types: [usage] });
      for (let user = 0; user < 100; user++) store.alloc(user, usage);
      await store.snapshot('store.umbra');
    `);
    assert.notEqual(await umbra('check', 'store.umbra'), '');
  });

  test('has all that umbra chaos runs', async () => {
    assert.match(await umbra('chaos', '--kills', '2', '--workers', '2', '--rounds', 'steady'), /no violation/);
  });

  test('types a strict program that uses every entry point', async () => {
    for (const name of ['@types/node', '@opentelemetry/api', 'prom-client']) await lend(name);
    await copyFile(join(ROOT, 'test/package/program.ts'), join(project, 'program.ts'));
    const compilerOptions = { module: 'NodeNext', target: 'ES2022', lib: ['ES2022'], types: ['node'], strict: true, noEmit: true };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    await node(COMPILER, '--project', project);
  });
});
