/**
 * Owns the place where chaos builds are written: a folder below dist, where they are found again; where that cannot be written, as in a package that somebody else has
 * installed, a folder of this process among the temporary ones, which goes when the process ends.
 */
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the compiled modules import besides each other and Node.js. */
const PACKAGES = ['async-mutex', 'piscina'];

const shelves = new Map<string, string>();

/** The folder for builds of the modules in `compiled`; the same one throughout. */
export function shelfFor(compiled: string): string {
  let shelf = shelves.get(compiled);
  if (shelf === undefined) shelves.set(compiled, (shelf = besides(compiled) ?? temporary()));
  return shelf;
}

function besides(compiled: string): string | undefined {
  const folder = join(compiled, 'builds');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return undefined;
  }
}

/** Elsewhere Node.js finds neither the kind of the modules nor what they import, so both are put there. */
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'umbra-builds-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  mkdirSync(join(folder, 'node_modules'));
  for (const name of PACKAGES) symlinkSync(packageFolder(name), join(folder, 'node_modules', name), 'junction');
  return folder;
}

function packageFolder(name: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.resolve(name))); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: string }).name === name) return folder;
    if (dirname(folder) === folder) throw new Error(`${name} is imported from a place that is no package`);
  }
}
