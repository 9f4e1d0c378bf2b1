/**
 * Owns the service: an HTTP server on loopback whose requests are handled by the workers of a pool, with sessions in the store that all of them
 * share, and the coordinator that patches it while it runs. Imports application, and the public face of Umbra.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { messageOf } from '../errors.js';
import { PatchCoordinator } from '../pool/coordinator.js';
import { ShadowStore } from '../shadow/store.js';
import { type Answer, books, type Code, CODES, type Job, keepBooks, session } from './application.js';

export interface ServiceOptions {
  readonly workers: number;
  /** How long a session may be idle. */
  readonly idleMilliseconds: number;
  readonly maxBytes: number;
}

/** Faults that are planted in one request. */
export type RequestFault = 'mixed' | 'lost' | 'failed';

/** This machine, and nobody else. */
const HOST = '127.0.0.1';
const WORKER_FILE = new URL('../../workers/demo-service.js', import.meta.url);
/** Requests that a worker handles at once: most of the time they wait. */
const REQUESTS_PER_WORKER = 32;
const TIDY_MILLISECONDS = 100;
/** Beside the workers: this thread, and workers that take the place of others. */
const SPARE_THREADS = 8;
const COOKIE = /(?:^|;\s*)session=([\w-]{1,64})(?:;|$)/;
const PATH = /^\/add\/(\d{1,3})$/;

export class Service {
  readonly store: ShadowStore;
  readonly coordinator: PatchCoordinator;
  /** Connections that clients have opened. */
  connections = 0;
  /** Requests so far. */
  received = 0;
  answered = 0;
  refused = 0;
  inFlight = 0;
  /** Answers by the code that made them. */
  readonly byCode: Record<Code, number> = { service: 0, 'expire-sessions': 0, 'limit-rate': 0 };
  readonly #pool: ReturnType<PatchCoordinator['createPool']>;
  readonly #server: Server;
  readonly #idleMilliseconds: number;
  #stopping = new AbortController();
  #tidying: Promise<void> = Promise.resolve();
  #planted: { readonly fault: RequestFault; readonly taken: () => void } | undefined;

  private constructor({ workers, idleMilliseconds, maxBytes }: ServiceOptions) {
    this.store = ShadowStore.create({ maxBytes, maxThreads: workers + SPARE_THREADS, types: [session, books] });
    keepBooks(this.store);
    this.coordinator = new PatchCoordinator(this.store);
    this.#idleMilliseconds = idleMilliseconds;
    this.#pool = this.coordinator.createPool({
      filename: WORKER_FILE,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: REQUESTS_PER_WORKER,
    });
    // Clients keep their connections; who closes them here may do so just when the next request comes.
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
    this.#server.on('connection', () => this.connections++);
  }

  /** Resolves when it takes requests and all workers are there. */
  static async start(options: ServiceOptions): Promise<Service> {
    const service = new Service(options);
    try {
      await once(service.#server.listen(0, HOST), 'listening');
      await Promise.all(Array.from({ length: options.workers }, () => service.#tidy()));
      service.work();
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Plants a fault in the next request; resolves when that has come. */
  plant(fault: RequestFault): Promise<void> {
    return new Promise((resolve) => {
      this.#planted = { fault, taken: resolve };
    });
  }

  /** Sessions that have ended so far: only patches end any. */
  get ended(): number {
    return this.store.get(null, books)?.sessions ?? 0;
  }

  /** Housekeeping goes on, until `rest()`. */
  work(): void {
    this.#stopping = new AbortController();
    this.#tidying = this.#keepTidying(this.#stopping.signal);
  }

  /** Housekeeping ends; what is in the store stands still then, if no request is under way. */
  async rest(): Promise<void> {
    this.#stopping.abort();
    await this.#tidying;
  }

  async close(): Promise<void> {
    await this.rest();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.coordinator.close();
    this.store[Symbol.dispose]();
  }

  async #serve({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const item = PATH.exec(url)?.[1];
    if (item === undefined) {
      send(response, 404, { message: 'known is /add/ITEM' });
      return;
    }
    const known = COOKIE.exec(headers.cookie ?? '')?.[1];
    const id = known ?? randomUUID();
    const fault = this.#takeFault();
    if (fault === 'failed') {
      response.destroy();
      return;
    }
    this.received++;
    this.inFlight++;
    const job: Job = { kind: 'request', session: id, item: Number(item), ...(fault === 'lost' ? { sabotage: fault } : {}) };
    try {
      const answer = (await this.#pool.run(job, fault === 'mixed' ? { name: 'ungated' } : {})) as Answer;
      this.#count(answer);
      if (known === undefined) response.setHeader('set-cookie', `session=${id}; Path=/; HttpOnly`);
      send(response, answer.status, answer);
    } catch (error) {
      send(response, 500, { message: messageOf(error) });
    } finally {
      this.inFlight--;
    }
  }

  #takeFault(): RequestFault | undefined {
    const planted = this.#planted;
    this.#planted = undefined;
    planted?.taken();
    return planted?.fault;
  }

  #count({ status, code }: Answer): void {
    this.answered++;
    if (status === 429) this.refused++;
    const last = CODES.findLast((one) => code.includes(one));
    if (last !== undefined) this.byCode[last]++;
  }

  async #tidy(): Promise<void> {
    const job: Job = { kind: 'tidy', idleMilliseconds: this.#idleMilliseconds };
    await this.#pool.run(job);
  }

  async #keepTidying(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#tidy();
      await sleep(TIDY_MILLISECONDS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(body)}\n`);
}
