/**
 * Owns `--json` of all commands: where a result goes as one JSON object, and where everything for a person goes then. Touches files and the
 * standard streams; imports errors, strict, terminal.
 */
import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { messageOf, ShadowError } from '../errors.js';
import { takeOptional } from './strict.js';
import type { Output } from './terminal.js';

/** Standard output, or a file. */
export type JsonTarget = { readonly kind: 'stdout' } | { readonly kind: 'file'; readonly file: string };

export interface WithoutJson {
  /** The other arguments. */
  readonly args: readonly string[];
  /** undefined: not asked for. */
  readonly json: JsonTarget | undefined;
}

/**
 * Takes `--json`, `--json=FILE` and `--json FILE` out of the arguments. `isFile` tells whether an argument behind `--json` is its file, which is
 * so by default; a command that takes other arguments than options says no.
 * @throws ERR_CLI_OPTION
 */
export function takeJson(args: readonly string[], isFile: (argument: string) => boolean = () => true): WithoutJson {
  const { args: rest, value } = takeOptional(args, 'json', isFile);
  if (value === undefined) return { args: rest, json: undefined };
  if (value === null) return { args: rest, json: { kind: 'stdout' } };
  if (value.trim() !== '') return { args: rest, json: { kind: 'file', file: value } };
  throw new ShadowError('ERR_CLI_OPTION', '--json is empty; name a file, or give --json alone for standard output');
}

/**
 * To be called before any work is done. `input`: a file that the work reads, and that its result must not take the place of.
 * @throws ERR_CLI_OPTION where the file could not be written afterwards
 */
export async function requireWritable(json: JsonTarget | undefined, input?: string): Promise<void> {
  if (json?.kind !== 'file') return;
  const { file } = json;
  const refused = (why: string, cause?: unknown): ShadowError =>
    new ShadowError('ERR_CLI_OPTION', `--json ${file}: ${why}; give another path`, { cause });
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory() === true) throw refused('it is a folder');
  const own = input === undefined ? undefined : await stat(input).catch(() => undefined);
  if (found !== undefined && found.ino === own?.ino && found.dev === own.dev) throw refused('it is the file that is read');
  await access(found === undefined ? dirname(resolve(file)) : file, constants.W_OK).catch((cause: unknown) => {
    throw refused(found === undefined ? 'its folder does not exist or cannot be written to' : 'it cannot be written to', cause);
  });
}

/** Where lines for a person go: standard output belongs to the JSON object, if that goes there. */
export function personOutput(json: JsonTarget | undefined): Output {
  return json?.kind === 'stdout' ? process.stderr : process.stdout;
}

/** Writes a result, if it is asked for; false, with the reason on standard error, where that fails. */
export async function writeJson(json: JsonTarget | undefined, value: unknown): Promise<boolean> {
  if (json === undefined) return true;
  try {
    const text = `${JSON.stringify(value, undefined, 2)}\n`; // throws where that is longer than a string can be
    if (json.kind === 'stdout') process.stdout.write(text);
    else await writeFile(json.file, text);
    return true;
  } catch (error) {
    const where = json.kind === 'stdout' ? 'standard output' : json.file;
    process.stderr.write(`the result could not be written to ${where}: ${messageOf(error)}\n`);
    return false;
  }
}

/** A figure for a result: to a thousandth. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
