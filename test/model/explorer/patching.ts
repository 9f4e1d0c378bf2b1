/**
 * Owns the operations of scenarios about live patching. Threads with an agent run tasks that call f and g; the last thread is the coordinator's. Every version
 * of f and g tells its number and looks whether the coordinator has declared another one to be everywhere (plumbing/driver.ts). Imports build, scenario.
 */
import { type SuspendedCall, versioned } from './build.js';
import { type Actor, call, type Operation, run, type Steps } from './scenario.js';

const UNPATCHED = 0;
const NOTHING = -1;
const DRAINED = -2;

/** What a task does: it calls a function, or awaits, and messages arrive meanwhile. */
export type Deed = 'f' | 'g' | 'await';

function driver(actor: Actor, name: string, ...given: readonly unknown[]): Steps {
  return call(actor.load('plumbing/driver.js'), name, ...given);
}

function agentOf(actor: Actor): object {
  return actor.kept['agent'] as object;
}

/** Makes an agent, which nobody counts yet. */
function* makeAgent(actor: Actor): Steps {
  const patchable = actor.load('livepatch/functions.js')['patchable'] as (object: string, functions: object) => object;
  actor.kept['functions'] = yield* run(patchable('base', versioned(actor.load, UNPATCHED)));
  const agent = actor.load('livepatch/agent.js')['Agent'] as new (store: unknown, manifest: unknown) => object;
  actor.kept['agent'] = new agent(actor.store, actor.load('livepatch/manifest.js')['UNPATCHED']);
  return undefined;
}

/** Attaches a thread to the coordinator's line before the others are there. */
export function* attached(actor: Actor): Steps {
  yield* makeAgent(actor);
  yield* call(agentOf(actor), '$begin');
  return yield* actor.endTurn();
}

/** Loads what a thread needs that will attach. */
export function* starting(actor: Actor): Steps {
  yield* makeAgent(actor);
  return yield* actor.endTurn();
}

/** Makes the thread that of the coordinator. */
export function* coordinating(actor: Actor): Steps {
  const threads = actor.load('livepatch/threads.js')['Threads'] as new (...given: unknown[]) => object;
  const nothing = (): undefined => undefined;
  const host = { modules: () => [], onModules: nothing, onLateFailure: nothing, onPoke: nothing, onDeath: nothing };
  const options = { loadMilliseconds: 1000, pollMilliseconds: 1000, pokeEvery: 15 };
  actor.kept['threads'] = new threads(actor.store, options, undefined, 0, host);
  return yield* actor.endTurn();
}

/** What happens has no result that an order of operations would have to explain: what must not happen is an error. */
const FREE: Operation['effects'] = [(_state, answered) => answered];

/** The thread attaches while others are at work: its agent is counted from the middle of this on. */
export function attach(): Operation {
  return {
    name: 'attach',
    *run(actor) {
      yield* driver(actor, 'tuneIn');
      yield* call(agentOf(actor), '$begin');
      return 'attached';
    },
    effects: FREE,
  };
}

function* doAll(actor: Actor, deeds: readonly Deed[]): Steps {
  const seen = new Set<unknown>();
  for (const deed of deeds) {
    if (deed === 'await') yield* driver(actor, 'turn');
    else seen.add(yield* call(actor.kept['functions'] as object, deed));
  }
  if (seen.size > 1) throw new Error(`one task has run the versions ${[...seen].join(' and ')}`);
  return [...seen][0];
}

/** A task, which runs on one version from beginning to end. */
export function task(...deeds: readonly Deed[]): Operation {
  return {
    name: `task ${deeds.join(' ')}`,
    *run(actor) {
      const entry = yield* driver(actor, 'enterTask', agentOf(actor), 0);
      const seen = yield* doAll(actor, deeds);
      yield* call(agentOf(actor), 'leave', entry);
      return seen;
    },
    effects: FREE,
  };
}

/** Two tasks at once: the second begins while the first awaits, and may have to wait at the gate until that has ended. */
export function overlapping(): Operation {
  return {
    name: 'two tasks',
    *run(actor) {
      const agent = agentOf(actor);
      const first = yield* driver(actor, 'enterTask', agent, 0);
      const before = yield* doAll(actor, ['f', 'await']);
      const second = (yield* call(agent, 'enter', 0)) as number;
      const also = second < 0 ? before : yield* doAll(actor, ['f']);
      if (also !== before) throw new Error(`tasks of the versions ${String(before)} and ${String(also)} are in flight at once`);
      const after = yield* doAll(actor, ['g']);
      if (after !== before) throw new Error(`one task has run the versions ${String(before)} and ${String(after)}`);
      yield* call(agent, 'leave', first);
      if (second >= 0) yield* call(agent, 'leave', second);
      return before;
    },
    effects: FREE,
  };
}

/** A call outside tasks that is suspended while messages arrive: the version it began in stays until it has ended. */
export function suspendedCall(): Operation {
  return {
    name: 'suspended call',
    *run(actor) {
      const agent = agentOf(actor) as { readonly version: number };
      const before = agent.version;
      const suspended = (yield* call(actor.kept['functions'] as object, 'later')) as SuspendedCall;
      yield* run(suspended.then((value) => value));
      yield* driver(actor, 'turn');
      yield* driver(actor, 'turn');
      if (agent.version !== before)
        throw new Error(`a call of version ${before} is suspended, and version ${agent.version} was switched on`);
      for (const reaction of suspended.reactions) yield* run(reaction(before));
      return before;
    },
    effects: FREE,
  };
}

/** Turns of the event loop until the thread has acted on the manifest of this epoch. */
export function follow(epoch: number): Operation {
  return {
    name: `follow ${epoch}`,
    *run(actor) {
      yield* driver(actor, 'follow', actor.store, epoch);
      return 'followed';
    },
    effects: FREE,
  };
}

function orderFor(version: number, mode = 'gate'): object {
  const reference = (number: number): object => ({ serial: number, name: `version ${number}`, url: 'umbra:script', code: String(number) });
  const [stack, standby] = version === UNPATCHED ? [[], [reference(1)]] : [[reference(version)], []];
  return { version, stack, mode, standby, candidate: null };
}

/** As Operations.#start() and #turn() do it. */
function* order(actor: Actor, version: number, mode?: string): Steps {
  const { line } = actor.kept['threads'] as { readonly line: object };
  yield* driver(actor, 'declare', NOTHING);
  yield* call(line, '$direct', version === UNPATCHED ? 0 : 1);
  return yield* call(actor.kept['threads'] as object, 'order', orderFor(version, mode));
}

/** The coordinator waits, and says so. `settled`: that all have done what was ordered, whoever starts meanwhile. */
function* complete(actor: Actor, version: number, settled = true): Steps {
  yield* driver(actor, 'awaitObeyed', actor.kept['threads'], actor.store);
  yield* driver(actor, 'declare', version);
  if (settled) yield* driver(actor, 'lookAgain', actor.kept['threads'], version);
  return `complete ${version}`;
}

/** A transition to a version, from the order to the moment when all threads run it. */
export function switchTo(version: number): Operation {
  return {
    name: `switch to ${version}`,
    *run(actor) {
      yield* order(actor, version);
      return yield* complete(actor, version);
    },
    effects: FREE,
  };
}

/** The same while threads start: those that run nothing yet are not waited for, but whatever they ask is answered. */
export function switchAndServe(version: number): Operation {
  return {
    name: `switch to ${version} and serve`,
    *run(actor) {
      yield* order(actor, version);
      yield* complete(actor, version, false);
      yield* driver(actor, 'serve', actor.kept['threads'], actor.store);
      return `served ${version}`;
    },
    effects: FREE,
  };
}

/** The threads are drained first, and then switch: nothing runs in between. */
export function drainAndSwitchTo(version: number): Operation {
  return {
    name: `drain and switch to ${version}`,
    *run(actor) {
      yield* order(actor, version, 'hold');
      yield* complete(actor, DRAINED);
      yield* order(actor, version);
      return yield* complete(actor, version);
    },
    effects: FREE,
  };
}

/** A transition that is turned round, unless all have switched already when the coordinator looks. */
export function switchAndReverse(version: number): Operation {
  return {
    name: `switch to ${version} and reverse`,
    *run(actor) {
      yield* order(actor, version);
      const isDone = yield* call(actor.kept['threads'] as object, 'isObeyed');
      if (isDone === true) yield* driver(actor, 'declare', version);
      yield* order(actor, UNPATCHED);
      return yield* complete(actor, UNPATCHED);
    },
    effects: FREE,
  };
}

/** What is to be found in the slots when all is over: threads run this version, and of the dead nothing is left. */
export function allRun(version: number): (actor: Actor) => Steps {
  return function* (actor) {
    const wrong = (yield* call(actor.load('plumbing/slots.js'), 'wrongSlots', actor.store, version)) as readonly string[];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return {};
  };
}
