/**
 * Finds a figure of a report by what it measures, and writes one cell of a table. A figure that is asked for and not there is an error: a page must not lose a
 * number silently. Imports figures and report.
 */
import type { Figure } from '../figures.js';
import { formatNumber, type Report } from '../report.js';
import { summarize } from '../statistics.js';

export type Select = (suite: string, name: string, keys: string, variables: number) => Figure;

/** @throws RangeError when the report has no such figure. */
export function selector({ figures }: Report): Select {
  return (suite, name, keys, variables) => {
    const found = figures.find(
      (figure) => figure.suite === suite && figure.name === name && figure.keys === keys && figure.variables === variables,
    );
    if (found === undefined)
      throw new RangeError(`the report has no figure ${suite} | ${name} | ${keys} | ${variables}; run all suites, or mend the page`);
    return found;
  };
}

/** Ours ÷ the reference's. */
export function ratio(figure: Figure): string {
  if (figure.ratio === null) throw new RangeError(`${figure.suite} ${figure.name} has no reference`);
  return formatNumber(figure.ratio.median);
}

export function ours({ ours: { summary } }: Figure): string {
  return formatNumber(summary.median);
}

export function theirs({ suite, name, reference }: Figure): string {
  if (reference === null) throw new RangeError(`${suite} ${name} has no reference`);
  return formatNumber(reference.summary.median);
}

/** The median of ours − the reference's, round by round. */
export function difference({ suite, name, ours: side, reference }: Figure): string {
  if (reference === null) throw new RangeError(`${suite} ${name} has no reference`);
  return formatNumber(summarize(side.summary.rounds.map((round, index) => round - reference.summary.rounds[index]!)).median);
}
