/**
 * Owns the requests of the clients: sends them to the service over loopback, at a fixed rate whatever becomes of them, and takes the answers.
 * Runs in a thread of its own, so that clients and service do not wait for each other. Ends by itself when its time is over, even if nobody
 * tells it to. Imports clients and tally.
 */
import { Agent, get } from 'node:http';

import { Clients } from './clients.js';
import { readAnswer, Tally } from './tally.js';

export interface LoadOptions {
  readonly port: number;
  /** Requests a second. */
  readonly rate: number;
  readonly seed: number;
  /** After so long it sends no more, whatever happens. */
  readonly longestSeconds: number;
}

/** Nobody but this machine is ever asked. */
const HOST = '127.0.0.1';
/** The version of the service before any patch. */
const UNPATCHED = 0;
const TICK_MILLISECONDS = 10;
/** What is due and older than this is not sent any more: after a pause of the machine there is no avalanche. */
const CATCH_UP_SECONDS = 0.1;
const MOST_IN_FLIGHT = 512;
const MOST_SOCKETS = 64;
const PATIENCE_MILLISECONDS = 20_000;

export class Load {
  readonly tally = new Tally();
  /** Resolves when all requests have come to an end. */
  readonly ended: Promise<void>;
  readonly #options: LoadOptions;
  readonly #clients: Clients;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS, maxFreeSockets: MOST_SOCKETS });
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #sentUntil = 0;
  #inFlight = 0;
  #stopped = false;
  #end: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = new Clients(options.rate, options.seed);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.tally.begin(performance.now(), UNPATCHED);
    this.#timer = setInterval(() => this.#tick(), TICK_MILLISECONDS);
  }

  /** No more requests; those under way are waited for. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.tally.end(performance.now());
    this.#settle();
  }

  #tick(): void {
    const { rate, longestSeconds } = this.#options;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    if (seconds > longestSeconds) {
      this.stop();
      return;
    }
    const due = Math.floor(seconds * rate) - this.#sentUntil;
    const most = Math.min(Math.ceil(rate * CATCH_UP_SECONDS), MOST_IN_FLIGHT - this.#inFlight);
    const count = Math.max(0, Math.min(due, most));
    for (let i = 0; i < count; i++) this.#send();
    this.#sentUntil += due;
    this.tally.heldBack += due - count;
  }

  #send(): void {
    const client = this.#clients.next();
    const { tally } = this;
    const phase = tally.send();
    const sentAt = performance.now();
    let over = false;
    const end = (finish: () => void): void => {
      if (over) return;
      over = true;
      finish();
      this.#inFlight--;
      this.#settle();
    };
    const fail = (error: Error): void => end(() => tally.failedRequest(phase, error.message));
    this.#inFlight++;
    const headers = client.cookie === undefined ? {} : { cookie: client.cookie };
    const path = `/add/${tally.sent % 256}`;
    const request = get({ host: HOST, port: this.#options.port, path, agent: this.#agent, headers, timeout: PATIENCE_MILLISECONDS });
    request.on('error', fail);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MILLISECONDS / 1000} s`)));
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('error', fail);
      response.on('data', (text: string) => (body += text));
      response.on('end', () => {
        end(() => {
          const cookie = response.headers['set-cookie']?.[0]?.split(';', 1)[0];
          if (client.kind !== 'newcomer' && cookie !== undefined) client.cookie = cookie;
          try {
            tally.answered(phase, client.kind, performance.now() - sentAt, readAnswer(response.statusCode, body));
          } catch (error) {
            tally.failedRequest(phase, (error as Error).message);
          }
        });
      });
    });
  }

  #settle(): void {
    if (!this.#stopped || this.#inFlight > 0) return;
    this.#agent.destroy();
    this.#end();
  }
}
