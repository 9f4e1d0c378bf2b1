/**
 * Owns the exploration of one scenario: exhaustively up to a number of preemptions, then at random, without deaths and with the death of each thread in
 * turn, on processors that keep order, on others, and on others whose loads come late. Imports build, search, scenario, world.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Build } from './build.js';
import { isIntendedRace } from './intended-races.js';
import type { Race } from './order.js';
import type { Scenario } from './scenario.js';
import { Exhaustive, formatSchedule, parseSchedule, Random, Replay } from './search.js';
import type { TextChange } from './text-change.js';
import { TINY, TINY_WITH_PATCHES } from './tuning.js';
import { World } from './world.js';

/**
 * What the code is compiled for, and how the memory behaves. `strong`: stores in order, as on x86. `portable`: the atomics that other processors need, and
 * with them the race detector. `weak`: the same, with plain loads of the look-up that give older values.
 */
export type Form = 'strong' | 'portable' | 'weak';

export interface Exploration {
  readonly form: Form;
  /** The thread that may die, −1 = none. */
  readonly mortal: number;
  /** Preemptions; undefined = at random. */
  readonly bound?: number;
  readonly seed: number;
  readonly executions: number;
  /** Date.now() at which to stop. */
  readonly deadline?: number;
}

export interface Explored extends Exploration {
  readonly scenario: string;
  readonly count: number;
  /** Of these, how many were given up because the rest of them was explored already. */
  readonly pruned: number;
  readonly steps: number;
  /** Whether there is nothing left to explore within the bound. */
  readonly isComplete: boolean;
  readonly states: number;
  readonly stores: number;
  readonly histories: number;
  readonly milliseconds: number;
  readonly fault: string | null;
  /** Which execution that was: for replay(). */
  readonly schedule: string;
}

const EXECUTIONS_PER_TURN = 100;
/** So often the clock is looked at. */
const EXECUTIONS_PER_LOOK = 16;

/** Builds of the code, made once. */
export class Builds {
  readonly #faults: readonly TextChange[];
  readonly #builds = new Map<string, Build>();

  constructor(faults: readonly TextChange[] = []) {
    this.#faults = faults;
  }

  /** `withPatches`: with the code of live patching. */
  for(form: Form, withPatches = false): Build {
    const isStrong = form === 'strong';
    const key = `${isStrong} ${withPatches}`;
    let build = this.#builds.get(key);
    const tuning = withPatches ? TINY_WITH_PATCHES : TINY;
    if (build === undefined) this.#builds.set(key, (build = new Build(tuning, this.#faults, isStrong, withPatches)));
    return build;
  }

  world(scenario: Scenario, form: Form): World {
    const build = this.for(form, scenario.withPatches);
    // Where stores are published by their order there is no telling a race from the way it is meant.
    const isIntended = (race: Race): boolean => form === 'strong' || isIntendedRace(race, build.sites, scenario.changesInPlace ?? false);
    return new World(scenario, build, { isWeak: form === 'weak', isIntended });
  }
}

/** Explores until there is nothing left, the executions or the time are used up, or something is wrong. `more` hears how many executions there were since. */
export async function explore(
  scenario: Scenario,
  builds: Builds,
  exploration: Exploration,
  more: (count: number) => void = () => undefined,
): Promise<Explored> {
  const { form, mortal, bound, seed, executions, deadline = Infinity } = exploration;
  const world = builds.world(scenario, form);
  const { machine } = world;
  const search = bound === undefined ? new Random(machine, seed) : new Exhaustive(machine, bound);
  machine.decider = search;
  const began = performance.now();
  let count = 0;
  let pruned = 0;
  let steps = 0;
  let fault: string | null = null;
  let isComplete = false;
  let told = 0;
  const tell = (): void => {
    more(count - told);
    told = count;
  };
  while (count < executions) {
    if (count % EXECUTIONS_PER_LOOK === 0) {
      tell();
      if (Date.now() >= deadline) break;
    }
    if (!search.advance()) {
      isComplete = true;
      break;
    }
    count++;
    const execution = world.execute(mortal);
    steps += machine.step;
    fault = execution.fault;
    if (fault !== null) break;
    if (execution.outcome === 'pruned') pruned++;
    if (machine.learnt && search instanceof Exhaustive) search.restart();
    // What weak references keep alive is let go of between turns only.
    if (count % EXECUTIONS_PER_TURN === 0) await nextTurn();
  }
  tell();
  return {
    ...exploration,
    scenario: scenario.name,
    count,
    pruned,
    steps,
    isComplete,
    states: search instanceof Exhaustive ? search.states : 0,
    stores: world.distinct.stores,
    histories: world.distinct.histories,
    milliseconds: performance.now() - began,
    fault,
    schedule: fault === null ? '' : [scenario.name, form, mortal, formatSchedule(search.schedule)].join('/'),
  };
}

export interface Replayed {
  readonly fault: string | null;
  readonly outcome: string;
  /** Every step, one line each. */
  readonly lines: readonly string[];
}

/** Runs one execution again, with a note of every step. */
export function replay(scenarios: readonly Scenario[], builds: Builds, schedule: string): Replayed {
  const [name, form, mortal, decisions] = schedule.split('/');
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined || decisions === undefined) throw new Error(`${schedule} names no scenario`);
  const world = builds.world(scenario, form as Form);
  const { sites } = world.build;
  const lines: string[] = [];
  world.machine.trace = ({ step, thread, what, word, value, site }) => {
    const place = sites[site];
    const at = place === undefined ? '' : `  ${place.path} ${place.within}: ${place.text}`;
    lines.push(`${step} thread ${thread} ${what}${word < 0 ? '' : ` word ${word}: ${String(value)}`}${at}`);
  };
  // The first times tell which words are contended, as the search had found out by then.
  for (;;) {
    lines.length = 0;
    world.machine.decider = new Replay(world.machine, parseSchedule(decisions));
    const execution = world.execute(Number(mortal));
    if (!world.machine.learnt) return { ...execution, lines };
  }
}
