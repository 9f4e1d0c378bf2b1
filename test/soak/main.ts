/**
 * `npm run soak -- [--cycles N] [--workers N] [--tasks N] [--seed N]`: the cycle of cycles.ts, a thousand times by default, and what became of
 * the heaps. Exit code 1 when a task was mixed or anything was left behind.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

import { soak } from './cycles.js';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '4' },
    tasks: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
  },
});
const [cycles, workers, tasks, seed] = [values.cycles, values.workers, values.tasks, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
];
if (![cycles, workers, tasks].every((value) => Number.isInteger(value) && value >= 1) || !Number.isInteger(seed)) {
  process.stderr.write('cycles, workers and tasks are whole numbers from 1, seed is a whole number\n');
  process.exit(2);
}
const write = (line: string): void => void process.stdout.write(`${line}\n`);
write(`${cycles} cycles, ${workers} workers × ${tasks} tasks, seed ${seed}`);
const startedAt = performance.now();
const result = await soak({ cycles, workers, tasks, seed }, (cycle) => {
  if (cycle % Math.ceil(cycles / 10) === 0) write(`  ${cycle} cycles`);
});
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${result.tasks} tasks, ${result.reversed} transitions reversed half-way`);
write(`${result.collected} patch-owned variables collected`);
write(`mixed tasks: ${result.mixed.length}; left behind: ${result.leftovers.length}`);
for (const seen of result.mixed.slice(0, 5)) write(`  mixed: ${JSON.stringify(seen)}`);
for (const leftover of result.leftovers.slice(0, 5)) write(`  left: ${leftover}`);
write('used heap after collection, MiB (coordinator, workers, resident):');
for (const { main, workers: others, resident } of result.heap) write(`  ${mebibytes(main)}  ${mebibytes(others)}  ${mebibytes(resident)}`);
if (result.mixed.length > 0 || result.leftovers.length > 0) process.exitCode = 1;
