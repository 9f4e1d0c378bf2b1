/**
 * Owns the command `npm run explore`: every scenario, exhaustively up to a number of preemptions and then at random.
 */
import { parseArgs } from 'node:util';

import { Builds, type Explored, explore, type Form, replay } from './explorer/explore.js';
import { SCENARIOS } from './explorer/scenarios.js';
import type { Scenario } from './explorer/scenario.js';

const HELP = `npm run explore -- [options]

  --scenario NAME    only these (several with commas); --list names them
  --bound N          preemptions up to which everything is explored (2)
  --executions N     at random, beyond that, in all (200000)
  --most N           at most so many executions of one scenario in one form with one mortal thread
  --seed N           of the random part (the time)
  --form NAME        strong, portable or weak (all)
  --weak             the same as --form weak
  --mortal N         only with this thread mortal; -1 = none
  --replay SCHEDULE  one execution, step by step
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    bound: { type: 'string', default: '2' },
    executions: { type: 'string', default: '200000' },
    most: { type: 'string', default: 'Infinity' },
    seed: { type: 'string' },
    form: { type: 'string' },
    weak: { type: 'boolean' },
    mortal: { type: 'string' },
    replay: { type: 'string' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe({
  scenario,
  form,
  mortal,
  bound,
  count,
  pruned,
  steps,
  isComplete,
  states,
  stores,
  histories,
  milliseconds,
}: Explored): string {
  const how = bound === undefined ? 'random' : isComplete ? `all up to ${bound} preemptions` : `part of all up to ${bound} preemptions`;
  const death = mortal < 0 ? 'no death' : `thread ${mortal} mortal`;
  return (
    `${scenario.padEnd(14)} ${form.padEnd(8)} ${death.padEnd(15)} ${how.padEnd(25)} ${String(count).padStart(8)} executions, ` +
    `${count - pruned} whole, ${states} states, ${stores} stores, ${histories} histories, ${Math.round(steps / count)} steps each, ` +
    `${Math.round((count / milliseconds) * 1000)}/s`
  );
}

function mortals(scenario: Scenario): number[] {
  if (values.mortal !== undefined) return [Number(values.mortal)];
  return [-1, ...(scenario.mortals ?? scenario.threads.map((_, id) => id))];
}

async function main(): Promise<number> {
  if (values.help === true) {
    print(HELP);
    return 0;
  }
  if (values.list === true) {
    for (const { name, about } of SCENARIOS) print(`${name.padEnd(14)} ${about}`);
    return 0;
  }
  const builds = new Builds();
  if (values.replay !== undefined) {
    const { lines, fault, outcome } = replay(SCENARIOS, builds, values.replay);
    for (const line of lines) print(line);
    print(fault ?? outcome);
    return fault === null ? 0 : 1;
  }
  const wanted = values.scenario?.split(',');
  const scenarios = SCENARIOS.filter(({ name }) => wanted === undefined || wanted.includes(name));
  if (scenarios.length === 0) throw new Error(`there is no scenario ${values.scenario ?? ''}; --list names them`);
  const forms: readonly Form[] =
    values.weak === true ? ['weak'] : values.form === undefined ? ['strong', 'portable', 'weak'] : [values.form as Form];
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const bound = Number(values.bound);
  const most = Number(values.most);
  const plans = scenarios.flatMap((scenario) => forms.flatMap((form) => mortals(scenario).map((mortal) => ({ scenario, form, mortal }))));
  print(`seed ${seed}`);
  let total = 0;
  let faults = 0;
  const run = async (scenario: Scenario, form: Form, mortal: number, isRandom: boolean, executions: number): Promise<void> => {
    const explored = await explore(scenario, builds, { form, mortal, seed, executions, ...(isRandom ? {} : { bound }) });
    total += explored.count;
    print(describe(explored));
    if (explored.fault === null) return;
    faults++;
    print(`  ${explored.fault}\n  --replay ${explored.schedule}`);
  };
  for (const { scenario, form, mortal } of plans) await run(scenario, form, mortal, false, most);
  const each = Math.ceil(Number(values.executions) / plans.length);
  if (each > 0) for (const { scenario, form, mortal } of plans) await run(scenario, form, mortal, true, each);
  print(`${total} executions of ${scenarios.length} scenarios, ${faults === 0 ? 'nothing wrong' : `${faults} found wrong`}`);
  return faults === 0 ? 0 : 1;
}

process.exitCode = await main();
