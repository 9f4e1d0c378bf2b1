/** Owns the arguments that commands on snapshots share: exactly one file. Imports errors, json, strict. */
import type { ParseArgsConfig } from 'node:util';

import { describe, ShadowError } from '../errors.js';
import { type JsonTarget, takeJson } from './json.js';
import { parseWithPositionals } from './strict.js';

export interface SnapshotArguments {
  readonly file: string;
  readonly json: JsonTarget | undefined;
  readonly values: Readonly<Record<string, string | undefined>>;
}

/** `names`: of options with a value. @throws ERR_CLI_OPTION */
export function snapshotArguments(command: string, args: readonly string[], names: readonly string[] = []): SnapshotArguments {
  const { args: others, json } = takeJson(args, () => false); // what stands behind --json is the snapshot
  const options: NonNullable<ParseArgsConfig['options']> = { json: { type: 'string' } };
  for (const name of names) options[name] = { type: 'string' };
  const { values, positionals } = parseWithPositionals(others, options);
  const [file, more] = positionals;
  if (file === undefined || file === '')
    throw new ShadowError('ERR_CLI_OPTION', `name the snapshot: umbra ${command} FILE; --help shows examples`);
  if (more !== undefined) {
    const hint = json?.kind === 'stdout' ? '; the file of --json stands behind an equals sign: --json=FILE' : '';
    throw new ShadowError('ERR_CLI_OPTION', `umbra ${command} takes one snapshot, and ${describe(more)} is a second one${hint}`);
  }
  return { file, json, values: values as SnapshotArguments['values'] };
}
