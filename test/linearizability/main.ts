/**
 * `npm run linearizability -- [--operations N] [--seconds N] [--workers N] [--seed S]`: operations of real threads, recorded and checked; see HELP. The one
 * place that touches the process.
 */
import { randomInt } from 'node:crypto';
import { messageOf, ShadowError } from '../../src/errors.js';
import { HELP, type Options, parseOptions } from './options.js';
import { run } from './run.js';
import { grouped, isClean, progressLine, summary } from './summary.js';

const EXIT_VIOLATION = 1;
const EXIT_UNUSABLE = 2;
/** Rounds between two lines of progress: about two seconds. */
const ROUNDS_PER_LINE = 5;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = parseOptions(args, randomInt(2 ** 32));
  } catch (error) {
    if (!(error instanceof ShadowError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_UNUSABLE;
  }
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const { operations, seconds, workers, seed, fault } = options;
  const extent = operations === Infinity ? `${seconds} s` : `${grouped(operations)} operations`;
  write(`${extent}, ${workers ?? '2 to 8'} workers, seed ${seed}${fault === undefined ? '' : `, with a planted fault: ${fault}`}`);
  try {
    const result = await run(options, (soFar) => {
      if (soFar.rounds % ROUNDS_PER_LINE === 0) write(progressLine(soFar));
    });
    for (const line of summary(result)) write(line);
    return isClean(result) ? 0 : EXIT_VIOLATION;
  } catch (error) {
    process.stderr.write(`the run failed: ${messageOf(error)}\n`);
    return EXIT_VIOLATION;
  }
}
