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
  const joined = joinNegatives(args, options);
  refuseUnknown(joined, options);
  try {
    return parseArgs({ args: joined, options, strict: true, allowPositionals: true });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ShadowError('ERR_CLI_OPTION', `${cause.message.replaceAll('\n', ' ').replace(/\.$/, '')}; --help lists all options`, {
      cause,
    });
  }
}

/** A negative number behind an option is its value, so that it is refused for what it is, and not taken for an option that nobody knows. */
function joinNegatives(args: readonly string[], options: Definitions): string[] {
  const joined: string[] = [];
  let open = true;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const next = args[i + 1];
    open &&= arg !== '--';
    const takesValue = open && arg.startsWith('--') && Object.hasOwn(options, arg.slice(2)) && options[arg.slice(2)]!.type === 'string';
    if (takesValue && next !== undefined && /^-\d/.test(next)) {
      joined.push(`${arg}=${next}`);
      i++;
    } else joined.push(arg);
  }
  return joined;
}

function refuseUnknown(args: readonly string[], options: Definitions): void {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue;
    const guess = nearest(token.name, [...Object.keys(options), 'help']);
    const hint = guess === undefined ? '' : `; did you mean --${guess}?`;
    throw new ShadowError('ERR_CLI_OPTION', `Unknown option '${token.rawName}'${hint}; --help lists all options`);
  }
}

export interface Taken {
  /** The other arguments. */
  readonly args: readonly string[];
  /** undefined: the option is not given; null: it is, without a value. */
  readonly value: string | null | undefined;
}

/**
 * Takes an option out of the arguments whose value may be left out, which node:util does not know of: `--name`, `--name=VALUE`, and `--name VALUE` if
 * `isValue` says that the argument behind it is one. @throws ERR_CLI_OPTION
 */
export function takeOptional(args: readonly string[], name: string, isValue: (argument: string) => boolean): Taken {
  const end = args.indexOf('--');
  const at = args.findIndex((arg, i) => (end === -1 || i < end) && (arg === `--${name}` || arg.startsWith(`--${name}=`)));
  if (at === -1) return { args, value: undefined };
  const option = args[at]!;
  const next = args[at + 1];
  const inside = option === `--${name}` ? null : option.slice(name.length + 3);
  const behind = inside === null && next !== undefined && !next.startsWith('-') && isValue(next);
  const rest = [...args.slice(0, at), ...args.slice(at + (behind ? 2 : 1))];
  if (takeOptional(rest, name, isValue).value !== undefined)
    throw new ShadowError('ERR_CLI_OPTION', `--${name} is given twice; give it once`);
  return { args: rest, value: behind ? next : inside };
}
