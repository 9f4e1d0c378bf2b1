/**
 * Owns the actors of a round from the outside: putting them on, having all of them rest, and their deaths. Imports doomed and part.
 */
import { setImmediate as turn } from 'node:timers/promises';

import type { Cue } from './actor.js';
import { drain, type Entry, hasRoom } from './deeds.js';
import { type Company, Doomed } from './doomed.js';
import { Part, Scene } from './part.js';
import { soon } from './soon.js';

/** Little enough for a thread to run out of it soon. */
const RESOURCES = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };

/** How a thread dies. */
export const DEATHS = ['terminate', 'exit', 'throw', 'memory'] as const;
export type Death = (typeof DEATHS)[number];
const FATES = { terminate: Part.FATE_NONE, exit: Part.FATE_EXIT, throw: Part.FATE_THROW, memory: Part.FATE_MEMORY };

export class Actor extends Doomed {
  /** Whether its end was ordered. */
  doomed = false;

  constructor(file: string) {
    super(file, 'part', Part.WORDS, RESOURCES);
  }

  async ready(): Promise<void> {
    await this.until([Part.READY], 'start');
  }

  get pauseSeen(): number {
    return Atomics.load(this.words, Part.PAUSE_SEEN);
  }

  get actions(): number {
    return Atomics.load(this.words, Part.ACTIONS);
  }

  /** Thread slot of the store; −1 = not attached yet. */
  get slot(): number {
    return this.words[Part.SLOT]! - 1;
  }

  begin(cue: Cue): void {
    this.worker.postMessage(cue);
    Atomics.store(this.words, Part.GO, 1);
    Atomics.notify(this.words, Part.GO);
  }

  /** Ends it, now or after it has come by so many places where it may end by itself. Returns at once. */
  die(death: Death, countdown: number): void {
    this.doomed = true;
    if (death === 'terminate') {
      this.strike();
      return;
    }
    this.words[Part.COUNTDOWN] = countdown;
    Atomics.store(this.words, Part.FATE, FATES[death]);
  }

  /** Why it gave up; undefined if it did not. */
  get failure(): string | undefined {
    if (this.state !== Part.FAILED) return undefined;
    return new TextDecoder().decode(new Uint8Array(this.words.buffer, Part.TEXT * 4, this.words[Part.TEXT_BYTES]).slice());
  }

  drain(): Entry[] {
    return drain(this.words, Part.ENTRIES, Part.RECORD, this.thread);
  }
}

export class Crowd {
  readonly scene = new SharedArrayBuffer(Scene.BYTES);
  readonly #words = new Int32Array(this.scene, 0, Scene.WORDS);
  readonly #company: Company<Actor>;
  /** Those that are not dead. */
  readonly actors = new Set<Actor>();
  /** What the dead have recorded. */
  #left: Entry[] = [];

  constructor(company: Company<Actor>) {
    this.#company = company;
    this.#words[Scene.PAUSE] = 1;
    this.#words[Scene.CLOCK] = 1;
    this.#words[Scene.SERIAL] = 1;
  }

  /** How often the destructor of each serial number ran. */
  get destroyed(): Uint8Array {
    return new Uint8Array(this.scene, Scene.WORDS * 4, Scene.LIVES);
  }

  async add(cue: Omit<Cue, 'scene'>): Promise<Actor> {
    const actor = await this.#company.next();
    this.actors.add(actor);
    actor.begin({ ...cue, scene: this.scene });
    return actor;
  }

  /** Lets all of them act. */
  go(): void {
    Atomics.store(this.#words, Scene.PAUSE, 0);
    Atomics.notify(this.#words, Scene.PAUSE);
  }

  /** Has all of them rest; resolves when they do. */
  async rest(): Promise<void> {
    const pause = Atomics.add(this.#words, Scene.PAUSES, 1) + 1;
    Atomics.store(this.#words, Scene.PAUSE, 1);
    Atomics.notify(this.#words, Scene.PAUSE);
    for (const actor of this.actors) {
      if (actor.dead) continue;
      await actor.until([Part.PAUSED, Part.FAILED], 'an operation of a thread that nobody kills');
      // One that is only just waking up from the pause before still says that it rests, and is about to act.
      await soon('a thread that nobody kills rests', () => actor.dead || actor.state === Part.FAILED || actor.pauseSeen === pause);
    }
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    for (const actor of this.actors) actor.doomed = true;
    await Promise.all([...this.actors].map((actor) => actor.kill()));
  }

  /** Takes a dead one out. */
  bury(actor: Actor): void {
    this.actors.delete(actor);
    this.#left.push(...actor.drain());
  }

  /** What was recorded since this was asked last. */
  entries(): Entry[] {
    const entries = this.#left;
    this.#left = [];
    for (const actor of this.actors) entries.push(...actor.drain());
    return entries;
  }

  /** Resolves when every living actor has begun something new, or has a reason not to. */
  async moved(): Promise<void> {
    const before = new Map([...this.actors].map((actor) => [actor, actor.actions]));
    const lags = (actor: Actor): boolean =>
      actor.state === Part.ACTING &&
      !actor.doomed &&
      actor.actions === before.get(actor) &&
      hasRoom(actor.words, Part.ENTRIES, Part.RECORD);
    const deadline = performance.now() + 15_000;
    while ([...this.actors].some(lags)) {
      if (performance.now() > deadline) throw new Error('threads that nobody killed do not go on');
      await turn();
    }
  }
}
