/**
 * Owns who looks on: the pages that are connected, and what each has been told. While there is one, a timer takes a sample every second; with the last one timer and
 * sampler go. A page that reads too slowly misses samples, not lines, and piles nothing up here. Imports errors, actions, chronicle, sampler and state.
 */
import type { ServerResponse } from 'node:http';

import { messageOf } from '../errors.js';
import type { PatchCoordinator } from '../pool/coordinator.js';
import type { Chronicle } from './chronicle.js';
import type { Sampler } from './sampler.js';
import { readState } from './state.js';
import type { Hello, Sample, State } from './wire.js';

const SAMPLE_MILLISECONDS = 1000;
/** After an event: what follows it at once is told with it. */
const SOON_MILLISECONDS = 50;
/** How soon a page that lost its connection tries again. */
const RETRY_MILLISECONDS = 1000;

interface Spectator {
  readonly response: ServerResponse;
  /** Number of the last line that it was told. */
  told: number;
}

export class Audience {
  readonly most = 16;
  readonly #coordinator: PatchCoordinator;
  readonly #chronicle: Chronicle;
  readonly #sampler: Sampler;
  readonly #greeting: () => Omit<Hello, 'points' | 'lines'>;
  readonly #spectators = new Set<Spectator>();
  /** The last sample, as it was told. */
  #newest: string | undefined;
  #every: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(coordinator: PatchCoordinator, chronicle: Chronicle, sampler: Sampler, greeting: () => Omit<Hello, 'points' | 'lines'>) {
    this.#coordinator = coordinator;
    this.#chronicle = chronicle;
    this.#sampler = sampler;
    this.#greeting = greeting;
    chronicle.onLine = () => this.#tellSoon();
  }

  get size(): number {
    return this.#spectators.size;
  }

  /** A page whose headers were sent. It gets everything at once, and then what changes. */
  add(response: ServerResponse): void {
    if (this.#spectators.size === 0) this.#start();
    const spectator = { response, told: this.#chronicle.last };
    const hello: Hello = { ...this.#greeting(), points: this.#sampler.points, lines: this.#chronicle.since(0) };
    response.write(`retry: ${RETRY_MILLISECONDS}\n\n${message('hello', hello)}`);
    this.#spectators.add(spectator);
    response.once('close', () => {
      this.#spectators.delete(spectator);
      if (this.#spectators.size === 0) this.#stop();
    });
    // Others are looking on already: this one gets what they got last, so that all samples are a second apart.
    if (this.#newest === undefined) this.#tell(this.#observe());
    else response.write(this.#newest);
  }

  close(): void {
    this.#stop();
    this.#chronicle.onLine = () => undefined;
    for (const { response } of this.#spectators) response.end();
    this.#spectators.clear();
  }

  #start(): void {
    this.#every = setInterval(() => this.#tell(this.#observe()), SAMPLE_MILLISECONDS);
    this.#every.unref();
  }

  #stop(): void {
    clearInterval(this.#every);
    clearTimeout(this.#soon);
    this.#every = this.#soon = this.#newest = undefined;
    this.#sampler.stop();
  }

  #tellSoon(): void {
    if (this.#spectators.size === 0 || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.#tell(message('state', this.#state()));
    }, SOON_MILLISECONDS);
    this.#soon.unref();
  }

  #observe(): string {
    const state = this.#state();
    let sample: Sample;
    try {
      sample = this.#sampler.sample();
    } catch (error) {
      return message('state', { ...state, ended: messageOf(error) }); // the store was disposed: whoever looks on should know
    }
    return (this.#newest = message('sample', sample) + message('state', state));
  }

  /** Nothing that goes wrong here may end the process that is looked at. */
  #state(): State {
    try {
      return readState(this.#coordinator);
    } catch (error) {
      const nothing = { version: 0, transition: null, patches: [], pinned: [], workers: [], otherWorkers: 0 };
      return { at: Date.now(), ...nothing, ended: messageOf(error) };
    }
  }

  #tell(text: string): void {
    const { last } = this.#chronicle;
    for (const spectator of this.#spectators) {
      const { response } = spectator;
      if (response.writableNeedDrain) continue;
      const lines = this.#chronicle.since(spectator.told);
      spectator.told = last;
      response.write(lines.length === 0 ? text : text + message('lines', lines));
    }
  }
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
