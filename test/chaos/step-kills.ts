/**
 * Owns the killing of threads at protocol steps: what steps each operation comes by, and one kill at each of them, of the thread that is there (the
 * holder of what is held there), of one that waits for it, and of one that just stands by. Runs from a chaos build.
 */
import { Berth } from './berth.js';
import { bundleOrModule } from './bundle.js';
import { operationNamed } from './catalogue.js';
import { Company } from './doomed.js';
import type { Fate, News, Role } from './jobs.js';
import { Missed, Puppet } from './master.js';
import { type Operation, probe } from './operation.js';
import { type Effect, Stage } from './stage.js';
import type { Contents } from './world.js';
import { watched } from './watchdog.js';

/** An operation that comes by a step, so many times. */
export interface Pair {
  readonly operation: Operation;
  readonly effect: Effect;
  readonly step: number;
  readonly hits: number;
}

export interface Kill {
  readonly pair: Pair;
  readonly hit: number;
  readonly role: Role;
  readonly news: News;
  readonly fate: Fate;
}

export interface Outcome {
  readonly wrongs: readonly string[];
  /** Whether the probe of another thread, or the victim in the role of the waiter, had to wait for a lock. */
  readonly waited: boolean;
}

const PUPPET = bundleOrModule(new URL('./puppet.js', import.meta.url));
const STARTED_AHEAD = 3;
const ATTEMPTS = 5;
/** A probe that takes longer is stuck. */
const PROBE_MILLISECONDS = 15_000;

/** Kills, one after another; several lanes may run side by side. */
export class Lane {
  readonly #company: Company<Puppet>;
  /** Names of steps by number. */
  readonly #steps: readonly string[];
  #helper: Puppet | undefined;

  constructor(company: Company<Puppet>, steps: readonly string[]) {
    this.#company = company;
    this.#steps = steps;
  }

  /** What an operation does, and the steps that it comes by. */
  async record(operation: Operation): Promise<Pair[]> {
    const helper = await this.#help();
    const idle = new Stage(operation);
    await idle.cast(helper, true);
    const before = idle.contents();
    await helper.perform({ kind: 'detach' });
    idle.close();
    const { corpse } = operation;
    const interrupted = corpse === undefined ? undefined : await this.#effectOf(operationNamed(corpse.operation));
    const stage = new Stage(operation);
    await this.#layCorpse(stage);
    await stage.cast(helper, true);
    stage.deafen(true, helper);
    helper.record();
    await helper.perform({ kind: 'run', operation: operation.name });
    const hits = helper.recorded();
    stage.blind(false);
    const effect = interrupted ?? { before, after: stage.contents() };
    const wrongs = [...stage.wrongs(effect, undefined, corpse === undefined), ...(await stage.judge(corpse === undefined))];
    if (wrongs.length > 0) throw new Error(`${operation.name} goes wrong without a death: ${wrongs.join('; ')}`);
    await helper.perform({ kind: 'detach' });
    stage.close();
    return [...hits].flatMap((count, step) => (count > 0 ? [{ operation, effect, step, hits: count }] : []));
  }

  /** What an operation does to the contents of the store. */
  async #effectOf(operation: Operation): Promise<Effect> {
    const helper = await this.#help();
    const contents: Contents[] = [];
    for (const run of [false, true]) {
      const stage = new Stage(operation);
      await stage.cast(helper, true);
      if (run) await helper.perform({ kind: 'run', operation: operation.name });
      contents.push(stage.contents());
      await helper.perform({ kind: 'detach' });
      stage.close();
    }
    return { before: contents[0]!, after: contents[1]! };
  }

  /** Has a thread die as the operation says, without anybody's noticing. */
  async #layCorpse(stage: Stage): Promise<void> {
    const { corpse } = stage.operation;
    if (corpse === undefined) return;
    const dead = await this.#company.next();
    stage.blind(true);
    await stage.cast(dead, true, corpse.operation);
    dead.stopAt(this.#steps.indexOf(corpse.step), 1);
    dead.order({ kind: 'run', operation: corpse.operation });
    await dead.parked();
    stage.deafen(true);
    await dead.kill();
    await stage.gone(dead);
    stage.buried(dead);
  }

  async kill(kill: Kill): Promise<Outcome> {
    try {
      if (kill.role === 'holder') return await this.#killHolderSoon(kill);
      // What a bystander holds, or holds back, may keep the operation from the step: then it is one that holds back nothing.
      return (
        (kill.pair.operation.maxBytes === undefined ? await this.#killOther(kill, true) : undefined) ??
        (await this.#killOther(kill, false)) ?? { wrongs: [], waited: false }
      );
    } catch (error) {
      await this.#dismiss(); // it may be stuck
      return { wrongs: [error instanceof Error ? error.message : String(error)], waited: false };
    }
  }

  /** The death that an operation is to find may be found by others first: by the main thread, which waits for memory. Then it is tried again. */
  async #killHolderSoon(kill: Kill): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#killHolder(kill);
      } catch (error) {
        if (!(error instanceof Missed) || attempt === ATTEMPTS || kill.pair.operation.corpse === undefined) throw error;
        await this.#dismiss();
      }
    }
  }

  async #killHolder({ pair, hit, news, fate }: Kill): Promise<Outcome> {
    const { operation, effect, step } = pair;
    const stage = new Stage(operation);
    await this.#layCorpse(stage);
    const helper = await this.#help();
    await stage.cast(helper, false);
    const victim = await this.#company.next();
    let waited = false;
    try {
      await stage.cast(victim, true);
      stage.deafen(true, victim);
      victim.stopAt(step, hit, FATES[fate]);
      victim.order({ kind: 'run', operation: operation.name });
      await victim.parked();
      stage.blind(false);
      if (fate !== 'terminate') await victim.exited;
      if (news === 'waiter') {
        helper.order({ kind: 'probe', operation: operation.name });
        waited = await waitsOrEnds(stage, helper);
      }
      if (news === 'main') {
        victim.strike();
        this.#probeHere(stage);
        await victim.exited;
      } else if (news === 'event') {
        await victim.kill(); // the exit event tells the store of it
        helper.order({ kind: 'probe', operation: operation.name });
      } else {
        victim.strike();
        this.#waitHere(stage, helper); // no event can tell anybody of anything
      }
      if (news !== 'main') await helper.finished();
      await victim.exited;
      if (stage.isTaken(victim)) throw new Error('the exit event did not recover the thread');
      stage.recover();
    } finally {
      await victim.kill();
    }
    await helper.perform({ kind: 'detach' });
    const wrongs = [...stage.wrongs(effect, victim, false), ...(await stage.judge(false))];
    stage.close();
    return { wrongs, waited };
  }

  /** Kills a thread that waits for the one at the step, or one that stands by; that one goes on afterwards. */
  async #killOther({ pair, hit, role, news }: Kill, lingers: boolean): Promise<Outcome | undefined> {
    const { operation, effect, step } = pair;
    const stage = new Stage(operation);
    await this.#layCorpse(stage);
    const helper = await this.#help();
    await stage.cast(helper, true);
    const victim = await this.#company.next();
    let waited = false;
    let reached = false;
    try {
      await stage.cast(victim, false);
      if (role === 'bystander' && lingers) await victim.perform({ kind: 'linger' });
      helper.stopAt(step, hit);
      helper.order({ kind: 'run', operation: operation.name });
      reached = await helper.reaches();
      stage.blind(false);
      if (role === 'waiter' && reached) {
        victim.order({ kind: 'probe', operation: operation.name });
        waited = await waitsOrEnds(stage, victim);
      }
    } finally {
      stage.deafen(true); // this thread would wait for what the parked one holds, and nobody could let that go on
      await victim.kill();
    }
    const beside: string[] = [];
    if (reached && operation.corpse === undefined) {
      await stage.gone(victim);
      beside.push(...stage.repairBeside(helper));
    }
    stage.deafen(false);
    if (reached) helper.resume();
    await helper.finished();
    helper.stopAt(0, 0);
    if (news === 'event') stage.hear(victim.thread);
    else await stage.gone(victim);
    stage.recover();
    const acknowledged = operation.corpse === undefined;
    const wrongs = [...beside, ...stage.wrongs(effect, victim, acknowledged), ...(await stage.judge(acknowledged))];
    await helper.perform({ kind: 'detach' });
    stage.close();
    return reached || wrongs.length > 0 ? { wrongs, waited } : undefined;
  }

  /** The main thread does what may wait for the dead one, before any event can tell it of the death. */
  #probeHere(stage: Stage): void {
    watched(`the main thread waits after a death in "${stage.operation.name}"`, () => {
      probe(stage.operation, stage.world);
    });
  }

  /** The main thread waits, so that nobody but the helper can find out about the death. */
  #waitHere(stage: Stage, helper: Puppet): void {
    watched(`a thread waits after a death in "${stage.operation.name}"`, () => {
      while (helper.state === Berth.RUNNING) Atomics.wait(helper.words, Berth.STATE, Berth.RUNNING, 1000);
    });
  }

  async #help(): Promise<Puppet> {
    return (this.#helper ??= await this.#company.next());
  }

  async #dismiss(): Promise<void> {
    await this.#helper?.kill();
    this.#helper = undefined;
  }
}

const FATES = { terminate: Berth.FATE_PARK, exit: Berth.FATE_EXIT, throw: Berth.FATE_THROW };

/** Waits until a puppet has ended its order, or waits for a lock; true if it waits. */
async function waitsOrEnds(stage: Stage, puppet: Puppet): Promise<boolean> {
  const deadline = performance.now() + PROBE_MILLISECONDS;
  while (puppet.state === Berth.RUNNING) {
    if (stage.waitsOf(puppet) > 0) return true;
    if (performance.now() > deadline) throw new Error('a probe neither ends nor waits for a lock');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

/** The threads to kill, for all lanes. */
export class StepKills {
  readonly #steps: readonly string[];
  readonly #company = new Company(() => new Puppet(PUPPET), STARTED_AHEAD);

  /** `steps`: names by number. */
  constructor(steps: readonly string[]) {
    this.#steps = steps;
  }

  lane(): Lane {
    return new Lane(this.#company, this.#steps);
  }
}
