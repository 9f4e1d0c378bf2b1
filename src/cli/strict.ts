/** Owns how command lines are read: only known options, no other arguments. Imports errors. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

import { ShadowError } from '../errors.js';

type Definitions = NonNullable<ParseArgsConfig['options']>;

/** The values of the options. @throws ERR_CLI_OPTION */
export function parseStrictly<const T extends Definitions>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; strict: true; allowPositionals: false }>>['values'] {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ShadowError('ERR_CLI_OPTION', `${cause.message.replace(/\.$/, '')}; --help lists all options`, { cause });
  }
}
