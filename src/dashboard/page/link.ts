/**
 * Owns the connection: the stream of what happens, and that it comes back. A browser's own attempts end for good with an answer that is no stream; whoever restarts the
 * service should find the page alive again, so here they never end. Imports the types of wire.
 */
import type { Hello, Line, Sample, State } from '../wire.js';

const AGAIN_MILLISECONDS = 1000;
/** Samples come once a second: a process that says nothing for so long is not well, though its connection stands. */
const SILENCE_MILLISECONDS = 5000;

export interface Listener {
  onHello(hello: Hello): void;
  onSample(sample: Sample): void;
  onState(state: State): void;
  onLines(lines: readonly Line[]): void;
  /** null: connected; else since when it is not, and whether this page was refused. */
  onLink(lostAt: number | null, refused: boolean): void;
  /** Connected, but nothing has come since then. `onLink(null)` tells when something does. */
  onSilence(since: number): void;
}

interface Messages {
  readonly hello: Hello;
  readonly sample: Sample;
  readonly state: State;
  readonly lines: readonly Line[];
}

export class Link {
  readonly #listener: Listener;
  #source: EventSource | undefined;
  #lostAt: number | null = Date.now();
  #heardAt = 0;
  #silent = false;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.#connect();
    setInterval(() => this.#listen(), AGAIN_MILLISECONDS);
  }

  #listen(): void {
    if (this.#lostAt !== null || this.#silent || Date.now() - this.#heardAt < SILENCE_MILLISECONDS) return;
    this.#silent = true;
    this.#listener.onSilence(this.#heardAt);
  }

  #hear(): void {
    this.#heardAt = Date.now();
    if (!this.#silent) return;
    this.#silent = false;
    this.#listener.onLink(null, false);
  }

  #connect(): void {
    const source = new EventSource('events');
    this.#source = source;
    this.#on('hello', (hello) => {
      this.#lostAt = null;
      this.#listener.onHello(hello);
      this.#listener.onLink(null, false);
    });
    this.#on('sample', (sample) => this.#listener.onSample(sample));
    this.#on('state', (state) => this.#listener.onState(state));
    this.#on('lines', (lines) => this.#listener.onLines(lines));
    source.addEventListener('error', () => {
      source.close();
      this.#lostAt ??= Date.now();
      this.#silent = false;
      void this.#ask();
    });
  }

  /** Whether nobody answers, or somebody who does not know this page. */
  async #ask(): Promise<void> {
    let refused = false;
    try {
      const { status } = await fetch('icon.svg', { method: 'HEAD' });
      refused = status === 404 || status === 403;
    } catch {
      // Nobody answers.
    }
    if (this.#lostAt !== null) this.#listener.onLink(this.#lostAt, refused);
    setTimeout(() => this.#connect(), AGAIN_MILLISECONDS);
  }

  #on<K extends keyof Messages>(name: K, receive: (data: Messages[K]) => void): void {
    this.#source?.addEventListener(name, (event: MessageEvent<string>) => {
      this.#hear();
      receive(JSON.parse(event.data) as Messages[K]);
    });
  }
}
