/** What is in the package: all that it needs at run time and all that its maps and types lead to, and nothing else. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { after, before, suite, test } from 'node:test';

import { manifest, pack, ROOT, type Tarball } from './tarball.js';

/** Packed it may not become larger than this without anybody noticing. */
const MOST_BYTES = 1_500_000;

/** What the build copies from other packages. */
const VENDORED = /\/vendor\//;

let packed: Tarball;
let folder: string;
const texts = new Map<string, string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'umbra-pack-'));
  packed = await pack(folder);
  for (const { path } of packed.files) texts.set(path, await readFile(join(ROOT, path), 'utf8'));
});
after(() => rm(folder, { recursive: true, force: true }));

const shipped = (path: string): boolean => texts.has(path);
const below = (...folders: string[]): string[] => [...texts.keys()].filter((path) => folders.some((start) => path.startsWith(`${start}/`)));

/** The first parts of the paths. */
const entries = (paths: Iterable<string>, depth: number): string[] =>
  [...new Set([...paths].map((path) => path.split('/').slice(0, depth).join('/')))].sort();

/** A file without its comments of several lines, in which examples refer to files of the reader's. */
const code = (path: string): string => texts.get(path)!.replace(/^\s*(?:\/\*\*| \*).*$/gm, '');

/** What files that match refer to and the package lacks; `reference` has the relative path in its first group. */
function missing(files: readonly string[], reference: RegExp): string[] {
  return files.flatMap((file) =>
    [...code(file).matchAll(reference)]
      .map(([, target]) => posix.join(posix.dirname(file), target ?? ''))
      .filter((target) => !shipped(target))
      .map((target) => `${file}: ${target}`),
  );
}

suite('the contents of the package', () => {
  test('its shape is known', () => {
    assert.deepEqual(entries(texts.keys(), 1), ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'src', 'workers']);
    assert.deepEqual(entries(below('dist'), 2), ['dist/bench', 'dist/src', 'dist/test', 'dist/workers']);
    assert.deepEqual(entries(below('dist/test'), 3), ['dist/test/chaos', 'dist/test/concurrency', 'dist/test/model']);
    assert.ok(packed.size <= MOST_BYTES, `${packed.size} bytes`);
  });

  test('no test file goes along', () => {
    assert.deepEqual(
      [...texts.keys()].filter((path) => /\.test\./.test(path)),
      [],
    );
  });

  test('src and workers are compiled, all of them and nothing that has no source', async () => {
    const sources = below('src', 'workers').filter((path) => /(?<!\.d)\.ts$/.test(path));
    const compiled = below('dist/src', 'dist/workers').filter((path) => path.endsWith('.js') && !VENDORED.test(path));
    assert.deepEqual(compiled.sort(), sources.map((path) => `dist/${path.slice(0, -'.ts'.length)}.js`).sort());
    for (const start of ['src', 'workers'])
      for (const entry of await readdir(join(ROOT, start), { recursive: true, withFileTypes: true }))
        assert.ok(!entry.isFile() || shipped(posix.join(entry.parentPath.slice(ROOT.length), entry.name)), entry.name);
  });

  test('every map leads to a source that goes along', () => {
    const maps = [...texts.keys()].filter((path) => path.endsWith('.map'));
    assert.ok(maps.length > 0);
    for (const map of maps) {
      const { sources } = JSON.parse(texts.get(map)!) as { readonly sources: readonly string[] };
      for (const source of sources) assert.ok(shipped(posix.join(posix.dirname(map), source)), `${map}: ${source}`);
    }
  });

  test('every entry point is there, with its types, and the command', () => {
    assert.deepEqual(Object.keys(manifest.exports), ['.', './worker', './testing', './prometheus', './opentelemetry', './package.json']);
    const targets = Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)));
    for (const target of [...targets, ...Object.values(manifest.bin)]) assert.ok(shipped(posix.normalize(target)), target);
    assert.match(texts.get(posix.normalize(manifest.bin['umbra']!))!, /^#!\/usr\/bin\/env node\n/);
  });

  test('every file that a module imports is there', () => {
    const modules = below('dist').filter((path) => /\.(?:js|d\.ts)$/.test(path));
    assert.deepEqual(missing(modules, /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g), []);
  });

  test('every worker and asset that a module refers to by URL is there', () => {
    const modules = below('dist/src', 'dist/workers', 'dist/bench').filter((path) => path.endsWith('.js'));
    // What ends with a slash is a folder of a clone: kept results of benchmarks.
    assert.deepEqual(missing(modules, /new URL\('(\.{1,2}\/[^']*[^'/])', import\.meta\.url\)/g), []);
  });

  test('nothing tells where it was built', () => {
    for (const [path, text] of texts) assert.ok(!text.includes(ROOT), path);
  });
});

suite('the manifest', () => {
  test('piscina and async-mutex are the only dependencies; peers are optional', () => {
    assert.deepEqual(Object.keys(manifest.dependencies).sort(), ['async-mutex', 'piscina']);
    for (const peer of Object.keys(manifest.peerDependencies)) assert.equal(manifest.peerDependenciesMeta[peer]?.optional, true, peer);
  });

  test('packing builds first, from nothing; installing runs no scripts', () => {
    assert.match(manifest.scripts['prepack'] ?? '', /\brun (?:--silent )?build$/);
    assert.match(manifest.scripts['build'] ?? '', /^node -e "fs\.rmSync\('dist'/);
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) assert.equal(manifest.scripts[script], undefined, script);
  });
});
