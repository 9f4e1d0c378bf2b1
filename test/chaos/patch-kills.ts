/**
 * Owns the killing of threads at the steps of live patching: the coordinator's thread, or one that follows it, at the step; the other one, which waits for it; and
 * a third. Whoever dies, in the end the transition is complete in one direction, every thread runs what is enabled, and everything can be done as ever. Runs from
 * a chaos build.
 */
import { fileURLToPath } from 'node:url';

import { Layout } from '../../src/memory/layout.js';
import { PatchCoordinator } from '../../src/pool/coordinator.js';
import { ShadowStore } from '../../src/shadow/store.js';
import { countRegistrations } from '../../src/shadow/succession.js';
import { brokenInvariants, heldLocks, takenSlots } from './audit.js';
import { Berth } from './berth.js';
import { Company } from './doomed.js';
import type { KillJob, Role } from './jobs.js';
import { Missed, Puppet } from './master.js';
import { Deck, type Part, type PatchOperation } from './patch-operation.js';
import { application, PATCHES, registrationsOf } from './patches.js';
import { ends, soon } from './soon.js';

const SAILOR = fileURLToPath(new URL('./sailor.js', import.meta.url));
const STARTED_AHEAD = 3;
const MAX_BYTES = 2 ** 22;
const ATTEMPTS = 5;
/** How often something is looked at that is wrong. */
const LOOKS = 10;
/** Within this time, ms, threads do what they do by themselves after the last thing that was ordered. */
const TRAILING_MILLISECONDS = 50;

/** One store, and the threads on it. */
class Voyage {
  readonly operation: PatchOperation;
  readonly store = ShadowStore.create({ maxBytes: MAX_BYTES, types: [application] });
  readonly deck = new SharedArrayBuffer(Deck.WORDS * 4);
  readonly crew: Readonly<Record<Part, Puppet>>;
  /** Of this thread, once it has taken over. */
  #coordinator: PatchCoordinator | undefined;
  readonly #dead = new Set<Puppet>();

  constructor(operation: PatchOperation, captain: Puppet, mate: Puppet, boatswain: Puppet) {
    this.operation = operation;
    this.crew = { captain, mate, boatswain };
  }

  get runner(): Puppet {
    return this.crew[this.operation.runner];
  }

  /** Brings everybody to where the operation begins. `predecessor`: who coordinated before. */
  async begin(predecessor: Puppet | undefined): Promise<void> {
    const { crew, operation, store, deck } = this;
    const board = { kind: 'board', handle: store.handle, deck } as const;
    for (const sailor of [...Object.values(crew), ...(predecessor === undefined ? [] : [predecessor])]) await sailor.perform(board);
    const first = operation.unmanned === 'dead' ? predecessor! : crew.captain;
    if (operation.unmanned !== 'new') await first.perform({ kind: 'coordinate' });
    if (operation.unmanned !== 'new') {
      if (operation.ashore !== true) await crew.mate.perform({ kind: 'follow' });
      await crew.boatswain.perform({ kind: 'follow' });
    }
    if (operation.unmanned === 'dead') await first.perform({ kind: 'enable', patch: 'a' });
    else await first.perform({ kind: 'arm', operation: operation.name });
    await soon('everybody has followed', () => this.#hasSettled);
    if (operation.held === true || operation.unmanned === 'dead') await this.#hold();
    if (operation.unmanned === 'dead') await this.#sink(first);
  }

  /** The captain dies while a patch is being enabled. */
  async #sink(captain: Puppet): Promise<void> {
    captain.order({ kind: 'enable', patch: 'b' });
    await soon('threads are told', () => this.#isSwitching);
    await captain.kill();
    this.#dead.add(captain);
  }

  /** Whether those that are not busy run another version already. */
  get #isSwitching(): boolean {
    return new Set(this.#followers(Layout.THREAD_PATCH_VERSION)).size > 1;
  }

  /** Whether nobody has anything left to do for what the coordinator has said. */
  get #hasSettled(): boolean {
    const epoch = Atomics.load(this.store.internals.words, Layout.PATCH_EPOCH);
    return [Layout.THREAD_PATCH_EPOCH, Layout.THREAD_PATCH_LOADED].every((word) => this.#followers(word).every((seen) => seen === epoch));
  }

  /** A word of each thread that follows. */
  #followers(word: number): number[] {
    const { crew, store } = this;
    const { words, memory } = store.internals;
    return takenSlots(store)
      .filter(({ thread }) => thread === crew.mate.thread || thread === crew.boatswain.thread)
      .map(({ slot }) => Atomics.load(words, memory.threads + slot * Layout.THREAD_WORDS + word));
  }

  async #hold(): Promise<void> {
    const deck = new Int32Array(this.deck);
    Atomics.store(deck, Deck.HOLD, 1);
    this.crew.mate.order({ kind: 'hold' });
    await soon('the mate is in a task', () => Atomics.load(deck, Deck.HELD) === 1);
  }

  run(): void {
    this.runner.order({ kind: 'run', operation: this.operation.name });
  }

  async kill(part: Part): Promise<void> {
    const victim = this.crew[part];
    await victim.kill();
    this.#dead.add(victim);
  }

  isDead(part: Part): boolean {
    return this.#dead.has(this.crew[part]);
  }

  /** Everything goes on as far as it can; with this thread as coordinator, if the captain is dead. */
  async end(): Promise<void> {
    const { crew, operation } = this;
    if (this.isDead('captain')) {
      const claimed = Atomics.load(this.store.internals.words, Layout.PATCH_COORDINATOR_CLAIM) !== 0;
      this.#coordinator = claimed ? await ends('taking over', PatchCoordinator.recover(this.store)) : new PatchCoordinator(this.store);
      this.#coordinator.on('warning', () => undefined);
    }
    if (this.isDead('captain')) Atomics.store(new Int32Array(this.deck), Deck.HOLD, 0); // else the operation does so when it is time
    if (!this.#dead.has(this.runner)) await this.runner.finished();
    const { mate } = crew;
    if (!this.isDead('mate') && mate !== this.runner && (operation.held === true || operation.unmanned === 'dead')) await mate.finished();
    if (this.#coordinator !== undefined) {
      const coordinator = this.#coordinator;
      await soon('the transition is complete', () => coordinator.transition === null);
    }
  }

  /** What is wrong in the end. */
  async wrongs(): Promise<string[]> {
    const { operation, store, crew } = this;
    const wrongs: string[] = [];
    const patches = await this.#patches();
    const told = patches.join(' ');
    const acknowledged = !this.isDead('captain') && operation.runner === 'captain';
    const others = acknowledged ? [] : [operation.before, operation.halfway ?? operation.before];
    const allowed = [...new Set([operation.after, ...others].map((names) => names.join(' ')))];
    if (!allowed.includes(told)) wrongs.push(`enabled is "${told}", not "${allowed.join('" or "')}"`);
    wrongs.push(...(await this.#run(patches.at(-1) ?? 'original')));
    wrongs.push(...(await this.#audit(patches)));
    if (!patches.includes('b')) {
      await this.#enable('b');
      wrongs.push(...(await this.#run('b')));
    }
    for (const name of new Set([...patches, 'b'])) await this.#disable(name);
    wrongs.push(...(await this.#run('original')), ...(await this.#audit([])));
    if (store.stats().live !== 0) wrongs.push(`${store.stats().live} variables are left of patches that are gone`);
    if (this.#coordinator !== undefined) await ends('closing', this.#coordinator.close());
    for (const sailor of Object.values(crew)) await sailor.kill();
    if (takenSlots(store).length !== 1) wrongs.push(`${takenSlots(store).length} slots are taken although all threads are dead`);
    wrongs.push(...brokenInvariants(store));
    store[Symbol.dispose]();
    return wrongs;
  }

  /** Whoever is left is ended. */
  async abandon(): Promise<void> {
    for (const sailor of Object.values(this.crew)) await sailor.kill();
  }

  async #audit(patches: readonly string[]): Promise<string[]> {
    const { store } = this;
    await soon('the sweeps are over', () => store.stats().types.every(({ state }) => state === 'live'));
    const wrongs = await lasting(() => [...heldLocks(store), ...brokenInvariants(store)]);
    for (const { slot, thread } of takenSlots(store))
      if ([...this.#dead].some((dead) => dead.thread === thread)) wrongs.push(`slot ${slot} is still that of a dead thread`);
    const registered = JSON.stringify(Object.fromEntries([...countRegistrations(store.internals.memory)].filter(([, count]) => count > 0)));
    const expected = JSON.stringify(registrationsOf(patches));
    if (registered !== expected) wrongs.push(`registered are ${registered}, not ${expected}, while "${patches.join(' ')}" is enabled`);
    return wrongs;
  }

  /** Every thread that follows runs what it should. */
  async #run(expected: string): Promise<string[]> {
    const wrongs: string[] = [];
    for (const part of ['mate', 'boatswain'] as const) {
      const left = this.operation.name.startsWith('leave') && part === 'mate';
      if (this.isDead(part) || left || this.operation.unmanned === 'new') continue;
      const answer = await this.crew[part].perform({ kind: 'task' });
      if (answer !== expected) wrongs.push(`the ${part} runs ${answer}, not ${expected}`);
    }
    return wrongs;
  }

  async #patches(): Promise<string[]> {
    if (this.#coordinator !== undefined) return this.#coordinator.patches.map(({ name }) => name);
    const answer = await this.crew.captain.perform({ kind: 'patches' });
    return answer === '' ? [] : answer.split(' ');
  }

  async #enable(patch: string): Promise<void> {
    if (this.#coordinator === undefined) await this.crew.captain.perform({ kind: 'enable', patch });
    else await ends(`enabling ${patch}`, this.#coordinator.enable({ code: PATCHES[patch]! }));
  }

  async #disable(patch: string): Promise<void> {
    if (this.#coordinator === undefined) await this.crew.captain.perform({ kind: 'disable', patch });
    else await ends(`disabling ${patch}`, this.#coordinator.disable(patch));
  }
}

/** Voyages, one after another. */
export class PatchLane {
  readonly #company: Company<Puppet>;

  constructor(company: Company<Puppet>) {
    this.#company = company;
  }

  /** The steps that an operation comes by, and how often. */
  async record(operation: PatchOperation): Promise<(readonly [step: number, hits: number])[]> {
    const voyage = await this.#launch(operation);
    const watched = voyage.crew[operation.where];
    watched.record();
    voyage.run();
    await voyage.end();
    await pause();
    const hits = watched.recorded();
    const wrongs = await voyage.wrongs();
    if (wrongs.length > 0) throw new Error(`${operation.name} goes wrong without a death: ${wrongs.join('; ')}`);
    return [...hits].flatMap((count, step) => (count > 0 ? [[step, count] as const] : []));
  }

  async kill(operation: PatchOperation, { step, hit, role, fate }: KillJob): Promise<string[]> {
    for (let attempt = 1; ; attempt++) {
      // How often a step is come by that messages lead to differs from one time to the next.
      try {
        return await this.#kill(operation, step, attempt === 1 ? hit : 1, role, fate === 'exit' ? Berth.FATE_EXIT : Berth.FATE_PARK);
      } catch (error) {
        if (!(error instanceof Missed) || attempt === ATTEMPTS)
          return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
      }
    }
  }

  async #kill(operation: PatchOperation, step: number, hit: number, role: Role, fate: number): Promise<string[]> {
    const voyage = await this.#launch(operation);
    try {
      const target = voyage.crew[operation.where];
      target.stopAt(step, hit, fate);
      voyage.run();
      await parked(voyage, target);
      if (role === 'holder' && fate === Berth.FATE_EXIT) await target.exited;
      await voyage.kill(victimOf(operation, role));
      if (role !== 'holder') await resumed(target);
      await voyage.end();
      return await voyage.wrongs();
    } finally {
      await voyage.abandon();
    }
  }

  async #launch(operation: PatchOperation): Promise<Voyage> {
    const next = (): Promise<Puppet> => this.#company.next();
    const voyage = new Voyage(operation, await next(), await next(), await next());
    await voyage.begin(operation.unmanned === 'dead' ? await next() : undefined);
    return voyage;
  }
}

function victimOf({ where }: PatchOperation, role: Role): Part {
  if (role === 'holder') return where;
  if (role === 'bystander') return 'boatswain';
  return where === 'captain' ? 'mate' : 'captain';
}

/** @throws Missed if the operation ends without the thread's coming by the step */
async function parked(voyage: Voyage, target: Puppet): Promise<void> {
  let left = TRAILING_MILLISECONDS;
  while (target.state !== Berth.PARKED && left > 0) {
    await pause(1);
    const { state } = voyage.runner;
    if (state === Berth.DONE || state === Berth.FAILED) left--;
  }
  if (target.state !== Berth.PARKED) throw new Missed(`${voyage.operation.name} did not come by the step`);
}

/** Lets it go on; resolves when it has begun to, since its state then tells of what it is ordered next. */
async function resumed(sailor: Puppet): Promise<void> {
  sailor.resume();
  await soon('it goes on', () => sailor.state !== Berth.PARKED);
}

/** What is wrong and stays so: those that are alive may be at something. */
async function lasting(look: () => string[]): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    const wrongs = look();
    if (wrongs.length === 0 || attempt === LOOKS) return wrongs;
    await pause();
  }
}

function pause(milliseconds = TRAILING_MILLISECONDS): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The threads to kill, for all lanes. */
export function sailors(): Company<Puppet> {
  return new Company(() => new Puppet(SAILOR), STARTED_AHEAD);
}
