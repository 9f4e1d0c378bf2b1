/**
 * Owns the command `npm run explore`: every scenario, exhaustively up to a number of preemptions and then at random, on as many threads as there are
 * processors. Each line is written as soon as it is true.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { Builds, type Explored, type Form, replay } from './explorer/explore.js';
import { exploreAll, type Plan } from './explorer/jobs.js';
import { SCENARIOS } from './explorer/scenarios.js';
import type { Scenario } from './explorer/scenario.js';

const HELP = `npm run explore -- [options]

  --scenario NAME    only these (several with commas); --list names them
  --bound N          preemptions up to which everything is explored (2); one less where processors reorder, unless --form names that
  --executions N     at random, beyond that, in all (400000)
  --most N           at most so many executions of one scenario in one form with one mortal thread (Infinity)
  --seconds N        stop after so long (Infinity)
  --jobs N           threads to work with (one for each processor)
  --seed N           of the random part (the time)
  --form NAME        strong, portable or weak (all)
  --mortal N         only with this thread mortal; -1 = none
  --replay SCHEDULE  one execution, step by step
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    bound: { type: 'string', default: '2' },
    executions: { type: 'string', default: '400000' },
    most: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: 'Infinity' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string' },
    form: { type: 'string' },
    mortal: { type: 'string' },
    replay: { type: 'string' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

const PROGRESS_MILLISECONDS = 15_000;
const FORMS: readonly Form[] = ['strong', 'portable', 'weak'];

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(explored: Explored): string {
  const { scenario, form, mortal, bound, count, pruned, steps, isComplete, states, stores, histories, milliseconds } = explored;
  const how = bound === undefined ? 'random' : isComplete ? `all up to ${bound} preemptions` : `part of all up to ${bound} preemptions`;
  const death = mortal < 0 ? 'no death' : `thread ${mortal} mortal`;
  return (
    `${scenario.padEnd(14)} ${form.padEnd(8)} ${death.padEnd(15)} ${how.padEnd(29)} ${String(count).padStart(8)} executions, ` +
    `${count - pruned} whole, ${states} states, ${stores} stores, ${histories} histories, ${Math.round(steps / count)} steps each, ` +
    `${Math.round((count / milliseconds) * 1000)}/s`
  );
}

function mortals(scenario: Scenario): number[] {
  if (values.mortal !== undefined) return [Number(values.mortal)];
  return [-1, ...(scenario.mortals ?? scenario.threads.map((_, id) => id))];
}

/** Plain loads come late in the look-up only, which switches do not use. */
function forms({ withPatches = false }: Scenario): readonly Form[] {
  if (values.form !== undefined) return [values.form as Form];
  return withPatches ? FORMS.filter((form) => form !== 'weak') : FORMS;
}

/** What was done so far. */
class Tally {
  readonly #seed: number;
  readonly #bound: number;
  readonly #scenarios: readonly Scenario[];
  readonly #began = performance.now();
  readonly #complete = new Map<string, Set<number>>();
  /** Executions of plans that are not done yet included. */
  readonly counted = new Int32Array(new SharedArrayBuffer(4));
  #exhaustive = 0;
  #random = 0;
  #whole = 0;
  faults = 0;

  constructor(seed: number, bound: number, scenarios: readonly Scenario[]) {
    this.#seed = seed;
    this.#bound = bound;
    this.#scenarios = scenarios;
  }

  readonly add = (explored: Explored): void => {
    const { scenario, form, mortal, bound, count, pruned, isComplete, fault, schedule } = explored;
    if (count > 0) print(describe(explored));
    if (bound === undefined) this.#random += count;
    else this.#exhaustive += count;
    this.#whole += count - pruned;
    if (isComplete && bound === this.#bound && fault === null) {
      const key = `${form} ${scenario}`;
      const known = this.#complete.get(key);
      if (known === undefined) this.#complete.set(key, new Set([mortal]));
      else known.add(mortal);
    }
    if (fault === null) return;
    this.faults++;
    print(`  ${fault}\n  --replay ${schedule}`);
  };

  /** Scenarios that are complete without a death and with the death of each thread that may die, in one form. */
  #completeIn(form: Form): string[] {
    return this.#scenarios
      .filter((scenario) => mortals(scenario).every((mortal) => this.#complete.get(`${form} ${scenario.name}`)?.has(mortal) === true))
      .map(({ name }) => name);
  }

  get #seconds(): string {
    return ((performance.now() - this.#began) / 1000).toFixed(0);
  }

  progress(): void {
    print(`... ${Atomics.load(this.counted, 0)} executions in ${this.#seconds} s`);
  }

  summary(jobs: number): void {
    for (const form of FORMS) {
      const names = this.#completeIn(form);
      if (names.length === 0) continue;
      const how = `complete up to ${this.#bound} preemptions, without a death and with the death of each mortal thread wherever it can matter, form ${form}`;
      print(`${how}: ${names.length} of ${this.#scenarios.length} scenarios (${names.join(', ')})`);
    }
    const total = Atomics.load(this.counted, 0);
    const open = total - this.#exhaustive - this.#random;
    print(
      `${total} executions in ${this.#seconds} s on ${jobs} threads: ${this.#exhaustive} exhaustive, ${this.#random} random with seed ${this.#seed}` +
        (open === 0 ? '' : `, ${open} in what was cut short`) +
        `; ${this.#whole} to the end, the others until they came to what was explored; ` +
        (this.faults === 0 ? 'nothing wrong' : `${this.faults} found wrong`),
    );
  }
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
  if (values.replay !== undefined) {
    const { lines, fault, outcome } = replay(SCENARIOS, new Builds(), values.replay);
    for (const line of lines) print(line);
    print(fault ?? outcome);
    return fault === null ? 0 : 1;
  }
  const wanted = values.scenario?.split(',');
  const scenarios = SCENARIOS.filter(({ name }) => wanted === undefined || wanted.includes(name));
  if (scenarios.length === 0) throw new Error(`there is no scenario ${values.scenario ?? ''}; --list names them`);
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const bound = Number(values.bound);
  const jobs = Number(values.jobs);
  const most = Number(values.most);
  const deadline = Date.now() + Number(values.seconds) * 1000;
  const all = scenarios.flatMap((scenario) =>
    forms(scenario).flatMap((form) => mortals(scenario).map((mortal) => ({ scenario: scenario.name, form, mortal, seed, deadline }))),
  );
  const exhaustive = all.map((plan): Plan => {
    const isFirst = plan.form === 'strong' || values.form !== undefined;
    return { ...plan, bound: isFirst ? bound : bound - 1, executions: most };
  });
  // What is done soon first: if the time runs out, most of it is complete.
  exhaustive.sort((a, b) => size(a) - size(b));
  const each = Math.ceil(Number(values.executions) / all.length);
  const random = each > 0 ? all.map((plan): Plan => ({ ...plan, executions: each })) : [];
  print(`seed ${seed}, ${jobs} threads`);
  const tally = new Tally(seed, bound, scenarios);
  const clock = setInterval(() => {
    tally.progress();
  }, PROGRESS_MILLISECONDS);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      tally.summary(jobs);
      print('cut short');
      process.exit(1);
    });
  }
  await exploreAll([...exhaustive, ...random], jobs, tally.counted, tally.add);
  clearInterval(clock);
  tally.summary(jobs);
  return tally.faults === 0 ? 0 : 1;
}

/** What an exhaustive exploration takes, compared with others, as far as that can be told. */
function size({ scenario, bound = 0, mortal }: Plan): number {
  const { threads, withPatches = false } = SCENARIOS.find(({ name }) => name === scenario)!;
  const operations = threads.reduce((sum, list) => sum + list.length, 0);
  return (threads.length > 2 ? 1000 : 0) + operations * 10 + (mortal < 0 ? 0 : 5) + (withPatches ? 1 : 0) - bound;
}

process.exitCode = await main();
