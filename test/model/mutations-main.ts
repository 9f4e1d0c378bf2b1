/**
 * Owns the command `npm run mutations`: plants each fault of the list and tells which scenario has found it.
 */
import { parseArgs } from 'node:util';

import { catchMutation } from './explorer/catch.js';
import { MUTATIONS } from './explorer/mutations.js';
import { SCENARIOS } from './explorer/scenarios.js';

const { values } = parseArgs({ options: { only: { type: 'string' }, seed: { type: 'string', default: '1' }, help: { type: 'boolean' } } });

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

if (values.help === true) {
  print(`npm run mutations -- [options]: plants faults into the compiled code, one after another, and tells which scenario of the explorer finds each
  --only TEXT  only faults with this in their name
  --seed N     of the random part (1)`);
  process.exit(0);
}

let missed = 0;
for (const mutation of MUTATIONS) {
  if (values.only !== undefined && !mutation.name.includes(values.only)) continue;
  const began = performance.now();
  let line: string;
  try {
    const { by, executions } = await catchMutation(mutation, SCENARIOS, Number(values.seed));
    if (by === null) missed++;
    line =
      by === null
        ? `NOT CAUGHT after ${executions} executions`
        : `${(by.fault ?? '').split('\n')[0]!.slice(0, 100)} | ${executions} executions | --replay ${by.schedule}`;
  } catch (error) {
    missed++;
    line = `CANNOT BE PLANTED: ${error instanceof Error ? error.message : String(error)}`;
  }
  print(`${mutation.name} | ${line} | ${Math.round(performance.now() - began)} ms`);
}
print(missed === 0 ? 'all caught' : `${missed} not caught`);
process.exitCode = missed === 0 ? 0 : 1;
