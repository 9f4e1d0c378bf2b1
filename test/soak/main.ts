/**
 * `npm run soak`: the cycle of cycles.ts, a thousand times by default, and what became of the heaps. See HELP for options and exit codes. Touches the process.
 */
import { randomInt } from 'node:crypto';

import { parseStrictly } from '../../src/cli/strict.js';
import { wholeNumber } from '../../src/cli/values.js';
import { ShadowError } from '../../src/errors.js';
import { soak, type SoakOptions } from './cycles.js';

const HELP = `npm run soak -- [options]: enables, replaces, reverses and disables patches under load, over and over, and tells what became of the heaps
  --cycles N   how often, 1…1,000,000 (1000)
  --workers N  1…64 (4)
  --tasks N    at once in each worker, 1…64 (4)
  --seed N     0…4294967295 (random, printed)
  --help       this text
Exit code: 0 nothing was left behind and every task ran one version, 1 otherwise, 2 arguments that make no sense
`;

/** @throws ERR_CLI_OPTION */
function parseOptions(args: readonly string[]): SoakOptions | 'help' {
  const { cycles, workers, tasks, seed, help } = parseStrictly(args, {
    cycles: { type: 'string' },
    workers: { type: 'string' },
    tasks: { type: 'string' },
    seed: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (help === true) return 'help';
  return {
    cycles: wholeNumber('cycles', cycles, 1, 1_000_000) ?? 1000,
    workers: wholeNumber('workers', workers, 1, 64) ?? 4,
    tasks: wholeNumber('tasks', tasks, 1, 64) ?? 4,
    seed: wholeNumber('seed', seed, 0, 2 ** 32 - 1) ?? randomInt(2 ** 32),
  };
}

const write = (line: string): void => void process.stdout.write(`${line}\n`);
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

async function run(options: SoakOptions): Promise<number> {
  const { cycles, workers, tasks, seed } = options;
  write(`${cycles} cycles, ${workers} workers × ${tasks} tasks, seed ${seed}`);
  const startedAt = performance.now();
  const result = await soak(options, (cycle) => {
    if (cycle % Math.ceil(cycles / 10) === 0) write(`  ${cycle} cycles`);
  });
  write(
    `${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${result.tasks} tasks, ${result.reversed} transitions reversed half-way`,
  );
  write(`${result.collected} patch-owned variables collected`);
  write(`mixed tasks: ${result.mixed.length}; left behind: ${result.leftovers.length}`);
  for (const seen of result.mixed.slice(0, 5)) write(`  mixed: ${JSON.stringify(seen)}`);
  for (const leftover of result.leftovers.slice(0, 5)) write(`  left: ${leftover}`);
  write('used heap after collection, MiB (coordinator, workers, resident):');
  for (const { main, workers: others, resident } of result.heap)
    write(`  ${mebibytes(main)}  ${mebibytes(others)}  ${mebibytes(resident)}`);
  return result.mixed.length > 0 || result.leftovers.length > 0 ? 1 : 0;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(HELP);
  else process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof ShadowError) || error.code !== 'ERR_CLI_OPTION') throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
