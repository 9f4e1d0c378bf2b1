#!/usr/bin/env node
/**
 * The command `umbra`: finds the command that is asked for, loads it and nothing else, and ends with its exit code. Imports errors, command,
 * nearest, reader, and lazily commands/.
 *
 * Exit code 0: good. 1: a fault was found, or the work failed. 2: wrong use, or unusable input, and nothing ran. 130: interrupted, which takes two Ctrl-C
 * where the first one ends the work early with a result.
 */
import { readFile } from 'node:fs/promises';

import { describe, ShadowError } from '../errors.js';
import { type Command, EXIT_UNUSABLE } from './command.js';
import { nearest } from './nearest.js';
import { endWithReader } from './reader.js';

/** In the order of the list of commands. */
const COMMANDS = ['run', 'demo', 'bench', 'chaos', 'check', 'inspect'] as const;
type CommandName = (typeof COMMANDS)[number];

/** Errors that say that the command line, or a file that it names, cannot be used. Whatever else is thrown is a defect and shows its stack. */
const WRONG_USE: readonly string[] = [
  'ERR_CLI_COMMAND',
  'ERR_CLI_OPTION',
  'ERR_CLI_PACKAGE',
  'ERR_SHADOW_SNAPSHOT_FILE',
  'ERR_SHADOW_SNAPSHOT_VERSION',
  'ERR_SHADOW_MAX_BYTES', // a snapshot larger than this process has room for
];

endWithReader();
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (!(error instanceof ShadowError) || !WRONG_USE.includes(error.code)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_UNUSABLE;
  }
}

async function dispatch([first, ...rest]: readonly string[]): Promise<number> {
  if (first === undefined || first === '--help' || first === '-h') return print(await overview());
  if (first === '--version' || first === '-v') return print(`${await version()}\n`);
  if (first === 'help') return print(rest[0] === undefined ? await overview() : (await load(find(rest[0]))).help);
  if (first.startsWith('-')) throw unknownOption(first);
  const command = await load(find(first));
  return asksForHelp(rest) ? print(command.help) : command.run(rest);
}

/** Even beside options that make no sense: whoever asks for help may need it because of them. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** @throws ERR_CLI_COMMAND */
function find(name: string): CommandName {
  const found = COMMANDS.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  const guess = nearest(name, COMMANDS);
  const hint = guess === undefined ? '' : `did you mean umbra ${guess}? `;
  throw new ShadowError('ERR_CLI_COMMAND', `there is no command ${describe(name)}; ${hint}umbra --help lists all commands`);
}

async function load(name: CommandName): Promise<Command> {
  const { command } = (await import(`./commands/${name}.js`)) as { readonly command: Command };
  return command;
}

async function overview(): Promise<string> {
  const commands = await Promise.all(COMMANDS.map(load));
  const width = Math.max(...COMMANDS.map((name) => name.length));
  return `Usage: umbra COMMAND [options]

Shadow variables and live patching for Node.js worker threads.

${commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`).join('\n')}

  umbra COMMAND --help   options and examples of a command
  umbra --version

Every command takes --json for its result as one JSON object on standard output, or --json=FILE. Colour: NO_COLOR, FORCE_COLOR.
Exit code: 0 good, 1 a fault was found or the work failed, 2 wrong use and nothing ran.
`;
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

function unknownOption(option: string): ShadowError {
  const guess = nearest(option, ['--help', '--version']);
  const hint = guess === undefined ? 'options stand behind a command, as in umbra run --seconds 5' : `did you mean ${guess}?`;
  return new ShadowError('ERR_CLI_OPTION', `Unknown option '${option}'; ${hint}; umbra --help lists all commands`);
}
