/** Owns how command lines are read: known options only, and a guess at what an unknown one was meant to be. Imports errors, nearest. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

import { describe, ShadowError } from '../errors.js';
import { nearest } from './nearest.js';

type Definitions = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Definitions> = ReturnType<typeof parseArgs<{ args: string[]; options: T; strict: true; allowPositionals: true }>>;

/** The values of the options, where nothing else is taken. @throws ERR_CLI_OPTION */
export function parseStrictly<const T extends Definitions>(args: readonly string[], options: T): Parsed<T>['values'] {
  const { values, positionals } = parseWithPositionals(args, options);
  const [stray] = positionals;
  if (stray === undefined) return values;
  throw new ShadowError('ERR_CLI_OPTION', `${describe(stray)} is no option, and nothing else is taken here; --help lists all options`);
}

/** The values of the options and everything else. @throws ERR_CLI_OPTION */
export function parseWithPositionals<const T extends Definitions>(args: readonly string[], options: T): Parsed<T> {
  refuseUnknown(args, options);
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ShadowError('ERR_CLI_OPTION', `${cause.message.replace(/\.$/, '')}; --help lists all options`, { cause });
  }
}

function refuseUnknown(args: readonly string[], options: Definitions): void {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue;
    const guess = nearest(token.name, Object.keys(options));
    const hint = guess === undefined ? '' : `; did you mean --${guess}?`;
    throw new ShadowError('ERR_CLI_OPTION', `Unknown option '${token.rawName}'${hint}; --help lists all options`);
  }
}
