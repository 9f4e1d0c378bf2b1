/** Owns what values of options may be: each check takes the text of an option that may be left out, and refuses by name, value and rule. Imports errors, nearest. */
import { describe, ShadowError } from '../errors.js';
import { nearest } from './nearest.js';

/** @throws ERR_CLI_OPTION */
export function wholeNumber(name: string, text: string | undefined, least: number, most: number): number | undefined {
  return inRange(name, text, /^\d{1,15}$/, least, most, 'whole number');
}

/** @throws ERR_CLI_OPTION */
export function decimal(name: string, text: string | undefined, least: number, most: number): number | undefined {
  return inRange(name, text, /^\d{1,15}(\.\d{1,9})?$/, least, most, 'number');
}

/** @throws ERR_CLI_OPTION */
export function oneOf<T extends string>(name: string, text: string | undefined, choices: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  const guess = nearest(text, choices);
  throw refusal(name, text, `one of ${choices.join(', ')}${guess === undefined ? '' : `, did you mean ${guess}`}`);
}

export function refusal(name: string, text: string, rule: string): ShadowError {
  return new ShadowError('ERR_CLI_OPTION', `--${name} ${describe(text)} is not ${rule}; --help shows examples`);
}

function inRange(name: string, text: string | undefined, form: RegExp, least: number, most: number, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = form.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw refusal(name, text, `a ${what} ${least}…${most}`);
}
