/**
 * Owns finding out whether a mutation is caught: it is planted, and its scenarios are explored until something is wrong. Imports explore, mutations.
 */
import { Builds, type Explored, explore, type Form } from './explore.js';
import type { Mutation } from './mutations.js';
import type { Scenario } from './scenario.js';

export interface Caught {
  readonly mutation: Mutation;
  readonly by: Explored | null;
  readonly executions: number;
}

/** Executions of one scenario in one form with one mortal thread, exhaustively and at random. */
const EXHAUSTIVE = 8000;
const RANDOM = 1500;

export async function catchMutation(mutation: Mutation, scenarios: readonly Scenario[], seed: number): Promise<Caught> {
  const builds = new Builds(mutation.changes);
  let executions = 0;
  const attempts = mutation.scenarios.flatMap((name) => {
    const scenario = scenarios.find((one) => one.name === name);
    if (scenario === undefined) throw new Error(`${mutation.name}: there is no scenario ${name}`);
    const forms: readonly Form[] = mutation.forms ?? ['strong'];
    const mortals = scenario.mortals ?? scenario.threads.map((_, id) => id);
    const order = mutation.isOfRecovery === true ? mortals : [-1];
    return forms.flatMap((form) => order.map((mortal) => ({ scenario, form, mortal })));
  });
  for (const bound of [...(mutation.bounds ?? [1, 2]), undefined]) {
    for (const { scenario, form, mortal } of attempts) {
      const most = bound === undefined ? RANDOM : (mutation.executions ?? EXHAUSTIVE);
      const explored = await explore(scenario, builds, { form, mortal, seed, executions: most, ...(bound === undefined ? {} : { bound }) });
      executions += explored.count;
      if (explored.fault !== null) return { mutation, by: explored, executions };
    }
  }
  return { mutation, by: null, executions };
}
