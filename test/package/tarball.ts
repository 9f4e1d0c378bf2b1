/** Owns the package as npm packs it: a tarball of what is built now, and the list of what is in it. Runs no scripts: a build would take dist/ from under other tests. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The repository; files of the package have the same paths below it. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The part of package.json that the tests ask about. */
export interface Manifest {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export const manifest = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8')) as Manifest;

export interface Tarball {
  readonly filename: string;
  /** Bytes, packed. */
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Packs into a folder. */
export async function pack(folder: string): Promise<Tarball> {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as [Tarball];
  return packed;
}
