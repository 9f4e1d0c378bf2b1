/**
 * Owns the course of the demo: which patch comes when, what is measured meanwhile, and what is told about it. What it leaves behind is what the
 * verdict is made of. Imports course, and the types of transitions.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { grouped } from '../cli/progress.js';
import { ShadowError } from '../errors.js';
import type { CollectedEvent } from '../livepatch/collector.js';
import type { TransitionEvent } from '../livepatch/events.js';
import type { TransitionResult } from '../livepatch/transition.js';
import { type Code, isCode, session } from './application.js';
import type { ClientThread } from './client-thread.js';
import { hasShown, type Level, PHASES, type PhaseLevels, type PhaseName, type Seen, SHARES } from './course.js';
import { megabytes, milliseconds, seconds } from './words.js';
import type { Service } from './service.js';

/** What is enabled by the story, and offered by the page. */
export const PATCHES = {
  expire: { name: 'expire-sessions', source: new URL('../../workers/demo-patch-expire.js', import.meta.url) },
  limit: { name: 'limit-rate', source: new URL('../../workers/demo-patch-limit.js', import.meta.url) },
} as const;
const FORGOTTEN = new URL('../../workers/demo-sabotage.js', import.meta.url);

/** What `expire-sessions` has to wait for is a small part of its phase. */
const IDLE_SHARE = 0.05;
/** How much longer a phase may take than its time, on a machine that is busy with other things. */
const PHASE_PATIENCE_MILLISECONDS = 30_000;
const START_PATIENCE_MILLISECONDS = 30_000;
const PLANT_PATIENCE_MILLISECONDS = 2000;
const SWEEP_PATIENCE_MILLISECONDS = 30_000;

export type Sabotage = 'mixed' | 'failed' | 'lost' | 'leak';

export interface Step extends TransitionResult {
  /** Requests that were under way when it began, and that came while it lasted. */
  readonly inFlight: number;
  readonly arrived: number;
}

/** What the service may be told to run, by number: as the coordinator said, independently of what requests saw. */
interface KnownVersion {
  readonly version: number;
  readonly code: Code;
}

export function idleMilliseconds(seconds: number): number {
  return Math.round(seconds * IDLE_SHARE * 1000);
}

export class Story {
  readonly phases: PhaseLevels[] = [];
  readonly steps: Step[] = [];
  readonly versions: KnownVersion[] = [{ version: 0, code: 'service' }];
  readonly collected: CollectedEvent[] = [];
  /** Ids that patches have registered. */
  readonly patchTypes = new Set<number>();
  /** Why it ended before its end, other than by interruption. */
  error: unknown;
  readonly #service: Service;
  #clients: ClientThread | undefined;
  readonly #seconds: number;
  readonly #rate: number;
  readonly #sabotage: Sabotage | undefined;
  readonly #tell: (text: string) => void;
  readonly #interruption = new AbortController();
  #completed = 0;
  #own = 0;

  constructor(
    service: Service,
    options: { readonly seconds: number; readonly rate: number; readonly sabotage: Sabotage | undefined },
    tell: (text: string) => void,
  ) {
    this.#service = service;
    this.#seconds = options.seconds;
    this.#rate = options.rate;
    this.#sabotage = options.sabotage;
    this.#tell = tell;
    const { coordinator } = service;
    coordinator.on('transition', (event) => this.#note(event));
    coordinator.on('registered', ({ id }) => this.patchTypes.add(id));
    coordinator.on('collected', (event) => this.collected.push(event));
  }

  /** As the clients said last. */
  get failed(): number {
    return this.#clients?.progress.failed ?? 0;
  }

  /** Transitions that somebody else has asked for: the page has buttons. */
  get byOthers(): number {
    return this.#completed - this.#own;
  }

  get interrupted(): boolean {
    return this.#interruption.signal.aborted;
  }

  interrupt(): void {
    this.#interruption.abort();
  }

  /** Goes through all phases, and leaves nothing enabled. */
  async run(clients: ClientThread): Promise<void> {
    this.#clients = clients;
    try {
      await this.#untilFirstAnswer();
      for (const name of PHASES) {
        if (!this.#goesOn()) break;
        await this.#phase(name);
      }
    } catch (error) {
      this.error = error;
    }
    try {
      await this.#disableAll();
      await this.#untilCollected();
    } catch (error) {
      this.error ??= error;
    }
  }

  get seen(): Seen {
    const { refused, ended } = this.#service;
    return { refused, ended, rate: this.#rate };
  }

  level(): Level {
    const { types, bytes } = this.#service.store.stats();
    const sessions = types.find(({ id }) => id === session.id)?.live ?? 0;
    const data = types.reduce((sum, { live, size }) => sum + live * size, 0);
    return { sessions, bytes: data, pageBytes: bytes.buckets + bytes.overflow + bytes.blocks };
  }

  async #phase(name: PhaseName): Promise<void> {
    await this.#enter(name);
    if (name !== PHASES[0]) this.#clients?.phase(this.#service.coordinator.version);
    const begin = this.level();
    const until = performance.now() + this.#seconds * SHARES[name] * 1000;
    for (let next = performance.now() + 1000; next < until && this.#goesOn(); next += 1000) {
      await this.#sleep(next - performance.now());
      if (this.#goesOn()) this.#tell(this.#situation(name));
    }
    await this.#sleep(until - performance.now());
    const deadline = until + PHASE_PATIENCE_MILLISECONDS;
    const shown = (): boolean => hasShown({ name, begin, end: this.level() }, this.phases, this.seen);
    while (!shown() && this.byOthers === 0 && performance.now() < deadline && this.#goesOn()) await this.#sleep(20);
    this.phases.push({ name, begin, end: this.level() });
  }

  async #enter(name: PhaseName): Promise<void> {
    const { coordinator } = this.#service;
    const { expire, limit } = PATCHES;
    if (name === 'unpatched') {
      this.#tell('The service has two bugs: its sessions never end, and no client is ever told that it asks too much.');
      if (this.#sabotage === 'lost' || this.#sabotage === 'failed') void this.#service.plant(this.#sabotage);
    } else if (name === 'patch 1') {
      if (this.#sabotage === 'mixed') await this.#plantMixed();
      await this.#step(() => coordinator.enable(expire.source));
      const idle = seconds(idleMilliseconds(this.#seconds) / 1000);
      this.#tell(
        `Every session gets the time of its last use attached, a shadow variable that the service knows nothing of; those idle for ${idle} end.`,
      );
    } else if (name === 'patch 2') {
      await this.#step(() => coordinator.enable(limit.source));
      this.#tell(
        'It contains the first patch and took its place in one step; the times of last use stayed. Who hammers gets status 429 now.',
      );
    } else if (name === 'downgrade') {
      const before = this.#variablesCollected;
      await this.#step(() => coordinator.enable(expire.source));
      await this.#untilCollected();
      const gone = grouped(this.#variablesCollected - before);
      this.#tell(
        `Back to the first patch. What only the second one had attached is collected, ${gone} variables; the times of last use stayed again.`,
      );
      if (this.#sabotage === 'leak') await this.#step(() => coordinator.enable(FORGOTTEN));
    } else {
      const before = this.#variablesCollected;
      await this.#step(() => coordinator.disable(expire.name));
      await this.#untilCollected();
      const gone = grouped(this.#variablesCollected - before);
      this.#tell(`The service is what it was, bugs included. Everything that the patch had attached is collected: ${gone} variables.`);
    }
  }

  /** A transition under load. What somebody else has done already, by the page, is left as it is. */
  async #step(transition: () => Promise<TransitionResult>): Promise<void> {
    const service = this.#service;
    for (;;) {
      const { inFlight, received } = service;
      try {
        const result = await transition();
        const step = { ...result, inFlight, arrived: service.received - received };
        this.steps.push(step);
        this.#own++;
        this.#tell(stepText(step));
        return;
      } catch (error) {
        if (!(error instanceof ShadowError)) throw error;
        if (error.code === 'ERR_PATCH_ENABLED' || error.code === 'ERR_PATCH_NOT_ENABLED') return;
        if (error.code !== 'ERR_PATCH_BUSY' && error.code !== 'ERR_PATCH_REVERSED') throw error;
      }
      await this.#untilNoTransition();
    }
  }

  #situation(name: PhaseName): string {
    const { sessions, bytes } = this.level();
    const { ended } = this.#service;
    const now = `${grouped(sessions)} sessions, ${megabytes(bytes)}`;
    if (name === 'unpatched') return `memory climbs: ${now}, none ever ended`;
    if (name === 'disabled') return `memory climbs again: ${now}`;
    const left = `memory: ${now}; ${grouped(ended)} idle sessions have ended`;
    return name === 'patch 2' ? `${left}; ${grouped(this.#service.refused)} requests refused` : left;
  }

  get #variablesCollected(): number {
    return this.collected.reduce((total, { variables }) => total + variables, 0);
  }

  async #untilFirstAnswer(): Promise<void> {
    const deadline = performance.now() + START_PATIENCE_MILLISECONDS;
    while (this.#service.answered === 0 && performance.now() < deadline && this.#goesOn()) await this.#sleep(5);
  }

  /** Waits until a worker is in the middle of the request that must not be there. */
  async #plantMixed(): Promise<void> {
    const service = this.#service;
    const taken = service.plant('mixed');
    await Promise.race([taken, this.#sleep(PLANT_PATIENCE_MILLISECONDS)]);
    await sleep(50);
  }

  #goesOn(): boolean {
    return !this.interrupted;
  }

  /** Which code a version is. */
  #note({ patch, kind, phase }: TransitionEvent): void {
    if (phase === 'complete') this.#completed++;
    if (phase !== 'start') return;
    const { version, patches } = this.#service.coordinator;
    const names = patches.map(({ name }) => name).filter((name) => kind !== 'disable' || name !== patch);
    const code = names.filter(isCode).at(-1) ?? 'service';
    this.versions.push({ version, code });
  }

  /** Whatever is enabled still: after an interruption, an error, or what somebody did on the page. */
  async #disableAll(): Promise<void> {
    const { coordinator } = this.#service;
    await this.#untilNoTransition();
    for (const { name } of coordinator.patches.toReversed()) {
      if (this.#sabotage === 'leak' && !isCode(name)) continue;
      await this.#step(() => coordinator.disable(name));
    }
  }

  async #untilNoTransition(): Promise<void> {
    while (this.#service.coordinator.transition !== null) await sleep(5);
  }

  /** Ids without a registration are invisible already; this is about the end of their sweep. */
  async #untilCollected(): Promise<void> {
    const deadline = performance.now() + SWEEP_PATIENCE_MILLISECONDS;
    const collecting = (): boolean => this.#service.store.stats().types.some(({ state }) => state === 'collecting');
    while (collecting() && performance.now() < deadline) await sleep(5);
  }

  async #sleep(duration: number): Promise<void> {
    const { signal } = this.#interruption;
    await sleep(Math.max(0, duration), undefined, { signal }).catch(() => undefined);
  }
}

function stepText({ patch, kind, workers, milliseconds: taken, inFlight, arrived }: Step): string {
  const what = kind === 'replace' ? `replace by ${patch}` : `${kind} ${patch}`;
  return `${what}: ${workers} workers switched in ${milliseconds(taken)} while ${grouped(inFlight)} requests were in flight and ${grouped(arrived)} more came`;
}
